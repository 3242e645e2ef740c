"""Forgetting what has had its time: old sessions, links, failed sign-ins and remembered replies.

It waits until something is an hour overdue and then takes everything at once, so that a busy API does not make it
delete row by row. The audit trail is never touched.
"""

from datetime import datetime, timedelta

from rallypoint.access import key_store, session_store
from rallypoint.actors import SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import Work

SLACK = timedelta(hours=1)


def works(db: Database) -> list[Work]:
    """The engine's loop for it."""

    async def do() -> int:
        async with db.transaction(SYSTEM) as tx:
            due = await next_due(tx)
            return await sweep(tx) if due is not None and due <= tx.now else 0

    return [Work("forgetting", "forgetting", do, next_due)]


async def next_due(tx: Transaction) -> datetime | None:
    """An hour after the first thing has had its time."""
    ends = [at for at in (await session_store.first_end(tx), await key_store.first_end(tx)) if at is not None]
    return min(ends) + SLACK if ends else None


async def sweep(tx: Transaction) -> int:
    """Delete all that has had its time; returns how many rows went."""
    return await session_store.sweep(tx) + await key_store.sweep(tx)
