"""The budgets of all connections on this node: fed by every answer, asked before every call, kept for people to see."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.sync import lane_store
from rallypoint.sync.budget import Bucket, Budget, Pressing, Use
from rallypoint.sync.lane_store import Room
from rallypoint.sync.model import Link
from rallypoint.sync.ports import Tracker
from rallypoint.sync.work import Held

KEPT_EVERY = timedelta(seconds=10)
"""How often a bucket that only gets emptier is written down."""


class Quotas:
    """What each connection may still ask for."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._budgets: dict[int, Budget] = {}
        self._kept: dict[tuple[int, str], tuple[datetime, datetime | None]] = {}

    def _of(self, connection: int) -> Budget:
        return self._budgets.setdefault(connection, Budget())

    def demand(self, connection: int, use: Use, *, item: str = "") -> None:
        """Raises Held where a call must not be made now. What has begun may spend what is left."""
        now = self._db.clock.now()
        until = self._of(connection).opens_at(use, Pressing.SAID, now, item=item)
        if until > now:
            raise Held(until)

    def wait(self, connection: int, use: Use, pressing: Pressing) -> timedelta:
        """How long until a call of this lane may be made; nothing if now."""
        now = self._db.clock.now()
        return max(self._of(connection).opens_at(use, pressing, now) - now, timedelta())

    def is_for(self, connection: int, bucket: str, use: Use) -> bool:
        """Whether a bucket is spent on this, as far as is known: an unknown one is."""
        found = self._of(connection).buckets.get(bucket)
        return found is None or use in found.uses

    def rooms(self, flying: dict[int, int]) -> list[Room]:
        """What each connection may begin, as the claims take it."""
        now = self._db.clock.now()
        return [
            Room(connection=id, admits=self._of(id).admits(now), flying=flying.get(id, 0))
            for id in sorted({*self._budgets, *flying})
        ]

    def next_opening(self) -> datetime | None:
        """When a lane that is shut now opens again."""
        now = self._db.clock.now()
        later = [at for one in self._budgets.values() if (at := one.next_opening(now)) is not None]
        return min(later, default=None)

    async def note(
        self, tracker: Tracker, connection: int, use: Use, *, link: Link | None = None, items: Iterable[str] = ()
    ) -> None:
        """Take in what the tool's answers said since the last time; others on other nodes hear of rests."""
        notes = tracker.rate_notes()
        if not notes:
            return
        now, budget = self._db.clock.now(), self._of(connection)
        ids = {*items, link.remote_id if link else ""} - {""}
        touched = {one.name: one for one in budget.note(notes, use, now, items=ids)}
        mine = budget.items.get(link.remote_id) if link is not None else None
        shared = [one for name, one in touched.items() if name not in ids and self._worth_keeping(connection, one, now)]
        if not shared and mine is None:
            return
        async with self._db.transaction(SYSTEM) as tx:
            if link is not None and mine is not None:
                await lane_store.rest_item(tx, link.id, mine.opens_at(Pressing.SAID, now))
            for one in shared:
                left = one.remaining(now)
                await lane_store.note_quota(
                    tx, connection, one.name, most=one.limit, remaining=None if left is None else max(0, int(left)),
                    resets_at=one.resets_at, rests_until=one.rests_until,
                )  # fmt: skip
                if Use.LANES in one.uses and one.rests_until is not None and one.rests_until > now:
                    await lane_store.rest_connection(tx, connection, one.rests_until)

    def _worth_keeping(self, connection: int, bucket: Bucket, now: datetime) -> bool:
        at, rest = self._kept.get((connection, bucket.name), (None, None))
        if at is not None and now - at < KEPT_EVERY and rest == bucket.rests_until:
            return False
        self._kept[connection, bucket.name] = (now, bucket.rests_until)
        return True
