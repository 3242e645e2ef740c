"""The REST interface of PagerDuty: signing in with a key, reading lists, and what its refusals mean."""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode, urlsplit

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
    WorkflowRefused,
)

ID = re.compile(r"[A-Z0-9]{5,30}")
ACCEPT = "application/vnd.pagerduty+json;version=2"
PAGE, REACH = 100, 10_000
WAIT_SECONDS = 30.0
"""How long to wait where PagerDuty says too many, and not for how long."""

ALREADY = frozenset({1001, 1002, 1005, 1012})
"""Somebody did it before us, or the incident changed: to be read again."""

WORKFLOW = frozenset({1003, 1006, 1011, 1015, 1019, 2015})
NO_REQUESTER = frozenset({1008, 2011, 2013})
FIELD_OF = {1007: "assignee", 1014: "escalation_policy", 1020: "priority", 5002: "service"}

Row = dict[str, Any]
Query = Sequence[tuple[str, str]]


def interface_of(base_url: str) -> str:
    """Where the interface is of the account that people know; in Europe it is another."""
    host = (urlsplit(base_url).hostname or "").lower()
    if host == "pagerduty.com" or host.endswith(".pagerduty.com"):
        european = host in ("eu.pagerduty.com",) or host.endswith(".eu.pagerduty.com")
        return "https://api.eu.pagerduty.com" if european else "https://api.pagerduty.com"
    return base_url.rstrip("/")


class Api:
    """One key of one account. `mail` is in whose name is written; it is sent with every write."""

    def __init__(self, way: Way, base_url: str, key: str, mail: str, now: Callable[[], datetime]) -> None:
        self.caller, self.mail, self._now = Caller(way, interface_of(base_url), now), mail, now
        self._key = key
        self._note: RateNote | None = None

    def their_time(self) -> datetime:
        """What their clock shows now, by their own answers; ours before any."""
        return self._now() + timedelta(seconds=self.caller.skew.seconds)

    def rate_notes(self) -> tuple[RateNote, ...]:
        """The newest: there is one budget for each key."""
        note, self._note = self._note, None
        return (note,) if note is not None else ()

    # Calls.

    async def get(self, path: str, query: Query = ()) -> Row:
        answer = await self.call("GET", path, query=query)
        if not isinstance(answer.data, dict):
            raise no_interface(answer)
        return answer.data

    async def one(self, member: str, path: str, query: Query = ()) -> Row:
        """What is wrapped into this member."""
        return unwrapped(await self.call("GET", path, query=query), member)

    async def page(self, member: str, path: str, query: Query = (), *, offset: int = 0) -> tuple[list[Row], bool]:
        """(rows, whether more follow)"""
        asked = [*query, ("limit", str(PAGE)), ("offset", str(offset))]
        answer = await self.call("GET", path, query=asked)
        rows = answer.data.get(member) if isinstance(answer.data, dict) else None
        if not isinstance(rows, list):
            raise no_interface(answer)
        return [one for one in rows if isinstance(one, dict)], bool(answer.data.get("more"))

    async def all(self, member: str, path: str, query: Query = (), *, most: int) -> list[Row]:
        """The rows of at most `most` pages."""
        found: list[Row] = []
        for offset in range(0, most * PAGE, PAGE):
            rows, more = await self.page(member, path, query, offset=offset)
            found += rows
            if not more:
                break
        return found

    async def call(self, method: str, path: str, **given: Any) -> Answer:
        """One request that must go well. Raises what `judge` says of the answer otherwise."""
        answer = await self.send(method, path, **given)
        self.judge(answer)
        return answer

    async def send(
        self, method: str, path: str, *, query: Query = (), body: Any = None, secret: bool = False
    ) -> Answer:
        """One request with our key, whatever the answer."""
        sent = {"accept": ACCEPT, "authorization": f"Token token={self._key}", "content-type": "application/json"}
        if method not in ("GET", "HEAD") and self.mail:
            sent["from"] = self.mail
        where = f"{path}?{urlencode(list(query))}" if query else path
        answer = await self.caller.call(method, where, body=body, headers=sent, secret=secret)
        told = answer.headers
        limit, left = told.get("ratelimit-limit", ""), told.get("ratelimit-remaining", "")
        reset = seconds_of(told.get("ratelimit-reset", ""))
        if limit or answer.status == 429:
            self._note = RateNote(
                limit=int(limit) if limit.isdigit() else None,
                remaining=int(left) if left.isdigit() else None,
                reset_seconds=reset,
                retry_after=_wait(answer) if answer.status == 429 else None,
            )
        return answer

    # What a refusal means.

    def judge(self, answer: Answer) -> None:
        """Raises unless the answer is good: in JSON, or without a body at all."""
        if answer.fine and (answer.data is not None or not answer.body):
            return
        error = answer.data.get("error") if isinstance(answer.data, dict) else None
        said, code, details = str(error or ""), 0, list[str]()
        if isinstance(error, dict):
            said, code = str(error.get("message") or ""), _number(error.get("code"))
            told = error.get("errors")
            details = [str(one) for one in told] if isinstance(told, list) else [str(told)] if told else []
        words = ": ".join((said.rstrip(".:"), "; ".join(details))) if details else said
        raise self._meant(answer, words or f"PagerDuty answered {answer.status}.", code, spoken=bool(said))

    def _meant(self, answer: Answer, said: str, code: int, *, spoken: bool) -> TrackerError:
        exchange = answer.exchange
        match answer.status:
            case 401:
                help = "Make a new API key, and check the address: Europe has one of its own."
                return AuthFailed(f"PagerDuty refuses the key ({said}).", help=help, exchange=exchange)
            case 429:
                return RateLimited(said, retry_after=_wait(answer), exchange=exchange)
            case status if status >= 500 or status == 408:
                return Outage(said, unknown=not answer.reading, exchange=exchange)
        if not spoken:
            return no_interface(answer)
        match answer.status:
            case 402:
                return PermissionDenied(said, help="The account's plan does not include this.", exchange=exchange)
            case 403:
                help = "Give the user of the key the role Responder or higher; the key must not be for reading only."
                return PermissionDenied(said, help=help, exchange=exchange)
            case 404:
                return Stale(f"It is not there any more, or hidden from us ({said}).", exchange=exchange)
        return _refused(said, code, exchange)


def _refused(said: str, code: int, exchange: Any) -> TrackerError:
    if code in ALREADY:
        return Stale(said, exchange=exchange)
    if code in WORKFLOW:
        return WorkflowRefused(said, help="PagerDuty does not allow this step from here.", exchange=exchange)
    if code in NO_REQUESTER:
        help = "Set the e-mail of a user of the account on the connection."
        return PermissionDenied(
            f"PagerDuty does not know in whose name we write ({said}).", help=help, exchange=exchange
        )
    field = FIELD_OF.get(code, "")
    if not field and "service" in said.lower() and "found" in said.lower():
        field = "service"
    if field == "assignee":
        return ValidationFailed(said, fields={field: said}, exchange=exchange)
    if field:
        return MappingBroken(said, field=field, help="Choose another in the mapping.", exchange=exchange)
    return ValidationFailed(said, exchange=exchange)


def unwrapped(answer: Answer, member: str) -> Row:
    found = answer.data.get(member) if isinstance(answer.data, dict) else None
    if not isinstance(found, dict):
        raise no_interface(answer)
    return found


def demand_id(text: str) -> str:
    """Ids become part of addresses, so they are nothing else than ids."""
    if not ID.fullmatch(text):
        raise ValidationFailed(f"{text[:40]!r} is no id of PagerDuty.", help="Give the incident's address, or its id.")
    return text


def at(stamp: object) -> datetime | None:
    """A time as they write it, with any distance from UTC; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(stamp or ""))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _wait(answer: Answer) -> float:
    told = answer.headers
    after = seconds_of(told.get("retry-after", "")) or seconds_of(told.get("ratelimit-reset", ""))
    return max(1.0, after) if after is not None else WAIT_SECONDS


def _number(value: object) -> int:
    return int(str(value)) if str(value).isdigit() else 0


def no_interface(answer: Answer) -> TrackerError:
    said = f"What answered {answer.status} is not the interface of PagerDuty."
    help = "The address is like https://your-company.pagerduty.com or https://your-company.eu.pagerduty.com."
    return Outage(said, unknown=answer.fine and not answer.reading, help=help, exchange=answer.exchange)
