"""Cursors for lists: the sort key of the last row shown, opaque to the caller.

A cursor survives rows that come and go between two pages, which an offset does not.
"""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from rallypoint.errors import Invalid

BIGGEST = 2**63 - 1


def encode(values: Sequence[Any]) -> str:
    """A cursor for the row with this sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).decode().rstrip("=")


def decode(cursor: str, *, length: int) -> list[Any]:
    """The sort key in a cursor; raises Invalid for one we did not make."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, UnicodeError, RecursionError, msgspec.DecodeError) as problem:
        raise _not_ours() from problem
    if not isinstance(values, list) or len(values) != length:
        raise _not_ours()
    return values


def number(cursor: str) -> int:
    """The number in a cursor that is one number; raises Invalid for one we did not make."""
    return whole(decode(cursor, length=1)[0])


def whole(value: object) -> int:
    """A part of a cursor that is a whole number, as large as the database knows them."""
    if not isinstance(value, int) or isinstance(value, bool) or abs(value) > BIGGEST:
        raise _not_ours()
    return value


def instant(value: object) -> datetime:
    """A part of a cursor that is a moment, in UTC; one without a zone counts as UTC."""
    try:
        at = datetime.fromisoformat(value if isinstance(value, str) else "")
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError) as problem:
        raise _not_ours() from problem


def _not_ours() -> Invalid:
    return Invalid("cursor", "is not a cursor of this list; leave it out to start at the beginning")
