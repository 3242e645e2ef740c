"""What changed, and what was there before, by search: oldest first, from a minute on, which is its grain.

The index is behind and moves while pages are read. So a turn begins again some minutes before the last one began; and
a page is followed by asking anew from the minute of its last row, and not by counting rows, as far as it goes on. A
minute with more in it than a page holds is asked for in one piece: bare ids on Cloud, long pages on Data Center.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any
from urllib.parse import parse_qsl, urlencode

from rallypoint.connectors.jira.api import Api, no_interface
from rallypoint.connectors.jira.values import at
from rallypoint.sync.ports import Changes, Hint, Listed, Listing, ValidationFailed

OVERLAP = timedelta(minutes=3)
"""How far the index may be behind without anything being left out."""

PAGE, BARE_PAGE, LONG_PAGE = 100, 5000, 1000
"""What Cloud gives at once, how many bare ids it gives, and what Data Center does."""

BACK = 100
"""Rows that pages by position share: so many may leave the earlier ones meanwhile."""

GRAIN = "%Y-%m-%dT%H:%M:%SZ"
LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """A turn that `began` and has come to `since`. `bare`, `token` and `skip` go on in the question of `minutes`."""

    since: datetime
    began: datetime | None = None
    minutes: int = 0
    bare: int = 0
    token: str = ""
    skip: int = 0

    def __str__(self) -> str:
        said = {"since": self.since.astimezone(UTC).strftime(GRAIN)}
        if self.began is not None:
            said["began"] = self.began.astimezone(UTC).strftime(GRAIN)
        said |= {name: str(value) for name in ("minutes", "bare", "token", "skip") if (value := getattr(self, name))}
        return urlencode(said)


def parse(text: str) -> Cursor:
    """Raises ValidationFailed for what is none of ours."""
    said = dict(parse_qsl(text))
    since, began = at(said.get("since", "")), at(said.get("began", ""))
    numbers = {name: said.get(name, "0") for name in ("minutes", "bare", "skip")}
    known = set(said) <= {"since", "began", "token", *numbers} and all(one.isdigit() for one in numbers.values())
    if since is None or not known:
        raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.")
    counted = {name: int(one) for name, one in numbers.items()}
    return Cursor(since=since, began=began, token=said.get("token", ""), **counted)


async def begin(api: Api) -> Changes:
    """From now on."""
    await api.edition()
    return Changes(hints=(), cursor=str(Cursor(since=api.their_time())))


async def following(api: Api, project: str, text: str) -> Changes:
    """One page, and where it goes on."""
    cursor = parse(text)
    await api.edition()
    if cursor.began is None:
        cursor = replace(cursor, since=cursor.since - OVERLAP, began=api.their_time())
    place = f'project = "{project}" AND ' if project else ""
    rows, onward = await _page(api, place, "updated", "updated,project,issuetype", cursor)
    hints = tuple(_hint(one) for one in rows)
    if onward is None:
        return Changes(hints=hints, cursor=str(Cursor(since=cursor.began or cursor.since)))
    return Changes(hints=hints, cursor=str(onward), more=True)


async def listing(api: Api, project: str, type: str, since: datetime | None, text: str | None) -> Listing:
    """Issues of a type by when they were made, which never changes. `project` and `type` are ids."""
    cursor = parse(text) if text else Cursor(since=LONG_AGO)
    edition = await api.edition()
    place = f"project = {project} AND issuetype = {type} AND "
    if since is not None:
        place += f'updated >= "-{_minutes(api, since)}m" AND '
    rows, onward = await _page(api, place, "created", "summary,created,updated", cursor)
    found = [
        Listed(
            remote_id=str(one["id"]),
            key=str(one.get("key", "")),
            title=str((one.get("fields") or {}).get("summary") or ""),
            url=f"{edition.site}/browse/{one.get('key', one['id'])}",
            changed_at=at((one.get("fields") or {}).get("updated")),
        )
        for one in rows
    ]
    return Listing(items=tuple(found), cursor=str(onward or cursor), more=onward is not None)


def _minutes(api: Api, moment: datetime) -> int:
    """Times are given as so many minutes ago: absolute ones are read in the zone of the account."""
    return max(1, ceil((api.their_time() - moment).total_seconds() / 60))


async def _page(
    api: Api, where: str, by: str, fields: str, cursor: Cursor
) -> tuple[list[dict[str, Any]], Cursor | None]:
    """(rows, where the next page begins; None at the end). `by` is the time they are in the order of."""
    edition = await api.edition()
    here = replace(cursor, minutes=cursor.minutes or _minutes(api, cursor.since))
    asked = {
        "jql": f'{where}{by} >= "-{here.minutes}m" ORDER BY {by} ASC',
        "fields": "id,key" if here.bare else fields,
        "maxResults": str((BARE_PAGE if here.bare else PAGE) if edition.cloud else LONG_PAGE),
    }
    if edition.cloud and cursor.token:
        asked["nextPageToken"] = cursor.token
    if not edition.cloud:
        asked["startAt"] = str(cursor.skip)
    answer = await api.call("GET", "search/jql" if edition.cloud else "search", query=asked)
    rows = answer.data.get("issues") if isinstance(answer.data, dict) else None
    if not isinstance(rows, list):
        raise no_interface(answer)
    rows = [one for one in rows if isinstance(one, dict) and str(one.get("id", "")).isdigit()]
    token = str(answer.data.get("nextPageToken") or "")
    more = bool(token) if edition.cloud else here.skip + len(rows) < int(answer.data.get("total") or 0)
    if not more or not rows:
        return rows, None
    last = max((moment for one in rows if (moment := at((one.get("fields") or {}).get(by)))), default=here.since)
    reached = last.replace(second=0, microsecond=0) - timedelta(minutes=1)
    if reached > here.since and not here.bare:
        return rows, Cursor(since=reached, began=here.began)
    if edition.cloud:
        return rows, replace(here, bare=1, token=token if here.bare else "")
    return rows, replace(here, skip=here.skip + max(1, len(rows) - BACK))


def _hint(row: dict[str, Any]) -> Hint:
    fields = row.get("fields") or {}
    return Hint(
        remote_id=str(row["id"]),
        at=at(fields.get("updated")),
        project=str((fields.get("project") or {}).get("id", "")),
        type=str((fields.get("issuetype") or {}).get("name", "")),
    )
