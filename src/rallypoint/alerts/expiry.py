"""Resolves alerts whose end has passed without another word, and forgets old whole messages."""

from datetime import datetime, timedelta

from rallypoint.actors import SYSTEM
from rallypoint.alerts.intake import store
from rallypoint.db import Database, Transaction

LOOK = 500
MESSAGES_KEPT, PROBLEMS_KEPT = 200, 1000
MESSAGES_FOR = timedelta(days=30)
TIDY_EVERY = timedelta(minutes=5)


async def expire_due(db: Database) -> int:
    """Look at alerts whose time has come; returns how many were looked at."""

    async def work(tx: Transaction) -> int:
        looked, resolved = await store.close_ended(tx, limit=LOOK)
        if resolved:
            tx.hint("alert")
        return looked

    return await db.run(SYSTEM, work)


class Tidier:
    """Keeps the table of whole messages short, every few minutes."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._next: datetime | None = None

    async def tidy(self) -> int:
        now = self._db.clock.now()
        if self._next is not None and now < self._next:
            return 0
        self._next = now + TIDY_EVERY
        async with self._db.transaction(SYSTEM) as tx:
            await store.drop_messages(tx, keep=MESSAGES_KEPT, problems=PROBLEMS_KEPT, older_than=now - MESSAGES_FOR)
        return 0
