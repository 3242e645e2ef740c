"""The SQL of followers: action items that follow a work item elsewhere. Who moves them is learning/following.py.

The table is of this room because what tools tell is heard here: an item that an action item follows must not become an
incident, and news of it has to reach its follower.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import asyncpg

from rallypoint.db import Transaction
from rallypoint.errors import NotFound
from rallypoint.sync import codec
from rallypoint.sync.fuse import Turn
from rallypoint.sync.model import Intent, Link, LinkState, Shadow, Value
from rallypoint.sync.store import LEASE
from rallypoint.sync.work import Claim

TOPIC = "sync-follower"
LIVE = "('creating', 'active')"
FOLLOWER = """l.id, l.action_item, l.incident, l.connection_id as connection, l.mapping_id as mapping,
    l.mapping_version, coalesce(l.remote_id, '') as remote_id, l.remote_key as key, l.url, l.project, l.type, l.state,
    l.state_reason, l.revision, l.missed_reads"""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldVersion:
    """A field of the action item as it was when it was last looked at."""

    field: str
    version: int
    value: Value
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """All that a follower remembers between two looks. Read and written whole."""

    shadows: tuple[Shadow, ...] = ()
    intents: tuple[Intent, ...] = ()
    turns: tuple[Turn, ...] = ()
    frozen: frozenset[str] = frozenset()
    fields: tuple[FieldVersion, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Follower:
    """An action item and the item it follows. `link` says where, as for an incident."""

    action_item: int
    link: Link


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowerClaim:
    """A follower that this process has to itself until its lease runs out."""

    follower: Follower
    claim: Claim


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How a follower stands, as people see it. `held_back` are fields that do not go across, each with its reason."""

    id: int
    action_item: int
    incident: int
    connection: str
    connection_name: str
    connection_state: str
    tool: str
    mapping_id: int
    remote_key: str
    url: str
    project: str
    type: str
    state: str
    state_reason: str
    missed_reads: int
    agreed_at: datetime | None
    due_at: datetime | None
    error: dict[str, Any] | None
    held_back: list[dict[str, str]] = field(default_factory=list)


async def add(
    tx: Transaction, *, action_item: int, incident: int, connection: int, mapping: int, mapping_version: int,
    remote_id: str | None, project: str, type: str, key: str = "", url: str = "", create_op: str = "",
) -> int | None:  # fmt: skip
    """A new follower, due at once; None where the action item follows something already."""
    try:
        async with tx.savepoint():
            id: int = await tx.value(
                """
                insert into sync_follower (action_item, incident, connection_id, mapping_id, mapping_version, remote_id,
                       remote_key, url, project, type, state, create_op, due_at, created_at, created_by)
                values (:action_item, :incident, :connection, :mapping, :mapping_version, :remote_id, :key, :url,
                       :project, :type, :state, :create_op, :now, :now, :by) returning id""",
                action_item=action_item, incident=incident, connection=connection, mapping=mapping,
                mapping_version=mapping_version, remote_id=remote_id, key=key, url=url, project=project, type=type,
                state="creating" if remote_id is None else "active", create_op=create_op, by=tx.actor.name,
            )  # fmt: skip
    except asyncpg.UniqueViolationError:
        return None
    tx.hint(TOPIC, f"incident:{incident}")
    return id


async def standing(tx: Transaction, *, incident: int | None = None, action_items: Sequence[int] = ()) -> list[Standing]:
    """The newest follower of each action item: of an incident's, or of these."""
    return await tx.fetch(
        Standing,
        """
        select distinct on (l.action_item) l.id, l.action_item, l.incident, c.key as connection,
               c.name as connection_name, c.state as connection_state, c.tool, l.mapping_id, l.remote_key, l.url,
               l.project, l.type, l.state, l.state_reason, l.missed_reads, l.agreed_at, l.due_at, l.error,
               coalesce((select jsonb_agg(jsonb_build_object('field', s->>'field', 'reason', s->>'reason'))
                           from jsonb_array_elements(l.memory->'shadows') s
                          where coalesce(s->>'reason', '') <> ''), '[]')
               || coalesce((select jsonb_agg(jsonb_build_object('field', f, 'reason',
                                                                'it went back and forth, and was stopped'))
                              from jsonb_array_elements_text(l.memory->'frozen') f), '[]') as held_back
          from sync_follower l join sync_connection c on c.id = l.connection_id
         where (:incident::bigint is null or l.incident = :incident)
           and (:incident::bigint is not null or l.action_item = any(:items))
         order by l.action_item, l.id desc""",
        incident=incident, items=list(action_items),
    )  # fmt: skip


async def live(tx: Transaction, action_item: int) -> Follower:
    """What an action item follows now, locked. NotFound where it follows nothing."""
    rows = await tx.rows(
        f"select {FOLLOWER} from sync_follower l where action_item = :id and state in {LIVE} for update", id=action_item
    )
    if not rows:
        raise NotFound("item elsewhere of action item", action_item)
    return _follower(rows[0])


async def memory(tx: Transaction, id: int) -> Remembered:
    return codec.from_json(Remembered, await tx.value("select memory from sync_follower where id = :id", id=id))


async def change(tx: Transaction, id: int, **columns: Any) -> None:
    known = {
        "remote_id", "remote_key", "url", "project", "type", "state", "state_reason", "revision", "missed_reads",
        "create_sent", "create_sent_at", "memory", "due_at", "error", "attempts", "hub_changed",
    }  # fmt: skip
    if unknown := columns.keys() - known:
        raise TypeError(f"no such columns: {unknown}")
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    await tx.execute(f"update sync_follower set {sets} where id = :id", id=id, **columns)


# What changed.


async def mark_item(tx: Transaction, action_item: int) -> None:
    """Somebody changed the action item: what it follows is to be told. In the same transaction as the change."""
    marked = await tx.execute(
        f"""
        update sync_follower set due_at = :now, hub_changed = true
         where action_item = :id and state in {LIVE} and error is null""",
        id=action_item,
    )
    if marked:
        tx.hint(TOPIC)


async def mark_told(tx: Transaction, connection_id: int, told: Mapping[str, str]) -> set[str]:
    """News from a tool, revisions by the item's id; an empty revision is always news. Returns which are followed."""
    rows = await tx.rows(
        f"""
        update sync_follower l
           set due_at = case when t.revision = '' or t.revision <> l.revision then :now else l.due_at end,
               hinted = l.hinted or t.revision = '' or t.revision <> l.revision
          from unnest(:ids::text[], :revisions::text[]) as t (id, revision)
         where l.connection_id = :connection and l.remote_id = t.id and l.state in {LIVE} and l.error is null
     returning l.remote_id""",
        connection=connection_id, ids=list(told), revisions=list(told.values()),
    )  # fmt: skip
    if rows:
        tx.hint(TOPIC)
    return {row["remote_id"] for row in rows} | await followed(tx, connection_id, told)


async def followed(tx: Transaction, connection_id: int, remote_ids: Iterable[str]) -> set[str]:
    """Which of these items an action item follows, or has followed: they are no news that an incident begins with."""
    rows = await tx.rows(
        "select distinct remote_id from sync_follower where connection_id = :id and remote_id = any(:remote_ids)",
        id=connection_id, remote_ids=list(remote_ids),
    )  # fmt: skip
    return {row["remote_id"] for row in rows}


async def mark_all(tx: Transaction, connection_id: int) -> int:
    """The daily look at everything of a connection."""
    return await tx.execute(
        """
        update sync_follower set due_at = least(coalesce(due_at, :now), :now)
         where connection_id = :id and state = 'active' and error is null""",
        id=connection_id,
    )


# The loop.


async def claim(tx: Transaction, *, limit: int, busy: Sequence[int] = ()) -> list[FollowerClaim]:
    """Followers that are due, one of each connection that is on, not resting and not `busy`."""
    rows = await tx.rows(
        f"""
        update sync_follower l set lease_until = :until, fence = l.fence + 1, attempts = l.attempts + 1, hinted = false,
               hub_changed = false
         where l.id in (select due.id from sync_connection c
                         cross join lateral (
                               select k.id from sync_follower k
                                where k.connection_id = c.id and k.due_at <= :now and k.state in {LIVE}
                                  and (k.lease_until is null or k.lease_until <= :now)
                                order by k.due_at, k.id limit 1 for update skip locked) due
                         where c.state = 'on' and (c.closed_until is null or c.closed_until <= :now)
                           and not c.id = any(:busy::bigint[]) limit :limit)
     returning {FOLLOWER}, l.fence, l.attempts, l.create_op, l.create_sent, l.create_sent_at""",
        until=tx.now + LEASE, limit=limit, busy=list(busy),
    )  # fmt: skip
    return [_claim(row) for row in rows]


async def next_due(tx: Transaction) -> datetime | None:
    at: datetime | None = await tx.value(
        f"""
        select min(greatest(l.due_at, l.lease_until, c.closed_until))
          from sync_follower l join sync_connection c on c.id = l.connection_id
         where l.due_at is not null and l.state in {LIVE} and c.state = 'on'"""
    )
    return at


async def hold(tx: Transaction, claim: Claim) -> Remembered | None:
    """What it remembers, if the claim is still ours and nobody parted it; locks it for the rest of the transaction."""
    rows = await tx.rows(
        f"select memory from sync_follower where id = :id and fence = :fence and state in {LIVE} for update",
        id=claim.link.id, fence=claim.fence,
    )  # fmt: skip
    return codec.from_json(Remembered, rows[0]["memory"]) if rows else None


async def release(
    tx: Transaction, claim: Claim, *, due_at: datetime | None, error: dict[str, Any] | None, tried: bool = True
) -> None:
    """Give the claim back. What was heard meanwhile stays due; an error without a due time waits for a person."""
    await tx.execute(
        """
        update sync_follower set lease_until = null, error = :error,
               due_at = case when :error::jsonb is null and (hinted or hub_changed) then :now::timestamptz
                             else :due_at::timestamptz end,
               attempts = case when :error::jsonb is null and :due_at::timestamptz is null then 0
                               when :tried then attempts else greatest(attempts - 1, 0) end,
               agreed_at = case when :error::jsonb is null and :due_at::timestamptz is null then :now else agreed_at end
         where id = :id and fence = :fence""",
        id=claim.link.id, fence=claim.fence, due_at=due_at, error=error, tried=tried,
    )  # fmt: skip
    tx.hint(f"incident:{claim.link.incident}")


def _claim(row: Any) -> FollowerClaim:
    values = dict(row)
    known = {name: values.pop(name) for name in ("fence", "attempts", "create_op", "create_sent", "create_sent_at")}
    follower = _follower(values)
    return FollowerClaim(follower=follower, claim=Claim(link=follower.link, **known))


def _follower(row: Any) -> Follower:
    values = dict(row)
    item, state = values.pop("action_item"), values.pop("state")
    # one that is being made is as live as any other: only links of incidents are told apart by that
    link = Link(**values, state=LinkState.ACTIVE if state == "creating" else LinkState(state))
    return Follower(action_item=item, link=link)
