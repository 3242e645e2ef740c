"""Is everything there that a page needs? Each check says what it found; /readyz and `rallypoint doctor` ask here."""

import asyncio
from dataclasses import dataclass
from datetime import timedelta

import asyncpg

from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.db.migrate import check as missing_migrations
from rallypoint.engine import store as engine
from rallypoint.errors import Refused

FRESH = timedelta(seconds=15)
PATIENCE_SECONDS = 5.0
NODE = "readiness probe"
OUT_OF_REACH = (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing looked at: fine or not, and what was seen."""

    name: str
    ok: bool
    said: str


async def look(db: Database) -> list[Check]:
    """The database can be written, its schema is ours, the engine turns."""
    return [await _database(db), await _schema(db), await _engine(db)]


async def _database(db: Database) -> Check:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            async with db.transaction(SYSTEM) as tx:
                await engine.beat(tx, NODE, "probe", {})  # a write that commits: the only proof of writable
    except OUT_OF_REACH as problem:
        return Check(name="database", ok=False, said=f"cannot be written: {type(problem).__name__}")
    return Check(name="database", ok=True, said="can be written")


async def _schema(db: Database) -> Check:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), db.connection() as connection:
            waiting = await missing_migrations(connection)
    except Refused as refused:
        return Check(name="schema", ok=False, said=refused.reason)
    except OUT_OF_REACH as problem:
        return Check(name="schema", ok=False, said=f"cannot be read: {type(problem).__name__}")
    if waiting:
        return Check(name="schema", ok=False, said=f"{len(waiting)} migrations still to run: `rallypoint migrate`")
    return Check(name="schema", ok=True, said="is this version's")


async def _engine(db: Database) -> Check:
    try:
        async with asyncio.timeout(PATIENCE_SECONDS), db.transaction(SYSTEM) as tx:
            last = await engine.last_beat(tx, "engine")
            age = tx.now - last if last else None
    except OUT_OF_REACH as problem:
        return Check(name="engine", ok=False, said=f"cannot be asked: {type(problem).__name__}")
    if age is None:
        return Check(name="engine", ok=False, said="has not finished a cycle yet")
    seconds = max(0.0, age.total_seconds())
    return Check(name="engine", ok=age <= FRESH, said=f"finished a full cycle {seconds:.1f} s ago")
