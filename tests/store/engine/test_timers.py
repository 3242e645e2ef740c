"""Timers and the outbox on a real PostgreSQL: one live timer a subject, never early, fenced, poison set aside."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.engine import LEASE, Timer, cancel_timer, set_timer, store
from rallypoint.engine.loop import drain_outbox, fire_timers
from rallypoint.engine.model import ATTEMPTS_MAX
from rallypoint.events import Bus, Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class LightWentOut(Fact):
    subject_of = "lamp"
    lamp: str
    number: int


HEARD: list[tuple[str, int]] = []
ALARMS: list[str] = []


async def remember(db: Any, fact: LightWentOut) -> None:
    if fact.number < 0:
        raise RuntimeError("cannot hear this")
    HEARD.append((fact.lamp, fact.number))


async def alarm(tx: Transaction, subject: str, what: str) -> None:
    ALARMS.append(subject)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    HEARD.clear()
    ALARMS.clear()


async def test_a_subject_has_one_timer_and_setting_it_again_moves_it(db: Database, clock: ManualClock) -> None:
    async with db.transaction(SYSTEM) as tx:
        await set_timer(tx, "paging.step", "run:1", tx.now + timedelta(minutes=5))
        await set_timer(tx, "paging.step", "run:1", tx.now + timedelta(minutes=9))
        assert await tx.value("select count(*) from timer") == 1
        assert await store.next_due(tx) == clock.now() + timedelta(minutes=9)


async def test_a_timer_never_fires_early_and_fires_once(db: Database, clock: ManualClock) -> None:
    fired: list[str] = []

    async def fire(tx: Transaction, timer: Timer) -> None:
        fired.append(timer.subject)

    async with db.transaction(SYSTEM) as tx:
        await set_timer(tx, "step", "run:1", tx.now + timedelta(minutes=5))
    clock.advance(timedelta(minutes=5) - timedelta(microseconds=1))
    assert await fire_timers(db, {"step": fire}, alarm) == 0
    clock.advance(timedelta(microseconds=1))
    assert await fire_timers(db, {"step": fire}, alarm) == 1
    assert await fire_timers(db, {"step": fire}, alarm) == 0
    assert fired == ["run:1"]


async def test_a_moved_timer_cannot_be_finished_under_the_old_fence(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        await set_timer(tx, "step", "run:1", tx.now)
    async with db.transaction(SYSTEM) as tx:
        (claimed,) = await store.claim_timers(tx)
    async with db.transaction(SYSTEM) as tx:
        await set_timer(tx, "step", "run:1", tx.now + timedelta(hours=1))
    async with db.transaction(SYSTEM) as tx:
        assert await store.finish_timers(tx, [claimed]) == set()
        assert await tx.value("select count(*) from timer") == 1


async def test_a_claim_that_nobody_finished_is_taken_over_after_its_lease(db: Database, clock: ManualClock) -> None:
    async with db.transaction(SYSTEM) as tx:
        await set_timer(tx, "step", "run:1", tx.now)
    async with db.transaction(SYSTEM) as tx:
        (first,) = await store.claim_timers(tx)
    async with db.transaction(SYSTEM) as tx:
        assert await store.claim_timers(tx) == []
    clock.advance(LEASE)
    async with db.transaction(SYSTEM) as tx:
        (second,) = await store.claim_timers(tx)
        assert second.fence > first.fence
        assert await store.finish_timers(tx, [first]) == set()
        assert await store.finish_timers(tx, [second]) == {second.id}


async def test_a_poison_timer_spares_its_neighbours_and_is_set_aside_with_an_alarm(
    db: Database, clock: ManualClock
) -> None:
    fired: list[str] = []

    async def fire(tx: Transaction, timer: Timer) -> None:
        if timer.subject == "poison":
            raise RuntimeError("always")
        fired.append(timer.subject)

    async with db.transaction(SYSTEM) as tx:
        for subject in ("a", "poison", "b"):
            await set_timer(tx, "step", subject, tx.now)
    for _ in range(ATTEMPTS_MAX):
        await fire_timers(db, {"step": fire}, alarm)
        clock.advance(timedelta(minutes=1))
    assert sorted(set(fired)) == ["a", "b"]
    assert ALARMS == ["timer step of poison"]
    async with db.transaction(SYSTEM) as tx:
        assert (await store.backlog(tx))["timers_quarantined"] == 1


async def test_a_cancelled_timer_is_gone(db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        await set_timer(tx, "step", "run:1", tx.now)
        await cancel_timer(tx, "step", "run:1")
        assert await store.claim_timers(tx) == []


@pytest.fixture
def hearing(db: Database) -> Database:
    db.bus = Bus({}, {LightWentOut: [remember]})
    return db


async def test_facts_of_one_subject_are_heard_in_order_and_once(hearing: Database) -> None:
    async with hearing.transaction(SYSTEM) as tx:
        for number in (1, 2, 3):
            await tx.announce(LightWentOut(lamp="hall", number=number))
        await tx.announce(LightWentOut(lamp="porch", number=9))
    while await drain_outbox(hearing, alarm):
        pass
    assert [n for lamp, n in HEARD if lamp == "hall"] == [1, 2, 3]
    assert ("porch", 9) in HEARD
    assert len(HEARD) == 4


async def test_a_rolled_back_fact_is_never_heard(hearing: Database) -> None:
    async def tell_and_fail() -> None:
        async with hearing.transaction(SYSTEM) as tx:
            await tx.announce(LightWentOut(lamp="hall", number=1))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await tell_and_fail()
    assert await drain_outbox(hearing, alarm) == 0


async def test_a_failing_follow_up_is_tried_again_and_holds_back_only_its_own_subject(
    hearing: Database, clock: ManualClock
) -> None:
    async with hearing.transaction(SYSTEM) as tx:
        await tx.announce(LightWentOut(lamp="hall", number=-1))
        await tx.announce(LightWentOut(lamp="hall", number=2))
        await tx.announce(LightWentOut(lamp="porch", number=3))
    await drain_outbox(hearing, alarm)
    assert HEARD == [("porch", 3)]
    for _ in range(40):
        clock.advance(timedelta(hours=1))
        await drain_outbox(hearing, alarm)
    assert len(ALARMS) == 1
    assert ("hall", 2) in HEARD
