"""How much a tool lets us ask, by what it says of it: token buckets that its answers fill. Pure, and told the time.

A tool has one budget or several (by interface, by kind of call), and some limit single items. What presses most may
spend the last of a bucket; the rest leaves a share of it untouched, less and less as the bucket's next filling comes
near. So a backlog is worked off at the rate the tool allows, and a status never waits behind it.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum, StrEnum

from rallypoint.sync.ports import RateNote

LONGEST_REST = timedelta(hours=1)
"""Whatever a tool asks for: after so long we ask it again."""


class Pressing(IntEnum):
    """What goes first: somebody spoke or moved the status, other news, or nothing new (history, walks)."""

    SAID = 0
    NEWS = 1
    BACKGROUND = 2


NOTHING = -1
"""No lane is open."""

LEFT_ALONE = {Pressing.SAID: 0.0, Pressing.NEWS: 0.1, Pressing.BACKGROUND: 0.3}
"""The share of a bucket that each lane leaves to those before it."""


class Use(StrEnum):
    """What a bucket was seen to be spent on: a limit on searching must not stop the writing."""

    LANES = "lanes"
    ASKING = "asking"


@dataclass(slots=True)
class Bucket:
    """One budget of a tool. Without a limit it only knows rests."""

    name: str = ""
    limit: int | None = None
    resets_at: datetime | None = None
    rests_until: datetime | None = None
    window: timedelta = timedelta()
    uses: set[Use] = field(default_factory=set)
    _remaining: float | None = None

    def note(self, note: RateNote, now: datetime) -> None:
        """One answer's word. A tool that tells the limit but not what is left of it is counted for."""
        if note.retry_after is not None and note.retry_after > 0:
            rest = min(timedelta(seconds=note.retry_after), LONGEST_REST)
            self.rests_until = max(self.rests_until or now, now + rest)
        left = self.remaining(now)
        if note.limit is not None and note.limit > 0:
            self.limit = note.limit
        if note.reset_seconds is not None:
            until_then = timedelta(seconds=max(0.0, note.reset_seconds))
            if self.resets_at is None or now >= self.resets_at:
                left = None
            self.resets_at, self.window = now + until_then, max(self.window, until_then)
        if note.remaining is not None:
            self._remaining = float(note.remaining)
        elif self.limit is not None and self.resets_at is not None:
            self._remaining = (self.limit if left is None else left) - 1.0

    def remaining(self, now: datetime) -> float | None:
        """Requests that are left, as far as is known; full again once the time of filling has passed."""
        if self._remaining is not None and self.resets_at is not None and now >= self.resets_at:
            return None if self.limit is None else float(self.limit)
        return self._remaining

    def opens_at(self, pressing: Pressing, now: datetime) -> datetime:
        """From when this lane may spend: now, or later."""
        at = max(self.rests_until or now, now)
        left = self.remaining(now)
        if left is None or self.resets_at is None or self.resets_at <= at:
            return at
        if left < 1:
            return max(at, self.resets_at)
        untouched = (self.limit or 0) * LEFT_ALONE[pressing]
        if left > untouched or not self.window:
            return at
        return max(at, self.resets_at - self.window * (left / untouched))


@dataclass(slots=True)
class Budget:
    """All that one connection may spend, on this node. Every node hears it from its own answers."""

    buckets: dict[str, Bucket] = field(default_factory=dict)
    items: dict[str, Bucket] = field(default_factory=dict)

    def note(self, notes: Iterable[RateNote], use: Use, now: datetime, *, items: Iterable[str] = ()) -> list[Bucket]:
        """Take in what answers said. `items` are the ids of items asked for: a bucket of such a name is that item's.

        Returns the buckets that were spoken of.
        """
        known, touched = set(items), list[Bucket]()
        for note in notes:
            place = self.items if note.bucket and note.bucket in known else self.buckets
            bucket = place.setdefault(note.bucket, Bucket(name=note.bucket))
            bucket.note(note, now)
            bucket.uses.add(use)
            touched.append(bucket)
        self.items = {id: one for id, one in self.items.items() if one.opens_at(Pressing.BACKGROUND, now) > now}
        return touched

    def opens_at(self, use: Use, pressing: Pressing, now: datetime, *, item: str = "") -> datetime:
        """From when a call for this may be made."""
        concerned = [one for one in self.buckets.values() if use in one.uses]
        if item in self.items:
            concerned.append(self.items[item])
        return max((one.opens_at(pressing, now) for one in concerned), default=now)

    def admits(self, now: datetime) -> int:
        """The least pressing lane that may begin something, NOTHING if none may."""
        for lane in reversed(Pressing):
            if self.opens_at(Use.LANES, lane, now) <= now:
                return lane
        return NOTHING

    def next_opening(self, now: datetime) -> datetime | None:
        """When another lane opens; None while all are open."""
        later = [at for lane in Pressing if (at := self.opens_at(Use.LANES, lane, now)) > now]
        return min(later, default=None)
