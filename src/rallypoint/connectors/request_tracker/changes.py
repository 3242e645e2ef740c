"""What changed since: tickets along their last update, which has whole seconds, with an overlap.

The search takes times in the time zone of the account's own preferences, and says nowhere which that is. So it must be
UTC, and one question shows whether it is.
"""

import json
from datetime import datetime, timedelta
from typing import Any

from rallypoint.connectors.request_tracker.api import GRAIN, PAGE, Api, Row, at
from rallypoint.sync.ports import Changes, Hint, ValidationFailed

OVERLAP = timedelta(seconds=30)
OVER = timedelta(seconds=2)
"""After this long a second is surely over, and nothing more can have happened in it."""

PAGES_MOST = 64
SEEN_MOST = 5000
FIELDS = ("LastUpdated", "Queue")
ORDER = (("orderby", "LastUpdated"), ("orderby", "id"))


def wrong_zone() -> ValidationFailed:
    return ValidationFailed(
        "The account's time zone at Request Tracker is not UTC, so changes cannot be asked for by time.",
        help="Set it to UTC in the preferences of the account, under About me.",
    )


def beginning(now: datetime) -> str:
    return _written(now, ())


async def is_utc(api: Api) -> bool:
    """Whether times are taken as UTC, tried on the ticket that changed last. True while there is none to try it on."""
    newest = (("query", "id > 0"), ("orderby", "LastUpdated"), ("order", "DESC"))
    rows, _ = await api.page("/tickets", FIELDS, newest)
    moment = at(rows[0].get("LastUpdated")) if rows else None
    if moment is None:
        return True
    second = timedelta(seconds=1)
    asked = f"id = {int(rows[0]['id'])} AND {after(moment - second)} AND LastUpdated < '{_stamp(moment + second)}'"
    return bool((await api.page("/tickets", FIELDS, (("query", asked),)))[0])


async def changes(api: Api, cursor: str) -> Changes:
    since, seen = _read(cursor)
    asked_at = api.their_time()
    rows: list[Row] = []
    more = False
    for number in range(1, PAGES_MOST + 1):
        found, pages = await api.page("/tickets", FIELDS, (("query", after(since)), *ORDER), number=number)
        rows += found
        more = number < pages if pages is not None else len(found) >= PAGE
        last = at(rows[-1].get("LastUpdated")) if rows else None
        if not more or last is None or last > since:
            break
    else:
        raise ValidationFailed(f"More than {PAGES_MOST * PAGE} tickets changed in one second.", help="Begin anew.")
    # Before the first answer there is no time of theirs; the next round has it.
    reached = asked_at or last or since
    hints: list[Hint] = []
    for row in rows:
        moment, key = at(row.get("LastUpdated")), f"{row['id']}@{row.get('LastUpdated')}"
        if key in seen:
            continue
        if moment is not None and moment < reached - OVER:
            seen.append(key)
        queue = row.get("Queue")
        project = str(queue.get("id", "")) if isinstance(queue, dict) else ""
        hints.append(Hint(remote_id=str(row["id"]), at=moment, project=project, type="ticket"))
    following = last if more and last else max(since, reached - OVERLAP)
    return Changes(hints=tuple(hints), cursor=_written(following, seen[-SEEN_MOST:]), more=more)


def after(since: datetime) -> str:
    """The condition of a search for what changed then or later."""
    return f"LastUpdated >= '{_stamp(since)}'"


def _stamp(moment: datetime) -> str:
    return moment.strftime(GRAIN)


def _written(since: datetime, seen: Any) -> str:
    return json.dumps({"since": _stamp(since), "seen": list(seen)}, separators=(",", ":"))


def _read(cursor: str) -> tuple[datetime, list[str]]:
    try:
        said = json.loads(cursor)
        since = at(said["since"])
        if since is None:
            raise ValueError(cursor)
        return since, [str(one) for one in said["seen"]]
    except (ValueError, KeyError, TypeError) as problem:
        raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.") from problem
