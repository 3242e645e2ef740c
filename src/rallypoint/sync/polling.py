"""Asking a tool what changed: beside every webhook, since webhooks get lost; and, bit by bit, looking at everything."""

from datetime import timedelta

from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.sync import follower_store, hook_store, store
from rallypoint.sync.budget import Pressing
from rallypoint.sync.connection import Connection
from rallypoint.sync.hearing import look_at
from rallypoint.sync.ports import Tracker

EVERY = timedelta(seconds=60)
RECONCILE_EVERY = timedelta(hours=24)
PIECE = 50
"""How many links a poll looks at in a full reconciliation: it never stands in the way of what is new."""

MOST_PAGES = 50


async def poll(db: Database, tracker: Tracker, connection: Connection) -> int:
    """Take in what changed since the cursor, page by page, each page and its cursor in one transaction.

    Returns how many changes of linked items nobody had told of.
    """
    cursor, untold = connection.cursor, 0
    for _ in range(MOST_PAGES):
        changes = await tracker.list_changes(cursor)
        async with db.transaction(SYSTEM) as tx:
            untold += await hook_store.untold(tx, connection.id, changes.hints)
            await look_at(tx, connection, changes.hints)
            await store.change_connection(tx, connection.id, cursor=changes.cursor, polled_at=tx.now)
        if not changes.more or changes.cursor == cursor:
            break
        cursor = changes.cursor
    await _reconcile(db, connection)
    return untold


async def _reconcile(db: Database, connection: Connection) -> None:
    """Once a day a walk over all links: whatever was missed by hook and poll is found at last."""
    async with db.transaction(SYSTEM) as tx:
        known = await store.connection_by_id(tx, connection.id)
        if known.reconcile_due_at is None:
            await store.change_connection(tx, known.id, reconcile_due_at=tx.now + RECONCILE_EVERY)
            return
        if known.reconcile_due_at > tx.now:
            return
        after = int(known.reconcile_after or 0)
        ids = await store.some_links(tx, known.id, after=after, limit=PIECE)
        await store.mark_links(tx, ids, pressing=Pressing.BACKGROUND)
        if len(ids) < PIECE:
            await store.forget_inbox(tx)
            await follower_store.mark_all(tx, known.id)
            due = tx.now + RECONCILE_EVERY
            await store.change_connection(tx, known.id, reconcile_after="", reconcile_due_at=due)
        else:
            await store.change_connection(tx, known.id, reconcile_after=str(ids[-1]))
