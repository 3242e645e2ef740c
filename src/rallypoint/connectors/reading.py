"""Tolerant reading: what real senders and hostile ones put into JSON, made storable without losing that it was there.

Long values are cut visibly, NUL and lone surrogates become the replacement character, odd types become text.
"""

import gc
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from heapq import nsmallest
from typing import Any, TypeVar

import msgspec

from rallypoint.errors import Invalid

SUMMARY_MAX, DETAILS_MAX, SHORT_MAX = 1024, 16_384, 255
MEMBERS_MAX = 50_000
LABEL_VALUE_MAX, LABELS_MAX, LINKS_MAX = 2048, 128, 20
DIGITS_MAX = 18
TIME_MAX = 64
"""Characters of a time; nothing longer is one."""
LARGE_BYTES = 1 << 18
DEPTH_MAX, TOKENS_MAX = 200, 1_000_000
TOO_DEEP = b'"(nested too deeply to show; its bytes are kept)"'
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Nothing we hear of began before; a sender that says so does not know when it began."""

SEVERITIES = {
    **dict.fromkeys(("critical", "crit", "page", "fatal", "emergency", "alert", "disaster", "p1", "sev1"), "critical"),
    **dict.fromkeys(("error", "err", "major", "high", "p2", "sev2"), "error"),
    **dict.fromkeys(("warning", "warn", "minor", "medium", "average", "p3", "sev3"), "warning"),
    **dict.fromkeys(("info", "information", "informational", "notice", "low", "none", "ok", "debug", "p4"), "info"),
}
UNKNOWN_SEVERITY = "critical"
"""In doubt the higher one; the alert's details say that it was a doubt."""

Member = TypeVar("Member")

_encode = msgspec.json.encode


def loads(body: bytes) -> Any:
    """JSON as leniently as can be: a BOM, NaN, huge numbers and broken UTF-8 pass, and what is nested too deeply
    becomes words that say so. Raises Invalid with the reason."""
    if len(body) < LARGE_BYTES:
        return _loads(body)
    with _no_collection():
        return _loads(body)


@contextmanager
def _no_collection() -> Iterator[None]:
    """While millions of small values are made, none of which is garbage, looking for garbage takes most of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _loads(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass  # what a strict reader refuses, the tolerant and slower one below may still take
    try:
        return _tolerant(body)
    except RecursionError:
        pass
    try:
        return _tolerant(_shallow(body))
    except RecursionError:
        raise Invalid("body", "is nested too deeply") from None


def _tolerant(body: bytes) -> Any:
    try:
        text = body.decode("utf-8-sig", "replace")
        return json.loads(text, parse_constant=str, parse_int=_whole, parse_float=_fraction, strict=False)
    except ValueError as problem:
        raise Invalid("body", f"is not JSON: {problem}") from None


_token = re.compile(rb'"(?:[^"\\]++|\\.)*+"|[\[\]{}]', re.DOTALL)


def _shallow(body: bytes) -> bytes:
    """The body with words in place of what lies deeper than DEPTH_MAX, so that one such value spoils no other."""
    parts: list[bytes] = []
    depth = begins = done = 0
    for number, token in enumerate(_token.finditer(body)):
        first = body[token.start()]
        if first in b"[{":
            depth += 1
            if depth == DEPTH_MAX:
                begins = token.start()
        elif first in b"]}":
            if depth == DEPTH_MAX:
                parts += (body[done:begins], TOO_DEEP)
                done = token.end()
            depth -= 1
        if number > TOKENS_MAX or depth < 0:
            break  # no JSON, or more of it than can be looked through in good time
    return b"".join((*parts, body[done:]))


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= DIGITS_MAX else digits


def _fraction(digits: str) -> float | str:
    number = float(digits)
    return number if abs(number) < 1e300 else digits


def clean(text: str) -> str:
    """Text that PostgreSQL takes and UTF-8 can carry."""
    if "\0" in text:
        text = text.replace("\0", "�")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def cut(text: str, limit: int) -> str:
    """The text itself, or its beginning and how much is missing."""
    if len(text) <= limit:
        return text
    mark = f"… (cut, {len(text)} characters)"
    return text[: limit - len(mark)] + mark


def words(value: Any, limit: int) -> str:
    """Any JSON value as clean text of at most `limit` characters; null is empty."""
    if value is None:
        return ""
    if not isinstance(value, str):
        value = as_json(value)
    return cut(clean(value).strip(), limit)


def as_json(value: Any) -> str:
    """A value as JSON text, whatever odd strings are inside."""
    try:
        return msgspec.json.format(_encode(value), indent=2).decode()
    except (UnicodeEncodeError, RecursionError, ValueError, TypeError):
        try:
            return clean(json.dumps(value))
        except RecursionError:
            return "(nested too deeply to show; its bytes are kept)"


def as_bytes(value: Any) -> bytes:
    """A value as JSON bytes, as short as can be."""
    try:
        return _encode(value)
    except (UnicodeEncodeError, RecursionError, ValueError, TypeError):
        return as_json(value).encode()


def not_too_many(members: list[Member]) -> list[Member]:
    """The members of a message; raises Invalid where they are more than could be read in good time."""
    if len(members) > MEMBERS_MAX:
        raise Invalid("body", f"has more than {MEMBERS_MAX} alerts; send them in several messages")
    return members


def labels(value: Mapping[str, Any]) -> dict[str, str]:
    """Names and values as text; empty values mean no label. Beyond LABELS_MAX names, the number left out is told."""
    far_too_many = len(value) > 10 * LABELS_MAX  # then even reading them all would take too long
    names = _most_telling(value) if far_too_many else value
    found = {words(name, SHORT_MAX): words(value[name], LABEL_VALUE_MAX) for name in names}
    found = {name: one for name, one in found.items() if name and one}
    left_out = len(value) - len(names) + max(0, len(found) - LABELS_MAX)
    if left_out:
        found = {name: found[name] for name in _most_telling(found)}
        found["labels_left_out"] = str(left_out)
    return found


def _most_telling(names: Mapping[str, Any]) -> list[str]:
    return nsmallest(LABELS_MAX, names, key=lambda name: (name not in ("alertname", "service", "severity"), name))


def is_cut(found: Mapping[str, str], value: Mapping[str, Any]) -> bool:
    """Whether labels had to be shortened, so that they no longer say which alert it is."""
    if "labels_left_out" in found:
        return True
    return any(
        len(name) > SHORT_MAX or (isinstance(one, str) and len(one) > LABEL_VALUE_MAX) for name, one in value.items()
    )


def links(*values: Any) -> list[str]:
    """Web addresses among these values: strings, {"href": ...} objects, or lists of them. Nothing else is a link."""
    found: list[str] = []
    for value in values:
        for one in value if isinstance(value, list) else [value]:
            href = one.get("href", one.get("url", one.get("src"))) if isinstance(one, dict) else one
            if isinstance(href, str) and href.startswith(("https://", "http://")) and len(href) <= LABEL_VALUE_MAX:
                found.append(clean(href))
    return list(dict.fromkeys(found))[:LINKS_MAX]


def moment(value: Any) -> datetime | None:
    """A time in UTC from RFC 3339 text or seconds (or milliseconds) since 1970. None: absent, or Go's zero time.

    Raises ValueError for what is neither.
    """
    if value is None or value == "":
        return None
    if isinstance(value, datetime):
        return value if value.year > 1 else None
    if isinstance(value, int | float) and not isinstance(value, bool):
        seconds = value / 1000 if abs(value) > 1e11 else value
        return datetime(1970, 1, 1, tzinfo=UTC) + _length(seconds)
    if not isinstance(value, str) or len(value) > TIME_MAX:
        raise ValueError("is not a time")
    at = datetime.fromisoformat(value)
    if at.year <= 1:
        return None
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError:
        return datetime.max.replace(tzinfo=UTC)


def _length(seconds: float) -> timedelta:
    try:
        return timedelta(seconds=seconds)
    except OverflowError:
        raise ValueError("is not a time") from None


def start(value: Any, now: datetime, notes: list[str]) -> datetime | None:
    """When it began. Unknown (None) for nonsense, the distant past and the future; the notes say so."""
    try:
        at = moment(value)
    except (ValueError, OverflowError):
        notes.append(f"Its start {words(value, 60)!r} is not a time; the time of receipt is used.")
        return None
    if at is not None and (at < OLDEST or at > now + timedelta(hours=1)):
        notes.append(f"Its start {words(str(value), 60)!r} cannot be; the time of receipt is used.")
        return None
    return min(at, now) if at is not None else None


def severity(value: Any, notes: list[str]) -> str:
    """Our word for a sender's severity; an unknown one counts as the highest, and the notes say so."""
    said = words(value, 60).lower()
    if found := SEVERITIES.get(said):
        return found
    what = f"Its severity {said!r} is not one we know" if said else "Its sender gave no severity"
    notes.append(f"{what}, so it counts as {UNKNOWN_SEVERITY}.")
    return UNKNOWN_SEVERITY


def with_notes(details: str, notes: list[str]) -> str:
    return "\n\n".join(part for part in (details, " ".join(notes)) if part)


def name_of(*parts: str) -> str:
    """A name for an alert whose sender gave none: equal content gives the equal name."""
    return "auto-" + blake2b("\0".join(parts).encode("utf-8", "replace"), digest_size=12).hexdigest()
