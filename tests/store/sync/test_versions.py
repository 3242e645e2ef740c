"""Another version of a mapping: what links would do under it, what they do, and the way back."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rallypoint.egress import Egress
from rallypoint.settings import Settings
from rallypoint.sync import setting_up, store
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.mapping import Mapping, Owner, Pair, Text, ValueMap, changed_rules
from rallypoint.sync.setting_up import SetUp, bare_rules
from tests.store.sync.conftest import Scene
from tests.store.sync.test_setting_up import rules_of


@pytest.fixture
async def set_up(scene: Scene, tmp_path: Path) -> AsyncIterator[SetUp]:
    egress = Egress(Settings(data=tmp_path))
    tools = {"desk": scene.desk.tool}
    yield SetUp(scene.db, tools, scene.vault, egress, texts=PlainTexts(), base_url="https://rp.example")
    await egress.close()


def with_urgency(mapping: Mapping, *pairs: tuple[str, str], **changes: Any) -> Mapping:
    """The same rules, with other words for the urgency."""
    words = ValueMap(pairs=tuple(Pair(hub=hub, remote=remote) for hub, remote in pairs))
    fields = tuple(replace(one, transform=words, **changes) if one.hub == "urgency" else one for one in mapping.fields)
    return replace(mapping, fields=fields)


SHIFTED = (("critical", "1"), ("high", "2"), ("medium", "2"), ("low", "3"))


async def linked(scene: Scene, urgency: str) -> tuple[int, str]:
    number = await scene.open(urgency=urgency)
    await scene.sync()
    [link] = await scene.links(number)
    async with scene.db.transaction(scene.them.manager) as tx:
        return number, (await store.link(tx, int(str(link["id"])))).remote_id


async def test_what_links_agreed_on_is_judged_by_the_new_rules_once(scene: Scene, set_up: SetUp) -> None:
    high, ticket = await linked(scene, "high")
    _, other = await linked(scene, "low")
    assert scene.desk.tickets[ticket].fields["urgency"] == "1"
    told = rules_of(scene)
    rules = told | {"fields": bare_rules(with_urgency(scene.mapping, *SHIFTED, owner=Owner.HUB))["fields"]}
    scene.desk.writes.clear()

    effect = await set_up.effect(scene.them.manager, scene.mapping.id, data=rules)
    [shown] = effect.changed
    assert (effect.looked_at, shown.incident, shown.writes) == (2, high, {"urgency": "2"})
    assert scene.desk.writes == [], "nothing is written by looking"
    one = await set_up.preview(scene.them.manager, "desk", rules, incident=high, id=scene.mapping.id)
    assert one.writes == {"urgency": "2"}

    await set_up.save_next(scene.them.manager, scene.mapping.id, rules, based_on=1)
    await scene.sync()
    await scene.sync()
    assert scene.desk.writes == [(ticket, {"urgency": "2"})], "exactly what was shown, and once"
    assert scene.desk.tickets[other].fields["urgency"] == "3"
    assert (await set_up.effect(scene.them.manager, scene.mapping.id, data=rules)).changed == ()

    back = await set_up.effect(scene.them.manager, scene.mapping.id, version=1)
    assert [one.writes for one in back.changed] == [{"urgency": "1"}], "where somebody said it is where it is known"
    async with scene.db.transaction(scene.them.manager) as tx:
        await setting_up.roll_back(tx, scene.mapping.id, 1)
    await scene.sync()
    assert scene.desk.tickets[ticket].fields["urgency"] == "1"
    assert (await scene.incident(high)).urgency == "high"
    async with scene.db.transaction(scene.them.manager) as tx:
        [link] = await store.links_to(tx, scene.mapping.connection, [ticket])
    assert link.mapping_version == 3


async def test_a_version_says_what_it_changed(scene: Scene, set_up: SetUp) -> None:
    rules = rules_of(scene)
    rules |= {"fields": bare_rules(with_urgency(scene.mapping, *SHIFTED))["fields"], "trigger": {"send": True}}
    await set_up.save_next(scene.them.manager, scene.mapping.id, rules, based_on=1)
    async with scene.db.transaction(scene.them.manager) as tx:
        await setting_up.roll_back(tx, scene.mapping.id, 1)
        found = [(one["version"], one["changed"]) for one in await store.versions(tx, scene.mapping.id)]
    changed = ["urgency", "status", "trigger"]
    assert found == [(3, changed), (2, changed), (1, [])]


async def test_the_owner_decides_where_new_rules_part_the_sides(scene: Scene, set_up: SetUp) -> None:
    number, ticket = await linked(scene, "high")
    rules = rules_of(scene)
    mapped = with_urgency(scene.mapping, *SHIFTED, owner=Owner.REMOTE)
    rules |= {"fields": bare_rules(mapped)["fields"]}
    scene.desk.edit(ticket, urgency="2")
    await scene.sync()
    assert (await scene.incident(number)).urgency == "medium"
    scene.desk.writes.clear()
    swapped = with_urgency(mapped, ("critical", "1"), ("high", "2"), ("low", "3"), owner=Owner.REMOTE)
    rules |= {"fields": bare_rules(swapped)["fields"]}
    await set_up.save_next(scene.them.manager, scene.mapping.id, rules, based_on=1)
    await scene.sync()
    assert (await scene.incident(number)).urgency == "high", "what stands there is read by the new rules"
    assert scene.desk.writes == []


async def test_rules_that_did_not_change_leave_what_was_agreed_alone(scene: Scene, set_up: SetUp) -> None:
    """A long title was cut there; another rule changes, and nobody cuts or fetches it again."""
    number = await scene.open(title="Checkout is slow " * 10)
    await scene.sync()
    await scene.sync()
    title = (await scene.incident(number)).title
    scene.desk.writes.clear()
    rules = rules_of(scene)
    rules |= {"fields": bare_rules(with_urgency(scene.mapping, *SHIFTED))["fields"]}
    await set_up.save_next(scene.them.manager, scene.mapping.id, rules, based_on=1)
    await scene.sync()
    assert scene.desk.writes == []
    assert (await scene.incident(number)).title == title


def test_which_rules_differ(scene_mapping: Mapping) -> None:
    rules = scene_mapping
    assert changed_rules(rules, rules) == frozenset()
    assert changed_rules(rules, with_urgency(rules, *SHIFTED)) == {"urgency"}
    owned = replace(rules, fields=tuple(replace(one, owner=Owner.ASK) for one in rules.fields))
    assert changed_rules(rules, owned) == frozenset(), "who wins says nothing of what is there"
    longer = tuple(replace(one, transform=Text(max_length=90)) if one.hub == "title" else one for one in rules.fields)
    assert changed_rules(rules, replace(rules, fields=longer)) == {"title"}
    assert changed_rules(rules, replace(rules, fields=rules.fields[1:])) == {rules.fields[0].hub}
    assert rules.status is not None
    fewer = replace(rules, status=replace(rules.status, into=rules.status.into[1:]))
    assert changed_rules(rules, fewer) == {"status"}
    assert changed_rules(rules, replace(rules, status=None)) == frozenset()


@pytest.fixture
def scene_mapping(scene: Scene) -> Mapping:
    return scene.mapping
