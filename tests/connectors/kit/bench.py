"""What the kit needs to know of one tool, and what it must be able to bring about there."""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from rallypoint.sync.model import Person, Value, Visibility
from rallypoint.sync.ports import Tracker, Upload


class NotHere(Exception):
    """This server cannot be made to do that. The kit skips the test and says why."""


class Act(StrEnum):
    """The call that shall go wrong next."""

    READ = "read"
    CREATE = "create"
    WRITE = "write"
    COMMENT = "comment"


class Mishap(StrEnum):
    """How it goes wrong. BROKEN and LOST_BREAK cut the connection; LOST ones had their effect before."""

    RATE = "rate limited"
    REFUSED = "outage before"
    BROKEN = "connection broken before"
    LOST = "outage after"
    LOST_BREAK = "connection broken after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One webhook as it arrived; header names in lower case."""

    body: bytes
    headers: Mapping[str, str]


class Bench(ABC):
    """One tool with a tracker connected to it, people who use it by themselves, and its troubles.

    Field ids are the tool's. `title` is a line of text, `text` a long one, `choice` a field with at least two values.
    Methods that a real server cannot do raise NotHere.
    """

    tracker: Tracker
    project: str
    type: str
    title: str
    text: str
    choice: str
    choices: tuple[str, str]
    secret: str = "a secret of the webhook"

    status: str = ""
    """The status field, and with `status_to` a status that a new item can be brought into, `fill` being demanded."""
    status_to: str = ""
    fill: Mapping[str, Value] = MappingProxyType({})

    person: str = ""
    """A field for one person, and `somebody` whom it can hold."""
    somebody: Person = Person()

    # What is needed to begin.

    def fields(self, title: str) -> Mapping[str, Value]:
        """Enough raw values to create an item with this title."""
        return {self.title: title}

    def raw(self, words: str) -> str:
        """Plain words in the notation of `text` and of comments."""
        return words

    def words(self, raw: Value) -> str:
        """The plain words in a value of `text`, or in a comment."""
        return str(raw or "")

    @abstractmethod
    async def stranger(self) -> Tracker:
        """A tracker of the same tool with a wrong password or token."""

    # What people do there, by another account than the tracker's.

    @abstractmethod
    async def person_sets(self, remote_id: str, field: str, value: str) -> None: ...

    @abstractmethod
    async def person_comments(self, remote_id: str, body: str, visibility: Visibility) -> None: ...

    @abstractmethod
    async def person_attaches(self, remote_id: str, name: str, body: bytes) -> None: ...

    @abstractmethod
    async def person_deletes(self, remote_id: str) -> None: ...

    async def outsider_sees(self, remote_id: str) -> list[str]:
        """The comments that the person who reported the item can read."""
        raise NotHere("Nobody outside has a view of their own.")

    async def item_count(self) -> int:
        """How many items there are, as an administrator sees it."""
        raise NotHere("Items cannot be counted.")

    # What an administrator closes.

    async def hide(self, remote_id: str) -> None:
        raise NotHere("Items cannot be hidden from one account.")

    async def hide_field(self, field: str) -> None:
        raise NotHere("Fields cannot be hidden from one account.")

    async def forbid_writing(self) -> None:
        raise NotHere("Writing cannot be forbidden to one account.")

    async def remove_choice(self, field: str, value: str) -> None:
        raise NotHere("Choices cannot be removed.")

    # Its troubles.

    async def plan(self, mishap: Mishap, act: Act) -> None:
        """The next call of this kind goes wrong, once."""
        raise NotHere("This server has no faults on demand.")

    async def advance(self, seconds: float) -> None:  # noqa: B027  # nothing to do is the right default
        """Moves the clock of the tool and ours, so that times there differ. A real server's goes by itself."""

    async def skew(self, seconds: float) -> None:
        """Sets only the tool's clock ahead."""
        raise NotHere("The clock of this server cannot be moved.")

    # Webhooks.

    async def listen(self) -> None:
        """From now on the tool sends webhooks, signed with `secret`, and they are kept."""
        raise NotHere("This tool sends no webhooks here.")

    async def heard(self) -> list[Heard]:
        """What was sent since the last call of this, in order."""
        raise NotHere("This tool sends no webhooks here.")


def upload(name: str, body: bytes, content_type: str = "application/octet-stream", *, pieces: int = 65536) -> Upload:
    """A file to attach, given in pieces."""

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), pieces):
            yield body[start : start + pieces]

    return Upload(
        name=name,
        content_type=content_type,
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        chunks=chunks,
    )
