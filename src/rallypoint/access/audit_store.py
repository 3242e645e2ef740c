"""SQL of the audit trail."""

from rallypoint.access.model import AuditEntry
from rallypoint.db import Transaction

ENTRY = """number, at, actor_kind, actor_name, person_id, origin, action, subject, detail::text as detail,
           previous_hash, hash"""


async def lock_head(tx: Transaction) -> tuple[int, bytes]:
    """The number and hash of the last entry. Whoever appends holds this row until the commit."""
    row = (await tx.rows("select number, hash from audit_head for update"))[0]
    return row["number"], row["hash"]


async def head(tx: Transaction) -> tuple[int, bytes]:
    row = (await tx.rows("select number, hash from audit_head"))[0]
    return row["number"], row["hash"]


async def append(tx: Transaction, entry: AuditEntry) -> None:
    await tx.execute(
        """
        insert into audit_entry (number, at, actor_kind, actor_name, person_id, origin, action, subject, detail,
                                 previous_hash, hash)
        values (:number, :at, :actor_kind, :actor_name, :person_id, :origin, :action, :subject,
                :detail::text::json, :previous_hash, :hash)""",
        number=entry.number, at=entry.at, actor_kind=entry.actor_kind, actor_name=entry.actor_name,
        person_id=entry.person_id, origin=entry.origin, action=entry.action, subject=entry.subject,
        detail=entry.detail, previous_hash=entry.previous_hash, hash=entry.hash,
    )  # fmt: skip
    await tx.execute("update audit_head set number = :number, hash = :hash", number=entry.number, hash=entry.hash)


async def after(tx: Transaction, number: int, limit: int) -> list[AuditEntry]:
    """Entries in order, from the one behind `number`."""
    return await tx.fetch(
        AuditEntry,
        f"select {ENTRY} from audit_entry where number > :number order by number limit :limit",
        number=number, limit=limit,
    )  # fmt: skip


async def latest(tx: Transaction, before: int | None, subject: str | None, limit: int) -> list[AuditEntry]:
    """The newest entries first."""
    return await tx.fetch(
        AuditEntry,
        f"""
        select {ENTRY} from audit_entry
         where (:before::bigint is null or number < :before) and (:subject::text is null or subject = :subject)
         order by number desc limit :limit""",
        before=before, subject=subject, limit=limit,
    )  # fmt: skip
