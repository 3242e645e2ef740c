"""SQL of files: what belongs to which incident, and the bytes themselves, in pieces."""

from contextlib import suppress
from datetime import datetime

import asyncpg

from rallypoint.db import Transaction
from rallypoint.incidents.model import IncidentFile, Visibility

FILE = """id, incident, name, content_type, size, encode(sha256, 'hex') as sha256, visibility, about, added_at,
    added_by, origin, removed_at, removed_by, removed_why"""

# Bytes.


async def begin(tx: Transaction, sha256: str, size: int) -> bool:
    """Whether the pieces have to be written: False where the content is here already. Waits for who is writing it."""
    fresh: bool = await tx.value(
        """
        insert into file_content (sha256, size, kept_at) values (decode(:sha256, 'hex'), :size, :now)
            on conflict (sha256) do update set kept_at = :now
     returning xmax = 0""",
        sha256=sha256, size=size,
    )  # fmt: skip
    return fresh


async def add_piece(tx: Transaction, sha256: str, position: int, piece: bytes) -> None:
    await tx.execute(
        "insert into file_piece (sha256, position, bytes) values (decode(:sha256, 'hex'), :position, :piece)",
        sha256=sha256, position=position, piece=piece,
    )  # fmt: skip


async def piece(tx: Transaction, sha256: str, position: int) -> bytes | None:
    found: bytes | None = await tx.value(
        "select bytes from file_piece where sha256 = decode(:sha256, 'hex') and position = :position",
        sha256=sha256, position=position,
    )  # fmt: skip
    return found


async def use(tx: Transaction, sha256: str) -> int | None:
    """The size of a content that is about to be shown by an incident, which keeps it from being forgotten."""
    size: int | None = await tx.value(
        "update file_content set used = true where sha256 = decode(:sha256, 'hex') returning size", sha256=sha256
    )
    return size


async def hold(tx: Transaction, sha256: str) -> bool:
    """Whether a content is here; nobody can let go of it before the transaction ends."""
    found = await tx.value(
        "select true from file_content where sha256 = decode(:sha256, 'hex') for key share", sha256=sha256
    )
    return bool(found)


async def forget(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Let go of what was kept before that and belongs to no incident."""
    return await tx.execute(
        """
        delete from file_content where sha256 in (
            select sha256 from file_content where not used and kept_at < :before order by kept_at limit :limit
               for update skip locked)""",
        before=before, limit=limit,
    )  # fmt: skip


async def let_go(tx: Transaction, sha256: str) -> None:
    """Delete a content that no file shows any more. One that somebody attaches at this moment stays."""
    with suppress(asyncpg.ForeignKeyViolationError):
        async with tx.savepoint():
            await tx.execute(
                """
                delete from file_content c where c.sha256 = decode(:sha256, 'hex')
                   and not exists (select from incident_file f where f.content = c.sha256)""",
                sha256=sha256,
            )


# Files of incidents.


async def add(
    tx: Transaction, number: int, *, name: str, content_type: str, size: int, sha256: str, visibility: Visibility,
    about: str,
) -> IncidentFile | None:  # fmt: skip
    """A new file; None where the incident shows this content under this name already (index incident_file_once)."""
    return await tx.maybe(
        IncidentFile,
        f"""
        insert into incident_file (incident, name, content_type, size, sha256, content, visibility, about, added_at,
               added_by, origin)
        values (:number, :name, :content_type, :size, decode(:sha256, 'hex'), decode(:sha256, 'hex'), :visibility,
               :about, :now, :by, :origin)
            on conflict (incident, sha256, name) where removed_at is null do nothing
     returning {FILE}""",
        number=number, name=name, content_type=content_type, size=size, sha256=sha256, visibility=visibility,
        about=about, by=tx.actor.name, origin=tx.actor.origin,
    )  # fmt: skip


async def same(tx: Transaction, number: int, *, name: str, sha256: str) -> IncidentFile | None:
    return await tx.maybe(
        IncidentFile,
        f"""select {FILE} from incident_file
             where incident = :number and sha256 = decode(:sha256, 'hex') and name = :name and removed_at is null""",
        number=number, name=name, sha256=sha256,
    )  # fmt: skip


async def of_incident(tx: Transaction, number: int) -> list[IncidentFile]:
    """All of them, the removed ones too, in the order in which they came."""
    return await tx.fetch(
        IncidentFile, f"select {FILE} from incident_file where incident = :number order by id", number=number
    )


async def file(tx: Transaction, number: int, id: int) -> IncidentFile:
    return await tx.one(
        IncidentFile,
        f"select {FILE} from incident_file where incident = :number and id = :id",
        number=number, id=id, missing=("file", id),
    )  # fmt: skip


async def remove(tx: Transaction, id: int, *, why: str) -> None:
    """Its content goes; that it was there, who removed it and why, stays."""
    await tx.execute(
        """
        update incident_file set removed_at = :now, removed_by = :by, removed_why = :why, content = null
         where id = :id and removed_at is null""",
        id=id, why=why, by=tx.actor.name,
    )  # fmt: skip
