"""A person decides a conflict and turns decisions round: the value that lost is really brought to both sides, once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Refused
from rallypoint.sync import conflict_store, deciding, hub, linking, store
from rallypoint.sync.mapping import Direction, FieldRule, Owner
from rallypoint.sync.model import Side
from rallypoint.sync.ports import Outage
from rallypoint.sync.work import OpenConflict
from tests.store.sync.conftest import Scene
from tests.store.sync.test_trouble import linked

OURS, THEIRS = "Ours", "Theirs"


async def owned_by(scene: Scene, owner: Owner, direction: Direction = Direction.BOTH) -> None:
    """From now on this side wins the workaround."""
    fields = [
        replace(one, owner=owner, direction=direction) if one.hub == "workaround" else one
        for one in scene.mapping.fields
    ]
    async with scene.db.transaction(scene.them.manager) as tx:
        await store.save_mapping(tx, replace(scene.mapping, version=2, fields=tuple(fields)), by="Mia")


async def both_change(scene: Scene, number: int, id: str) -> OpenConflict:
    await scene.do(scene.them.responder, "set_workaround", number, text=OURS)
    scene.desk.edit(id, workaround=THEIRS)
    await scene.sync()
    [conflict] = await recorded(scene, number)
    return conflict


async def recorded(scene: Scene, number: int) -> list[OpenConflict]:
    async with scene.db.transaction(SYSTEM) as tx:
        return await conflict_store.conflicts(tx, incident=number)


async def turned(scene: Scene, id: int, *, over: bool = False) -> OpenConflict:
    async with scene.db.transaction(scene.them.responder) as tx:
        return await deciding.turn_round(tx, id, over=over)


async def both_hold(scene: Scene, number: int, id: str, value: str) -> None:
    """Now, and after some rounds more; nothing is written meanwhile and no further conflict is recorded."""
    for _ in range(2):
        await scene.sync()
    writes, known = len(scene.desk.writes), len(await recorded(scene, number))
    for _ in range(3):
        await scene.sync()
    assert (await scene.incident(number)).workaround == value
    assert scene.desk.tickets[id].fields["workaround"] == value
    assert (len(scene.desk.writes), len(await recorded(scene, number))) == (writes, known), "it does not bounce"


@pytest.mark.parametrize("owner", [Owner.HUB, Owner.REMOTE])
async def test_a_rules_decision_is_turned_round_and_round_again(scene: Scene, owner: Owner) -> None:
    await owned_by(scene, owner)
    number, id = await linked(scene)
    conflict = await both_change(scene, number, id)
    won, lost = (OURS, THEIRS) if owner is Owner.HUB else (THEIRS, OURS)
    await both_hold(scene, number, id, won)
    writes = len(scene.desk.writes)
    found = await turned(scene, conflict.id)
    assert (found.settled_by, found.value_of(found.standing or Side.HUB)) == ("Bob", lost)
    await both_hold(scene, number, id, lost)
    assert len(scene.desk.writes) == writes + 1
    await turned(scene, conflict.id)
    await both_hold(scene, number, id, won)
    assert len(await recorded(scene, number)) == 1


async def test_it_is_turned_round_before_the_winner_was_written(scene: Scene) -> None:
    await owned_by(scene, Owner.HUB)
    number, id = await linked(scene)
    scene.desk.loses_answers = 1
    conflict = await both_change(scene, number, id)
    scene.desk.broken = Outage("Connection refused.")
    await turned(scene, conflict.id)
    scene.desk.broken = None
    await scene.sync(minutes=10)
    await both_hold(scene, number, id, THEIRS)


async def test_a_later_edit_is_shown_and_replaced_only_if_wanted(scene: Scene) -> None:
    await owned_by(scene, Owner.HUB)
    number, id = await linked(scene)
    conflict = await both_change(scene, number, id)
    await scene.do(scene.them.other, "set_workaround", number, text="Later still")
    with pytest.raises(deciding.EditedSince, match="'Later still'"):
        await turned(scene, conflict.id)
    await both_hold(scene, number, id, "Later still")
    [shown] = await recorded(scene, number)
    assert (shown.edited_since, shown.now_value, shown.now_by) == (True, "Later still", "Bea")
    await turned(scene, conflict.id, over=True)
    await both_hold(scene, number, id, THEIRS)


async def test_a_later_edit_there_that_nobody_has_seen_yet_is_a_conflict_of_its_own(scene: Scene) -> None:
    await owned_by(scene, Owner.REMOTE)
    number, id = await linked(scene)
    conflict = await both_change(scene, number, id)
    scene.desk.edit(id, workaround="Unseen")
    await turned(scene, conflict.id)
    for _ in range(2):
        await scene.sync()
    newer, _ = await recorded(scene, number)
    assert (newer.body.hub_value, newer.body.remote_value) == (OURS, "Unseen")
    await both_hold(scene, number, id, "Unseen")


async def test_what_a_person_decided_is_settled_once_and_then_turned_round(scene: Scene) -> None:
    await owned_by(scene, Owner.ASK)
    number, id = await linked(scene)
    conflict = await both_change(scene, number, id)
    with pytest.raises(Clash, match="Nobody has decided"):
        await turned(scene, conflict.id)
    async with scene.db.transaction(scene.them.responder) as tx:
        await deciding.settle(tx, conflict.id, Side.HUB)
    await both_hold(scene, number, id, OURS)
    async with scene.db.transaction(scene.them.other) as tx:
        with pytest.raises(Clash, match="Bob settled"):
            await deciding.settle(tx, conflict.id, Side.REMOTE)
    await turned(scene, conflict.id)
    await both_hold(scene, number, id, THEIRS)


async def test_a_conflict_that_waits_gives_way_to_a_later_one_and_to_agreement(scene: Scene) -> None:
    await owned_by(scene, Owner.ASK)
    number, id = await linked(scene)
    first = await both_change(scene, number, id)
    scene.desk.edit(id, workaround="Theirs again")
    await scene.sync()
    second, overtaken = await recorded(scene, number)
    assert (overtaken.id, overtaken.overtaken, second.standing) == (first.id, True, None)
    with pytest.raises(Clash, match="over"):
        await turned(scene, first.id)
    scene.desk.edit(id, workaround=OURS)
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        assert await conflict_store.open_conflicts(tx) == 0, "both say the same: nobody has to decide"


async def test_what_cannot_reach_the_other_side_is_refused_with_the_reason(scene: Scene) -> None:
    await owned_by(scene, Owner.REMOTE, Direction.IN)
    number, id = await linked(scene)
    conflict = await both_change(scene, number, id)
    with pytest.raises(Refused, match="only taken from Desk"):
        await turned(scene, conflict.id)
    async with scene.db.transaction(scene.them.responder) as tx:
        await linking.part(tx, conflict.link_id)
    with pytest.raises(Refused, match="not linked any more"):
        await turned(scene, conflict.id)


async def test_what_this_house_had_refused_can_be_written_over_there(scene: Scene) -> None:
    """The rule took the tool's value, a guard here said no, and each side keeps its own: ours may go there at least."""
    categories = FieldRule(hub="category", remote="body", owner=Owner.REMOTE)
    async with scene.db.transaction(scene.them.manager) as tx:
        fields = (*(one for one in scene.mapping.fields if one.remote != "body"), categories)
        await store.save_mapping(tx, replace(scene.mapping, version=2, fields=fields), by="Mia")
    number, id = await linked(scene)
    scene.desk.edit(id, body="no such category")
    await scene.sync()
    [conflict] = await recorded(scene, number)
    assert conflict.standing is Side.HUB
    async with scene.db.transaction(scene.them.responder) as tx:
        await deciding.settle(tx, conflict.id, Side.HUB)
    for _ in range(3):
        await scene.sync()
    assert not scene.desk.tickets[id].fields["body"]


async def test_a_stopped_field_moves_again_when_a_person_decides(scene: Scene) -> None:
    await owned_by(scene, Owner.HUB)
    number, id = await linked(scene)
    conflict = await both_change(scene, number, id)
    async with scene.db.transaction(SYSTEM) as tx:
        await store.change_link(tx, conflict.link_id, frozen=["workaround", "title"])
    await turned(scene, conflict.id)
    await both_hold(scene, number, id, THEIRS)
    async with scene.db.transaction(scene.them.responder) as tx:
        assert (await store.link(tx, conflict.link_id)).frozen == {"title"}
        await linking.try_again(tx, conflict.link_id)
        assert (await store.link(tx, conflict.link_id)).frozen == frozenset()


async def test_a_key_without_a_person_is_a_program_to_the_fuse(scene: Scene) -> None:
    number, _ = await linked(scene)
    program = Actor(kind=ActorKind.API_KEY, name="ci", origin="api", key_id=1, roles=scene.them.manager.roles)
    theirs = replace(program, person_id=scene.them.manager.person_id)
    humans = []
    for actor, text in ((program, "by a program"), (theirs, "by a person's key"), (scene.them.responder, "by hand")):
        scene.clock.advance(timedelta(seconds=1))
        await scene.do(actor, "set_workaround", number, text=text)
        async with scene.db.transaction(SYSTEM) as tx:
            humans.append((await hub.read(tx, number, base_url="")).fields["workaround"].human)
    assert humans == [False, True, True]


async def test_a_field_that_goes_back_and_forth_is_stopped_told_once_and_set_going_again(scene: Scene) -> None:
    number, id = await linked(scene)
    for count in range(14):
        scene.desk.edit(id, workaround=f"{'There' if count % 2 else 'Here'}")
        await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, number, limit=100)
        [link] = await store.links_to(tx, (await store.connection(tx, "desk")).id, [id])
    told = [one for one in entries if "goes back and forth with Desk" in one.text]
    assert (link.frozen, len(told)) == ({"workaround"}, 1)
    assert len(scene.desk.tickets[id].comments) == 0, "what the program says of itself is not said there"
    async with scene.db.transaction(scene.them.responder) as tx:
        await linking.try_again(tx, link.id)
    scene.desk.edit(id, workaround="Settled")
    await scene.sync()
    assert (await scene.incident(number)).workaround == "Settled"
