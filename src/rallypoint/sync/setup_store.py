"""The SQL of setting up: how a connection is, its links page by page, and links that follow a new mapping."""

from datetime import timedelta
from typing import Any

from rallypoint.db import Transaction
from rallypoint.sync.model import Link
from rallypoint.sync.store import HELD_BACK, LINK, _link

APART = timedelta(milliseconds=50)
"""Between the due times of links that are looked at for no new reason: what changes meanwhile goes first."""


async def counts(tx: Transaction, connection_id: int) -> dict[str, int]:
    """The links of a connection: how many there are, are due, failed, wait for a person, and how many offers wait."""
    rows = await tx.rows(
        """
        select count(*) filter (where l.state = 'active') as active,
               count(*) filter (where l.state = 'creating') as creating,
               count(*) filter (where l.state = 'tombstone') as gone,
               count(*) filter (where l.state in ('active', 'creating') and l.due_at <= :now) as due,
               count(*) filter (where l.state in ('active', 'creating') and l.error is not null) as failed,
               (select count(*) from sync_conflict k join sync_link m on m.id = k.link_id
                 where m.connection_id = :id and k.winner is null and k.settled_at is null) as conflicts,
               (select count(*) from sync_offer o where o.connection_id = :id) as offers
          from sync_link l where l.connection_id = :id""",
        id=connection_id,
    )
    return {name: int(value) for name, value in dict(rows[0]).items()}


async def longest_due(tx: Transaction, connection_id: int) -> float | None:
    """For how many seconds the link that waits longest has been due: the lag."""
    at = await tx.value(
        "select min(due_at) from sync_link where connection_id = :id and state in ('creating', 'active')"
        " and due_at <= :now",
        id=connection_id,
    )
    return None if at is None else (tx.now - at).total_seconds()


async def links_page(
    tx: Transaction, connection_id: int, *, after: int, limit: int, trouble: bool
) -> list[dict[str, Any]]:
    """Links in the order they were made; only those that need a look if `trouble`."""
    rows = await tx.rows(
        f"""
        select l.id, l.incident, c.key as connection, c.name as connection_name, c.tool, coalesce(l.remote_id, '') as
               remote_id, l.remote_key, l.url, l.project, l.type, l.state, l.state_reason, l.agreed_at, l.due_at,
               l.error, l.mapping_id, l.mapping_version, l.frozen, l.missed_reads, c.state as connection_state,
               {HELD_BACK},
               (select count(*) from sync_conflict k where k.link_id = l.id and k.winner is null
                   and k.settled_at is null) as conflicts
          from sync_link l join sync_connection c on c.id = l.connection_id
         where l.connection_id = :id and l.id > :after
           and (not :trouble or l.error is not null or l.state = 'tombstone' or l.frozen <> '{{}}'
                or exists (select from sync_memory m where m.link_id = l.id and (m.kind = 'refused'
                           or (m.kind = 'shadow' and coalesce(m.body->>'reason', '') <> ''))))
         order by l.id limit :limit""",
        id=connection_id, after=after, limit=limit, trouble=trouble,
    )  # fmt: skip
    return [dict(row) for row in rows]


async def links_under(tx: Transaction, mapping_id: int, *, limit: int) -> list[Link]:
    """Live links of a mapping, the newest first."""
    rows = await tx.rows(
        f"""
        select {LINK} from sync_link l
         where l.mapping_id = :id and l.state = 'active' and l.remote_id is not null order by l.id desc limit :limit""",
        id=mapping_id, limit=limit,
    )  # fmt: skip
    return [_link(row) for row in rows]


async def progress(tx: Transaction, mapping_id: int) -> dict[str, int]:
    """The links of a mapping by how far they are."""
    rows = await tx.rows(
        """
        select count(*) filter (where state = 'active') as linked, count(*) filter (where state = 'creating' and error
               is null) as creating, count(*) filter (where error is not null) as failed
          from sync_link where mapping_id = :id""",
        id=mapping_id,
    )
    return {name: int(value) for name, value in dict(rows[0]).items()}


async def linked_incidents(tx: Transaction, mapping_id: int, numbers: list[int]) -> set[int]:
    """Which of these incidents have a link under the mapping."""
    rows = await tx.rows(
        "select distinct incident from sync_link where mapping_id = :id and incident = any(:numbers)",
        id=mapping_id, numbers=numbers,
    )  # fmt: skip
    return {row["incident"] for row in rows}


async def follow_mapping(tx: Transaction, mapping_id: int) -> int:
    """Every link of a mapping is looked at again, one after another; what failed for good is tried again."""
    marked = await tx.execute(
        """
        update sync_link l set due_at = least(l.due_at, :now::timestamptz + :apart::interval * w.place), attempts = 0,
               error = null
          from (select id, row_number() over (order by id) as place from sync_link
                 where mapping_id = :id and state in ('creating', 'active')) w
         where l.id = w.id""",
        id=mapping_id, apart=APART,
    )  # fmt: skip
    await tx.execute(
        """
        update sync_memory m set body = body || '{"tried_version": null, "tried_revision": ""}'
          from sync_link l
         where l.id = m.link_id and l.mapping_id = :id and l.state in ('creating', 'active')
           and m.kind = 'shadow' and coalesce(m.body->>'reason', '') <> ''""",
        id=mapping_id,
    )  # fmt: skip
    if marked:
        tx.hint("sync")
    return marked
