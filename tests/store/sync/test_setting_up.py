"""Setting a connection up: what is tried, told, suggested, refused, rehearsed and rolled back, on a real database."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rallypoint import access, incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Transaction
from rallypoint.egress import Egress
from rallypoint.errors import Conflict, Invalid, Refused
from rallypoint.ids import digest
from rallypoint.settings import Settings
from rallypoint.sync import connecting, hook_store, setting_up, setup_store, store
from rallypoint.sync.connection import ConnectionState
from rallypoint.sync.hub import fields_of
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.model import Visibility
from rallypoint.sync.ports import Level, Outage
from rallypoint.sync.setting_up import SetUp, bare_rules
from rallypoint.sync.wallet import BOUND_TO
from tests.store.sync.conftest import Scene


@pytest.fixture
async def set_up(scene: Scene, tmp_path: Path) -> AsyncIterator[SetUp]:
    egress = Egress(Settings(data=tmp_path))
    tools = {"desk": scene.desk.tool}
    yield SetUp(scene.db, tools, scene.vault, egress, texts=PlainTexts(), base_url="https://rp.example")
    await egress.close()


def rules_of(scene: Scene) -> dict[str, Any]:
    """The scene's rules as somebody would save them: the desk has no word for cancelled that reads back as such."""
    rules = bare_rules(scene.mapping)
    rules["status"]["out"] = [one for one in rules["status"]["out"] if one["hub"] != "cancelled"]
    return rules


async def everything(scene: Scene) -> list[Any]:
    """What must be as before when nothing was written: the incidents, their timelines, links, memories, audit."""
    async with scene.db.transaction(SYSTEM) as tx:
        rows = [
            await tx.rows(f"select * from {table} order by 1, 2")
            for table in ("incident", "timeline_entry", "sync_link", "sync_memory", "sync_field", "sync_conflict",
                          "timer", "outbox", "audit_entry")
        ]  # fmt: skip
    return [[tuple(row) for row in table] for table in rows]


async def test_the_incident_has_every_field_a_mapping_may_name(scene: Scene) -> None:
    number = await scene.open()
    async with scene.db.transaction(SYSTEM) as tx:
        schema = await setting_up.hub_schema(tx)
        known = fields_of(await incidents.incident(tx, number), owner=None, category="", base_url="")
    assert {one.id for one in schema.fields} == set(known)
    urgency, service = schema.field("urgency"), schema.field("service")
    assert urgency is not None
    assert service is not None
    assert [one.id for one in urgency.choices] == ["critical", "high", "medium", "low"]
    assert ("checkout" in {one.id for one in service.choices}, service.writable) == (True, False)


async def test_a_check_tells_what_it_found_and_the_connection_remembers(scene: Scene, set_up: SetUp) -> None:
    manager = scene.them.manager
    assert (await set_up.check(manager, "desk")).ok
    scene.desk.password = "another"
    found = await set_up.check(manager, "desk")
    assert [(one.level, one.about, one.text) for one in found.findings] == [
        (Level.ERROR, "credentials", "Wrong password.")
    ]
    async with scene.db.transaction(SYSTEM) as tx:
        assert (await store.connection(tx, "desk")).state is ConnectionState.REFUSED
    scene.desk.password = "open sesame"
    assert (await set_up.check(manager, "desk")).ok
    scene.desk.broken = Outage("Connection refused.", help="Is the address right?")
    found = await set_up.check(manager, "desk")
    assert [(one.about, one.help) for one in found.findings] == [("address", "Is the address right?")]
    async with scene.db.transaction(SYSTEM) as tx:
        now = await store.connection(tx, "desk")
    assert (now.state, now.failure) == (ConnectionState.ON, "Connection refused."), "an outage heals by itself"
    with pytest.raises(Refused):
        await set_up.check(scene.them.responder, "desk")


async def test_a_suggestion_is_a_mapping_that_may_be_saved(scene: Scene, set_up: SetUp) -> None:
    made = await set_up.suggest(scene.them.manager, "desk", project="desk", type="ticket", name="By suggestion")
    pairs = {one.hub: one.remote for one in made.mapping.fields}
    assert pairs == {"title": "subject", "description": "body", "urgency": "urgency", "workaround": "workaround"}
    assert made.mapping.status is not None
    assert {one.remote: one.hub for one in made.mapping.status.into}["solved"] == "resolved"
    assert made.ok, made.remarks
    assert "critical" in next(one.text for one in made.remarks if one.field == "urgency")
    assert "affected_people" in made.left_out
    saved = await set_up.save(scene.them.manager, "desk", bare_rules(made.mapping))
    assert (saved.mapping.id > 0, saved.mapping.version) == (True, 1)
    with pytest.raises(Conflict, match="called By suggestion"):
        await set_up.save(scene.them.manager, "desk", bare_rules(made.mapping))


async def test_what_is_wrong_with_a_mapping_is_told_by_its_place(scene: Scene, set_up: SetUp) -> None:
    rules = rules_of(scene)
    with pytest.raises(Invalid) as wrong:
        await set_up.review(scene.them.manager, "desk", rules | {"nme": 1, "fields": [{"hub": "title"}]})
    assert {one.field for one in wrong.value.problems} == {"nme", "fields[0].remote"}
    rules["fields"] = [
        {"hub": "titel", "remote": "subject"},
        {"hub": "description", "remote": "bdy"},
        {"hub": "workaround", "remote": "workaround"},
        {"hub": "impact", "remote": "workaround"},
    ]
    rules["scope"] = {"hub": [{"field": "tier", "values": ["1"]}], "remote": [{"field": "queue", "values": ["a"]}]}
    rules["create"] = {"project": "desk", "type": "ticket", "defaults": {"colour": "red"}}
    found = await set_up.review(scene.them.manager, "desk", rules)
    errors = {one.field: one.text for one in found.remarks if one.level is Level.ERROR}
    assert errors == {
        "titel": "The incident has no field 'titel'.",
        "description": "The tool has no field 'bdy'.",
        "workaround": "workaround is mapped twice; two fields of ours cannot share one there.",
        "scope.hub[0]": "The incident has no field 'tier'.",
        "scope.remote[0]": "The tool has no field 'queue'.",
        "create.defaults.colour": "The tool has no field 'colour'.",
    }
    with pytest.raises(Invalid) as refused:
        await set_up.save(scene.them.manager, "desk", rules)
    assert {one.field for one in refused.value.problems} == set(errors)


async def test_a_preview_of_a_pair_says_both_ways_and_writes_nothing(scene: Scene, set_up: SetUp) -> None:
    number = await scene.open("Checkout is slow", urgency="high")
    await scene.do(scene.them.responder, "note", number, text="The pool is exhausted.")
    ticket = scene.desk.add(subject="Slow shop", body="Since noon.", urgency="3", state="solved", workaround="")
    scene.desk.say(ticket.id, "The customer calls.", Visibility.UNKNOWN)
    before, told = await everything(scene), len(scene.desk.writes)
    shown = await set_up.preview(scene.them.manager, "desk", rules_of(scene), incident=number, remote_id=ticket.id)
    lines = {one.field: one for one in shown.fields}
    assert (lines["description"].takes, lines["description"].to_here) == (True, "Since noon.")
    assert lines["description"].why == "first link; it was empty here"
    assert "urgency" in {one.field for one in shown.conflicts}
    assert {one.act: one.visibility for one in shown.comments} == {"send": "private", "take": "private"}
    assert shown.writes.keys() <= {"subject", "body", "urgency", "workaround", "state"}
    assert (shown.linked, shown.idle, shown.fits_here, shown.fits_there) == (False, False, True, True)
    assert await everything(scene) == before
    assert len(scene.desk.writes) == told
    assert len(scene.desk.tickets[ticket.id].comments) == 1


async def test_what_this_house_refuses_is_in_the_preview(scene: Scene, set_up: SetUp) -> None:
    number = await scene.open()
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    await scene.do(scene.them.responder, "acknowledge", number)
    await scene.sync()
    scene.desk.edit(ticket.id, state="new", workaround="Reload.")
    shown = await set_up.preview(scene.them.manager, "desk", rules_of(scene), remote_id=ticket.id)
    lines = {one.field: one for one in shown.fields}
    assert (shown.linked, shown.incident) == (True, number)
    assert "does not become new again" in lines["status"].refused
    assert (lines["workaround"].takes, lines["workaround"].refused) == (True, "")
    assert (await scene.incident(number)).workaround == ""
    await scene.sync()
    assert (await scene.incident(number)).workaround == "Reload.", "and so it went"


async def test_a_preview_shows_the_item_and_the_incident_that_would_be_made(scene: Scene, set_up: SetUp) -> None:
    number = await scene.open("Checkout is slow")
    ticket = scene.desk.add(subject="Printer in Lyon is on fire", body="Smoke.", urgency="1")
    before = await everything(scene)
    other = rules_of(scene)
    made = await set_up.preview(scene.them.manager, "desk", other, incident=number)
    assert made.creates is not None
    assert (made.creates.fields["subject"], made.creates.fields["state"]) == ("Checkout is slow", "new")
    assert (made.by_itself, made.creates.type) == (True, "ticket")
    opened = await set_up.preview(scene.them.manager, "desk", other, remote_id=ticket.id)
    assert opened.opens is not None
    assert (opened.opens["title"], opened.opens["urgency"]) == ("Printer in Lyon is on fire", "critical")
    with pytest.raises(Invalid, match="cannot be read there"):
        await set_up.preview(scene.them.manager, "desk", other, remote_id="T99")
    with pytest.raises(Invalid, match="name an incident"):
        await set_up.preview(scene.them.manager, "desk", other)
    assert await everything(scene) == before
    assert len(scene.desk.tickets) == 1


async def test_versions_are_kept_compared_and_rolled_back(scene: Scene, set_up: SetUp) -> None:
    number = await scene.open("Checkout is slow", urgency="low")
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    assert ticket.fields["urgency"] == "3"
    rules = rules_of(scene)
    urgency = next(one for one in rules["fields"] if one["hub"] == "urgency")
    urgency["transform"]["pairs"] = [
        {"hub": h, "remote": r} for h, r in (("critical", "1"), ("high", "1"), ("medium", "2"), ("low", "2"))
    ]
    urgency["transform"]["default_in"] = "low"
    effect = await set_up.effect(scene.them.manager, scene.mapping.id, data=rules)
    assert (effect.links, effect.looked_at) == (1, 1)
    saved = await set_up.save_next(scene.them.manager, scene.mapping.id, rules, based_on=1)
    assert saved.mapping.version == 2
    with pytest.raises(Conflict, match="version 2"):
        await set_up.save_next(scene.them.manager, scene.mapping.id, rules, based_on=1)
    async with scene.db.transaction(scene.them.manager) as tx:
        again = await setting_up.roll_back(tx, scene.mapping.id, 1)
        assert again.version == 3
        assert bare_rules(again) == bare_rules(scene.mapping)
        assert [one["version"] for one in await store.versions(tx, scene.mapping.id)] == [3, 2, 1]
        entries, _ = await access.audit_entries(tx, cursor=None, limit=5)
    assert entries[0].action == "mapping saved"
    await scene.sync()
    [link] = await scene.links(number)
    assert (link["error"], ticket.fields["urgency"]) == (None, "3")


async def test_another_mapping_shows_which_links_it_would_change(scene: Scene, set_up: SetUp) -> None:
    await scene.open("Checkout is slow")
    await scene.sync()
    rules = rules_of(scene)
    same = await set_up.effect(scene.them.manager, scene.mapping.id, data=rules)
    assert same.changed == ()
    rules["fields"] = [*rules["fields"], {"hub": "number", "remote": "ref", "direction": "out"}]
    scene.desk.tickets["T1"].fields["ref"] = "old"
    effect = await set_up.effect(scene.them.manager, scene.mapping.id, data=rules)
    assert [(one.remote_key, one.writes.get("ref")) for one in effect.changed] == [("DESK-1", "INC-1")]


async def test_what_failed_for_good_is_tried_again_when_the_rules_change(scene: Scene, set_up: SetUp) -> None:
    number = await scene.open()
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        [link] = await store.links_of(tx, number)
        await store.change_link(tx, link["id"], error={"cause": "mapping", "said": "No such field."}, due_at=None)
    await set_up.save_next(scene.them.manager, scene.mapping.id, rules_of(scene), based_on=1)
    await scene.sync()
    [link] = await scene.links(number)
    assert (link["error"], link["due_at"]) == (None, None)


async def test_a_field_that_was_refused_is_tried_again_when_the_rules_change(scene: Scene, set_up: SetUp) -> None:
    """The new rules may bring along what the tool missed, though neither side has changed since."""
    number = await scene.open()
    await scene.sync()
    scene.desk.refuses["workaround"] = "The field is locked."
    await scene.do(scene.them.responder, "set_workaround", number, text="Reload the page.")
    await scene.sync()
    del scene.desk.refuses["workaround"]
    await scene.sync(hours=1)
    [ticket] = scene.desk.tickets.values()
    assert not ticket.fields.get("workaround")
    await set_up.save_next(scene.them.manager, scene.mapping.id, rules_of(scene), based_on=1)
    await scene.sync()
    assert ticket.fields["workaround"] == "Reload the page."


async def test_a_webhook_gets_a_new_address_and_a_refusal_leaves_the_old_one(scene: Scene, set_up: SetUp) -> None:
    made = await set_up.register_webhook(scene.them.manager, "desk")
    [(url, secret)] = scene.desk.hooks
    assert (made.url, url.startswith("https://rp.example/told/")) == (url, True)
    async with scene.db.transaction(SYSTEM) as tx:
        old = await hook_store.addressed(tx, digest(scene.hook_key))
        found = await hook_store.addressed(tx, digest(url.rpartition("/")[2]))
        assert old is not None
        assert found is not None
        connection = found.connection
        assert old.connection.id == connection.id, "what is on its way to the old address is not turned away"
        assert old.sealed_secret != found.sealed_secret
        assert found.sealed_secret is not None
        assert connection.webhook["state"] == "active"
        assert secret not in str(connection.webhook)
        assert scene.vault.unseal(found.sealed_secret, BOUND_TO) == secret
        before = await hook_store.address(tx, connection.id)
    scene.desk.broken = Outage("Connection refused.")
    with pytest.raises(Outage):
        await set_up.register_webhook(scene.them.manager, "desk")
    async with scene.db.transaction(SYSTEM) as tx:
        assert await hook_store.address(tx, connection.id) == before
        assert before.sealed_key is not None


async def test_a_historical_sync_is_planned_and_ordered(scene: Scene, set_up: SetUp) -> None:
    rules = rules_of(scene) | {"trigger": {"send": False, "receive": False}}
    rules["scope"] = {"hub": [{"field": "urgency", "values": ["high", "critical"]}]}
    await set_up.save_next(scene.them.manager, scene.mapping.id, rules, based_on=1)
    for place in range(5):
        await scene.open(f"Trouble {place}", urgency="high" if place < 3 else "low")

    async def look(order: int = 0) -> setting_up.Backlog:
        async with scene.db.transaction(scene.them.manager) as tx:
            return await setting_up.backlog(tx, scene.mapping.id, order=order)

    plan = await look()
    assert (plan.fitting, plan.without_item, plan.ordered) == (3, 3, 0)
    done = await look(order=2)
    assert (done.ordered, done.without_item, done.creating) == (2, 1, 2)
    await scene.sync()
    assert len(scene.desk.tickets) == 2
    assert (await look()).linked == 2
    assert (await look(order=10)).ordered == 1
    await scene.sync()
    assert (await look(order=10)).ordered == 0


async def test_health_tells_what_waits_and_what_failed(scene: Scene, set_up: SetUp) -> None:
    await scene.open()
    await scene.sync()
    number = await scene.open("Second")
    async with scene.db.transaction(scene.them.manager) as tx:
        found = await set_up.health(tx, "desk")
    assert (found.links["active"], found.links["creating"], found.links["due"]) == (1, 1, 1)
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        [link] = await store.links_of(tx, number)
        await store.change_link(tx, link["id"], error={"cause": "permission", "said": "You may not."}, due_at=None)
    async with scene.db.transaction(scene.them.manager) as tx:
        found = await set_up.health(tx, "desk")
        trouble = await setup_store.links_page(tx, found.connection.id, after=0, limit=10, trouble=True)
    assert (found.links["failed"], found.lag_seconds) == (1, None)
    assert [one["error"]["said"] for one in trouble] == ["You may not."]


async def test_linking_by_hand_reads_the_item_first(scene: Scene, set_up: SetUp) -> None:
    number = await scene.open()
    ticket = scene.desk.add(subject="The same thing")
    with pytest.raises(Invalid, match="cannot be read in Desk"):
        await set_up.link_existing(scene.them.responder, number, mapping_id=scene.mapping.id, remote_id="T77")
    made = await set_up.link_existing(scene.them.responder, number, mapping_id=scene.mapping.id, remote_id=ticket.id)
    assert (made.remote_id, made.key) == (ticket.id, "DESK-1")


async def test_a_prepared_connection_waits_for_its_secrets(scene: Scene, set_up: SetUp) -> None:
    tools = {"desk": scene.desk.tool}

    async def made(tx: Transaction) -> None:
        await connecting.prepare(tx, tools, key="second", tool="desk", base_url="https://second.example")

    await scene.db.run(scene.them.manager, made)
    async with scene.db.transaction(SYSTEM) as tx:
        waiting = await store.connection(tx, "second")
        assert (waiting.state, waiting.state_reason) == (ConnectionState.REFUSED, "waits for its credentials")
        assert (await hook_store.address(tx, waiting.id)).sealed_secret is None
    assert not (await set_up.check(scene.them.manager, "second")).ok
    async with scene.db.transaction(scene.them.manager) as tx:
        await connecting.new_credentials(
            tx, tools, scene.vault, "second", secrets_={"password": scene.desk.password}
        )  # fmt: skip
    assert (await set_up.check(scene.them.manager, "second")).ok
