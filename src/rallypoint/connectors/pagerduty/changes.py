"""What happened since, by the log of the whole account, whose lines never change.

It is listed newest first in pages by offset: what is written meanwhile pushes lines back, so they are told twice and
never passed over; and the end of the stretch is fixed while its pages are read. Pages reach 10,000 lines far; beyond,
the stretch is cut off there and asked for anew.
"""

import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta

from rallypoint.connectors.pagerduty.api import PAGE, REACH, Api, Row, at
from rallypoint.connectors.pagerduty.shape import TYPE
from rallypoint.sync.ports import Changes, Hint, ValidationFailed

OVERLAP = timedelta(seconds=60)
AHEAD = timedelta(seconds=2)
SEEN_MOST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """How far the log was read. `until` is set while the pages of a stretch are read, of which `top` is the newest."""

    since: str
    until: str = ""
    offset: int = 0
    top: str = ""
    seen: tuple[str, ...] = ()


def beginning(now: datetime) -> str:
    return _written(Place(since=_stamp(now - AHEAD)))


async def changes(api: Api, services: Collection[str], cursor: str) -> Changes:
    """One page of the log; of `services` only, if there are any."""
    place = _read(cursor)
    until = place.until or _stamp(api.their_time() + AHEAD)
    asked = [("since", place.since), ("until", until)]
    rows, more = await api.page("log_entries", "/log_entries", asked, offset=place.offset)
    hints: dict[str, Hint] = {}
    seen = list(place.seen)
    for row in rows:
        id = str(row.get("id"))
        if id in place.seen:
            continue
        seen.append(id)
        hint = _hint(row)
        if hint is not None and (not services or hint.project in services):
            hints.setdefault(hint.remote_id, hint)
    top = place.top or (str(rows[0].get("created_at")) if rows else "")
    return Changes(
        hints=tuple(hints.values()),
        cursor=_written(_next(replace(place, until=until, top=top, seen=tuple(seen[-SEEN_MOST:])), rows, more)),
        more=more,
    )


def _next(place: Place, rows: list[Row], more: bool) -> Place:
    if more and place.offset + 2 * PAGE <= REACH:
        return replace(place, offset=place.offset + PAGE)
    oldest = at(rows[-1].get("created_at")) if rows else None
    if more and oldest is not None:
        until = _stamp(oldest + timedelta(seconds=1))
        if until >= place.until:
            raise ValidationFailed(f"More than {REACH} things happened in one second.", help="Begin anew from now.")
        return replace(place, until=until, offset=0)
    reached = at(place.top)
    since = at(place.since)
    assert since is not None
    following = max(since, reached - OVERLAP) if reached is not None else since
    return Place(since=_stamp(following), seen=place.seen)


def _hint(row: Row) -> Hint | None:
    incident, service = row.get("incident"), row.get("service")
    id = str(incident.get("id") or "") if isinstance(incident, dict) else ""
    if not id.isalnum():
        return None
    project = str(service.get("id") or "") if isinstance(service, dict) else ""
    return Hint(remote_id=id, at=at(row.get("created_at")), project=project, type=TYPE)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(place: Place) -> str:
    return json.dumps(asdict(place), separators=(",", ":"))


def _read(cursor: str) -> Place:
    try:
        said = json.loads(cursor)
        place = Place(**{**said, "seen": tuple(str(one) for one in said.get("seen", ()))})
        if at(place.since) is None or (place.until and at(place.until) is None) or not 0 <= int(place.offset) < REACH:
            raise ValueError(cursor)
        return place
    except (ValueError, TypeError, AttributeError) as problem:
        raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.") from problem
