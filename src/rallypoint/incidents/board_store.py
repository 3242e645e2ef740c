"""The board's SQL: open incidents in the order of rank.py, and everything else by number.

Ranking reads the keys of all open incidents, which the index incident_open carries; records are read for one page only.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

import msgspec

from rallypoint.db import Transaction
from rallypoint.incidents.model import BoardFilter, Incident
from rallypoint.incidents.rank import Key, Standing
from rallypoint.incidents.store import COLUMNS

OPEN = "status_category not in ('closed', 'cancelled', 'merged')"

# The key of rank.py, column by column: a test compares the two on random incidents.
RANKED = f"""
    ranked as (
        select k.*, row_number() over w as rank, lag(number) over w as above
          from (select number, priority_common,
                       case when due_at <= :as_of then 0 when warn_at <= :as_of and due_at is not null then 1 else 2
                        end as near,
                       case when due_at <= :as_of or warn_at <= :as_of then coalesce(due_at, :far) else :far
                        end as near_due,
                       -coalesce(affected_people, :unknown_people) as people, created_at
                  from incident where {OPEN} and drill = :drills) k
        window w as (order by priority_common, near, near_due, people, created_at, number))"""

MINE = """(i.owner_id = :person_id or i.commander_id = :person_id or exists (
    select 1 from incident_role r where r.incident = i.number and r.person_id = :person_id and r.until is null))"""

CONDITIONS = {
    "status_category": "i.status_category = :status_category",
    "service": "i.service_key = :service",
    "domain": "i.domain_key = :domain",
    "priority": "i.priority = :priority",
    "kind": "i.kind = :kind",
    "tag": "i.tags @> array[:tag::text] and i.tags <> '{}'",  # the second half is what the index says of itself
    "no_commander": "i.commander_id is null",
    "mine": MINE,
}
SEARCH = "(i.search @@ websearch_to_tsquery('english', :q) or i.number = :q_number)"

RECORD = ", ".join(f"i.{name}" for name in COLUMNS)

Place = tuple[Incident, int | None, int | None, Key | None]
"""An incident, its rank, the number of the one above it, and its key: what a cursor is made of."""


async def by_rank(
    tx: Transaction, filter: BoardFilter, *, as_of: datetime, after: Sequence[Any] | None, limit: int, **rest: Any
) -> list[Place]:
    """A page of open incidents, what matters most first, after the key of the last one shown."""
    if filter.q:  # few incidents match, and the index of words finds them
        source = f"after_last r join incident i on i.number = r.number and i.{OPEN} and {_where(filter)}"
    else:  # go down the ranks, and look at records only until the page is full
        record = f"select i.* from incident i where i.number = r.number and {_where(filter)} offset 0"
        source = f"after_last r cross join lateral ({record}) i"
    rows = await tx.rows(
        f"""
        with {RANKED}, after_last as (
            select * from ranked
             where :first or (priority_common, near, near_due, people, created_at, number)
                   > (:a1::integer, :a2::integer, :a3::timestamptz, :a4::bigint, :a5::timestamptz, :a6::bigint)
             order by rank)
        select {RECORD}, r.rank, r.above, r.near, r.near_due, r.people from {source} order by r.rank limit :limit""",
        as_of=as_of, limit=limit, first=after is None,
        **_values(filter, rest), **{f"a{n}": (after[n - 1] if after else None) for n in range(1, 7)},
    )  # fmt: skip
    return [_place(row) for row in rows]


async def by_number(
    tx: Transaction, filter: BoardFilter, *, as_of: datetime, before: int | None, limit: int, **rest: Any
) -> list[Place]:
    """A page of incidents, open or not, newest first; those that are open carry their rank."""
    rows = await tx.rows(
        f"""
        with page as (
            select i.number from incident i
             where (:before::bigint is null or i.number < :before) and i.drill = :drills and {_where(filter)}
             order by i.number desc limit :limit), {RANKED}
        select {RECORD}, r.rank, r.above, r.near, r.near_due, r.people
          from page join incident i on i.number = page.number left join ranked r on r.number = page.number
         order by i.number desc""",
        as_of=as_of, limit=limit, before=before, **_values(filter, rest),
    )  # fmt: skip
    return [_place(row) for row in rows]


async def place_of(tx: Transaction, number: int, *, drill: bool, **rest: Any) -> tuple[int, int | None] | None:
    """The rank of one open incident among all, and the number of the one above it."""
    rows = await tx.rows(
        f"with {RANKED} select rank, above from ranked where number = :number",
        number=number, as_of=tx.now, drills=drill, **rest,
    )  # fmt: skip
    return (rows[0]["rank"], rows[0]["above"]) if rows else None


async def standings(tx: Transaction, numbers: Sequence[int]) -> dict[int, Standing]:
    """What the rank of these incidents rests on."""
    found = await tx.fetch(
        Standing,
        """select number, priority, priority_common, warn_at, due_at, affected_people, created_at
             from incident where number = any(:numbers::bigint[])""",
        numbers=list(numbers),
    )
    return {standing.number: standing for standing in found}


async def counts(tx: Transaction) -> dict[str, int]:
    """Open incidents by priority, and how many of them nobody commands: for the page header and /metrics."""
    rows = await tx.rows(
        f"select priority, count(*) as n from incident where {OPEN} and not drill group by priority order by priority"
    )
    return {row["priority"]: row["n"] for row in rows}


def _where(filter: BoardFilter) -> str:
    """Only what is asked for becomes part of the statement, so that each question gets a plan of its own."""
    asked = [condition for name, condition in CONDITIONS.items() if getattr(filter, name)]
    return " and ".join([SEARCH] * bool(filter.q) + asked) or "true"


def _values(filter: BoardFilter, rest: dict[str, Any]) -> dict[str, Any]:
    return asdict(filter) | rest


def _place(row: Any) -> Place:
    incident = msgspec.convert({name: row[name] for name in COLUMNS}, Incident, strict=False)
    if row["rank"] is None:
        return incident, None, None, None
    key = (incident.priority_common, row["near"], row["near_due"], row["people"], incident.created_at, incident.number)
    return incident, row["rank"], row["above"], key
