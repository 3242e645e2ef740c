"""Cursors for lists: the sort key of the last row shown, opaque to the caller.

A cursor survives rows that come and go between two pages, which an offset does not.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from rallypoint.errors import Invalid


def encode(values: Sequence[Any]) -> str:
    """A cursor for the row with this sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(list(values))).decode().rstrip("=")


def decode(cursor: str, *, length: int) -> list[Any]:
    """The sort key in a cursor; raises Invalid for one we did not make."""
    try:
        raw = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        values = msgspec.json.decode(raw)
    except (binascii.Error, ValueError, UnicodeError, msgspec.DecodeError) as problem:
        raise Invalid("cursor", "is not a cursor of this list; leave it out to start at the beginning") from problem
    if not isinstance(values, list) or len(values) != length:
        raise Invalid("cursor", "is not a cursor of this list; leave it out to start at the beginning")
    return values
