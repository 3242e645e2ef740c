"""The interface of an organisation: signing in with a token, reading lists, and what its refusals mean."""

import json
import re
from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from rallypoint.connectors.calling import SECONDS, Answer, Caller, Way, seconds_of
from rallypoint.connectors.oauth import Bearer, renewing
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

VERSION = "7.1"
COMMENTS_VERSION = "7.1-preview.4"
CONNECTION_VERSION = "7.1-preview.1"
PATCH = "application/json-patch+json"
SIGN_IN = frozenset({200, 203, 301, 302, 303, 307})
"""Statuses with which a page to sign in comes instead of an answer."""

CODE = re.compile(r"\b(?:TF|VS)\d{5,7}\b")
STATE, REASON = "System.State", "System.Reason"
WORKFLOW = frozenset({STATE, REASON})
NOT_THERE = frozenset({"TF401232"})
NO_PLACE = frozenset({"TF200016", "VS800075", "VS402323", "TF51535", "TF51005", "TF401347", "TF401326", "TF26177"})
BUSY = frozenset({"TF400733", "VS403302"})
CHANGED = frozenset({"TF26071", "TF237079"})
UNKNOWN_USER = frozenset({"TF400813", "TF30063"})


class Api:
    """One account at one organisation. It signs in with a personal access token, or with tokens of Entra."""

    def __init__(
        self, way: Way, base_url: str, token: str, now: Callable[[], datetime], bearer: Bearer | None = None
    ) -> None:
        self.caller = Caller(way, base_url, now)
        self._signed, self._bearer = "Basic " + b64encode(f":{token}".encode()).decode(), bearer
        self._now = now
        self._notes: list[RateNote] = []

    def their_time(self) -> datetime:
        """What the organisation's clock shows now, by its own answers; ours before any."""
        return self._now() + timedelta(seconds=self.caller.skew.seconds)

    def rate_notes(self) -> tuple[RateNote, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    async def headers(self, *, fresh: bool = False) -> dict[str, str]:
        """What every request carries. `fresh` says that the token was refused."""
        signed = await self._bearer.header(fresh=fresh) if self._bearer else self._signed
        # A token that is refused is answered with a status then, not with the way to a page.
        return {"accept": "application/json", "authorization": signed, "x-tfs-fedauthredirect": "Suppress"}

    # Calls.

    async def get(self, path: str, query: Mapping[str, str] | None = None, *, version: str = VERSION) -> Any:
        return (await self.call("GET", path, query=query, version=version)).data

    async def listed(self, path: str, query: Mapping[str, str] | None = None) -> list[dict[str, Any]]:
        """The rows of a list."""
        answer = await self.call("GET", path, query=query)
        rows = answer.data.get("value") if isinstance(answer.data, dict) else None
        if not isinstance(rows, list):
            raise no_interface(answer)
        return [one for one in rows if isinstance(one, dict)]

    async def patch(
        self,
        method: str,
        path: str,
        operations: list[dict[str, Any]],
        query: Mapping[str, str] | None = None,
        *,
        moves: bool = False,
    ) -> dict[str, Any]:
        """A JSON patch and the work item it leaves. `moves`: a state is among it, so what lacks then blocks the way."""
        content = json.dumps(operations, ensure_ascii=False).encode()
        answer = await self.send(method, path, query=query, content=content, headers={"content-type": PATCH})
        try:
            self.judge(answer)
        except ValidationFailed as no:
            missing = _missing(broken_rules(answer.data))
            if not moves or not missing:
                raise
            help = "Let the mapping fill these fields with this state."
            raise WorkflowRefused(no.said, missing=missing, help=help, exchange=no.exchange) from no
        if not isinstance(answer.data, dict) or "id" not in answer.data or "rev" not in answer.data:
            raise no_interface(answer)
        return answer.data

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
        version: str = VERSION,
        body: Any = None,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
        secret: bool = False,
    ) -> Answer:
        """One request with our token, whatever the answer. A token of Entra that is refused is renewed once."""

        async def ask(ours: dict[str, str]) -> Answer:
            answer = await self.caller.call(
                method, path, query={**(query or {}), "api-version": version}, body=body, content=content,
                headers={**ours, **(headers or {})}, seconds=seconds, secret=secret,
            )  # fmt: skip
            self._note(answer)
            return answer

        return await renewing(ask, self.headers, renewable=self._bearer is not None, content=content)

    def _note(self, answer: Answer) -> None:
        """What it says of the budget, with a good answer too: to go on all the same only makes it slower."""
        told = answer.headers
        after, limit = seconds_of(told.get("retry-after", "")), told.get("x-ratelimit-limit", "")
        if after is None and not limit:
            return
        left, reset = told.get("x-ratelimit-remaining", ""), seconds_of(told.get("x-ratelimit-reset", ""))
        self._notes.append(
            RateNote(
                bucket=told.get("x-ratelimit-resource", ""),
                limit=int(limit) if limit.isdigit() else None,
                remaining=int(left) if left.isdigit() else None,
                reset_seconds=None if reset is None else max(0.0, reset - self.their_time().timestamp()),
                retry_after=after,
            )
        )

    # What a refusal means.

    def judge(self, answer: Answer) -> None:
        """Raises unless the answer is good: in JSON, or without a body at all."""
        if answer.fine and answer.status != 203 and (answer.data is not None or not answer.body):
            return
        said = answer.data.get("message") if isinstance(answer.data, dict) else None
        if isinstance(said, str) and said:
            raise self._spoken(answer, said)
        raise self._unspoken(answer)

    def _unspoken(self, answer: Answer) -> TrackerError:
        """An answer in no words of the interface: a page to sign in, a proxy, an outage."""
        if answer.status == 401 or (answer.status in SIGN_IN and _sign_in(answer)):
            return _auth("Azure DevOps refuses the token, or it has run out.", answer)
        if answer.status == 429:
            return self._rate("Azure DevOps asks us to slow down.", answer)
        if answer.status == 403:
            return _forbidden("Azure DevOps forbids this.", answer)
        if answer.status >= 500 or answer.status == 408:
            said = f"Azure DevOps answered {answer.status}."
            return Outage(said, unknown=not answer.reading, exchange=answer.exchange)
        if answer.status == 413:
            return ValidationFailed("This is too large for Azure DevOps.", exchange=answer.exchange)
        return no_interface(answer)

    def _spoken(self, answer: Answer, said: str) -> TrackerError:
        codes = set(CODE.findall(said))
        exchange = answer.exchange
        if answer.status == 429 or codes & BUSY:
            return self._rate(said, answer)
        if answer.status == 401 or codes & UNKNOWN_USER:
            return _auth(said, answer)
        if answer.status in (409, 412) or codes & CHANGED:
            return Stale(exchange=exchange)
        if codes & NOT_THERE:
            return Stale(f"The work item is not there any more, or hidden from us ({said}).", exchange=exchange)
        if codes & NO_PLACE:
            return MappingBroken(said, help="Look at the mapping: project, type, area or field.", exchange=exchange)
        if answer.status == 403:
            return _forbidden(said, answer)
        if answer.status >= 500:
            return Outage(said, unknown=not answer.reading, exchange=exchange)
        broken = broken_rules(answer.data)
        if broken.keys() & WORKFLOW:
            return WorkflowRefused(
                said, missing=_missing(broken), help="The process does not allow this state from here.",
                exchange=exchange,
            )  # fmt: skip
        return ValidationFailed(said, fields={name: told for name, (told, _) in broken.items()}, exchange=exchange)

    def _rate(self, said: str, answer: Answer) -> RateLimited:
        return RateLimited(
            said,
            retry_after=seconds_of(answer.headers.get("retry-after", "")),
            bucket=answer.headers.get("x-ratelimit-resource", ""),
            exchange=answer.exchange,
        )


def broken_rules(data: Any) -> dict[str, tuple[str, str]]:
    """Field to (what was said, flags) of a refusal by rules; empty for any other."""
    custom = data.get("customProperties") if isinstance(data, dict) else None
    rows = custom.get("RuleValidationErrors") if isinstance(custom, dict) else None
    return {
        str(one.get("fieldReferenceName")): (str(one.get("errorMessage", "")), str(one.get("fieldStatusFlags", "")))
        for one in (rows if isinstance(rows, list) else ())
        if isinstance(one, dict) and one.get("fieldReferenceName")
    }


def _missing(broken: Mapping[str, tuple[str, str]]) -> tuple[str, ...]:
    return tuple(
        name for name, (_, flags) in broken.items() if name not in WORKFLOW and "invalidempty" in flags.lower()
    )


def segment(text: str) -> str:
    """A name as one part of a path."""
    return quote(text, safe="")


def _sign_in(answer: Answer) -> bool:
    html = "html" in answer.headers.get("content-type", "")
    return html or "signin" in answer.headers.get("location", "").lower()


def _auth(said: str, answer: Answer) -> AuthFailed:
    return AuthFailed(
        said,
        help="Make a new personal access token for the account, or let the application of Entra into the organisation, "
        "and check the organisation's address.",
        exchange=answer.exchange,
    )


def _forbidden(said: str, answer: Answer) -> PermissionDenied:
    return PermissionDenied(
        said,
        help="Give the integration's account the right, or its token the scope, that this needs.",
        exchange=answer.exchange,
    )


def no_interface(answer: Answer) -> TrackerError:
    said = f"What answered {answer.status} is not the interface of Azure DevOps."
    help = "The address is like https://dev.azure.com/your-organisation, without a project."
    return Outage(said, unknown=answer.fine and not answer.reading, help=help, exchange=answer.exchange)
