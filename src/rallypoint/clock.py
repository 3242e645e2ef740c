"""The one place that asks what time it is.

Everything else is handed `now`: rules as an argument, SQL as a parameter, actions as `tx.now`. So the whole
program fast-forwards under a ManualClock, in tests, in the demo's history and in game days.
"""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

import asyncpg

ANCHOR_LIFETIME_SECONDS = 5.0


class Clock(Protocol):
    """Says what time it is; `watch` lets a clock look at the database's own time."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...

    async def watch(self, connection: asyncpg.pool.PoolConnectionProxy | asyncpg.Connection) -> None:
        """Called with a connection before a transaction; a clock may anchor itself on it."""
        ...


class DatabaseClock:
    """PostgreSQL's time, carried between looks by this machine's monotonic clock.

    Nodes agree because all anchor on the same database; a jump of a node's wall clock changes nothing,
    because only the monotonic clock is read here. Looks are made at most every ANCHOR_LIFETIME_SECONDS.
    """

    def __init__(self) -> None:
        self._anchor = datetime.fromtimestamp(time.time(), UTC)
        self._anchored_at = time.monotonic()
        self._next_look = 0.0

    def now(self) -> datetime:
        return self._anchor + timedelta(seconds=time.monotonic() - self._anchored_at)

    async def watch(self, connection: asyncpg.pool.PoolConnectionProxy | asyncpg.Connection) -> None:
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + ANCHOR_LIFETIME_SECONDS
        before = time.monotonic()
        at = await connection.fetchval("select clock_timestamp()")
        after = time.monotonic()
        self._anchor, self._anchored_at = at, (before + after) / 2


class ManualClock:
    """A clock that stands still until it is told to move."""

    def __init__(self, at: datetime) -> None:
        if at.tzinfo is None:
            raise ValueError("a clock needs an aware datetime")
        self._at = at.astimezone(UTC)

    def now(self) -> datetime:
        return self._at

    async def watch(self, connection: asyncpg.pool.PoolConnectionProxy | asyncpg.Connection) -> None:
        return None

    def set(self, at: datetime) -> None:
        """Move to an instant. Going back is allowed: it is how tests play a clock jump."""
        self._at = at.astimezone(UTC)

    def advance(self, by: timedelta) -> None:
        self._at += by


def monotonic() -> float:
    """Seconds on a clock that never jumps: for time-outs, lags and figures, never for facts."""
    return time.monotonic()


def process_time() -> datetime:
    """This machine's own idea of UTC, for log records and certificates only."""
    return datetime.fromtimestamp(time.time(), UTC)


async def sleep(seconds: float) -> None:
    """Wait in real time. Only loops of the engine and the edges wait; rules and actions never do."""
    await asyncio.sleep(seconds)


def pause(seconds: float) -> None:
    """Block this thread in real time: for code that waits on a process of this machine, never on the event loop."""
    time.sleep(seconds)
