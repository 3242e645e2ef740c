"""The audit trail: who changed what about people, keys and settings, in a chain that shows tampering.

Incidents have their own timelines; here is everything else that carries authority. `record` takes its place in the
chain under a lock held until the commit, so an action calls it last.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from rallypoint import paging_cursor
from rallypoint.access import audit_store, chain
from rallypoint.access.check import storable
from rallypoint.access.model import AuditEntry, AuditReport
from rallypoint.db import Transaction

CHUNK = 1000


async def record(tx: Transaction, action: str, subject: str, detail: Mapping[str, Any]) -> None:
    """Append one entry: the actor of this transaction did `action` to `subject`."""
    number, previous = await audit_store.lock_head(tx)
    actor, text = tx.actor, chain.canonical(dict(detail))
    name, action, subject = storable(actor.name), storable(action), storable(subject)
    content = _content(number + 1, tx.now, str(actor.kind), name, actor.person_id, actor.origin, action, subject, text)
    entry = AuditEntry(
        number=number + 1, at=tx.now, actor_kind=str(actor.kind), actor_name=name, person_id=actor.person_id,
        origin=actor.origin, action=action, subject=subject, detail=text,
        previous_hash=previous, hash=chain.link(previous, content),
    )  # fmt: skip
    await audit_store.append(tx, entry)


async def verify_audit(tx: Transaction) -> AuditReport:
    """Read the whole trail and compute every hash again. Finds the first entry that is not what was written."""
    last, head = await audit_store.head(tx)
    number, previous = 0, chain.START
    while entries := await audit_store.after(tx, number, CHUNK):
        for entry in entries:
            if reason := _wrong(entry, number, previous):
                return AuditReport(ok=False, count=number, broken_at=number + 1, reason=reason, head=head.hex())
            number, previous = entry.number, entry.hash
    if (number, previous) != (last, head):
        reason = f"the trail ends at entry {number}, and {last} were written"
        return AuditReport(ok=False, count=number, broken_at=number + 1, reason=reason, head=head.hex())
    return AuditReport(ok=True, count=number, broken_at=None, reason="every entry is as written", head=head.hex())


async def audit_entries(
    tx: Transaction, cursor: str | None = None, limit: int = 50, *, subject: str | None = None
) -> tuple[list[AuditEntry], str | None]:
    """The newest entries first, a page at a time."""
    before = paging_cursor.number(cursor) if cursor else None
    found = await audit_store.latest(tx, before, subject, limit + 1)
    shown = found[:limit]
    return shown, paging_cursor.encode([shown[-1].number]) if len(found) > limit else None


def _wrong(entry: AuditEntry, number: int, previous: bytes) -> str:
    """What is wrong with an entry that should follow `number`, in words; empty if nothing."""
    if entry.number != number + 1:
        return f"entry {number + 1} is missing"
    if entry.previous_hash != previous:
        return f"entry {entry.number} does not follow the entry before it"
    content = _content(
        entry.number, entry.at, entry.actor_kind, entry.actor_name, entry.person_id, entry.origin,
        entry.action, entry.subject, entry.detail,
    )  # fmt: skip
    return "" if chain.link(previous, content) == entry.hash else f"entry {entry.number} was changed later"


def _content(
    number: int, at: datetime, kind: str, name: str, person_id: int | None, origin: str,
    action: str, subject: str, detail: str,
) -> dict[str, Any]:  # fmt: skip
    """What of an entry is hashed: all of it."""
    return {
        "number": number, "at": at.isoformat(), "actor_kind": kind, "actor_name": name, "person_id": person_id,
        "origin": origin, "action": action, "subject": subject, "detail": detail,
    }  # fmt: skip
