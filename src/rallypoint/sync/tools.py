"""The kinds of tool that can be connected: what each asks for, and how its tracker is made; one for each connector."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from rallypoint.egress import Egress
from rallypoint.sync.ports import Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that a tool's connector asks for: `secret` ones are sealed and never shown again.

    An `address` is one that secrets are sent to, so they are not kept when it changes. What shares a `group` is another
    way to sign in, named by it, and shown apart.
    """

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = True
    example: str = ""
    address: bool = False
    group: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An access token as a tool gave it. `ends` by our clock. `refresh` fetches the next; empty when none is needed."""

    access: str = field(repr=False)
    ends: datetime
    refresh: str = field(default="", repr=False)


Fetch = Callable[[str], Awaitable[Token]]
"""Fetches an access token with the refresh token that came last; with an empty text, by what the connection was given.
Raises a TrackerError."""


class Wallet(Protocol):
    """Where the access token of a connection is kept, by all processes together."""

    async def token(self, fetch: Fetch, *, refused: str = "") -> Token:
        """One that is good for a while. `fetch` is called when there is none, when it ends soon, or when it is the one
        that was `refused`: by one of all who ask at the same time, and what it brings is kept for the others."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Everything a tracker needs to know of its connection, secrets opened. Without a `wallet` tokens are kept by
    whoever fetched them."""

    key: str
    base_url: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    wallet: Wallet | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A kind of tracker we can connect: what it is called, what it asks for, and how one is made."""

    kind: str
    name: str
    asked: tuple[Asked, ...]
    make: Callable[[Access, Egress], Tracker]
    example_url: str = ""
    teaches: str = ""
    """The page of the user guide about it."""


class Tools(Protocol):
    """Every tool there is, by kind: handed in by the wiring, for rooms know no connectors."""

    def __getitem__(self, kind: str, /) -> Tool: ...
    def __contains__(self, kind: object, /) -> bool: ...
    def keys(self) -> Any: ...
