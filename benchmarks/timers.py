"""Timers: how late the engine's loop fires at a steady load, and how fast it works off a heap that is due at once.

The loop, the claims and the commits are the product's; the handler only notes the time. So this is what a timer costs
by itself: a handler that pages somebody adds the cost of paging.
"""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from pathlib import Path

from tests.live import scratch

from benchmarks import figures
from benchmarks.tables import Table
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock, monotonic, sleep
from rallypoint.db import Database, Transaction
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.db.migrate import migrate
from rallypoint.engine import Timer, store
from rallypoint.engine.loop import Engine, Work, fire_timers
from rallypoint.events import Bus

COLUMNS = (
    "load", "timers", "lag p50 ms", "lag p99 ms", "worst lag ms", "seconds to drain", "timers/s (median)", "range"
)  # fmt: skip
RATES = (100, 1000)
"""Timers that fall due each second."""
BATCH = 20_000
PATIENCE_SECONDS = 180.0


def bench(*, seconds: float = 10.0, heap: int = 100_000, rounds: int = 3) -> Table:
    """One table: steady loads of `seconds` each, then `rounds` heaps."""
    table = Table("Timers: fired by the engine's loop on PostgreSQL", COLUMNS)
    with scratch() as data:
        asyncio.run(_bench(table, data, seconds, heap, rounds))
    table.notes.append(
        "Lag: from the moment a timer is due to the call of its handler. Each timer is claimed under a lease, handled, "
        "deleted and committed; the handler does nothing. Drained: the table was found empty."
    )
    return table


async def _bench(table: Table, data: Path, seconds: float, heap: int, rounds: int) -> None:
    dsn = EmbeddedPostgres(data).start()
    await migrate(dsn)
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=Bus({}, {}), size=10, name="rallypoint-bench")
    try:
        for rate in RATES:
            lags, _ = await _fire(db, lambda now, rate=rate: _steady(db, now, rate, seconds), int(rate * seconds))
            lag = figures.spread(lags)
            table.add(f"{rate:,} a second", lag.count, lag.p50, lag.p99, lag.worst, None, None, "")
        times, lags = [], []
        for _ in range(rounds):
            lags, took = await _fire(db, lambda now: _heap(db, now, heap), heap)
            times.append(took)
        whole, lag = figures.median(times), figures.spread(lags)
        table.add(
            "all due at once", heap, lag.p50, lag.p99, lag.worst, whole, int(heap / whole),
            figures.lowest_and_highest([heap / took for took in times]),
        )  # fmt: skip
    finally:
        await db.close()


async def _fire(db: Database, plant: Callable[[datetime], Awaitable[None]], count: int) -> tuple[list[float], float]:
    """Plant timers, run the engine until each was fired once; lags in ms, and seconds from its start to the last."""
    lags: list[float] = []
    done = asyncio.Event()

    async def handle(tx: Transaction, timer: Timer) -> None:
        lags.append((db.clock.now() - timer.due_at).total_seconds() * 1000)
        if len(lags) >= count:
            done.set()

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        raise RuntimeError(f"{subject}: {what}")

    async with db.transaction(SYSTEM) as tx:
        now = tx.now
    await plant(now)
    work = Work("timers", "timer", lambda: fire_timers(db, {"bench": handle}, alarm), store.next_due)
    engine = Engine(db, [work], node="bench")
    began = monotonic()
    running = asyncio.create_task(engine.run())
    try:
        await asyncio.wait_for(done.wait(), PATIENCE_SECONDS)
        while await _left(db):
            await sleep(0.005)
        took = monotonic() - began
    finally:
        engine.stop()
        await running
    if len(lags) != count:
        raise RuntimeError(f"{count} timers were set and {len(lags)} fired")
    return lags, took


async def _steady(db: Database, now: datetime, rate: int, seconds: float) -> None:
    first = now + timedelta(seconds=2)
    await _plant(db, int(rate * seconds), first, timedelta(seconds=1) / rate)


async def _heap(db: Database, now: datetime, count: int) -> None:
    for _ in range(0, count, BATCH):
        await _plant(db, min(BATCH, count), now, timedelta())


async def _plant(db: Database, count: int, first: datetime, apart: timedelta) -> None:
    """Timers of subjects that no timer had before."""
    async with db.transaction(SYSTEM) as tx:
        await tx.execute(
            """
            insert into timer (kind, subject, due_at, created_at)
            select 'bench', 'incident:' || nextval(pg_get_serial_sequence('timer', 'id')),
                   :first::timestamptz + n * :apart::interval, :now
              from generate_series(0, :count::integer - 1) n""",
            first=first, apart=apart, count=count,
        )  # fmt: skip


async def _left(db: Database) -> int:
    async with db.transaction(SYSTEM) as tx:
        return int(await tx.value("select count(*) from timer"))
