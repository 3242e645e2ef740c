"""The REST interface of a Roundup tracker, and the one call of its XML-RPC that tells the schema."""

import re
import xmlrpc.client
from base64 import b64encode
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urlsplit
from xml.parsers.expat import ExpatError

from rallypoint.connectors.calling import SECONDS, Answer, Caller, Way, seconds_of
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

GRAIN = "%Y-%m-%d.%H:%M:%S"
IDS_AT_ONCE = 100
"""So that an address stays shorter than what is sent out."""

ROWS_MOST = 5000
ID = re.compile(r"[1-9][0-9]{0,17}")
ETAG = re.compile(r'^(?:W/)?"([0-9a-f]+)(?:-[a-z]+)?"$')
NOT_THERE = ("not found in class", "has no node", "is not a status", "Class ")
SCHEMA = "<?xml version='1.0'?><methodCall><methodName>schema</methodName><params></params></methodCall>"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """An account of the tracker."""

    user: str
    password: str = field(repr=False)


class Api:
    """One account at one tracker. Basic with every call: without it Roundup answers as to anybody."""

    def __init__(self, way: Way, base_url: str, credentials: Credentials, now: Callable[[], datetime]) -> None:
        self.caller, self.user, self._now = Caller(way, base_url, now), credentials.user, now
        given = b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
        # Roundup takes a change only with a header that no foreign page's form can send, and from its own address.
        parts = urlsplit(base_url)
        origin = f"{parts.scheme}://{parts.netloc}"
        self._signed = {"authorization": f"Basic {given}", "x-requested-with": "rallypoint", "origin": origin}
        self._notes: list[RateNote] = []

    def their_time(self) -> datetime | None:
        """What the tracker's clock shows now, by its own answers; None before any."""
        skew = self.caller.skew
        return self._now() + timedelta(seconds=skew.seconds) if skew.since is not None else None

    def rate_notes(self) -> tuple[RateNote, ...]:
        notes, self._notes = tuple(self._notes), []
        return notes

    # Reading.

    async def rows(self, of: str, query: Iterable[tuple[str, str]], fields: tuple[str, ...], *, most: int) -> list[Row]:
        """The first `most` rows that are not retired, with links as ids. Raises ValidationFailed for a bad query."""
        asked = [*query, ("@fields", ",".join(fields)), ("@verbose", "0"), ("@page_size", str(most))]
        return _collection(await self.call("GET", f"/rest/data/{of}?{urlencode(asked)}"))

    async def by_id(self, of: str, ids: Iterable[str], fields: tuple[str, ...], *, verbose: int = 0) -> list[Row]:
        """These of them that are not retired and that we may see, in order of their numbers."""
        wanted, found = sorted(set(ids), key=int), list[Row]()
        for start in range(0, len(wanted), IDS_AT_ONCE):
            asked = [("id", one) for one in wanted[start : start + IDS_AT_ONCE]]
            asked += [("@fields", ",".join(fields)), ("@verbose", str(verbose))]
            found += _collection(await self.call("GET", f"/rest/data/{of}?{urlencode(asked)}"))
        # A filter by number is not refused but widened by some back ends, so answers are compared with what was asked.
        return [one for one in found if one.get("id") in wanted]

    async def one(self, of: str, id: str, fields: tuple[str, ...] = ("id",)) -> tuple[Row, str]:
        """(properties with links as ids, etag) of an item, retired or not."""
        asked = urlencode({"@fields": ",".join(fields), "@verbose": "0"})
        answer = await self.call("GET", f"/rest/data/{of}/{id}?{asked}")
        said = _data(answer)
        etag = ETAG.match(str(said.get("@etag", "")))
        attributes = said.get("attributes")
        if etag is None or not isinstance(attributes, dict):
            raise no_interface(answer)
        return attributes, etag.group(1)

    async def schema(self) -> dict[str, dict[str, str]]:
        """Class -> property -> its kind, as '<roundup.hyperdb.Link to "status">'."""
        answer = await self.send("POST", "/xmlrpc", content=SCHEMA.encode(), headers={"content-type": "text/xml"})
        if answer.status != 200:
            self.judge(answer)
            raise no_interface(answer)
        try:
            [said], _ = xmlrpc.client.loads(answer.body)
        except xmlrpc.client.Fault as no:
            if no.faultCode == 401:
                raise AuthFailed(
                    "Roundup refuses user or password.", help="Check both.", exchange=answer.exchange
                ) from no
            raise PermissionDenied(
                f"The account may not ask for the schema: {no.faultString}",
                help="Give a role of the account the permission Xmlrpc Access.",
                exchange=answer.exchange,
            ) from no
        except (ExpatError, xmlrpc.client.Error, ValueError) as problem:
            raise no_interface(answer) from problem
        if not isinstance(said, dict):
            raise no_interface(answer)
        return {str(of): {str(name): str(kind) for name, kind in props} for of, props in said.items()}

    # Writing.

    async def make(self, of: str, values: Mapping[str, Any]) -> str:
        """The id of a new item."""
        return made_id(await self.call("POST", f"/rest/data/{of}", body=dict(values)))

    async def make_once(self, of: str, values: Mapping[str, Any]) -> str:
        """The same by an address that works once: whatever lies between may send it twice, and makes one."""
        link = str(_data(await self.call("POST", f"/rest/data/{of}/@poe", body={})).get("link", ""))
        token = quote(link.rpartition("/")[2], safe="")  # only the token is taken: credentials go nowhere else
        return made_id(await self.call("POST", f"/rest/data/{of}/@poe/{token}", body=dict(values)))

    async def change(self, of: str, id: str, values: Mapping[str, Any], etag: str, op: str = "replace") -> Row:
        """What was changed, as it is now. Raises Stale when the item is not as it was with this etag."""
        answer = await self.call(
            "PATCH", f"/rest/data/{of}/{id}", body={"@op": op, **values}, headers={"if-match": f'"{etag}"'}
        )
        changed = _data(answer).get("attribute")
        return changed if isinstance(changed, dict) else {}

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
        body: Any = None,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        seconds: float = SECONDS,
    ) -> Answer:
        sent = {"accept": "application/json", **(headers or {}), **self._signed}
        answer = await self.caller.call(method, path, body=body, content=content, headers=sent, seconds=seconds)
        self._note(answer)
        return answer

    @property
    def signed(self) -> Mapping[str, str]:
        return self._signed

    def _note(self, answer: Answer) -> None:
        said = answer.headers
        limit, left = said.get("x-ratelimit-limit", ""), said.get("x-ratelimit-remaining", "")
        if limit or said.get("retry-after"):
            self._notes.append(
                RateNote(
                    limit=int(limit) if limit.isdigit() else None,
                    remaining=int(left) if left.isdigit() else None,
                    reset_seconds=seconds_of(said.get("x-ratelimit-reset", "")),
                    retry_after=seconds_of(said.get("retry-after", "")),
                )
            )

    def judge(self, answer: Answer) -> None:
        """Raises unless the answer is good."""
        if answer.fine and answer.data is not None:
            return
        error = answer.data.get("error") if isinstance(answer.data, dict) else None
        said = str(error.get("msg", "")) if isinstance(error, dict) else ""
        raise self._meant(answer, said or f"Roundup answered {answer.status}.", spoken=isinstance(error, dict))

    def _meant(self, answer: Answer, said: str, *, spoken: bool) -> TrackerError:
        exchange = answer.exchange
        match answer.status:
            case 401:
                return AuthFailed("Roundup refuses user or password.", help="Check both.", exchange=exchange)
            case 403:
                help = "Give a role of the account this permission, and Rest Access."
                return PermissionDenied(said, help=help, exchange=exchange)
            case 412:
                return Stale(exchange=exchange)
            case 429:
                after = seconds_of(answer.headers.get("retry-after", ""))
                return RateLimited(said, retry_after=after, exchange=exchange)
            case status if status >= 500:
                return Outage(said, unknown=not answer.reading, exchange=exchange)
        if not spoken:
            # An exception inside the tracker is a page of HTML with the status 400.
            return no_interface(answer)
        if answer.status == 404 and "lass" not in said:
            return Stale(f"The item is not there any more ({said}).", exchange=exchange)
        if any(words in said for words in NOT_THERE):
            return MappingBroken(said, help="Choose another field or value in the mapping.", exchange=exchange)
        return ValidationFailed(said, exchange=exchange)


def at(stamp: object) -> datetime | None:
    """A time of the tracker, which its REST interface gives in UTC; None for an empty or unreadable one."""
    try:
        return datetime.strptime(str(stamp or "")[:19], GRAIN).replace(tzinfo=UTC)
    except ValueError:
        return None


def made_id(answer: Answer) -> str:
    made = str(_data(answer).get("id", ""))
    if not ID.fullmatch(made):
        raise no_interface(answer)
    return made


def no_interface(answer: Answer) -> Outage:
    moved = f" (it points to {answer.headers['location']})" if 300 <= answer.status < 400 else ""
    return Outage(
        f"What answered {answer.status}{moved} is not the REST interface of a Roundup tracker, or it broke inside.",
        unknown=not answer.reading and answer.status != 404,
        help="The address is the one of the tracker, like https://example.org/tracker, without rest at its end.",
        exchange=answer.exchange,
    )


def _data(answer: Answer) -> Row:
    data = answer.data.get("data") if isinstance(answer.data, dict) else None
    if not isinstance(data, dict):
        raise no_interface(answer)
    return data


def _collection(answer: Answer) -> list[Row]:
    rows = _data(answer).get("collection")
    if not isinstance(rows, list):
        raise no_interface(answer)
    return rows
