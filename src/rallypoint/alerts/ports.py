"""What a connector for signals offers. Pure: bytes and `now` in, batches out; HTTP stays in edges/hooks."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from rallypoint.alerts.model import Batch

Known = Callable[[bytes], int | None]
"""Which open alert these bytes made, if any: lets a reader skip what it has read before."""


class Level(StrEnum):
    """How far a connector has been tried."""

    CONTRACT_TESTED = "tried against the documented messages"
    PARTNER_TESTED = "tried against the real program"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What the setup page and the docs show. `for_key` fills in {base}, which is {scheme}://{host}, and {key}."""

    kind: str
    name: str
    says: str
    path: str
    config: str
    config_file: str
    curl: str
    teaches: str
    level: Level

    def for_key(self, text: str, *, base: str, key: str) -> str:
        """One of the texts above with the address and the key filled in."""
        scheme, _, host = base.rstrip("/").partition("://")
        filled = text.replace("{base}", base.rstrip("/")).replace("{scheme}", scheme).replace("{host}", host)
        return filled.replace("{key}", key)


class AlertSource(Protocol):
    """Reads one kind of message."""

    about: About
    limit: int
    """The longest body, in bytes."""

    def read(self, body: bytes, *, now: datetime, known: Known) -> Iterator[Batch]:
        """The message in parts of at most PART members. Raises Invalid where nothing of it can be read.

        A member that cannot be read becomes an Unreadable with its reason; it never spoils its neighbours.
        """
        ...


PART = 256
"""Members per part: what may be read at one go without making other requests wait."""


def nothing_known(raw_key: bytes) -> int | None:
    return None
