"""The SQL of the lanes: who is next, fairly between connections, and giving back what was claimed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.db import Transaction
from rallypoint.sync.budget import NOTHING, Pressing
from rallypoint.sync.store import LEASE, LINK, _link
from rallypoint.sync.work import Claim, Offer


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What one connection may begin now: up to which lane (`admits`, NOTHING for none), and what it has in hand."""

    connection: int
    admits: int = Pressing.BACKGROUND
    flying: int = 0


LANES = """
    select c.id, coalesce(r.admits, 2) as admits, coalesce(r.flying, 0) as flying
      from sync_connection c
      left join unnest(:ids::bigint[], :admits::int[], :flying::int[]) as r (id, admits, flying) on r.id = c.id
     where c.state = 'on' and (c.closed_until is null or c.closed_until <= :now)"""


def _rooms(rooms: Sequence[Room]) -> dict[str, list[int]]:
    return {
        "ids": [one.connection for one in rooms],
        "admits": [one.admits for one in rooms],
        "flying": [one.flying for one in rooms],
    }


async def claim_links(tx: Transaction, *, limit: int, each: int, rooms: Sequence[Room] = ()) -> list[Claim]:
    """Links that are due, of connections that are on and not resting. One node has a link at a time.

    What presses most goes first, and connections take turns: one with a long queue, or one that is slow and has `each`
    passes in hand already, holds up nobody else. What is not in `rooms` has nothing in hand and may do everything.
    """
    rows = await tx.rows(
        f"""
        update sync_link l set lease_until = :until, fence = l.fence + 1, attempts = l.attempts + 1, hinted_at = null,
               hub_changed = false, pressing = 2
          from (select k.id, k.pressing
                  from (select d.id, d.pressing, d.due_at,
                               lane.flying + row_number() over (partition by lane.id
                                                                order by d.pressing, d.due_at, d.id) as turn
                          from ({LANES}) lane
                         cross join (values (0), (1), (2)) as p (pressing)
                         cross join lateral (
                               select n.id, n.pressing, n.due_at from sync_link n
                                where n.connection_id = lane.id and n.pressing = p.pressing and n.due_at <= :now
                                  and n.state in ('creating', 'active')
                                  and (n.lease_until is null or n.lease_until <= :now)
                                  and (n.rests_until is null or n.rests_until <= :now)
                                order by n.due_at limit :limit for update skip locked) d
                         where p.pressing <= lane.admits) k
                 where k.turn <= :each
                 order by k.turn, k.pressing, k.due_at, k.id limit :limit) due
         where l.id = due.id
     returning {LINK}, l.fence, l.attempts, l.create_op, l.create_sent, l.create_sent_at, l.panel, l.turns,
               due.pressing as claimed""",
        until=tx.now + LEASE, limit=limit, each=each, **_rooms(rooms),
    )  # fmt: skip
    return [
        Claim(
            link=_link(row), fence=row["fence"], attempts=row["attempts"], create_op=row["create_op"],
            create_sent=row["create_sent"], create_sent_at=row["create_sent_at"], panel=row["panel"],
            turns=tuple(row["turns"]), pressing=row["claimed"],
        )
        for row in rows
    ]  # fmt: skip


async def next_link(tx: Transaction, rooms: Sequence[Room] = ()) -> datetime | None:
    """When the next link is due that may begin; one whose connection or item rests is due when the rest is over."""
    at: datetime | None = await tx.value(
        """
        select min(greatest(l.due_at, l.lease_until, l.rests_until, c.closed_until))
          from sync_link l join sync_connection c on c.id = l.connection_id
          left join unnest(:ids::bigint[], :admits::int[]) as r (id, admits) on r.id = c.id
         where l.due_at is not null and l.state in ('creating', 'active') and c.state = 'on'
           and l.pressing <= coalesce(r.admits, 2)""",
        ids=[one.connection for one in rooms], admits=[one.admits for one in rooms],
    )  # fmt: skip
    return at


async def release_link(
    tx: Transaction, claim: Claim, *, due_at: datetime | None, error: dict[str, Any] | None, tried: bool = True
) -> bool:
    """Give the claim back. What was hinted meanwhile stays due; an error without a due time waits for a person.

    `tried` False is for one that only had to wait: it does not count as a try. An open page of the incident hears of
    errors, of the first look that went well, and that a change has come across: it showed the link waiting meanwhile.
    """
    rows = await tx.rows(
        """
        update sync_link set lease_until = null, error = :error,
               due_at = case when :error::jsonb is null and (hinted_at is not null or hub_changed)
                             then :now::timestamptz else :due_at::timestamptz end,
               pressing = case when :due_at::timestamptz is null then pressing else least(pressing, :pressing) end,
               attempts = case when :error::jsonb is null and :due_at::timestamptz is null then 0
                               when :tried then attempts else greatest(attempts - 1, 0) end,
               agreed_at = case when :error::jsonb is null and :due_at::timestamptz is null then :now else agreed_at end
         where id = :id and fence = :fence returning revision""",
        id=claim.link.id, fence=claim.fence, due_at=due_at, error=error, tried=tried, pressing=claim.pressing,
    )  # fmt: skip
    if error is not None or not claim.link.revision or any(row["revision"] != claim.link.revision for row in rows):
        tx.hint(f"incident:{claim.link.incident}")
    return bool(rows)


async def rest_item(tx: Transaction, link_id: int, until: datetime) -> None:
    """The tool limits this one item: its link waits, whatever is heard of it meanwhile, and becomes one pass then."""
    await tx.execute(
        "update sync_link set rests_until = greatest(rests_until, :until) where id = :id", id=link_id, until=until
    )


# Items that nobody is linked to.


async def claim_offers(tx: Transaction, *, limit: int, each: int, rooms: Sequence[Room] = ()) -> list[Offer]:
    """Offers that are due, connections taking turns."""
    rows = await tx.rows(
        f"""
        update sync_offer o set lease_until = :until, fence = o.fence + 1, attempts = o.attempts + 1
          from (select k.connection_id, k.remote_id
                  from (select d.connection_id, d.remote_id, d.due_at,
                               lane.flying + row_number() over (partition by lane.id order by d.due_at) as turn
                          from ({LANES}) lane
                         cross join lateral (
                               select n.connection_id, n.remote_id, n.due_at from sync_offer n
                                where n.connection_id = lane.id and n.due_at <= :now
                                  and (n.lease_until is null or n.lease_until <= :now)
                                order by n.due_at limit :limit for update skip locked) d
                         where lane.admits >= 1) k
                 where k.turn <= :each order by k.turn, k.due_at limit :limit) due
         where o.connection_id = due.connection_id and o.remote_id = due.remote_id
     returning o.connection_id as connection, o.remote_id, o.fence, o.attempts""",
        until=tx.now + LEASE, limit=limit, each=each, **_rooms(rooms),
    )  # fmt: skip
    return [Offer(**row) for row in rows]


async def next_offer(tx: Transaction, rooms: Sequence[Room] = ()) -> datetime | None:
    held = [one.connection for one in rooms if one.admits < Pressing.NEWS]
    at: datetime | None = await tx.value(
        """
        select min(greatest(o.due_at, o.lease_until, c.closed_until))
          from sync_offer o join sync_connection c on c.id = o.connection_id
         where c.state = 'on' and not c.id = any(:held::bigint[])""",
        held=held,
    )
    return at


# What tools said of their budgets.


async def note_quota(
    tx: Transaction, connection_id: int, bucket: str, *, most: int | None, remaining: int | None,
    resets_at: datetime | None, rests_until: datetime | None,
) -> None:  # fmt: skip
    await tx.execute(
        """
        insert into sync_quota as q (connection_id, bucket, most, remaining, resets_at, rests_until, noted_at)
        values (:id, :bucket, :most, :remaining, :resets_at, :rests_until, :now)
            on conflict (connection_id, bucket) do update
           set most = excluded.most, remaining = excluded.remaining, resets_at = excluded.resets_at,
               rests_until = excluded.rests_until, noted_at = excluded.noted_at""",
        id=connection_id, bucket=bucket[:120], most=most, remaining=remaining, resets_at=resets_at,
        rests_until=rests_until,
    )  # fmt: skip


async def quotas(tx: Transaction, connection_id: int) -> list[dict[str, Any]]:
    """What is left of each budget, as last told; one that is full again by now says nothing of what remains."""
    rows = await tx.rows(
        """
        select bucket, most, case when resets_at <= :now then most else remaining end as remaining,
               case when resets_at > :now then resets_at end as resets_at,
               case when rests_until > :now then rests_until end as rests_until, noted_at
          from sync_quota where connection_id = :id order by bucket""",
        id=connection_id,
    )
    return [dict(row) for row in rows]


async def rest_connection(tx: Transaction, connection_id: int, until: datetime) -> None:
    """The tool asked us to wait, so nobody asks it anything before."""
    await tx.execute(
        "update sync_connection set closed_until = greatest(closed_until, :until) where id = :id",
        id=connection_id, until=until,
    )  # fmt: skip


assert NOTHING < Pressing.SAID  # what the SQL above compares
