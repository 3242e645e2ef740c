"""What changed, and what is there: the incremental export, by the time of the last touch, deleted tickets too.

The export leaves out the last minute and refuses to begin within it. So following begins a little before; and a list of
what is there ends with the tickets that were changed last, which another list has at once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rallypoint.connectors.zendesk.api import Api, no_interface
from rallypoint.connectors.zendesk.shape import PROJECT
from rallypoint.connectors.zendesk.values import at
from rallypoint.sync.ports import Changes, Hint, ValidationFailed

BEHIND = timedelta(seconds=75)
RECENT_PAGES_MOST = 90
"""Pages by number end at ten thousand rows there."""


def beginning(api: Api) -> str:
    """A cursor that begins now, by the account's clock as its answers told it."""
    return f"since={_epoch(api.their_time() - BEHIND)}"


async def changes(api: Api, cursor: str | None) -> Changes:
    if cursor is None:
        await api.get("/users/me", "user")  # its answer tells the time there
        return Changes(hints=(), cursor=beginning(api))
    page = await _export(api, _asked(cursor))
    hints = {one.remote_id: one for row in page["tickets"] if (one := _hint(row)) is not None}
    after = str(page.get("after_cursor") or "")
    return Changes(
        hints=tuple(hints.values()),
        cursor=f"cursor={after}" if after else cursor,
        more=page.get("end_of_stream") is False and bool(after),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Tickets that are there, and where the list goes on."""

    rows: tuple[dict[str, Any], ...]
    cursor: str
    more: bool


async def tickets(api: Api, since: datetime | None, cursor: str | None) -> Page:
    """Every ticket changed since, or at all: first the export, then what it does not tell yet."""
    if cursor is None:
        begin = int(since.timestamp()) if since is not None else 0
        await api.get("/users/me", "user")
        cursor = f"since={min(begin, int((api.their_time() - BEHIND).timestamp()))}"
    kind, _, said = cursor.partition("=")
    if kind == "recent":
        return await _recent(api, said, since)
    noted = api.their_time() - BEHIND
    page = await _export(api, _asked(cursor))
    rows = _there(page["tickets"], since)
    after = str(page.get("after_cursor") or "")
    if page.get("end_of_stream") is False and after:
        return Page(rows=rows, cursor=f"cursor={after}", more=True)
    return Page(rows=rows, cursor=f"recent={_epoch(noted)}/1", more=True)


async def _recent(api: Api, said: str, since: datetime | None) -> Page:
    """A page of what was changed last, newest first. Who is changed meanwhile moves to the front: nobody is skipped."""
    begun, _, number = said.partition("/")
    if not begun.isdigit() or not number.isdigit():
        raise _no_cursor()
    query = {"sort_by": "updated_at", "sort_order": "desc", "per_page": "100", "page": number}
    answer = await api.call("GET", "/tickets", query=query)
    found = answer.data.get("tickets") if isinstance(answer.data, dict) else None
    if not isinstance(found, list):
        raise no_interface(answer)
    border = datetime.fromtimestamp(int(begun), UTC)
    rows = [one for one in found if isinstance(one, dict) and (at(one.get("updated_at")) or border) >= border]
    more = len(rows) == len(found) > 0 and bool(answer.data.get("next_page")) and int(number) < RECENT_PAGES_MOST
    return Page(rows=_there(rows, since), cursor=f"recent={begun}/{int(number) + 1}", more=more)


def _there(rows: list[Any], since: datetime | None) -> tuple[dict[str, Any], ...]:
    return tuple(
        one
        for one in rows
        if isinstance(one, dict) and one.get("id") and one.get("status") != "deleted"
        if since is None or (at(one.get("updated_at")) or since) >= since
    )


def _asked(cursor: str) -> dict[str, str]:
    kind, _, said = cursor.partition("=")
    if kind == "since" and said.isdigit():
        return {"start_time": said}
    if kind == "cursor" and said and said.isprintable():
        return {"cursor": said}
    raise _no_cursor()


def _no_cursor() -> ValidationFailed:
    return ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.")


async def _export(api: Api, asked: Mapping[str, str]) -> dict[str, Any]:
    answer = await api.call("GET", "/incremental/tickets/cursor", query=asked)
    if not isinstance(answer.data, dict) or not isinstance(answer.data.get("tickets"), list):
        raise no_interface(answer)
    return answer.data


def _hint(row: Any) -> Hint | None:
    """The export does not tell the audit, so it says no revision: what it names is read."""
    if not isinstance(row, dict) or not str(row.get("id", "")).isdigit():
        return None
    return Hint(
        remote_id=str(row["id"]),
        at=at(row.get("updated_at")),
        deleted=row.get("status") == "deleted",
        project=PROJECT,
    )


def _epoch(moment: datetime) -> str:
    return str(int(moment.timestamp()))
