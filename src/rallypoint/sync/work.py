"""What passes between the lanes and the store: claims and conflicts that wait."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.sync.model import Conflict, Link


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A link that this process has to itself until its lease runs out. Results count only under the fence."""

    link: Link
    fence: int
    attempts: int
    create_op: str = ""
    create_sent: bool = False
    panel: str = ""
    turns: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """An item that a tool spoke of and nobody is linked to, claimed to be looked at."""

    connection: int
    remote_id: str
    fence: int
    attempts: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredField:
    """A field of an incident as sync last saw it. `value` is its JSON form."""

    field: str
    version: int
    value: Any
    at: datetime
    by: str = ""
    origin: str = ""
    link: int | None = None
    human: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenConflict:
    """A conflict as the inbox shows it."""

    id: int
    incident: int
    link_id: int
    body: Conflict
    at: datetime
    settled_at: datetime | None
    settled_by: str
    connection_name: str
    url: str
    remote_key: str
