"""The board: every open incident in its rank, with the reason for it; and search over all that ever was."""

import re
from datetime import datetime
from typing import Any

from rallypoint import paging_cursor, sla
from rallypoint.catalog.model import StatusCategory
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.incidents import board_store, rank
from rallypoint.incidents.board_store import Place
from rallypoint.incidents.model import BoardFilter, Incident, Ranked
from rallypoint.incidents.rank import Standing
from rallypoint.sla import rules as clocks

NUMBER = re.compile(r"(?:inc[- ]?)?(\d{1,15})", re.IGNORECASE)
EVERYTHING = BoardFilter()
CONSTANTS: dict[str, Any] = {"far": rank.FAR, "unknown_people": rank.UNKNOWN_PEOPLE}


async def board(
    tx: Transaction, *, filter: BoardFilter = EVERYTHING, cursor: str | None = None, limit: int = 50
) -> tuple[list[Ranked], str | None]:
    """A page of the board, and the cursor of the next one. All pages of one reading rank as of its first moment."""
    limit = max(1, min(limit, 500))
    rest = {**CONSTANTS, "q_number": _number(filter.q), "person_id": tx.actor.person_id or 0}
    if _only_open(filter):
        places, following = await _by_rank(tx, filter, cursor, limit, rest)
    else:
        places, following = await _by_number(tx, filter, cursor, limit, rest)
    return await _ranked(tx, places), following


async def rank_of(tx: Transaction, number: int) -> tuple[int, str] | None:
    """The rank of one incident among all open ones, and why; None once it is not open."""
    standing = (await board_store.standings(tx, [number])).get(number)
    if standing is None:
        return None
    for drill in (False, True):
        if place := await board_store.place_of(tx, number, drill=drill, **CONSTANTS):
            above = await board_store.standings(tx, [place[1]]) if place[1] else {}
            return place[0], rank.reason(standing, above.get(place[1] or 0), now=tx.now)
    return None


async def open_counts(tx: Transaction) -> dict[str, int]:
    """How many incidents are open, by priority."""
    return await board_store.counts(tx)


def _only_open(filter: BoardFilter) -> bool:
    if filter.status_category:
        try:
            return filter.open_only and StatusCategory(filter.status_category).open
        except ValueError as problem:
            raise Invalid("status_category", f"must be one of {', '.join(StatusCategory)}") from problem
    return filter.open_only


async def _by_rank(
    tx: Transaction, filter: BoardFilter, cursor: str | None, limit: int, rest: dict[str, Any]
) -> tuple[list[Place], str | None]:
    as_of, after = tx.now, None
    if cursor:
        said = paging_cursor.decode(cursor, length=7)
        as_of, due, since = (paging_cursor.instant(said[place]) for place in (0, 3, 5))
        priority, state, people, number = (paging_cursor.whole(said[place]) for place in (1, 2, 4, 6))
        after = [priority, state, due, people, since, number]
    found = await board_store.by_rank(tx, filter, as_of=as_of, after=after, limit=limit + 1, **rest)
    if len(found) <= limit or (key := found[limit - 1][3]) is None:
        return found, None
    return found[:limit], paging_cursor.encode([as_of, *key])


async def _by_number(
    tx: Transaction, filter: BoardFilter, cursor: str | None, limit: int, rest: dict[str, Any]
) -> tuple[list[Place], str | None]:
    before = paging_cursor.number(cursor) if cursor else None
    found = await board_store.by_number(tx, filter, as_of=tx.now, before=before, limit=limit + 1, **rest)
    if len(found) <= limit:
        return found, None
    return found[:limit], paging_cursor.encode([found[limit - 1][0].number])


async def _ranked(tx: Transaction, places: list[Place]) -> list[Ranked]:
    promises = await sla.clocks_for(tx, [place[0].number for place in places])
    known = {incident.number: standing_of(incident) for incident, _, _, _ in places}
    missing = {above for _, _, above, _ in places if above is not None and above not in known}
    known |= await board_store.standings(tx, sorted(missing)) if missing else {}
    return [
        Ranked(
            incident=incident,
            rank=place,
            rank_reason=_reason(known, incident.number, above, tx.now) if place is not None else "",
            next_deadline=clocks.nearest(promises[incident.number]),
        )
        for incident, place, above, _ in places
    ]


def _reason(known: dict[int, Standing], number: int, above: int | None, now: datetime) -> str:
    return rank.reason(known[number], known.get(above) if above is not None else None, now=now)


def standing_of(incident: Incident) -> Standing:
    return Standing(
        number=incident.number, priority=incident.priority, priority_common=incident.priority_common,
        warn_at=incident.warn_at, due_at=incident.due_at, affected_people=incident.affected_people,
        created_at=incident.created_at,
    )  # fmt: skip


def _number(q: str) -> int:
    """The number someone typed into the search, as 42, INC-42 or inc 42; 0 where it is none."""
    match = NUMBER.fullmatch(q.strip())
    return int(match.group(1)) if match else 0
