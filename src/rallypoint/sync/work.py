"""What passes between the lanes and the store: claims and conflicts that wait."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.crashpoints import armed, crashpoint
from rallypoint.sync.equality import same
from rallypoint.sync.model import Conflict, Link, Side, Value


class Held(Exception):
    """A call has to wait until then: a budget is spent, or something must be known first. Nothing has failed."""

    def __init__(self, until: datetime) -> None:
        self.until = until
        super().__init__(f"held until {until}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A link that this process has to itself until its lease runs out. Results count only under the fence."""

    link: Link
    fence: int
    attempts: int
    create_op: str = ""
    create_sent: bool = False
    create_sent_at: datetime | None = None
    pressing: int = 1
    panel: str = ""
    turns: tuple[Any, ...] = ()


def effect_done(claim: Claim, name: str) -> None:
    """A place between two effects of a pass where tests let the worker die: by its name, or as the nth of this link."""
    crashpoint(name)
    if armed():
        crashpoint(f"sync_effect.{claim.link.id}")


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
    """A conflict as the inbox shows it. `now_*` is what the incident held when sync last looked at it.

    `chosen` is what a person decided last; an `overtaken` one is over without a decision.
    """

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
    chosen: Side | None = None
    left_version: int | None = None
    overtaken: bool = False
    now_version: int | None = None
    now_value: Value = None
    now_by: str = ""
    now_at: datetime | None = None

    @property
    def standing(self) -> Side | None:
        """Whose value was kept, by the last decision; None while a person is awaited, or where none was needed."""
        return None if self.overtaken else self.chosen or self.body.winner

    def value_of(self, side: Side) -> Value:
        return self.body.hub_value if side is Side.HUB else self.body.remote_value

    @property
    def edited_since(self) -> bool:
        """Whether the incident's field was changed after the decision, or while it waits for one."""
        if self.now_version is None:
            return False
        return self.is_later(self.now_version, self.now_value)

    def is_later(self, version: int, value: Value) -> bool:
        """Whether this version of the field is a later edit than what the decision left."""
        left = self.body.hub_version if self.standing is None and self.left_version is None else self.left_version
        if left is not None and version <= left:
            return False
        return not same(value, self.value_of(self.standing or Side.HUB))
