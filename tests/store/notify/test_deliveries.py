"""Deliveries on a real PostgreSQL: claims, fences, the gate, retries, unknown outcomes."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest

from rallypoint import access, ids, notify
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import NotFound, OutsideFailure
from rallypoint.notify import delivery_store
from rallypoint.notify.lane import Lane, record
from rallypoint.notify.model import SEND_LEASE, Claim, DeliveryState, Page, PageState, Receipt

LATER = OutsideFailure("busy", retry=True)
NEVER = OutsideFailure("no such address", retry=False)
CUT = OutsideFailure("cut off", retry=True, unknown=True)


async def page(db: Database, person: access.Person, *, incident: int = 1, epoch: int = 1, **changes: Any) -> Page:
    async with db.transaction(SYSTEM) as tx:
        values = {
            "run_id": 1, "step": 1, "why": "first step of the policy", "title": "P1 payments: down", "text": "down",
            "urgency": "high", **changes,
        }  # fmt: skip
        return await notify.page_person(tx, person_id=person.id, incident=incident, epoch=epoch, **values)


async def view(db: Database, incident: int = 1) -> notify.PageView:
    async with db.transaction(SYSTEM) as tx:
        return (await notify.pages_of(tx, incident))[-1]


async def claim(db: Database, *, limit: int = 10, kind: str = "sandbox") -> list[Claim]:
    async with db.transaction(SYSTEM) as tx:
        return await delivery_store.claim(tx, kind, limit=limit)


async def test_a_page_goes_out_with_its_link_and_is_delivered(db: Database, bob: access.Person, phone: Any) -> None:
    await page(db, bob)
    await notify.send_due(db, {"sandbox": phone}, base_url="https://rp.example")
    (message,) = phone.received
    assert message.url == "https://rp.example/i/1"
    assert message.title == "P1 payments: down"
    found = await view(db)
    assert (found.page.state, found.deliveries[0].state) == (PageState.DELIVERED, DeliveryState.DELIVERED)
    async with db.transaction(SYSTEM) as tx:
        token = message.ack_url.rpartition("/")[2]
        assert (await notify.page_by_token(tx, token)).id == found.page.id
        with pytest.raises(NotFound):
            await notify.page_by_token(tx, ids.token(32))
        assert await tx.value("select count(*) from delivery where token is not null") == 0, "the raw token is kept"
        assert await tx.value("select count(*) from page where token_hash = :raw", raw=token.encode()) == 0


async def test_taken_by_the_provider_is_sent_and_not_delivered(db: Database, bob: access.Person, phone: Any) -> None:
    phone.delivered = False
    await page(db, bob)
    await notify.send_due(db, {"sandbox": phone})
    assert (await view(db)).page.state is PageState.SENT


async def test_two_nodes_never_claim_the_same(db: Database, bob: access.Person) -> None:
    for incident in range(1, 41):
        await page(db, bob, incident=incident)
    found = await asyncio.gather(*(claim(db, limit=7) for _ in range(6)))
    ids_ = [c.id for claims in found for c in claims]
    assert len(ids_) == len(set(ids_)) == 40


async def test_a_result_counts_only_under_its_fence(db: Database, clock: ManualClock, bob: access.Person) -> None:
    await page(db, bob)
    (stale,) = await claim(db)
    clock.advance(SEND_LEASE)
    (fresh,) = await claim(db)
    assert (fresh.id, fresh.fence) == (stale.id, stale.fence + 1)
    async with db.transaction(SYSTEM) as tx:
        await record(tx, stale, NEVER)
    assert (await view(db)).deliveries[0].state is DeliveryState.SENDING
    async with db.transaction(SYSTEM) as tx:
        await record(tx, fresh, Receipt(delivered=True))
        await record(tx, stale, NEVER)
    assert (await view(db)).deliveries[0].state is DeliveryState.DELIVERED


async def test_a_node_that_died_in_the_middle_is_followed_by_one_that_says_so(
    db: Database, clock: ManualClock, bob: access.Person, phone: Any
) -> None:
    await page(db, bob)
    await claim(db)
    await notify.send_due(db, {"sandbox": phone})
    assert phone.received == [], "sent while another node held it"
    clock.advance(SEND_LEASE)
    await notify.send_due(db, {"sandbox": phone})
    assert len(phone.received) == 1
    assert "not known" in (await view(db)).deliveries[0].reason


async def test_an_unknown_outcome_is_sent_again_once_with_the_same_reference(
    db: Database, clock: ManualClock, bob: access.Person, phone: Any
) -> None:
    phone.always = CUT
    await page(db, bob)
    for _ in range(10):
        await notify.send_due(db, {"sandbox": phone})
        clock.advance(timedelta(minutes=1))
    assert len(phone.received) == 2
    assert len({m.reference for m in phone.received}) == 1
    assert len({m.ack_url for m in phone.received}) == 1
    delivery = (await view(db)).deliveries[0]
    assert (delivery.state, delivery.attempts) == (DeliveryState.UNKNOWN, 2)
    assert "unknown" in delivery.reason


async def test_a_temporary_failure_is_tried_again_with_growing_waits_and_then_given_up(
    db: Database, clock: ManualClock, bob: access.Person, phone: Any, heard: list[Any]
) -> None:
    phone.always = LATER
    await page(db, bob)
    waits = []
    for _ in range(10):
        await notify.send_due(db, {"sandbox": phone})
        delivery = (await view(db)).deliveries[0]
        if delivery.state is DeliveryState.FAILED:
            break
        waits.append((delivery.due_at - clock.now()).total_seconds())
        clock.set(delivery.due_at)
    assert waits == [1, 2, 4, 8, 16]
    assert (await view(db)).page.state is PageState.FAILED
    assert [type(fact).__name__ for fact in heard] == ["DeliveryFailed", "PageFailed"]
    assert "6 tries" in (await view(db)).deliveries[0].reason


async def test_a_permanent_failure_brings_the_next_method_forward(db: Database, bob: access.Person, phone: Any) -> None:
    async with db.transaction(SYSTEM) as tx:
        (first,) = await notify.contact_methods(tx, bob.id)
        mail = await notify.add_contact_method(tx, person_id=bob.id, kind="email", address=bob.email)
        await notify.set_rules(tx, bob.id, "high", [(0, first.id), (10, mail.id)])
    phone.always = NEVER
    mailbox = type(phone)(kind="email")
    await page(db, bob)
    assert (await view(db)).deliveries[1].due_at - (await view(db)).page.created_at == timedelta(minutes=10)
    await notify.send_due(db, {"sandbox": phone, "email": mailbox})
    assert [m.address for m in mailbox.received] == ["bob@example.org"]
    assert "Sent early" in (await view(db)).deliveries[1].reason
    assert (await view(db)).page.state is PageState.DELIVERED


async def test_one_slow_channel_delays_no_other(db: Database, bob: access.Person, phone: Any) -> None:
    async with db.transaction(SYSTEM) as tx:
        await notify.add_contact_method(tx, person_id=bob.id, kind="email", address=bob.email)
    slow, quick = type(phone)(kind="email", hold=asyncio.Event()), phone
    stuck, lane = Lane(db, slow), Lane(db, quick)
    for incident in range(1, 4):
        await page(db, bob, incident=incident)
        assert await stuck.do() > 0
        while await lane.do():
            pass
    assert len(quick.received) == 3
    assert slow.received == []
    slow.hold.set()
    await stuck.drain()
    assert len(slow.received) == 3


async def test_one_slow_address_delays_no_other_of_its_kind(db: Database, bob: access.Person, phone: Any) -> None:
    phone.hold = asyncio.Event()
    lane = Lane(db, phone, width=2)
    await page(db, bob, incident=1)
    await lane.do()
    held, phone.hold = phone.hold, None
    await page(db, bob, incident=2)
    while not phone.received:
        await lane.do()
    assert [m.incident for m in phone.received] == [2]
    held.set()
    await lane.drain()
    assert [m.incident for m in phone.received] == [2, 1]


# -- the gate


async def test_voiding_silences_everything_below_by_one_row(db: Database, bob: access.Person, phone: Any) -> None:
    for _ in range(5):
        await page(db, bob)
    async with db.transaction(SYSTEM) as tx:
        before = await tx.value("select sum(fence) from delivery")
        await notify.void(tx, 1, 2)
        assert await tx.value("select sum(fence) from delivery") == before
    assert (await view(db)).page.state is PageState.VOIDED
    assert (await view(db)).deliveries[0].state is DeliveryState.VOIDED
    await page(db, bob, epoch=2)
    await page(db, bob, incident=7)
    await notify.send_due(db, {"sandbox": phone})
    assert sorted(m.incident for m in phone.received) == [1, 7]


async def test_what_was_sent_and_not_recorded_is_not_sent_again_after_an_answer(
    db: Database, clock: ManualClock, bob: access.Person, phone: Any
) -> None:
    await page(db, bob)
    await claim(db)
    async with db.transaction(SYSTEM) as tx:
        await notify.void(tx, 1, 2)
    clock.advance(SEND_LEASE)
    await notify.send_due(db, {"sandbox": phone})
    assert phone.received == []
    assert (await view(db)).deliveries[0].state is DeliveryState.UNKNOWN


async def test_a_switched_off_method_is_not_used(db: Database, bob: access.Person, phone: Any) -> None:
    await page(db, bob)
    async with db.transaction(SYSTEM) as tx:
        (method,) = await notify.contact_methods(tx, bob.id)
        await notify.remove_contact_method(tx, method.id)
    await notify.send_due(db, {"sandbox": phone})
    assert phone.received == []


async def test_no_page_starts_after_an_answer_that_was_committed_before_its_claim(
    db: Database, bob: access.Person
) -> None:
    """Many races of claim against acknowledgement. Whoever claims first may send; a claim that begins after the commit
    of the acknowledgement never does."""
    rng = random.Random(7)
    won = {"claim": 0, "answer": 0}
    for incident in range(1, 151):
        await page(db, bob, incident=incident)
        start, answered = asyncio.Event(), asyncio.Event()

        async def answer(number: int, pause: int, start: asyncio.Event, answered: asyncio.Event) -> None:
            await start.wait()
            for _ in range(pause):
                await asyncio.sleep(0)
            async with db.transaction(SYSTEM) as tx:
                await notify.void(tx, number, 2)
            answered.set()

        async def take(pause: int, start: asyncio.Event, answered: asyncio.Event) -> tuple[bool, list[Claim]]:
            await start.wait()
            for _ in range(pause):
                await asyncio.sleep(0)
            too_late = answered.is_set()
            return too_late, [c for c in await claim(db) if c.state is DeliveryState.SENDING]

        race = asyncio.gather(
            answer(incident, rng.randrange(40), start, answered),
            *(take(rng.randrange(40), start, answered) for _ in range(2)),
        )
        start.set()
        _, *takers = await race
        for too_late, claims in takers:
            assert not (too_late and claims), "a claim after the commit got a voided page"
        claimed = [c for _, claims in takers for c in claims]
        assert len(claimed) <= 1
        won["claim" if claimed else "answer"] += 1
        async with db.transaction(SYSTEM) as tx:
            for c in claimed:
                await record(tx, c, Receipt(delivered=True))
    assert won["claim"] > 5
    assert won["answer"] > 5
    assert await claim(db) == []


async def test_a_claim_that_grew_old_is_given_back_unsent(db: Database, bob: access.Person, phone: Any) -> None:
    """A process that stood still between claim and send must not send: somebody may have answered meanwhile."""
    await page(db, bob)
    (mine,) = await claim(db)
    await Lane(db, phone)._deliver(mine, -1e9)
    assert phone.received == []
    delivery = (await view(db)).deliveries[0]
    assert (delivery.state, delivery.attempts) == (DeliveryState.PENDING, 0)


async def test_a_channel_that_breaks_is_a_failure_that_is_tried_again(db: Database, bob: access.Person) -> None:
    class Broken:
        kind = "sandbox"

        async def send(self, message: object) -> Receipt:
            raise ZeroDivisionError("a bug")

    await page(db, bob)
    await notify.send_due(db, {"sandbox": Broken()})
    delivery = (await view(db)).deliveries[0]
    assert delivery.state is DeliveryState.PENDING
    assert "ZeroDivisionError" in delivery.last_error


async def test_a_drill_reaches_the_sandbox_phone_only(db: Database, bob: access.Person, phone: Any) -> None:
    async with db.transaction(SYSTEM) as tx:
        await notify.add_contact_method(tx, person_id=bob.id, kind="email", address=bob.email)
    await page(db, bob, drill=True)
    assert [d.method for d in (await view(db)).deliveries] == ["sandbox"]


async def test_without_a_sandbox_phone_a_drill_reaches_people_as_a_page_would(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        ann = await access.create_person(tx, name="Ann", email="ann@example.org", roles=[access.Role.RESPONDER])
    await page(db, ann, drill=True)
    (fallen_back,) = (await view(db)).deliveries
    assert (fallen_back.method, fallen_back.address) == ("email", "ann@example.org")
    async with db.transaction(SYSTEM) as tx:
        near = await notify.add_contact_method(tx, person_id=ann.id, kind="email", address="near@example.org",
                                               verified=True)  # fmt: skip
        far = await notify.add_contact_method(tx, person_id=ann.id, kind="email", address="far@example.org",
                                              verified=True)  # fmt: skip
        await notify.set_rules(tx, ann.id, "high", [(0, near.id), (5, far.id)])
    await page(db, ann, incident=2, drill=True)
    deliveries = (await view(db, 2)).deliveries
    assert [d.address for d in deliveries] == ["near@example.org", "far@example.org"]
    assert deliveries[1].due_at - deliveries[0].due_at == timedelta(minutes=5)


async def test_messages_go_to_an_address_and_survive_an_answered_incident(db: Database, phone: Any) -> None:
    async with db.transaction(SYSTEM) as tx:
        made = await notify.message(
            tx, purpose="confirm", title="Is it solved?", text="Please say.", incident=1, address="wanda@example.org",
            url="/r/abc",
        )  # fmt: skip
        await notify.void(tx, 1, 99)
    mailbox = type(phone)(kind="email")
    await notify.send_due(db, {"email": mailbox}, base_url="https://rp.example")
    assert mailbox.received[0].url == "https://rp.example/r/abc"
    assert mailbox.received[0].ack_url is None
    async with db.transaction(SYSTEM) as tx:
        items, more = await notify.list_deliveries(tx, incident=1)
    assert ([d.id for d in items], items[0].state, more) == ([made.id], DeliveryState.DELIVERED, None)


async def test_lists_page_by_cursor(db: Database, bob: access.Person) -> None:
    for incident in range(1, 8):
        await page(db, bob, incident=incident)
    async with db.transaction(SYSTEM) as tx:
        seen, cursor = [], None
        while True:
            items, cursor = await notify.recent_pages(tx, cursor=cursor, limit=3)
            seen += [v.page.incident for v in items]
            if cursor is None:
                break
        assert seen == [7, 6, 5, 4, 3, 2, 1]
        first, cursor = await notify.list_deliveries(tx, limit=5)
        rest, end = await notify.list_deliveries(tx, cursor=cursor, limit=5)
        assert (len(first), len(rest), end) == (5, 2, None)


async def test_what_is_void_does_not_stand_in_the_way(db: Database, bob: access.Person, phone: Any) -> None:
    """More void pages than a lane is wide: the one behind them still goes out in the same go."""
    for _ in range(20):
        await page(db, bob, incident=1)
    await page(db, bob, incident=2)
    async with db.transaction(SYSTEM) as tx:
        await notify.void(tx, 1, 2)
    await notify.send_due(db, {"sandbox": phone})
    assert [m.incident for m in phone.received] == [2]
