"""What goes wrong between two tools, and what is left of it: nothing lost or doubled, and somebody can see why."""

from datetime import timedelta

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.catalog.model import StatusCategory
from rallypoint.sync import conflict_store, connecting, deciding, hook_store, linking, store
from rallypoint.sync.connection import ConnectionState
from rallypoint.sync.lanes import sync_due
from rallypoint.sync.mapping import DeletionRule, OnDelete
from rallypoint.sync.model import Side
from rallypoint.sync.ports import Outage
from rallypoint.sync.wallet import BOUND_TO
from tests.store.sync.conftest import Scene


async def linked(scene: Scene) -> tuple[int, str]:
    number = await scene.open()
    await scene.do(scene.them.responder, "acknowledge", number)
    await scene.sync()
    [ticket] = scene.desk.tickets.values()
    return number, ticket.id


async def test_a_lost_answer_creates_nothing_twice(scene: Scene) -> None:
    number = await scene.open()
    scene.desk.loses_answers = 1
    await scene.sync()
    for _ in range(4):
        await scene.sync(minutes=5)
    assert len(scene.desk.tickets) == 1
    [link] = await scene.links(number)
    assert (link["state"], link["error"]) == ("active", None)


async def test_a_lost_answer_doubles_no_comment(scene: Scene) -> None:
    number, id = await linked(scene)
    await scene.do(scene.them.responder, "note", number, text="Rolled back.")
    scene.desk.loses_answers = 1
    for _ in range(4):
        await scene.sync(minutes=5)
    assert [("Rolled back." in one.body) for one in scene.desk.tickets[id].comments] == [True]


async def test_an_outage_is_caught_up_without_a_word_lost(scene: Scene) -> None:
    number, id = await linked(scene)
    scene.desk.broken = Outage("Connection refused.")
    await scene.do(scene.them.responder, "describe", number, title="During the outage")
    await scene.do(scene.them.responder, "note", number, text="Said during the outage.")
    for _ in range(8):
        await scene.sync(minutes=1)
    async with scene.db.transaction(SYSTEM) as tx:
        connection = await store.connection(tx, "desk")
    assert connection.failures >= 5
    assert connection.closed_until is not None
    scene.desk.broken = None
    scene.desk.edit(id, workaround="Use the app.")
    for _ in range(3):
        await scene.sync(hours=1)
    ticket = scene.desk.tickets[id]
    assert ticket.fields["subject"] == "During the outage"
    assert len(ticket.comments) == 1
    assert (await scene.incident(number)).workaround == "Use the app."
    async with scene.db.transaction(SYSTEM) as tx:
        connection = await store.connection(tx, "desk")
    assert (connection.failures, connection.closed_until) == (0, None)


async def test_refused_credentials_stop_the_connection_and_tell_a_person(scene: Scene) -> None:
    number, id = await linked(scene)
    scene.desk.password = "another"
    await scene.do(scene.them.responder, "describe", number, title="After the change of password")
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        connection = await store.connection(tx, "desk")
    assert connection.state is ConnectionState.REFUSED
    assert scene.alarms == ["Desk does not let us in: Wrong password."]
    reads = scene.desk.reads
    await scene.sync(hours=2)
    assert scene.desk.reads == reads, "nothing is burned on a door that is shut"
    async with scene.db.transaction(scene.them.manager) as tx:
        await connecting.new_credentials(
            tx, {"desk": scene.desk.tool}, scene.vault, "desk", secrets_={"password": "another"}
        )
    await scene.sync(hours=1)
    assert scene.desk.tickets[id].fields["subject"] == "After the change of password"


async def test_both_changed_it_and_both_values_are_kept_with_what_decided(scene: Scene) -> None:
    number, id = await linked(scene)
    await scene.do(scene.them.responder, "set_workaround", number, text="Ours")
    scene.clock.advance(timedelta(seconds=30))
    scene.desk.edit(id, workaround="Theirs, later")
    await scene.sync()
    assert (await scene.incident(number)).workaround == "Theirs, later"
    async with scene.db.transaction(SYSTEM) as tx:
        [conflict] = await conflict_store.conflicts(tx, incident=number)
    assert (conflict.body.hub_value, conflict.body.remote_value) == ("Ours", "Theirs, later")
    assert (conflict.body.winner, "later" in conflict.body.rule) == (Side.REMOTE, True)
    async with scene.db.transaction(scene.them.responder) as tx:
        await deciding.settle(tx, conflict.id, Side.HUB)
    for _ in range(2):
        await scene.sync()
    assert (await scene.incident(number)).workaround == "Ours"
    assert scene.desk.tickets[id].fields["workaround"] == "Ours"


async def test_what_the_tool_refuses_is_told_and_the_rest_goes_across(scene: Scene) -> None:
    number, id = await linked(scene)
    scene.desk.refuses["workaround"] = "The field is locked."
    await scene.do(scene.them.responder, "set_workaround", number, text="Reload the page.")
    await scene.do(scene.them.responder, "describe", number, title="Still goes across")
    for _ in range(3):
        await scene.sync()
    assert scene.desk.tickets[id].fields["subject"] == "Still goes across"
    assert not scene.desk.tickets[id].fields.get("workaround")
    async with scene.db.transaction(SYSTEM) as tx:
        [link] = await store.links_to(tx, (await store.connection(tx, "desk")).id, [id])
        shadow = await store.shadow_of(tx, link.id, "workaround")
    assert shadow is not None
    assert "locked" in shadow.reason
    writes = len(scene.desk.writes)
    await scene.sync(hours=1)
    assert len(scene.desk.writes) == writes, "it is not tried for ever"


async def test_gone_is_believed_only_after_several_looks(scene: Scene) -> None:
    number, id = await linked(scene)
    ticket = scene.desk.tickets.pop(id)
    await scene.do(scene.them.responder, "describe", number, title="One")
    await scene.sync()
    [link] = await scene.links(number)
    assert link["state"] == "active", "not readable once is not deleted"
    scene.desk.tickets[id] = ticket
    await scene.sync(minutes=11)
    assert ticket.fields["subject"] == "One"
    del scene.desk.tickets[id]
    await scene.do(scene.them.responder, "describe", number, title="Two")
    for _ in range(5):
        await scene.sync(minutes=11)
    [link] = await scene.links(number)
    assert link["state"] == "tombstone"
    assert (await scene.incident(number)).title == "Two", "ours stays"


@pytest.mark.parametrize("act", list(OnDelete))
async def test_a_deletion_there_does_here_what_the_mapping_says(scene: Scene, act: OnDelete) -> None:
    await scene.ruled(deletion=DeletionRule(remote_deleted=act))
    number, id = await linked(scene)
    scene.desk.tickets[id].gone = True
    await scene.do(scene.them.responder, "describe", number, title="One")
    await scene.sync()
    [link] = await scene.links(number)
    assert link["state"] == "tombstone"
    cancelled = (await scene.incident(number)).status_category is StatusCategory.CANCELLED
    assert cancelled is (act is OnDelete.CANCEL)
    async with scene.db.transaction(SYSTEM) as tx:
        entries = (await incidents.timeline(tx, number))[0]
    said = [one for one in entries if "was deleted there" in f"{one.text} {one.reason}"]
    assert bool(said) is (act is not OnDelete.NOTHING)


async def test_what_can_be_cancelled_no_more_is_told_of_a_deletion_there(scene: Scene) -> None:
    await scene.ruled(deletion=DeletionRule(remote_deleted=OnDelete.CANCEL))
    number, id = await linked(scene)
    await scene.do(scene.them.responder, "cancel", number, reason="It was a test.")
    scene.desk.tickets[id].gone = True
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        texts = [one.text for one in (await incidents.timeline(tx, number))[0]]
    assert [one for one in texts if "was deleted there" in one and "not cancelled here" in one]


async def test_an_item_that_went_into_another_is_followed_and_two_links_to_one_become_one(scene: Scene) -> None:
    number, id = await linked(scene)
    other = scene.desk.add(subject="The same again", state="open")
    scene.desk.moved[id] = other.id
    scene.desk.edit(id, body="They belong together.")
    for _ in range(2):
        await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        followed = await store.links_to(tx, scene.mapping.connection, [other.id])
    assert number in [one.incident for one in followed]
    second = scene.desk.add(subject="Linked by hand", state="open")
    async with scene.db.transaction(scene.them.responder) as tx:
        await linking.link_existing(tx, number, mapping_id=scene.mapping.id, remote_id=second.id)
    await scene.sync()
    scene.desk.moved[second.id] = other.id
    scene.desk.edit(second.id, body="Merged.")
    await scene.do(scene.them.responder, "describe", number, title="Checkout takes 5 s")
    for _ in range(2):
        await scene.sync()
    assert sorted(one["state"] for one in await scene.links(number)) == ["active", "ended"]
    assert scene.desk.tickets[other.id].fields["subject"] == "Checkout takes 5 s"


async def test_a_delivery_is_taken_once_and_only_with_the_right_secret(scene: Scene) -> None:
    number, id = await linked(scene)
    scene.desk.edit(id, workaround="Told by hook")
    async with scene.db.transaction(SYSTEM) as tx:
        from rallypoint.ids import digest
        from rallypoint.sync.hearing import heard

        found = await hook_store.addressed(tx, digest(scene.hook_key))
        assert found is not None
        assert found.sealed_secret is not None
        connection, secret = found.connection, scene.vault.unseal(found.sealed_secret, BOUND_TO)
        given = await connecting.opened(tx, scene.vault, connection)
        tracker = scene.desk.tool.make(given, None)  # type: ignore[arg-type]
        with pytest.raises(Exception, match="not ours"):
            tracker.verify_webhook(f"d1 {id}".encode(), {"x-desk-secret": "guess"}, secret)
        told = tracker.verify_webhook(f"d1 {id}".encode(), {"x-desk-secret": secret}, secret)
        assert await heard(tx, connection, told, b"d1")
        assert not await heard(tx, connection, told, b"d1")
    await sync_due(scene.lanes)
    assert (await scene.incident(number)).workaround == "Told by hook"


async def test_deliveries_are_kept_for_two_weeks_and_then_forgotten(scene: Scene) -> None:
    async def kept() -> int:
        async with scene.db.transaction(SYSTEM) as tx:
            count: int = await tx.value("select count(*) from sync_inbox")
            return count

    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        assert await store.take_in(tx, (await store.connection(tx, "desk")).id, "d1", b"raw")
    await scene.sync(days=2)
    assert await kept() == 1
    await scene.sync(days=15)
    assert await kept() == 0
