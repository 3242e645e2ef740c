"""The owner of an action item is reminded some days before it is due and on the day, once each, by timers."""

from datetime import date, timedelta

import pytest
from tests.store.learning.test_retrospective import SMALL, lived_through, no_alarm
from tests.store.learning.test_retrospective import bea as bea

from rallypoint import access, incidents, learning, notify
from rallypoint.actors import SYSTEM, Actor
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.engine.loop import fire_timers
from rallypoint.learning import reminders

DUE = date(2026, 6, 30)


async def day(db: Database, clock: ManualClock, on: date) -> list[str]:
    """What Bea was sent when this day's morning is over."""
    before = await sent(db)
    while clock.now().date() < on or clock.now().hour < 9:
        clock.advance(timedelta(hours=1))
        await fire_timers(db, {reminders.REMINDER: reminders.on_time}, no_alarm)
    return (await sent(db))[len(before) :]


async def sent(db: Database) -> list[str]:
    async with db.transaction(SYSTEM) as tx:
        found, _ = await notify.list_deliveries(tx, limit=100)
    to_bea = [one.title for one in reversed(found) if one.address == "bea@example.com"]
    return [title for title in to_bea if title.startswith("Due")]


async def promised(db: Database, bea: Actor, number: int, due_on: date = DUE) -> int:
    assert bea.person_id is not None
    async with db.transaction(bea) as tx:
        item = await learning.add_action_item(
            tx, number, title="Alert on the pool", owner_id=bea.person_id, due_on=due_on
        )
    return item.id


@pytest.fixture
async def number(db: Database, clock: ManualClock, bea: Actor) -> int:
    found = await lived_through(db, clock, bea, **SMALL)
    async with db.transaction(SYSTEM) as tx:  # the rest of the house is not told about here
        await tx.execute("delete from timer")
    return found


async def test_three_days_before_and_on_the_day_once_each(
    db: Database, clock: ManualClock, bea: Actor, number: int
) -> None:
    await promised(db, bea, number)
    assert await day(db, clock, DUE - timedelta(days=4)) == []
    assert await day(db, clock, DUE - timedelta(days=3)) == ["Due in 3 days: Alert on the pool"]
    assert await day(db, clock, DUE - timedelta(days=1)) == []
    assert await day(db, clock, DUE) == ["Due today: Alert on the pool"]
    assert await day(db, clock, DUE + timedelta(days=5)) == []
    async with db.transaction(SYSTEM) as tx:
        lines, _ = await incidents.timeline(tx, number, kinds=["review"], limit=50)
    assert sum("was reminded" in one.text for one in lines) == 2


async def test_what_is_done_or_moved_is_not_reminded_of(
    db: Database, clock: ManualClock, bea: Actor, number: int
) -> None:
    item = await promised(db, bea, number)
    await day(db, clock, DUE - timedelta(days=3))
    async with db.transaction(bea) as tx:
        await learning.update_action_item(tx, item, due_on=DUE + timedelta(days=10))
    assert await day(db, clock, DUE) == []
    assert await day(db, clock, DUE + timedelta(days=7)) == ["Due in 3 days: Alert on the pool"]
    async with db.transaction(bea) as tx:
        await learning.finish(tx, item)
    assert await day(db, clock, DUE + timedelta(days=11)) == []


async def test_an_engine_that_slept_says_what_is_true_now(
    db: Database, clock: ManualClock, bea: Actor, number: int
) -> None:
    await promised(db, bea, number)
    clock.advance(timedelta(days=28))
    assert clock.now().date() == DUE - timedelta(days=1)
    await fire_timers(db, {reminders.REMINDER: reminders.on_time}, no_alarm)
    assert await sent(db) == ["Due tomorrow: Alert on the pool"]
    assert await day(db, clock, DUE) == ["Due today: Alert on the pool"]


async def test_who_left_is_not_written_to(db: Database, clock: ManualClock, bea: Actor, number: int) -> None:
    await promised(db, bea, number)
    assert bea.person_id is not None
    async with db.transaction(SYSTEM) as tx:
        await access.deactivate_person(tx, bea.person_id)
    assert await day(db, clock, DUE) == []
