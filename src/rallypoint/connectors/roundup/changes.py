"""What changed since: issues along their activity, which has whole seconds, with an overlap.

A page begins at the second of the last row and leaves out what was told, so issues that change while we read push no
other past us. What changed within the last seconds is told again: a second change in the same second looks alike.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from rallypoint.connectors.roundup.api import GRAIN, Api, at
from rallypoint.sync.ports import Changes, Hint, ValidationFailed

OVERLAP = timedelta(seconds=30)
OVER = timedelta(seconds=2)
"""After this long a second is surely over, and nothing more can have happened in it."""

PAGE = 100
PAGE_MOST = 6400
SEEN_MOST = 5000


def beginning(now: datetime) -> str:
    return _written(now, ())


async def changes(api: Api, of: str, cursor: str) -> Changes:
    since, seen = _read(cursor)
    asked_at, size = api.their_time(), PAGE
    while True:
        query = (("activity", f"{since.strftime(GRAIN)};"), ("@sort", "activity,id"))
        rows = await api.rows(of, query, ("id", "activity"), most=size)
        more = len(rows) >= size
        last = at(rows[-1].get("activity")) if rows else None
        if not more or last is None or last > since:
            break
        if size >= PAGE_MOST:
            raise ValidationFailed(f"More than {PAGE_MOST} issues changed in one second.", help="Begin anew from now.")
        size *= 2
    # Before the first answer there is no time of theirs; the next round has it.
    reached = asked_at or last or since
    hints: list[Hint] = []
    for row in rows:
        moment, key = at(row.get("activity")), f"{row['id']}@{row.get('activity')}"
        if key in seen:
            continue
        if moment is not None and moment < reached - OVER:
            seen.append(key)
        hints.append(Hint(remote_id=str(row["id"]), at=moment, project=of, type=of))
    following = last if more and last else max(since, reached - OVERLAP)
    return Changes(hints=tuple(hints), cursor=_written(following, seen[-SEEN_MOST:]), more=more)


def _written(since: datetime, seen: Any) -> str:
    return json.dumps({"since": since.strftime(GRAIN), "seen": list(seen)}, separators=(",", ":"))


def _read(cursor: str) -> tuple[datetime, list[str]]:
    try:
        said = json.loads(cursor)
        since = at(said["since"])
        if since is None:
            raise ValueError(cursor)
        return since, [str(one) for one in said["seen"]]
    except (ValueError, KeyError, TypeError) as problem:
        raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.") from problem
