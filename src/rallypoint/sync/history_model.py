"""Historical syncs as values: what is brought over, how far it is, and what came of each item."""

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from rallypoint.sync.mapping import Condition


class Way(StrEnum):
    """RECEIVE brings items of the tool here, SEND makes items there for incidents."""

    RECEIVE = "receive"
    SEND = "send"


class Stage(StrEnum):
    """PLANNING lists what there is; PLANNED waits for a person; PAUSED goes on where it was."""

    PLANNING = "planning"
    PLANNED = "planned"
    RUNNING = "running"
    PAUSED = "paused"
    DONE = "done"
    CANCELLED = "cancelled"

    @property
    def over(self) -> bool:
        return self in (Stage.DONE, Stage.CANCELLED)


class Outcome(StrEnum):
    """What comes of one item or incident."""

    OPENED = "becomes an incident"
    JOINED = "is linked to an incident that is there"
    CREATED = "gets an item there"
    LINKED = "is linked already"
    PARTED = "was linked, and parted by somebody"
    OVER = "is over there"
    OUTSIDE = "does not fit the conditions"
    SEVERAL = "fits several incidents"
    GONE = "cannot be read"

    @property
    def acts(self) -> bool:
        """Something is written because of it."""
        return self in (Outcome.OPENED, Outcome.JOINED, Outcome.CREATED)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One historical sync. `match` is the field by which items join incidents that are there; empty for none.

    `looked_at` counts the items that the plan has read to say what would come of them.
    """

    id: int
    mapping_id: int
    connection_id: int
    direction: Way
    state: Stage
    since: datetime | None
    conditions: tuple[Condition, ...]
    match: str
    cursor: str | None
    looked_at: int
    error: str
    created_at: datetime
    created_by: str
    started_at: datetime | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One item there or incident here that a historical sync is about. `name` is what people call it."""

    key: str
    place: int = 0
    name: str = ""
    title: str = ""
    url: str = ""
    state: str = "waiting"
    outcome: str = ""
    incident: int | None = None
    detail: str = ""
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far it is: `total` is what was listed, `outcomes` counts what came of it (or would, of those looked at)."""

    total: int = 0
    done: int = 0
    failed: int = 0
    outcomes: ReadOnly[str, int] = field(default_factory=dict)
    under_way: int = 0

    @property
    def share(self) -> float:
        """From 0 to 1; what is still on its way there does not count yet."""
        return max(0, self.done + self.failed - self.under_way) / self.total if self.total else 0.0
