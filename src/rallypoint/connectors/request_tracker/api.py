"""The REST 2 interface of Request Tracker: calls, pages, and what its answers mean.

It says little by status: a change that was refused is answered 200, with the refusal among its sentences.
"""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from rallypoint.connectors.calling import SECONDS, Answer, Caller, Way, seconds_of
from rallypoint.sync.ports import (
    AuthFailed,
    Outage,
    PermissionDenied,
    RateLimited,
    RateNote,
    Stale,
    TrackerError,
    ValidationFailed,
)

REST = "/REST/2.0"
PAGE = 100
"""Rows of a page; the interface gives no more."""

PAGES_MOST = 200
GRAIN = "%Y-%m-%d %H:%M:%S"
ID = re.compile(r"[1-9][0-9]{0,17}")
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""How it writes a time that is not set."""

Row = dict[str, Any]


class NotThere(Stale):
    """What was asked for by number or name does not exist."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An account by its name, and what proves it: a token where there is one, else its password."""

    user: str
    token: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


class Api:
    """One account at one Request Tracker."""

    def __init__(self, way: Way, base_url: str, credentials: Credentials, now: Callable[[], datetime]) -> None:
        self.caller, self.user, self._now = Caller(way, base_url, now), credentials.user, now
        given = b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
        self._signed = {"authorization": f"token {credentials.token}" if credentials.token else f"Basic {given}"}
        self._notes: list[RateNote] = []

    def their_time(self) -> datetime | None:
        """What its clock shows now, by its own answers; None before any."""
        skew = self.caller.skew
        return self._now() + timedelta(seconds=skew.seconds) if skew.since is not None else None

    def rate_notes(self) -> tuple[RateNote, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    # Reading.

    async def one(self, path: str, query: Mapping[str, str] | None = None) -> tuple[Row, str]:
        """(a record, its ETag without quotes). Raises NotThere."""
        answer = await self.call("GET", path + (f"?{urlencode(query)}" if query else ""))
        if not isinstance(answer.data, dict):
            raise no_interface(answer)
        return answer.data, answer.headers.get("etag", "").removeprefix("W/").strip('"')

    async def page(
        self, path: str, fields: tuple[str, ...], query: Iterable[tuple[str, str]] = (), *, number: int = 1
    ) -> tuple[list[Row], int | None]:
        """(rows, how many pages there are). It does not count pages where rows may be hidden from the account."""
        asked = [*query, ("fields", ",".join(fields)), ("per_page", str(PAGE)), ("page", str(number))]
        answer = await self.call("GET", f"{path}?{urlencode(asked)}")
        rows = answer.data.get("items") if isinstance(answer.data, dict) else None
        if not isinstance(rows, list):
            raise no_interface(answer)
        pages = answer.data.get("pages")
        return rows, int(pages) if isinstance(pages, (int, float)) else None

    async def every(
        self, path: str, fields: tuple[str, ...], query: Iterable[tuple[str, str]] = (), *, pages_most: int = PAGES_MOST
    ) -> list[Row]:
        """All rows. Where pages are not counted, one that is not full is the last: ask for what cannot be hidden."""
        found: list[Row] = []
        given = tuple(query)
        for number in range(1, pages_most + 1):
            rows, pages = await self.page(path, fields, given, number=number)
            found += rows
            if number >= pages if pages is not None else len(rows) < PAGE:
                break
        return found

    async def user_named(self, name: str) -> Row:
        """A user by name or number; empty where there is none or we may not see them."""
        try:
            return (await self.one(f"/user/{_segment(name)}"))[0]
        except (NotThere, PermissionDenied):
            return {}

    # Writing.

    async def change(self, id: str, values: Mapping[str, Any], etag: str) -> tuple[str, Answer]:
        """(its sentences about the change, the answer). Raises Stale when the ticket is not as with this ETag."""
        answer = await self.call("PUT", f"/ticket/{id}", body=dict(values), headers={"if-match": f'"{etag}"'})
        return sentences(answer), answer

    # Calls.

    async def call(self, method: str, path: str, **given: Any) -> Answer:
        """One request that must go well. Raises what the answer means otherwise."""
        answer = await self._send(method, path, **given)
        self._judge(answer)
        return answer

    async def _send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Answer:
        sent = {"accept": "application/json", **(headers or {}), **self._signed}
        answer = await self.caller.call(method, REST + path, body=body, content=content, headers=sent, seconds=seconds)
        if after := answer.headers.get("retry-after"):
            self._notes.append(RateNote(retry_after=seconds_of(after)))
        return answer

    def _judge(self, answer: Answer) -> None:
        if answer.fine and (answer.data is not None or answer.status == 204):
            return
        spoken = isinstance(answer.data, dict) and "message" in answer.data
        said = str(answer.data["message"]) if spoken else f"Request Tracker answered {answer.status}."
        raise self._meant(answer, said, spoken=spoken)

    def _meant(self, answer: Answer, said: str, *, spoken: bool) -> TrackerError:
        exchange = answer.exchange
        match answer.status:
            case 401:
                return AuthFailed(
                    "Request Tracker refuses the user with this token or password.",
                    help="Check them.",
                    exchange=exchange,
                )
            case 403:
                help = "Give the account this right for the queue."
                return PermissionDenied(said, help=help, exchange=exchange)
            case 412:
                return Stale(exchange=exchange)
            case 429:
                after = seconds_of(answer.headers.get("retry-after", ""))
                return RateLimited(said, retry_after=after, exchange=exchange)
            case status if status >= 500:
                return Outage(said, unknown=not answer.reading, exchange=exchange)
        if not spoken:
            return no_interface(answer)
        if answer.status == 404:
            return NotThere(said, exchange=exchange)
        return ValidationFailed(said, exchange=exchange)


def at(stamp: object) -> datetime | None:
    """A time in either of its notations, both in UTC; None for one that is not set or cannot be read."""
    try:
        moment = datetime.strptime(str(stamp or "")[:19].replace("T", " "), GRAIN).replace(tzinfo=UTC)
    except ValueError:
        return None
    return moment if moment > NEVER else None


def about(fields: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The search for rows in which one of these holds."""
    return (("query", json.dumps([{"field": name, "value": value} for name, value in fields])),)


def made_id(answer: Answer, of: str) -> str:
    """The number of what was made, from the address it is told under."""
    made = answer.headers.get("location", "").rstrip("/").rpartition(f"/{of}/")[2]
    if answer.status != 201 or not ID.fullmatch(made):
        raise no_interface(answer)
    return made


def no_interface(answer: Answer) -> Outage:
    moved = f" (it points to {answer.headers['location']})" if 300 <= answer.status < 400 else ""
    return Outage(
        f"What answered {answer.status}{moved} is not the REST 2 interface of Request Tracker.",
        unknown=not answer.reading and answer.status != 404,
        help="The address is the one people use, like https://rt.example.org or https://example.org/rt, without "
        "REST/2.0 at its end.",
        exchange=answer.exchange,
    )


def sentences(answer: Answer) -> str:
    """What it says about a change, which may have been refused."""
    if not isinstance(answer.data, list):
        raise no_interface(answer)
    return " ".join(str(one) for one in answer.data if one)


def _segment(name: str) -> str:
    """A name as part of an address. Its dispatcher splits at slashes even where they are escaped."""
    return quote(name.replace("/", ""), safe="@")
