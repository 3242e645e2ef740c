"""The kinds of tool that can be connected: what each asks for, and how its tracker is made; one for each connector."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from rallypoint.egress import Egress
from rallypoint.sync.ports import Tracker


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One thing that a tool's connector asks for: `secret` ones are sealed and never shown again."""

    name: str
    label: str
    help: str = ""
    secret: bool = False
    required: bool = True
    example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Everything a tracker needs to know of its connection, secrets opened."""

    key: str
    base_url: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


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
