"""The history of an incident: append-only, hash-chained, written in the same transaction as what it tells of."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import msgspec

from rallypoint import paging_cursor
from rallypoint.actors import Actor
from rallypoint.catalog.model import StatusCategory
from rallypoint.db import Transaction
from rallypoint.incidents import chain, history_store
from rallypoint.incidents.model import TimelineEntry, Visibility
from rallypoint.sla.model import Mark, MarkKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line to be written. It is recorded now; it happened now too unless `occurred_at` says otherwise."""

    kind: str
    text: str
    reason: str = ""
    occurred_at: datetime | None = None
    ended_at: datetime | None = None
    visibility: Visibility = Visibility.INTERNAL
    key: bool = False
    data: dict[str, Any] = field(default_factory=dict)
    actor: Actor | None = None


async def append(tx: Transaction, number: int, *lines: Line) -> list[TimelineEntry]:
    """Write lines at the end. The incident's row is locked, and its head moves with them."""
    count, hash_before = await history_store.head(tx, number)
    entries: list[TimelineEntry] = []
    for position, line in enumerate(lines, start=count + 1):
        entry = _entry(tx, number, position, line)
        hash_before = chain.link(hash_before, entry)
        entries.append(replace(entry, hash=hash_before))
    ids = await history_store.append(tx, number, entries, after=count)
    return [replace(entry, id=id) for entry, id in zip(entries, ids, strict=True)]


def _entry(tx: Transaction, number: int, position: int, line: Line) -> TimelineEntry:
    actor = line.actor or tx.actor
    return TimelineEntry(
        id=0, incident=number, position=position, kind=line.kind, text=line.text, reason=line.reason,
        occurred_at=(line.occurred_at or tx.now).astimezone(UTC), recorded_at=tx.now.astimezone(UTC),
        ended_at=line.ended_at.astimezone(UTC) if line.ended_at else None,
        actor_kind=actor.kind, actor_name=actor.name, person_id=actor.person_id, origin=actor.origin,
        visibility=line.visibility, key=line.key, data=msgspec.to_builtins(line.data),
    )  # fmt: skip


async def timeline(
    tx: Transaction,
    number: int,
    *,
    kinds: Sequence[str] | None = None,
    key_only: bool = False,
    public_only: bool = False,
    cursor: str | None = None,
    limit: int = 200,
) -> tuple[list[TimelineEntry], str | None]:
    """Lines in the order in which things happened, and the cursor of the next page."""
    after = None
    if cursor:
        at, position = paging_cursor.decode(cursor, length=2)
        after = (paging_cursor.instant(at), paging_cursor.whole(position))
    found = await history_store.page(
        tx, number, kinds=kinds, key_only=key_only, public_only=public_only, after=after, limit=limit + 1
    )
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], paging_cursor.encode([last.occurred_at.isoformat(), last.position])


async def verify_timeline(tx: Transaction, number: int) -> chain.Verified:
    """Read the whole history again and recompute its chain."""
    count, head = await history_store.head(tx, number)
    return chain.verify(await history_store.read(tx, number, limit=count + 1), count=count, head=head)


async def marks(tx: Transaction, number: int) -> list[Mark]:
    """The history as the clocks see it, in the order in which things happened."""
    count, _ = await history_store.head(tx, number)
    entries = await history_store.read(tx, number, limit=count)
    return marks_of(sorted(entries, key=lambda entry: (entry.occurred_at, entry.position)))


def marks_of(entries: Sequence[TimelineEntry]) -> list[Mark]:
    """What in these lines moves a clock. Pure: a line carries what it needs in its data."""
    found = []
    for entry in entries:
        at, by_person = entry.occurred_at, bool(entry.data.get("by_person"))
        if entry.kind == "opened":
            found.append(Mark(at=at, kind=MarkKind.OPENED, value=entry.data["priority"]))
        elif entry.kind == "priority":
            found.append(Mark(at=at, kind=MarkKind.PRIORITY, value=entry.data["priority"]))
        elif entry.kind == "update":
            found.append(Mark(at=at, kind=MarkKind.UPDATED))
        elif "category" in entry.data:
            if entry.data.get("acknowledges"):
                found.append(Mark(at=at, kind=MarkKind.ACKNOWLEDGED, by_person=True))
            category = StatusCategory(entry.data["category"])
            found.append(Mark(at=at, kind=MarkKind.CATEGORY, value=category, by_person=by_person))
    return found
