"""The hash chain of a timeline: each line's SHA-256 covers the line and the hash before it. Pure.

Whoever holds the last hash of an incident holds its whole history: changing, dropping or reordering any line shows.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import msgspec

from rallypoint.incidents.model import TimelineEntry

START = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What reading a timeline again showed."""

    ok: bool
    entries: int
    broken_at: int | None = None
    reason: str = ""


def link(before: bytes, entry: TimelineEntry) -> bytes:
    """The hash of this line after the one before. The id is the database's own matter and stays out."""
    said = msgspec.to_builtins(entry)
    del said["id"], said["hash"]
    return hashlib.sha256(before + msgspec.json.encode(said, order="sorted")).digest()


def verify(entries: Iterable[TimelineEntry], *, count: int, head: bytes) -> Verified:
    """Whether the lines, in order, lead to the head that the incident's row holds."""
    before, position = START, 0
    for position, entry in enumerate(entries, start=1):
        if entry.position != position:
            return Verified(ok=False, entries=count, broken_at=position, reason="a line is missing here")
        before = link(before, entry)
        if before != entry.hash:
            return Verified(ok=False, entries=count, broken_at=position, reason="this line was changed")
    if position != count or before != head:
        return Verified(ok=False, entries=count, broken_at=position + 1, reason="lines are missing at the end")
    return Verified(ok=True, entries=count)
