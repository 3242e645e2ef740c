"""What changed since: four tables read along their times, with an overlap, each page beginning after the last row.

A page begins after the key of the row before, never at a number of rows, so records that change while we read cannot
push others past us. A record stored under an earlier time than the last we saw is caught by the overlap.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rallypoint.connectors.servicenow.api import GRAIN, Api, Row, at
from rallypoint.sync.ports import Changes, Hint, MappingBroken, PermissionDenied, ValidationFailed

OVERLAP = timedelta(seconds=30)
PAGE = 200
EMPTY_PAGES_MOST = 50
SEEN_MOST = 400
WHO_SAID = "sys_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """One table to follow. `scope` are fields and the only values its rows may have; `optional` may be closed to us."""

    name: str
    table: str
    stamp: str
    about: str
    scope: tuple[tuple[str, tuple[str, ...]], ...] = ()
    version: str = ""
    deleted: bool = False
    optional: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        wanted = (WHO_SAID, self.stamp, self.about, self.version, *(name for name, _ in self.scope))
        return tuple(dict.fromkeys(name for name in wanted if name))

    @property
    def conditions(self) -> str:
        return "".join(f"{name}IN{','.join(values)}^" for name, values in self.scope)

    def fits(self, row: Row, since: str) -> bool:
        return row.get(self.stamp, "") >= since and all(row.get(name) in values for name, values in self.scope)


def streams(table: str) -> tuple[Stream, ...]:
    """The record itself, its journal, its files, and what was deleted."""
    return (
        Stream(name="records", table=table, stamp="sys_updated_on", about="sys_id", version="sys_mod_count"),
        Stream(
            name="journal", table="sys_journal_field", stamp="sys_created_on", about="element_id",
            scope=(("name", (table,)), ("element", ("comments", "work_notes"))),
        ),
        Stream(
            name="files", table="sys_attachment", stamp="sys_created_on", about="table_sys_id",
            scope=(("table_name", (table,)),),
        ),
        Stream(
            name="deleted", table="sys_audit_delete", stamp="sys_created_on", about="documentkey",
            scope=(("tablename", (table,)),), deleted=True, optional=True,
        ),
    )  # fmt: skip


@dataclass(slots=True, kw_only=True)
class Place:
    """Where we are in one stream: from when, the row to go on after, what was told already."""

    since: str
    after: tuple[str, str] | None = None
    seen: list[str] = field(default_factory=list)


def beginning(now: datetime, table: str) -> str:
    """A cursor that begins at this time of the tool's clock, less the overlap."""
    since = (now - OVERLAP).strftime(GRAIN)
    return _written({stream.name: Place(since=since) for stream in streams(table)})


async def changes(api: Api, table: str, cursor: str) -> Changes:
    """One page of every stream. Raises ValidationFailed for a cursor that is not ours."""
    places = _read(cursor, table)
    hints: dict[str, Hint] = {}
    more = False
    for stream in streams(table):
        told, following = await _follow(api, stream, places[stream.name], table)
        more = more or following
        for hint in told:
            before = hints.get(hint.remote_id)
            if before is None or hint.deleted or (hint.revision and not before.deleted):
                hints[hint.remote_id] = hint
    return Changes(hints=tuple(hints.values()), cursor=_written(places), more=more)


async def _follow(api: Api, stream: Stream, place: Place, table: str) -> tuple[list[Hint], bool]:
    """(what is new, whether more waits). Moves the place on."""
    asked = api.their_time()
    try:
        rows, more = await _page(api, stream, place)
    except PermissionDenied:
        if not stream.optional:
            raise
        return [], False
    told: list[Hint] = []
    for row in rows:
        key = f"{row['sys_id']}:{row.get(stream.version, '') if stream.version else ''}"
        if key not in place.seen:
            place.seen.append(key)
            told.append(
                Hint(
                    remote_id=row[stream.about],
                    revision=row.get(stream.version, "") if stream.version else "",
                    at=at(row[stream.stamp]),
                    deleted=stream.deleted,
                    project=table,
                    type=table,
                )
            )
    place.seen = place.seen[-SEEN_MOST:]
    if rows:
        place.after = (rows[-1][stream.stamp], rows[-1]["sys_id"])
    if not more:
        # Up to here by the tool's own clock, which its answers tell; or else by the last row.
        reached = asked or (at(place.after[0]) if place.after else None)
        if reached is not None:
            place.since = max(place.since, (reached - OVERLAP).strftime(GRAIN))
        place.after = None
    return told, more


async def _page(api: Api, stream: Stream, place: Place) -> tuple[list[Row], bool]:
    """(rows, more). Rows may be hidden after the limit was applied, so an empty page with a next one is passed over."""
    query, offset = _query(stream, place), 0
    for _ in range(EMPTY_PAGES_MOST):
        page = await api.page(stream.table, query, stream.fields, limit=PAGE, offset=offset)
        for row in page.rows:
            if not stream.fits(row, place.since):
                raise MappingBroken(
                    f"The instance did not keep to our query of {stream.table}.",
                    field=stream.stamp,
                    help="The account must be able to read the fields " + ", ".join(stream.fields) + ".",
                )
        if page.rows or page.following is None:
            return list(page.rows), page.following is not None
        offset = page.following
    return [], False


def _query(stream: Stream, place: Place) -> str:
    order = f"^ORDERBY{stream.stamp}^ORDERBYsys_id"
    if place.after is None:
        return f"{stream.conditions}{stream.stamp}>={place.since}{order}"
    stamp, sys_id = place.after
    same = f"{stream.conditions}{stream.stamp}={stamp}^sys_id>{sys_id}"
    return f"{same}^NQ{stream.conditions}{stream.stamp}>{stamp}{order}"


def _written(places: dict[str, Place]) -> str:
    said = {name: {"since": p.since, "after": p.after, "seen": p.seen} for name, p in places.items()}
    return json.dumps(said, separators=(",", ":"))


def _read(cursor: str, table: str) -> dict[str, Place]:
    try:
        said: dict[str, Any] = json.loads(cursor)
        return {
            stream.name: Place(
                since=_stamp(said[stream.name]["since"]),
                after=_pair(said[stream.name]["after"]),
                seen=[str(one) for one in said[stream.name]["seen"]],
            )
            for stream in streams(table)
        }
    except (ValueError, KeyError, TypeError) as problem:
        raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.") from problem


def _stamp(text: str) -> str:
    if at(text) is None:
        raise ValueError(text)
    return text


def _pair(said: Any) -> tuple[str, str] | None:
    return (_stamp(said[0]), str(said[1])) if said else None
