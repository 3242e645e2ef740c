"""Letting time pass: the timers alone, no sending, from one due instant to the next."""

from datetime import datetime, timedelta

from rallypoint import wiring
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.engine import store
from rallypoint.engine.loop import Work, earliest_due, fire_timers, settle


async def until(db: Database, clock: ManualClock, at: datetime) -> None:
    work = Work("timers", "timer", lambda: fire_timers(db, wiring.TIMERS, wiring.set_aside), store.next_due)
    await settle(db, [work])
    while (due := await _next_timer(db)) is not None and due <= at:
        clock.set(max(due, clock.now()))
        await settle(db, [work])
    clock.set(at)


async def pass_time(db: Database, clock: ManualClock, **length: float) -> None:
    await until(db, clock, clock.now() + timedelta(**length))


async def _next_timer(db: Database) -> datetime | None:
    async def look(tx):  # type: ignore[no-untyped-def]
        return await tx.value("select min(due_at) from timer where quarantined_at is null")

    return await earliest_due(db, [Work("timers", "timer", lambda: settle(db, []), look)])
