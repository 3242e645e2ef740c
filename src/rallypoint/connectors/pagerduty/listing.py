"""Incidents that are there, in the order they were made, which never changes: what is made meanwhile comes last.

A question reaches half a year and 10,000 incidents far, so it is asked stretch by stretch from the oldest on.
"""

import json
from datetime import UTC, datetime, timedelta

from rallypoint.connectors.pagerduty.api import PAGE, REACH, Api, Row, at
from rallypoint.connectors.pagerduty.shape import page_of
from rallypoint.sync.ports import Listed, Listing, ValidationFailed

STRETCH = timedelta(days=150)


async def listing(api: Api, service: str, since: datetime | None, cursor: str | None) -> Listing:
    """One page. When an incident changed cannot be asked for, so it is looked at here."""
    of = ("service_ids[]", service)
    begin, offset = _read(cursor) if cursor else (await _oldest(api, of), 0)
    if begin is None:
        return Listing(items=(), cursor="")
    until = begin + STRETCH
    asked = [of, ("since", _stamp(begin)), ("until", _stamp(until)), ("sort_by", "created_at:asc")]
    rows, more = await api.page("incidents", "/incidents", asked, offset=offset)
    now = api.their_time()
    if more and offset + 2 * PAGE <= REACH:
        following = _written(begin, offset + PAGE)
    elif more:
        last = at(rows[-1].get("created_at")) if rows else None
        if last is None or last <= begin:
            raise ValidationFailed(f"More than {REACH} incidents were made in one second.")
        following = _written(last, 0)
    else:
        more, following = until <= now, _written(until, 0)
    items = tuple(_listed(one) for one in rows if since is None or (at(one.get("updated_at")) or now) >= since)
    return Listing(items=items, cursor=following, more=more)


async def _oldest(api: Api, of: tuple[str, str]) -> datetime | None:
    rows, _ = await api.page("incidents", "/incidents", [of, ("date_range", "all"), ("sort_by", "created_at:asc")])
    return at(rows[0].get("created_at")) if rows else None


def _listed(row: Row) -> Listed:
    return Listed(
        remote_id=str(row.get("id")),
        key=f"#{row.get('incident_number')}",
        title=str(row.get("title") or ""),
        url=page_of(row),
        changed_at=at(row.get("updated_at")),
    )


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(begin: datetime, offset: int) -> str:
    return json.dumps([_stamp(begin), offset])


def _read(cursor: str) -> tuple[datetime, int]:
    try:
        said, offset = json.loads(cursor)
        begin = at(said)
        if begin is None or not 0 <= int(offset) < REACH:
            raise ValueError(cursor)
        return begin, int(offset)
    except (ValueError, TypeError) as problem:
        raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.") from problem
