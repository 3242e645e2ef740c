"""What the room keeps: clocks, the marks of an incident's history that drive them, and targets."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class ClockKind(StrEnum):
    """The three promises an incident carries."""

    RESPONSE = "response"
    RESOLUTION = "resolution"
    UPDATE = "update"


class ClockState(StrEnum):
    """Where a clock stands. A target met late stays `breached`, with `met_at` set."""

    RUNNING = "running"
    PAUSED = "paused"
    MET = "met"
    BREACHED = "breached"
    STOPPED = "stopped"


class MarkKind(StrEnum):
    """The moments of an incident's history that a clock looks at."""

    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    CATEGORY = "category"
    PRIORITY = "priority"
    UPDATED = "updated"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One moment of the history: the status category or the priority from then on, or a bare fact.

    `by_person` tells a person's act from a monitor's: a service that healed by itself was not responded to.
    """

    at: datetime
    kind: MarkKind
    value: str = ""
    by_person: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one priority promises, in minutes."""

    response: int
    resolution: int
    update: int

    def minutes(self, kind: ClockKind) -> int:
        match kind:
            case ClockKind.RESPONSE:
                return self.response
            case ClockKind.RESOLUTION:
                return self.resolution
            case ClockKind.UPDATE:
                return self.update


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One promise of one incident, as folded from its history.

    `used` is the time that counted up to `since`; a running clock counts on from `since`. `due_at` and `warn_at` are
    None while a clock is paused: it has no deadline then.
    """

    incident: int
    kind: ClockKind
    priority: str
    target_minutes: int
    started_at: datetime
    since: datetime
    used: timedelta
    paused_for: timedelta
    state: ClockState
    warn_at: datetime | None = None
    due_at: datetime | None = None
    warned_at: datetime | None = None
    met_at: datetime | None = None
    breached_at: datetime | None = None
    paused_at: datetime | None = None
    domain_id: int = 0

    @property
    def paused_minutes(self) -> float:
        """Minutes on hold so far, without a pause that still lasts."""
        return self.paused_for.total_seconds() / 60

    @property
    def counts(self) -> bool:
        """Time passes on it: running, or breached and not yet met."""
        return (
            self.met_at is None and self.paused_at is None and self.state in (ClockState.RUNNING, ClockState.BREACHED)
        )
