"""What the clocks announce."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rallypoint.events import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockTouched(Fact):
    """A timer is about to look at a clock, and nothing is locked yet.

    Whoever keeps the incident locks its row now, so that every transaction locks incident before clock.
    """

    subject_of: ClassVar[str] = "incident"
    incident: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAtRisk(Fact):
    """Three quarters of a target's time are used up."""

    subject_of: ClassVar[str] = "incident"
    incident: int
    kind: str
    due_at: datetime
    priority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetBreached(Fact):
    """A target's time is used up."""

    subject_of: ClassVar[str] = "incident"
    incident: int
    kind: str
    due_at: datetime
    priority: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadlineMoved(Fact):
    """The nearest deadline of an incident is another one now, or gone. The board ranks by it."""

    subject_of: ClassVar[str] = "incident"
    incident: int
    warn_at: datetime | None
    due_at: datetime | None
