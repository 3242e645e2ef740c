"""The interface of a site: which edition answers, reading lists, and what its refusals mean."""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from rallypoint.connectors.calling import SECONDS, Answer, Caller, Coming, Way, seconds_of
from rallypoint.connectors.jira.oauth import Credentials, Entrance
from rallypoint.connectors.jira.values import at
from rallypoint.connectors.oauth import renewing
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
from rallypoint.sync.tools import Wallet

PAGE = 50
NOBODY = frozenset({"AUTHENTICATED_FAILED", "AUTHENTICATION_DENIED", "AUTHORISATION_FAILED", "OUT"})
"""What X-Seraph-LoginReason says when our credentials were not taken, whatever the status is."""

PLACES = frozenset({"project", "issuetype", "pid"})
PER_ISSUE = "jira-per-issue-on-write"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """Cloud speaks version 3 and documents, Data Center version 2 and wiki text. `site` is its address."""

    cloud: bool
    version: str
    site: str

    @property
    def api(self) -> str:
        return f"/rest/api/{3 if self.cloud else 2}"


class Api:
    """One account at one site."""

    def __init__(
        self,
        way: Way,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        wallet: Wallet | None = None,
    ) -> None:
        self.entrance = Entrance(way, base_url, credentials, now, wallet)
        self.caller = Caller(way, base_url.rstrip("/"), now)
        self._base_url, self._now = base_url.rstrip("/"), now
        self._edition: Edition | None = None
        self._notes: list[RateNote] = []

    def their_time(self) -> datetime:
        """What the site's clock shows now, by its own answers; ours before any."""
        return self._now() + timedelta(seconds=self.caller.skew.seconds)

    @property
    def cloud(self) -> bool:
        """What answered was Cloud; so it is taken to be before anything did."""
        return self._edition is None or self._edition.cloud

    def rate_notes(self) -> tuple[RateNote, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    async def edition(self) -> Edition:
        """Asked once: a site does not change it while it is connected."""
        if self._edition is None:
            self.caller.base_url = await self.entrance.address()
            answer = await self.send("GET", "/rest/api/2/serverInfo")
            said = answer.data if isinstance(answer.data, dict) else {}
            if not answer.fine or "versionNumbers" not in said:
                self.judge(answer)
                raise no_interface(answer)
            cloud = str(said.get("deploymentType", "")).lower() == "cloud"
            self._edition = Edition(cloud=cloud, version=str(said.get("version", "")), site=self._base_url)
        return self._edition

    # Calls.

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Any:
        """What a resource of the interface holds; `path` is below its version."""
        return (await self.call("GET", path, query=query)).data

    async def call(self, method: str, path: str, *, item: str = "", asking: bool = False, **given: Any) -> Answer:
        """One request that must go well. `asking`: nothing is changed by it, although it is no GET.

        Raises what `judge` says of the answer otherwise. `item` is the issue it is about.
        """
        edition = await self.edition()
        try:
            where = path if path.startswith("/rest/") else f"{edition.api}/{path}"
            answer = await self.send(method, where, item=item, **given)
            self.judge(answer, item=item)
        except Outage as lost:
            if not asking or not lost.unknown:
                raise
            raise Outage(lost.said, help=lost.help, exchange=lost.exchange) from lost
        return answer

    async def send(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        secret: bool = False,
        item: str = "",
    ) -> Answer:
        """One request with our credentials, whatever the answer. An application's token that is refused is renewed."""

        async def ask(authorization: str) -> Answer:
            sent = {"accept": "application/json", **(headers or {}), "authorization": authorization}
            answer = await self.caller.call(
                method, path, query=query, body=body, content=content, headers=sent, seconds=seconds, secret=secret
            )
            self._note(answer, item)
            return answer

        return await renewing(ask, self.entrance.signed, renewable=self.entrance.renewable, content=content)

    @asynccontextmanager
    async def stream(self, path: str, *, seconds: float) -> AsyncIterator[Coming]:
        """A GET whose body is read piece by piece."""
        await self.edition()
        signed = {"authorization": await self.entrance.signed()}
        async with self.caller.stream(path, headers=signed, seconds=seconds) as coming:
            yield coming

    async def listed(
        self, path: str, query: Mapping[str, str] | None = None, *, name: str = "", most: int = 1000
    ) -> list[dict[str, Any]]:
        """All rows of a list: a bare one, or one in pages, whose rows are under `name`, else under values."""
        found: list[dict[str, Any]] = []
        start = 0
        while len(found) < most:
            answer = await self.call(
                "GET", path, query={**(query or {}), "startAt": str(start), "maxResults": str(PAGE)}
            )
            rows = answer.data if isinstance(answer.data, list) else _rows(answer.data, name)
            if rows is None:
                raise no_interface(answer)
            found += [one for one in rows if isinstance(one, dict)]
            start += len(rows)
            if isinstance(answer.data, list) or not rows or _ended(answer.data, start):
                break
        return found[:most]

    def _note(self, answer: Answer, item: str) -> None:
        """What it says of the budget, with a good answer too. The budget of one issue goes by its id."""
        told = answer.headers
        limit, left, after = (
            told.get(name, "") for name in ("x-ratelimit-limit", "x-ratelimit-remaining", "retry-after")
        )
        if not (limit or after):
            return
        until = self._until(told.get("x-ratelimit-reset", ""))
        self._notes.append(
            RateNote(
                bucket=_bucket(answer, item),
                limit=int(limit) if limit.isdigit() else None,
                remaining=int(left) if left.isdigit() else None,
                reset_seconds=_filling(told) if until is None else until,
                retry_after=seconds_of(after),
            )
        )

    def _until(self, reset: str) -> float | None:
        moment = at(reset)
        return max(0.0, (moment - self.their_time()).total_seconds()) if moment else None

    # What a refusal means.

    def judge(self, answer: Answer, *, item: str = "") -> None:
        """Raises unless the answer is good and for us: wrong credentials may be answered as to a stranger."""
        reason = answer.headers.get("x-seraph-loginreason", "")
        reasons = {part.strip() for part in reason.split(",")}
        if answer.status == 401 or ("OK" not in reasons and reasons & NOBODY):
            raise _auth(answer, reason)
        if answer.fine and (answer.data is not None or not answer.body):
            return
        said, fields = _words(answer.data)
        raise self._refusal(answer, said, fields, item)

    def _refusal(self, answer: Answer, said: str, fields: dict[str, str], item: str) -> TrackerError:
        status, exchange = answer.status, answer.exchange
        words = said or "; ".join(f"{name}: {why}" for name, why in fields.items())
        if status == 429:
            return self._rate(words, answer, item)
        if status >= 500 or status == 408:
            return Outage(words or f"Jira answered {status}.", unknown=not answer.reading, exchange=exchange)
        if status == 403:
            help = "Give the integration's account the permission that this needs, in the scheme of the project."
            return PermissionDenied(words or "Jira forbids this.", help=help, exchange=exchange)
        if status == 413:
            return ValidationFailed(words or "This is too large for Jira, or the issue is full.", exchange=exchange)
        if status == 409:
            return Stale(exchange=exchange)
        if not words or answer.fine or 300 <= status < 400:
            return no_interface(answer)
        if status == 404:
            return Stale(f"It is not there any more, or hidden from us ({words}).", exchange=exchange)
        if any("permission" in why.lower() for why in (said, *fields.values())):
            return PermissionDenied(words, help="Give the integration's account this permission.", exchange=exchange)
        if fields.keys() & PLACES or "does not exist for the field 'project'" in said:
            return MappingBroken(words, help="Look at the mapping: project and type.", exchange=exchange)
        help = "Put the field on the screen that this needs." if "appropriate screen" in words else ""
        return ValidationFailed(words, fields=fields, help=help, exchange=exchange)

    def _rate(self, said: str, answer: Answer, item: str) -> RateLimited:
        after = seconds_of(answer.headers.get("retry-after", ""))
        return RateLimited(
            said or "Jira asks us to slow down.",
            retry_after=after if after is not None else self._until(answer.headers.get("x-ratelimit-reset", "")),
            bucket=_bucket(answer, item),
            exchange=answer.exchange,
        )


def segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def _rows(data: Any, name: str) -> list[Any] | None:
    for one in (name, "values"):
        rows = data.get(one) if isinstance(data, dict) and one else None
        if isinstance(rows, list):
            return rows
    return None


def _ended(data: Mapping[str, Any], start: int) -> bool:
    total = data.get("total")
    return bool(data.get("isLast")) or (isinstance(total, int) and start >= total)


def _words(data: Any) -> tuple[str, dict[str, str]]:
    """(messages, words by field) of an error, in any of its envelopes."""
    if not isinstance(data, dict):
        return "", {}
    messages = [str(one) for one in data.get("errorMessages") or () if one]
    messages += [str(one.get("key")) for one in data.get("messages") or () if isinstance(one, dict)]
    errors = data.get("errors")
    fields = {str(name): str(why) for name, why in errors.items()} if isinstance(errors, dict) else {}
    if not messages and not fields and data.get("errorMessage"):
        messages = [str(data["errorMessage"])]
    return " ".join(messages), fields


def _bucket(answer: Answer, item: str) -> str:
    reason = answer.headers.get("ratelimit-reason", "")
    return item if reason == PER_ISSUE and item else reason


def _filling(told: Mapping[str, str]) -> float | None:
    """Seconds until the bucket is full, where so many are added in each interval, as on Data Center."""
    names = ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-fillrate", "x-ratelimit-interval-seconds")
    limit, left, rate, interval = (seconds_of(told.get(name, "")) for name in names)
    if limit is None or left is None or not rate or interval is None:
        return None
    return max(0.0, limit - left) / rate * interval


def _auth(answer: Answer, reason: str) -> AuthFailed:
    denied = answer.headers.get("x-authentication-denied-reason", "")
    if "CAPTCHA" in denied or "AUTHENTICATION_DENIED" in reason:
        said, help = "Jira wants a puzzle solved first.", "Sign in as the account in a browser once, then check again."
    else:
        said = "Jira does not take the credentials."
        help = "On Cloud: the account's mail address and an API token. On Data Center: a personal access token alone."
    return AuthFailed(said, help=help, exchange=answer.exchange)


def no_interface(answer: Answer) -> TrackerError:
    moved = f" (it points to {answer.headers['location']})" if answer.headers.get("location") else ""
    said = f"What answered {answer.status}{moved} is not the interface of a Jira site."
    help = "The address is like https://example.atlassian.net, or that of your own Jira, with its path if it has one."
    return Outage(said, unknown=answer.fine and not answer.reading, help=help, exchange=answer.exchange)
