"""What an incident announces, in the past tense."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rallypoint.events import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFact(Fact):
    """Something happened to this incident; `epoch` is its epoch afterwards."""

    subject_of: ClassVar[str] = "number"
    number: int
    epoch: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle(IncidentFact):
    """A step of the lifecycle: where the incident stands now, where it stood, who did it, and when it happened."""

    kind: str
    domain_id: int
    service_id: int | None
    title: str
    priority: str
    urgency: str
    """'high' or 'low': how loudly people are paged for this priority."""
    category: str
    was: str
    by: str
    by_person: bool
    at: datetime
    acknowledges: bool = False
    """Whether someone took it up with this step: the response clock looks at it."""
    reason: str = ""
    drill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentOpened(Lifecycle):
    """`quiet` is one that began long ago and is only brought here: nobody is paged or told, and no target begins."""

    summary: str = ""
    quiet: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentAcknowledged(Lifecycle):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentHeld(Lifecycle):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentResumed(Lifecycle):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRestored(Lifecycle):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentResolved(Lifecycle):
    resolution: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentConfirmed(Lifecycle):
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRejected(Lifecycle):
    """The reporter says it is not solved: it is open again. No IncidentReopened is announced beside it."""

    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReopened(Lifecycle):
    summary: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentReviewed(Lifecycle):
    """It is in review: resolved, and not closed until what was learned is written down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentClosed(Lifecycle):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentCancelled(Lifecycle):
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentEscalated(IncidentFact):
    """Someone asked for more: `kind` is functional (a specialist) or hierarchical (a person of authority)."""

    kind: str
    by: str
    note: str
    to_policy: str | None
    to_person: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsJoined(IncidentFact):
    alert_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityChanged(IncidentFact):
    """`urgency` is how loudly the new priority pages; `raised` tells up from down."""

    was: str
    now: str
    urgency: str
    reason: str
    by: str
    domain_id: int
    at: datetime
    raised: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandTaken(IncidentFact):
    """Someone is in command now; `person_id` None: nobody is any more."""

    person_id: int | None
    person_name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdatePublished(IncidentFact):
    """An update went out. `components` maps component keys to their new status."""

    entry_id: int
    audience: str
    text: str
    public_status: str | None
    components: dict[str, str] | None
    title: str
    by: str
    at: datetime
    drill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentChanged(IncidentFact):
    """Something about the record changed that has no fact of its own. `said`: somebody put something in words."""

    said: bool = False
