"""The timeline's SQL. Lines are only ever added: a trigger refuses everything else."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime

import msgspec

from rallypoint.db import Transaction
from rallypoint.errors import Conflict, NotFound
from rallypoint.incidents.model import TimelineEntry

COLUMNS = ", ".join(field.name for field in fields(TimelineEntry))


async def head(tx: Transaction, number: int) -> tuple[int, bytes]:
    """How many lines there are and the last one's hash. Locks the incident: lines follow each other without a fork."""
    rows = await tx.rows("select entries, head_hash from incident where number = :number for update", number=number)
    if not rows:
        raise NotFound("incident", number)
    return rows[0]["entries"], rows[0]["head_hash"]


async def append(tx: Transaction, number: int, entries: Sequence[TimelineEntry], *, after: int) -> list[int]:
    """Add lines and move the head to the last of them, in one statement; returns their ids in order."""
    lines = [{**msgspec.to_builtins(entry), "hash": entry.hash.hex()} for entry in entries]
    rows = await tx.rows(
        """
        with head as (update incident set entries = :last, head_hash = :hash
                       where number = :number and entries = :after returning number)
        insert into timeline_entry (incident, position, kind, text, reason, occurred_at, recorded_at, ended_at,
               actor_kind, actor_name, person_id, origin, visibility, key, data, hash)
        select head.number, e.position, e.kind, e.text, e.reason, e.occurred_at, e.recorded_at, e.ended_at,
               e.actor_kind, e.actor_name, e.person_id, e.origin, e.visibility, e.key, e.data, decode(e.hash, 'hex')
          from head, jsonb_to_recordset(:lines::jsonb) as e(
               position integer, kind text, text text, reason text, occurred_at timestamptz, recorded_at timestamptz,
               ended_at timestamptz, actor_kind text, actor_name text, person_id bigint, origin text, visibility text,
               key boolean, data jsonb, hash text)
         order by e.position returning id""",
        number=number, after=after, last=entries[-1].position, hash=entries[-1].hash, lines=lines,
    )  # fmt: skip
    if len(rows) != len(entries):
        raise Conflict(f"The timeline of incident {number} was continued by someone else in the meantime.")
    return [row["id"] for row in rows]


async def read(tx: Transaction, number: int, *, after: int = 0, limit: int = 1000) -> list[TimelineEntry]:
    """Lines in the order in which they were written."""
    return await tx.fetch(
        TimelineEntry,
        f"""select {COLUMNS} from timeline_entry
             where incident = :number and position > :after order by position limit :limit""",
        number=number, after=after, limit=limit,
    )  # fmt: skip


async def page(
    tx: Transaction,
    number: int,
    *,
    kinds: Sequence[str] | None,
    key_only: bool,
    public_only: bool,
    after: tuple[datetime, int] | None,
    limit: int,
) -> list[TimelineEntry]:
    """Lines in the order in which things happened."""
    return await tx.fetch(
        TimelineEntry,
        f"""
        select {COLUMNS} from timeline_entry
         where incident = :number and (:kinds::text[] is null or kind = any(:kinds)) and (key or not :key_only)
           and (visibility = 'public' or not :public_only)
           and (:at::timestamptz is null or (occurred_at, position) > (:at, :position))
         order by occurred_at, position limit :limit""",
        number=number, kinds=None if kinds is None else list(kinds), key_only=key_only, public_only=public_only,
        at=after and after[0], position=after[1] if after else 0, limit=limit,
    )  # fmt: skip


async def entry(tx: Transaction, id: int) -> TimelineEntry:
    sql = f"select {COLUMNS} from timeline_entry where id = :id"
    return await tx.one(TimelineEntry, sql, id=id, missing=("timeline entry", id))
