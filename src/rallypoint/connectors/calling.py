"""How a tracker's connector talks to its tool over the guarded way out: one call, its answer, what went wrong.

Nothing is tried again here: the caller has the journal, the lanes and the budget.
"""

import json
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Protocol
from urllib.parse import urlencode

from rallypoint.errors import OutsideFailure
from rallypoint.sync.ports import Exchange, Outage, ValidationFailed

MOST_BYTES = 16 * 1024 * 1024
SECONDS = 30.0
KEPT = 2000
"""Characters of a body that the error queue shows."""

SKEW_LASTS = timedelta(minutes=10)
READING = frozenset({"GET", "HEAD"})


class Got(Protocol):
    """A whole answer."""

    @property
    def status(self) -> int: ...
    @property
    def headers(self) -> Mapping[str, str]: ...
    @property
    def body(self) -> bytes: ...
    @property
    def cut(self) -> bool: ...


class Coming(Protocol):
    """An answer whose body is still to come."""

    status: int
    headers: Mapping[str, str]

    def chunks(self) -> AsyncIterator[bytes]: ...


class Way(Protocol):
    """The guarded HTTP client; egress.Egress is one."""

    async def send(
        self,
        method: str,
        url: str,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        most: int,
        seconds: float,
    ) -> Got: ...

    def stream(
        self,
        method: str,
        url: str,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float,
    ) -> AbstractAsyncContextManager[Coming]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back. `data` is the JSON of the body, None when it has none. `exchange` is for the error queue."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    data: Any
    exchange: Exchange
    reading: bool

    @property
    def fine(self) -> bool:
        return 200 <= self.status < 300


@dataclass(slots=True)
class Skew:
    """How far a tool's clock is ahead of ours, by its Date headers: each leaves an interval; they are intersected.

    A date has whole seconds, so one answer tells it to a second; several tell it better. Zero when nothing speaks
    against it.
    """

    low: float = float("-inf")
    high: float = float("inf")
    since: datetime | None = None

    def note(self, date: datetime, before: datetime, after: datetime) -> None:
        low, high = (date - after).total_seconds(), (date - before).total_seconds() + 1.0
        narrowed = max(low, self.low), min(high, self.high)
        if self.since is None or after - self.since > SKEW_LASTS or narrowed[0] > narrowed[1]:
            self.since, narrowed = after, (low, high)
        self.low, self.high = narrowed

    @property
    def seconds(self) -> float:
        if self.since is None or self.low <= 0.0 <= self.high:
            return 0.0
        return (self.low + self.high) / 2


@dataclass(slots=True)
class Caller:
    """Calls one base address. Raises Outage (`unknown` when a write may have arrived) and ValidationFailed."""

    way: Way
    base_url: str
    now: Callable[[], datetime]
    skew: Skew = field(default_factory=Skew)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        secret: bool = False,
        seconds: float = SECONDS,
    ) -> Answer:
        """One request. `body` is sent as JSON; `secret` keeps what is sent and answered out of the error queue."""
        sent, given = dict(headers or {}), content
        if body is not None:
            given = json.dumps(body, ensure_ascii=False).encode()
            sent["content-type"] = "application/json"
        shown = given.decode("utf-8", "replace") if isinstance(given, bytes) and not secret else ""
        url = self.url(path, query)
        before = self.now()
        try:
            got = await self.way.send(method, url, given, sent, most=MOST_BYTES, seconds=seconds)
        except OutsideFailure as failure:
            raise self._failure(failure, Exchange(method=method, url=url, request=shown[:KEPT])) from failure
        self._note(got.headers, before)
        said = "" if secret else got.body[: KEPT * 4].decode("utf-8", "replace")[:KEPT]
        exchange = Exchange(method=method, url=url, request=shown[:KEPT], status=got.status, response=said)
        if got.cut:
            raise Outage(f"The answer is longer than {MOST_BYTES // 2**20} MB.", exchange=exchange)
        return Answer(
            status=got.status,
            headers=got.headers,
            body=got.body,
            data=_json(got),
            exchange=exchange,
            reading=method in READING,
        )

    @asynccontextmanager
    async def stream(
        self, path: str, *, headers: Mapping[str, str] | None = None, seconds: float = SECONDS
    ) -> AsyncIterator[Coming]:
        """A GET whose body is read piece by piece. Redirects are not followed, so credentials stay with the host."""
        url = self.url(path)
        try:
            async with self.way.stream("GET", url, b"", headers, seconds=seconds) as coming:
                yield coming
        except OutsideFailure as failure:
            raise self._failure(failure, Exchange(method="GET", url=url)) from failure

    def url(self, path: str, query: Mapping[str, str] | None = None) -> str:
        return self.base_url.rstrip("/") + path + (f"?{urlencode(query)}" if query else "")

    def _note(self, headers: Mapping[str, str], before: datetime) -> None:
        try:
            date = parsedate_to_datetime(headers.get("date", ""))
        except ValueError:
            return
        if date.tzinfo is not None:
            self.skew.note(date, before, self.now())

    def _failure(self, failure: OutsideFailure, exchange: Exchange) -> Exception:
        """Ours by what it means: an address that may not be called stays wrong however often it is tried."""
        if not failure.retry:
            return ValidationFailed(failure.said, help=failure.help, exchange=exchange)
        unknown = failure.unknown and exchange.method not in READING
        return Outage(failure.said, unknown=unknown, help=failure.help, exchange=exchange)


def _json(got: Got) -> Any:
    if "json" not in got.headers.get("content-type", ""):
        return None
    try:
        return json.loads(got.body)
    except ValueError:
        return None


def seconds_of(text: str) -> float | None:
    """What a header says in seconds, never less than none; None where it says no number."""
    try:
        return max(0.0, float(text))
    except ValueError:
        return None
