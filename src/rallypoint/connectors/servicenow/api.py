"""The Table, Attachment and token interfaces of an instance: signing in, reading pages, and what its refusals mean."""

import re
from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from rallypoint.connectors.calling import SECONDS, Answer, Caller, Way
from rallypoint.connectors.oauth import Bearer, Grant, renewing
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
from rallypoint.sync.tools import Wallet

GRAIN = "%Y-%m-%d %H:%M:%S"
PAGE = 500
PAGES_MOST = 100
NEXT = re.compile(r'<([^>]*)>;\s*rel="next"')
OFFSET = re.compile(r"[?&]sysparm_offset=(\d+)")
POLICY = re.compile(
    r"Data Policy Exception:\s*(?:The following fields are mandatory:\s*(.+)|(.+?) (?:is|are) mandatory)"
)

Row = dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """Basic with user and password, or OAuth 2 with a grant."""

    user: str = ""
    password: str = field(default="", repr=False)
    grant: Grant | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """Rows as texts. `following` is the offset of the next page, None at the end: a short page is not the end."""

    rows: tuple[Row, ...]
    following: int | None


class Api:
    """One account at one instance."""

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
        self._bearer = Bearer(way, "ServiceNow", credentials.grant, now, wallet) if credentials.grant else None
        self._notes: list[RateNote] = []

    def their_time(self) -> datetime | None:
        """What the instance's clock shows now, by its own answers; None before any."""
        skew = self.caller.skew
        return self._now() + timedelta(seconds=skew.seconds) if skew.since is not None else None

    def rate_notes(self) -> tuple[RateNote, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    # Records.

    async def page(
        self, table: str, query: str, fields: tuple[str, ...] = (), *, limit: int = PAGE, offset: int = 0
    ) -> Page:
        """One page of a table, raw values, references as their sys_id."""
        asked = {
            "sysparm_query": query,
            "sysparm_limit": str(limit),
            "sysparm_offset": str(offset),
            "sysparm_exclude_reference_link": "true",
            "sysparm_no_count": "true",
        }
        if fields:
            asked["sysparm_fields"] = ",".join(fields)
        # Files have an interface of their own, which asks for fewer rights than their table.
        path = "/api/now/attachment" if table == "sys_attachment" else f"/api/now/v2/table/{table}"
        answer = await self.call("GET", path, query=asked)
        return Page(tuple(texts(one) for one in result(answer, list)), _following(answer, offset))

    async def rows(self, table: str, query: str, fields: tuple[str, ...] = (), *, most: int) -> list[Row]:
        """All rows, page after page, at most `most`."""
        found: list[Row] = []
        offset: int | None = 0
        for _ in range(PAGES_MOST):
            if offset is None or len(found) >= most:
                break
            page = await self.page(table, query, fields, limit=min(PAGE, most), offset=offset)
            found.extend(page.rows)
            offset = page.following
        return found[:most]

    async def record(self, table: str, sys_id: str) -> Row | None:
        """One record with every field we may see; None when it is missing or hidden, which look alike."""
        asked = {"sysparm_exclude_reference_link": "true"}
        answer = await self.send("GET", f"/api/now/v2/table/{table}/{sys_id}", query=asked)
        if answer.status == 404 and answer.data is not None:
            return None
        self.judge(answer)
        return texts(result(answer, dict))

    async def insert(self, table: str, values: Mapping[str, str]) -> Row:
        answer = await self.call(
            "POST", f"/api/now/v2/table/{table}", query={"sysparm_exclude_reference_link": "true"}, body=dict(values)
        )
        return texts(result(answer, dict))

    async def update(self, table: str, sys_id: str, values: Mapping[str, str]) -> Row:
        asked = {"sysparm_exclude_reference_link": "true", "sysparm_fields": "sys_id,sys_mod_count,sys_updated_on"}
        answer = await self.call("PATCH", f"/api/now/v2/table/{table}/{sys_id}", query=asked, body=dict(values))
        return texts(result(answer, dict))

    # Calls.

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
    ) -> Answer:
        """One request with our credentials, whatever the answer. A token that is refused is renewed once."""

        async def ask(authorization: str) -> Answer:
            sent = {"accept": "application/json", **(headers or {}), "authorization": authorization}
            answer = await self.caller.call(
                method, path, query=query, body=body, content=content, headers=sent, seconds=seconds
            )
            self._note(answer)
            return answer

        return await renewing(ask, self.authorization, renewable=self._bearer is not None, content=content)

    async def authorization(self, fresh: bool = False) -> str:
        """The value of the header. `fresh` asks for another token even if ours seems good."""
        if self._bearer is not None:
            return await self._bearer.header(fresh=fresh)
        return f"Basic {_basic(self._credentials.user, self._credentials.password)}"

    def _note(self, answer: Answer) -> None:
        limit, reset = answer.headers.get("x-ratelimit-limit", ""), answer.headers.get("x-ratelimit-reset", "")
        after = answer.headers.get("retry-after", "")
        if not (limit or after):
            return
        self._notes.append(
            RateNote(
                bucket=answer.headers.get("x-ratelimit-rule", ""),
                limit=int(limit) if limit.isdigit() else None,
                reset_seconds=self._until(reset),
                retry_after=float(after) if after.isdigit() else None,
            )
        )

    def _until(self, reset: str) -> float | None:
        """Seconds until a time of the tool's clock."""
        if not reset.isdigit():
            return None
        theirs = self._now() + timedelta(seconds=self.caller.skew.seconds)
        return max(0.0, int(reset) - theirs.timestamp())

    # What a refusal means.

    def judge(self, answer: Answer) -> None:
        """Raises unless the answer is good."""
        if answer.fine and (answer.data is not None or answer.status == 204):
            return
        error = answer.data.get("error") if isinstance(answer.data, dict) else None
        if not isinstance(error, dict):
            raise self._unspoken(answer)
        said = ": ".join(str(part).strip() for part in (error.get("message"), error.get("detail")) if part)
        raise self._spoken(answer, said or f"ServiceNow answered {answer.status}.")

    def _unspoken(self, answer: Answer) -> TrackerError:
        """An answer without the envelope of the interface: a proxy, a sign-in page, an instance that sleeps."""
        if answer.status == 401:
            return _auth("ServiceNow refuses the credentials.", answer)
        if answer.status == 429:
            return self._rate("ServiceNow asks us to slow down.", answer)
        if answer.status >= 500:
            said = f"ServiceNow answered {answer.status}."
            return Outage(said, unknown=not answer.reading, exchange=answer.exchange)
        return _no_interface(answer)

    def _spoken(self, answer: Answer, said: str) -> TrackerError:
        match answer.status:
            case 401:
                return _auth(said, answer)
            case 403:
                return _forbidden(said, answer)
            case 404:
                return Stale(f"The record is not there any more, or hidden from us ({said}).", exchange=answer.exchange)
            case 429:
                return self._rate(said, answer)
            case 400 if "Invalid table" in said:
                return MappingBroken(said, help="Choose a table that the instance has.", exchange=answer.exchange)
            case status if status >= 500:
                return Outage(said, unknown=not answer.reading, exchange=answer.exchange)
            case _:
                return ValidationFailed(said, exchange=answer.exchange)

    def _rate(self, said: str, answer: Answer) -> RateLimited:
        after = answer.headers.get("retry-after", "")
        seconds = float(after) if after.isdigit() else self._until(answer.headers.get("x-ratelimit-reset", ""))
        bucket = answer.headers.get("x-ratelimit-rule", "")
        return RateLimited(said, retry_after=seconds, bucket=bucket, exchange=answer.exchange)


def literal(text: str) -> str:
    """A value inside an encoded query: a caret stands for the join, so it is doubled."""
    return text.replace("^", "^^")


def texts(row: Mapping[str, Any]) -> Row:
    """A row as plain texts; a reference in any notation becomes its id."""
    return {
        name: str(value.get("value", "")) if isinstance(value, dict) else "" if value is None else str(value)
        for name, value in row.items()
    }


def at(stamp: str) -> datetime | None:
    """A time of the instance, which are UTC; None for an empty or unreadable one."""
    try:
        return datetime.strptime(stamp, GRAIN).replace(tzinfo=UTC)
    except ValueError:
        return None


def result(answer: Answer, kind: type) -> Any:
    """What an answer's envelope holds. Raises Outage when it is not of this kind."""
    found = answer.data.get("result") if isinstance(answer.data, dict) else None
    if not isinstance(found, kind):
        raise _no_interface(answer)
    return found


def _following(answer: Answer, offset: int) -> int | None:
    """Where the next page begins. Only the number is taken from the link: credentials go nowhere else."""
    link = NEXT.search(answer.headers.get("link", ""))
    found = OFFSET.search(link.group(1)) if link else None
    return int(found.group(1)) if found and int(found.group(1)) > offset else None


def _forbidden(said: str, answer: Answer) -> TrackerError:
    policy = POLICY.search(said)
    if policy is not None:
        labels = tuple(part.strip() for part in (policy.group(1) or policy.group(2)).split(","))
        return WorkflowRefused(
            said, missing=labels, help="Let the mapping fill these fields with this status.", exchange=answer.exchange
        )
    if "Business Rule" in said:
        return WorkflowRefused(said, help="A rule of the instance forbids this change.", exchange=answer.exchange)
    return PermissionDenied(
        said, help="Give the integration's account the role that this needs.", exchange=answer.exchange
    )


def _auth(said: str, answer: Answer) -> AuthFailed:
    return AuthFailed(said, help="Check user and password, or the OAuth client.", exchange=answer.exchange)


def _no_interface(answer: Answer) -> TrackerError:
    moved = f" (it points to {answer.headers['location']})" if 300 <= answer.status < 400 else ""
    said = f"What answered {answer.status}{moved} is not the interface of a ServiceNow instance."
    help = "The address is like https://example.service-now.com; a sleeping developer instance answers so as well."
    return Outage(said, unknown=answer.fine and not answer.reading, help=help, exchange=answer.exchange)


def _basic(user: str, password: str) -> str:
    return b64encode(f"{user}:{password}".encode()).decode()
