"""The REST interface of GitHub: signing in with a token, reading lists, and what its refusals mean."""

import re
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from rallypoint.connectors.calling import Answer, Caller, Way, seconds_of
from rallypoint.sync.ports import (
    AuthFailed,
    MappingBroken,
    Outage,
    PermissionDenied,
    RateLimited,
    RateNote,
    Stale,
    TrackerError,
    ValidationFailed,
)

VERSION = "2022-11-28"
PAGE = 100
SECONDARY_SECONDS = 60.0
"""How long to wait where GitHub says too fast, and not for how long."""

NEXT = re.compile(r'<([^<>]*)>\s*;[^,]*rel="next"')
WRITABLE = {"milestone": "milestone", "assignees": "assignee", "assignee": "assignee", "title": "title", "body": "body"}
EXPIRY = "github-authentication-token-expiration"

Row = dict[str, Any]


def interface_of(base_url: str) -> str:
    """Where the interface is of the host that people know: github.com, data residency, a server of one's own."""
    parts = urlsplit(base_url.rstrip("/"))
    host = (parts.hostname or "").lower()
    if host in ("github.com", "www.github.com", "api.github.com"):
        return "https://api.github.com"
    if host.endswith(".ghe.com"):
        return base_url.rstrip("/") if host.startswith("api.") else f"https://api.{host}"
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path if path.endswith('/api/v3') else path + '/api/v3'}"


class Api:
    """One account at one host."""

    def __init__(self, way: Way, base_url: str, token: str, now: Callable[[], datetime]) -> None:
        self.caller, self._now = Caller(way, interface_of(base_url), now), now
        self._token = token
        self._notes: dict[str, RateNote] = {}
        self.version = ""
        self.expires: datetime | None = None

    def their_time(self) -> datetime:
        """What the host's clock shows now, by its own answers; ours before any."""
        return self._now() + timedelta(seconds=self.caller.skew.seconds)

    def rate_notes(self) -> tuple[RateNote, ...]:
        """The newest of each budget."""
        notes, self._notes = tuple(self._notes.values()), {}
        return notes

    # Calls.

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Row:
        return row_of(await self.call("GET", path, query=query))

    async def pages(
        self, path: str, query: Mapping[str, str] | None = None, *, most: int
    ) -> AsyncIterator[tuple[list[Row], bool]]:
        """(rows, whether more follow) of at most `most` pages. Of a link to the next only the query is taken: the host
        stays the one that our token is for."""
        asked: dict[str, str] | None = {**(query or {}), "per_page": str(PAGE)}
        for _ in range(most):
            answer = await self.call("GET", path, query=asked)
            asked = following(answer)
            yield rows_of(answer), asked is not None
            if asked is None:
                return

    async def all(self, path: str, query: Mapping[str, str] | None = None, *, most: int) -> tuple[list[Row], bool]:
        """(rows of at most `most` pages, whether these are all)"""
        found: list[Row] = []
        complete = True
        async for rows, more in self.pages(path, query, most=most):
            found += rows
            complete = not more
        return found, complete

    async def call(self, method: str, path: str, **given: Any) -> Answer:
        """One request that must go well. Raises what `judge` says of the answer otherwise."""
        answer = await self.send(method, path, **given)
        self.judge(answer)
        return answer

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
        secret: bool = False,
    ) -> Answer:
        """One request with our token, whatever the answer."""
        sent = {
            "accept": "application/vnd.github+json",
            "authorization": f"Bearer {self._token}",
            "x-github-api-version": VERSION,
            **(headers or {}),
        }
        answer = await self.caller.call(method, path, query=query, body=body, headers=sent, secret=secret)
        self._note(answer)
        return answer

    def _note(self, answer: Answer) -> None:
        told = answer.headers
        self.version = told.get("x-github-enterprise-version", self.version)
        self.expires = _expiry(told.get(EXPIRY, "")) or self.expires
        after, limit = seconds_of(told.get("retry-after", "")), told.get("x-ratelimit-limit", "")
        if after is None and not limit:
            return
        left, bucket = told.get("x-ratelimit-remaining", ""), told.get("x-ratelimit-resource", "")
        self._notes[bucket] = RateNote(
            bucket=bucket,
            limit=int(limit) if limit.isdigit() else None,
            remaining=int(left) if left.isdigit() else None,
            reset_seconds=self._until(told.get("x-ratelimit-reset", "")),
            retry_after=after,
        )

    def _until(self, stamp: str) -> float | None:
        at = seconds_of(stamp)
        return None if at is None else max(0.0, at - self.their_time().timestamp())

    # What a refusal means.

    def judge(self, answer: Answer) -> None:
        """Raises unless the answer is good: in JSON, or without a body at all."""
        if answer.fine and (answer.data is not None or not answer.body):
            return
        said = answer.data.get("message") if isinstance(answer.data, dict) else None
        exchange = answer.exchange
        if answer.status >= 500:
            raise Outage(
                str(said or f"GitHub answered {answer.status}."), unknown=not answer.reading, exchange=exchange
            )
        if not isinstance(said, str) or not said:
            raise no_interface(answer)
        raise self._spoken(answer, said)

    def _spoken(self, answer: Answer, said: str) -> TrackerError:
        exchange = answer.exchange
        if answer.status == 429 or (answer.status == 403 and self._is_rate(answer, said)):
            return self._rate(answer, said)
        match answer.status:
            case 401:
                help = "Make a new fine-grained personal access token for the account; they run out."
                return AuthFailed(f"GitHub refuses the token ({said}).", help=help, exchange=exchange)
            case 403 | 451:
                wanted = answer.headers.get("x-accepted-github-permissions", "")
                help = "Give the token the permission Issues (read and write), and the account the role Write."
                help = f"The token needs the permission {wanted}." if wanted else help
                return PermissionDenied(said, help=help, exchange=exchange)
            case 404:
                return Stale(f"It is not there any more, or hidden from us ({said}).", exchange=exchange)
            case 301 | 302 | 307 | 308:
                return Stale(f"It has moved ({said}).", exchange=exchange)
            case 410 if "deleted" in said.lower():
                return Stale(f"It was deleted ({said}).", exchange=exchange)
            case 410:
                help = "Switch issues on in the repository's settings, or choose another repository."
                return MappingBroken(said, help=help, exchange=exchange)
            case 409:
                return Stale(said, exchange=exchange)
        return _validation(answer, said)

    def _is_rate(self, answer: Answer, said: str) -> bool:
        spent = answer.headers.get("x-ratelimit-remaining", "") == "0"
        return spent or "retry-after" in answer.headers or "rate limit" in said.lower()

    def _rate(self, answer: Answer, said: str) -> RateLimited:
        """Their word of how long; else until the hour's budget begins anew; else a minute."""
        told = answer.headers
        after = seconds_of(told.get("retry-after", ""))
        if after is None and told.get("x-ratelimit-remaining", "") == "0":
            after = self._until(told.get("x-ratelimit-reset", ""))
        after = SECONDARY_SECONDS if after is None else max(1.0, after)
        bucket = "secondary" if "secondary" in said.lower() else told.get("x-ratelimit-resource", "")
        return RateLimited(said, retry_after=after, bucket=bucket, exchange=answer.exchange)


def _validation(answer: Answer, said: str) -> TrackerError:
    told = answer.data.get("errors") if isinstance(answer.data, dict) else None
    errors = [one for one in told or () if isinstance(one, dict)] if isinstance(told, list) else []
    fields: dict[str, str] = {}
    for one in errors:
        name = str(one.get("field", ""))
        words = str(one.get("message") or f"{name}: {one.get('code', 'invalid')}")
        fields[WRITABLE.get(name, name)] = words
    if any(one.get("field") == "milestone" and one.get("code") == "invalid" for one in errors):
        return MappingBroken(
            "The milestone is not there any more.", field="milestone", help="Choose another in the mapping.",
            exchange=answer.exchange,
        )  # fmt: skip
    text = "; ".join((said.strip(), *fields.values()))
    return ValidationFailed(text, fields=fields, exchange=answer.exchange)


def following(answer: Answer) -> dict[str, str] | None:
    """The query of the next page."""
    found = NEXT.search(answer.headers.get("link", ""))
    return dict(parse_qsl(urlsplit(found[1]).query)) if found else None


def row_of(answer: Answer) -> Row:
    if not isinstance(answer.data, dict):
        raise no_interface(answer)
    return answer.data


def rows_of(answer: Answer) -> list[Row]:
    if not isinstance(answer.data, list):
        raise no_interface(answer)
    return [one for one in answer.data if isinstance(one, dict)]


def at(stamp: object) -> datetime | None:
    """A time as they write it; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(stamp or ""))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _expiry(said: str) -> datetime | None:
    """As "2026-12-24 10:00:00 UTC" or with a distance from it."""
    return at(said.replace(" UTC", "+00:00").replace(" +", "+").replace(" -", "-")) if said else None


def no_interface(answer: Answer) -> TrackerError:
    said = f"What answered {answer.status} is not the interface of GitHub."
    help = "The address is https://github.com, or that of your own GitHub Enterprise server, without a repository."
    return Outage(said, unknown=answer.fine and not answer.reading, help=help, exchange=answer.exchange)
