"""The interface of an account: signing in with an API or OAuth token, reading lists, and what its refusals mean."""

import re
from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rallypoint.connectors.calling import SECONDS, Answer, Caller, Way, seconds_of
from rallypoint.connectors.oauth import Bearer, Grant, renewing
from rallypoint.sync.ports import (
    AuthFailed,
    Outage,
    PermissionDenied,
    RateLimited,
    RateNote,
    Stale,
    TrackerError,
    ValidationFailed,
    WorkflowRefused,
)
from rallypoint.sync.tools import Wallet

BASE = "/api/v2"
PAGE = 100
TICKET = re.compile(rf"{BASE}/tickets/(\d+)(?:/|$)")
QUOTA = "zendesk-ratelimit-"
NAMES = {
    "assignee": "assignee_id",
    "requester": "requester_id",
    "group": "group_id",
    "organization": "organization_id",
    "problem": "problem_id",
    "ticket_form": "ticket_form_id",
}
"""What refusals call a property, and what it is called when it is written."""

STATUS_FIELDS = frozenset({"status", "custom_status_id"})
FORBIDDEN = "Give the integration's account the role, or its token the scope, that this needs."


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An API token with the mail of an agent, or OAuth 2 with a grant."""

    email: str = ""
    api_token: str = field(default="", repr=False)
    grant: Grant | None = None

    @property
    def basic(self) -> str:
        return "Basic " + b64encode(f"{self.email}/token:{self.api_token}".encode()).decode()


class Api:
    """One user at one account."""

    def __init__(
        self,
        way: Way,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        wallet: Wallet | None = None,
    ) -> None:
        self.caller = Caller(way, base_url, now)
        self._credentials, self._now = credentials, now
        self._bearer = Bearer(way, "Zendesk", credentials.grant, now, wallet) if credentials.grant else None
        self._notes: dict[str, RateNote] = {}

    def their_time(self) -> datetime:
        """What the account's clock shows now, by its own answers; ours before any."""
        return self._now() + timedelta(seconds=self.caller.skew.seconds)

    def rate_notes(self) -> tuple[RateNote, ...]:
        """The last word on each budget."""
        notes, self._notes = tuple(self._notes.values()), {}
        return notes

    # Calls.

    async def get(self, path: str, name: str, query: Mapping[str, str] | None = None) -> Any:
        """What the answer holds under this name."""
        answer = await self.call("GET", path, query=query)
        if not isinstance(answer.data, dict) or name not in answer.data:
            raise no_interface(answer)
        return answer.data[name]

    async def listed(
        self, path: str, name: str, query: Mapping[str, str] | None = None, *, most: int
    ) -> tuple[list[dict[str, Any]], bool]:
        """(rows, whether these are all). By cursor, so that nothing is skipped while others write."""
        answer = await self.call("GET", path, query={"page[size]": str(PAGE), **(query or {})})
        return await self._rest(answer, path, name, query or {}, most)

    async def perhaps(
        self, path: str, name: str, query: Mapping[str, str] | None = None, *, most: int
    ) -> tuple[list[dict[str, Any]], bool] | None:
        """As `listed`; None when it is missing, or hidden from us, which look alike."""
        answer = await self.send("GET", path, query={"page[size]": str(PAGE), **(query or {})})
        if answer.status in (403, 404) and answer.data is not None:
            return None
        self.judge(answer)
        return await self._rest(answer, path, name, query or {}, most)

    async def whole(self, path: str, name: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]] | None:
        """A list that comes in one piece; None when it is missing, or hidden from us."""
        answer = await self.send("GET", path, query=query)
        if answer.status in (403, 404) and answer.data is not None:
            return None
        self.judge(answer)
        rows = answer.data.get(name) if isinstance(answer.data, dict) else None
        if not isinstance(rows, list):
            raise no_interface(answer)
        return [one for one in rows if isinstance(one, dict)]

    async def _rest(
        self, answer: Answer, path: str, name: str, query: Mapping[str, str], most: int
    ) -> tuple[list[dict[str, Any]], bool]:
        found: list[dict[str, Any]] = []
        while True:
            data = answer.data if isinstance(answer.data, dict) else {}
            rows, meta = data.get(name), data.get("meta")
            if not isinstance(rows, list):
                raise no_interface(answer)
            found += [one for one in rows if isinstance(one, dict)]
            cursor = meta.get("after_cursor") if isinstance(meta, dict) and meta.get("has_more") else None
            if not cursor or not rows:
                return found, True
            if len(found) >= most:
                return found, False
            # By the cursor and not by the address beside it, which could lead anywhere.
            answer = await self.call("GET", path, query={"page[size]": str(PAGE), **query, "page[after]": str(cursor)})

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
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        secret: bool = False,
    ) -> Answer:
        """One request as our user, whatever the answer. A token that is refused is renewed once."""

        async def ask(authorization: str) -> Answer:
            sent = {"accept": "application/json", **(headers or {}), "authorization": authorization}
            answer = await self.caller.call(
                method, BASE + path, query=query, body=body, content=content, headers=sent, seconds=seconds,
                secret=secret,
            )  # fmt: skip
            self._note(answer)
            return answer

        return await renewing(ask, self.authorization, renewable=self._bearer is not None, content=content)

    async def authorization(self, fresh: bool = False) -> str:
        """The value of the header. `fresh` asks for another token even if ours seems good."""
        if self._bearer is not None:
            return await self._bearer.header(fresh=fresh)
        return self._credentials.basic

    def _note(self, answer: Answer) -> None:
        """What it says of the budgets: of the account, of some interfaces, and of one ticket when it is spent."""
        told, after = answer.headers, seconds_of(answer.headers.get("retry-after", ""))
        limit, left = _whole(told.get("x-rate-limit", "")), _whole(told.get("x-rate-limit-remaining", ""))
        if limit is not None or after is not None:
            bucket = _bucket(answer)
            self._notes[bucket] = RateNote(
                bucket=bucket,
                limit=limit if not bucket else None,
                remaining=left if not bucket else None,
                reset_seconds=seconds_of(told.get("ratelimit-reset", "")) if not bucket else None,
                retry_after=after,
            )
        for name, said in told.items():
            if name.startswith(QUOTA):
                parts = dict(part.strip().partition("=")[::2] for part in said.split(";"))
                self._notes[name] = RateNote(
                    bucket=name,
                    limit=_whole(parts.get("total", "")),
                    remaining=_whole(parts.get("remaining", "")),
                    reset_seconds=seconds_of(parts.get("resets", "")),
                )

    # What a refusal means.

    def judge(self, answer: Answer, *, moves: bool = False) -> None:
        """Raises unless the answer is good. `moves`: a status is among it, so what lacks then blocks the way."""
        if answer.fine and (answer.data is not None or not answer.body.strip()):
            return
        said, exchange = _words(answer.data), answer.exchange
        if answer.status == 429:
            after = seconds_of(answer.headers.get("retry-after", ""))
            raise RateLimited(
                said or "Zendesk asks us to slow down.", retry_after=after, bucket=_bucket(answer), exchange=exchange
            )
        if answer.status >= 500 or answer.status == 408:
            raise Outage(said or f"Zendesk answered {answer.status}.", unknown=not answer.reading, exchange=exchange)
        if answer.status == 401:
            raise AuthFailed(
                said or "Zendesk refuses the token.",
                help="Make a new token, and let API token access be on; with an API token the mail must be an agent's.",
                exchange=exchange,
            )
        if answer.status == 403:
            raise PermissionDenied(said or "Zendesk forbids this.", help=FORBIDDEN, exchange=exchange)
        if answer.status == 409:
            raise Stale(exchange=exchange)
        if answer.status == 413:
            raise ValidationFailed(said or "This is too large for Zendesk.", exchange=exchange)
        if answer.status == 404 and said and "No help desk" not in said and "InvalidEndpoint" not in said:
            raise Stale(f"The ticket is not there any more, or hidden from us ({said}).", exchange=exchange)
        if answer.status in (400, 422) and answer.data is not None:
            raise self._invalid(answer, said, moves)
        raise no_interface(answer)

    def _invalid(self, answer: Answer, said: str, moves: bool) -> TrackerError:
        found = details(answer.data)
        if moves:
            missing = tuple(name for name, rows in found.items() if any(_blank(one) for one in rows))
            if missing or found.keys() & STATUS_FIELDS:
                help = (
                    "Let the mapping fill these fields with this status." if missing else "The status does not follow."
                )
                return WorkflowRefused(said, missing=missing, help=help, exchange=answer.exchange)
        fields = {
            name: "; ".join(str(one.get("description", "")) for one in rows) for name, rows in found.items() if name
        }
        return ValidationFailed(said, fields=fields, exchange=answer.exchange)


def details(data: Any) -> dict[str, list[dict[str, Any]]]:
    """Remote field id to what was said of it; what is about the whole ticket stands under an empty name."""
    found: dict[str, list[dict[str, Any]]] = {}
    rows = data.get("details") if isinstance(data, dict) else None
    for name, each in rows.items() if isinstance(rows, dict) else ():
        for one in each if isinstance(each, list) else ():
            if isinstance(one, dict):
                own = one.get("ticket_field_id") or one.get("field_key") or ("" if name == "base" else name)
                found.setdefault(NAMES.get(str(own), str(own)), []).append(one)
    return found


def _blank(row: Mapping[str, Any]) -> bool:
    return row.get("error") == "BlankValue" or "is required" in str(row.get("description", ""))


def _words(data: Any) -> str:
    """What it says, from any of the notations it uses."""
    if not isinstance(data, dict):
        return ""
    told = [str(one.get("description", "")) for rows in details(data).values() for one in rows]
    if told:
        return "; ".join(part for part in told if part)
    error = data.get("error")
    if isinstance(error, dict):
        return ": ".join(str(error[name]) for name in ("title", "message") if error.get(name))
    errors = data.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("detail") or errors[0].get("title") or "")
    said = data.get("description") or data.get("error_description") or data.get("message") or error
    return str(said) if said else ""


def _bucket(answer: Answer) -> str:
    """The ticket, when it was refused though the account had requests left: each has a budget of its own."""
    if answer.status != 429:
        return ""
    left = _whole(answer.headers.get("x-rate-limit-remaining", ""))
    ticket = TICKET.search(answer.exchange.url)
    if left and ticket is not None and not answer.reading:
        return ticket[1]
    if left:
        return next((name for name in answer.headers if name.startswith(QUOTA)), "")
    return ""


def _whole(text: str) -> int | None:
    return int(text) if text.strip().isdigit() else None


def no_interface(answer: Answer) -> TrackerError:
    said = f"What answered {answer.status} is not the interface of Zendesk Support."
    help = "The address is like https://your-company.zendesk.com, nothing behind it."
    return Outage(said, unknown=answer.fine and not answer.reading, help=help, exchange=answer.exchange)
