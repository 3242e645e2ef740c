"""Waiting for what another process does. Nothing here assumes how long that takes."""

from collections.abc import Callable
from typing import TypeVar

from rallypoint.clock import monotonic, pause

T = TypeVar("T")


class NotInTime(AssertionError):
    """What was waited for did not come."""


def until(look: Callable[[], T | None], *, within: float, what: str, every: float = 0.05) -> T:
    """The first true answer of `look`, asked again and again; fails, naming `what`, after `within` seconds."""
    deadline = monotonic() + within
    while True:
        if found := look():
            return found
        if monotonic() > deadline:
            raise NotInTime(f"not within {within:.0f} s: {what}")
        pause(every)
