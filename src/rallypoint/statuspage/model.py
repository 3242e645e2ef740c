"""What the public sees: components, incidents in public words, their updates, and how each day went."""

from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum


class ComponentStatus(StrEnum):
    """How a part of us works, in the words of the Statuspage format. `rank` orders them, worst highest."""

    OPERATIONAL = "operational"
    UNDER_MAINTENANCE = "under_maintenance"
    DEGRADED = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"

    @property
    def rank(self) -> int:
        return list(ComponentStatus).index(self)

    @property
    def words(self) -> str:
        return self.value.replace("_", " ").capitalize()


class PublicStatus(StrEnum):
    """Where an incident stands, in public."""

    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class Indicator(StrEnum):
    """How bad it is, for the whole page or one incident."""

    NONE = "none"
    MAINTENANCE = "maintenance"
    MINOR = "minor"
    MAJOR = "major"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """The status page itself."""

    public_id: str
    name: str
    time_zone: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One line of the page. `key` is ours (the service's key), `public_id` is what the public gets."""

    id: int
    public_id: str
    key: str
    service_id: int | None
    name: str
    description: str
    position: int
    by_hand: bool
    hidden: bool
    status: ComponentStatus
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """From when to when an incident had this effect on a component; no end means it still has."""

    component_id: int
    status_incident_id: int
    status: ComponentStatus
    starts_at: datetime
    ends_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Affected:
    """What one update changed on one component."""

    code: str
    name: str
    old_status: ComponentStatus
    new_status: ComponentStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusUpdate:
    """One public update."""

    id: int
    public_id: str
    status_incident_id: int
    status: PublicStatus
    body: str
    affected: tuple[Affected, ...]
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusIncident:
    """An incident in public words. `incident` is our number and never leaves the house."""

    id: int
    public_id: str
    incident: int
    title: str
    title_given: bool
    status: PublicStatus
    impact: Indicator
    started_at: datetime
    created_at: datetime
    updated_at: datetime
    monitoring_at: datetime | None
    resolved_at: datetime | None
    updates: tuple[StatusUpdate, ...] = ()
    components: tuple[Component, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DayCell:
    """One day of one component: the worst it was, and for how many minutes it was what. None: not watched yet."""

    day: date
    worst: ComponentStatus | None
    minutes: dict[ComponentStatus, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComponentView:
    """A component with its last 90 days, oldest first. `uptime` is a share of the time watched; None: none yet."""

    component: Component
    cells: tuple[DayCell, ...]
    uptime: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PastDay:
    """One past day, with the incidents that began on it; empty where there was nothing to report."""

    day: date
    incidents: tuple[StatusIncident, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusView:
    """The whole public page."""

    page: Page
    indicator: Indicator
    description: str
    components: tuple[ComponentView, ...]
    active: tuple[StatusIncident, ...]
    past: tuple[PastDay, ...]
    uptime_note: str
    now: datetime
