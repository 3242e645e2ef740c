"""What changed since, of every repository: its issues, and its comments, whose correction an issue does not notice.

A page begins at the second of the last row and leaves out what was told, so what changes while we read pushes nothing
past us. Where nothing happened the same address is asked again with the ETag of its answer, which costs nothing there.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from rallypoint.connectors.github.api import PAGE, Api, Row, at, following, rows_of
from rallypoint.connectors.github.shape import TYPE, Place, page_of
from rallypoint.sync.ports import Changes, Hint, Listed, Listing, ValidationFailed

OVERLAP = timedelta(seconds=60)
OVER = timedelta(seconds=2)
"""After this long a second is surely over, and nothing more can have happened in it."""

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
OF = ("issues", "issues/comments")
SEEN_MOST = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """How far one list of one repository was read. `page` is past the first only within one crowded second."""

    repository: int
    of: str
    since: str
    page: int = 1
    seen: tuple[str, ...] = field(default=())
    etag: str = ""

    @property
    def from_when(self) -> datetime:
        found = at(self.since)
        assert found is not None
        return found


def beginning(places: Sequence[Place], now: datetime) -> str:
    since = _stamp(now - OVER)
    return _written([Stream(repository=one.id, of=of, since=since) for one in places for of in OF])


async def changes(api: Api, places: Sequence[Place], cursor: str) -> Changes:
    """One page of each list."""
    known = {(one.repository, one.of): one for one in _read(cursor)}
    earliest = min((one.since for one in known.values()), default=_stamp(api.their_time()))
    hints: dict[str, Hint] = {}
    streams: list[Stream] = []
    more = False
    for place in places:
        for of in OF:
            stream = known.get((place.id, of)) or Stream(repository=place.id, of=of, since=earliest)
            fresh, onward, goes_on = await _page(api, place, stream)
            for row in fresh:
                id = f"{place.id}/{_number(row)}"
                hints[id] = Hint(remote_id=id, at=at(row.get("updated_at")), project=place.name, type=TYPE)
            streams.append(onward)
            more = more or goes_on
    return Changes(hints=tuple(hints.values()), cursor=_written(streams), more=more)


async def listing(api: Api, place: Place, since: datetime | None, cursor: str | None) -> Listing:
    """Every issue by its last change, so that one that changes meanwhile moves behind us and is listed again."""
    begun = Stream(repository=place.id, of="issues", since=_stamp(since or LONG_AGO))
    stream = _read(cursor)[0] if cursor else begun
    if (stream.repository, stream.of) != (place.id, "issues"):
        raise ValidationFailed("This is a cursor of another list.", help="Begin anew without one.")
    rows, onward, more = await _page(api, place, stream)
    name = str(place.row.get("full_name") or place.name)
    items = tuple(
        Listed(
            remote_id=f"{place.id}/{_number(row)}",
            key=f"{name}#{_number(row)}",
            title=str(row.get("title") or ""),
            url=page_of(row),
            changed_at=at(row.get("updated_at")),
        )
        for row in rows
    )
    return Listing(items=items, cursor=_written([onward]), more=more)


async def _page(api: Api, place: Place, stream: Stream) -> tuple[list[Row], Stream, bool]:
    """(rows that were not told yet, how far it was read now, whether more follow)"""
    query = {"since": stream.since, "sort": "updated", "direction": "asc", "per_page": str(PAGE)}
    query |= {"state": "all"} if stream.of == "issues" else {}
    query |= {"page": str(stream.page)} if stream.page > 1 else {}
    asked = {"if-none-match": stream.etag} if stream.etag else {}
    answer = await api.send("GET", f"{place.path}/{stream.of}", query=query, headers=asked)
    if answer.status == 304:
        return [], stream, False
    api.judge(answer)
    rows, full = rows_of(answer), following(answer) is not None
    fresh, seen = _told(stream, rows, api.their_time())
    last = at(rows[-1].get("updated_at")) if rows else None
    since = stream.from_when
    if full and last is not None and last <= since:
        return fresh, replace(stream, page=stream.page + 1, seen=tuple(seen), etag=""), True
    reached = last or since
    reached = reached if full else max(since, reached - OVERLAP)
    kept = tuple(one for one in seen if one.rpartition("@")[2] >= _stamp(reached))[-SEEN_MOST:]
    etag = answer.headers.get("etag", "") if reached == since and stream.page == 1 and not full else ""
    return fresh, replace(stream, since=_stamp(reached), page=1, seen=kept, etag=etag), full


def _told(stream: Stream, rows: Sequence[Row], now: datetime) -> tuple[list[Row], list[str]]:
    """(rows of issues that were not told yet, everything that was told for good)"""
    fresh: list[Row] = []
    seen = list(stream.seen)
    for row in rows:
        moment = at(row.get("updated_at"))
        if moment is None:
            continue
        key = f"{row.get('id')}@{_stamp(moment)}"
        if key in seen:
            continue
        if moment < now - OVER:
            seen.append(key)
        if _number(row):
            fresh.append(row)
    return fresh, seen


def _number(row: Mapping[str, object]) -> str:
    """The issue that a row is or belongs to; empty for pull requests, which are listed among them."""
    if "issue_url" in row:
        is_issue = "/issues/" in urlsplit(str(row.get("html_url", ""))).path
        number = str(row["issue_url"]).rpartition("/")[2] if is_issue else ""
    else:
        number = "" if "pull_request" in row else str(row.get("number", ""))
    return number if number.isdigit() else ""


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _written(streams: Sequence[Stream]) -> str:
    return json.dumps([asdict(one) for one in streams], separators=(",", ":"))


def _read(cursor: str) -> list[Stream]:
    try:
        found = [Stream(**{**one, "seen": tuple(one["seen"])}) for one in json.loads(cursor)]
        if not found or any(at(one.since) is None or one.of not in OF for one in found):
            raise ValueError(cursor)
        return found
    except (ValueError, KeyError, TypeError) as problem:
        raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.") from problem
