"""Letting time pass: the timers alone, nothing sent and no follow-ups, from one due instant to the next."""

from datetime import datetime, timedelta

from rallypoint import wiring
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.engine.loop import fire_timers


async def until(db: Database, clock: ManualClock, at: datetime) -> None:
    await _fire(db)
    while (due := await _next_timer(db)) is not None and due <= at:
        clock.set(max(due, clock.now()))
        await _fire(db)
    clock.set(at)


async def pass_time(db: Database, clock: ManualClock, **length: float) -> None:
    await until(db, clock, clock.now() + timedelta(**length))


async def _fire(db: Database) -> None:
    while await fire_timers(db, wiring.TIMERS, wiring.set_aside):
        pass


async def _next_timer(db: Database) -> datetime | None:
    async with db.transaction(SYSTEM) as tx:
        at: datetime | None = await tx.value("select min(due_at) from timer where quarantined_at is null")
        assert await tx.value("select count(*) from timer where attempts > 1") == 0, "a timer's handler failed"
    return at
