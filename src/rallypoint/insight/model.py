"""What insight reads and what it tells. Values only: the arithmetic is in rules, the queries in store."""

from dataclasses import dataclass
from datetime import date, datetime

from rallypoint.insight.summary import Trend

UNIT = "minutes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One incident as the metrics see it: its anchors in time, and what it is grouped by. Unknown stays None."""

    number: int
    kind: str = "incident"
    status_category: str = "active"
    drill: bool = False
    priority: str = ""
    domain_id: int = 0
    service_id: int | None = None
    service_key: str = ""
    service_name: str = ""
    category_id: int | None = None
    category_name: str = ""
    grouping_key: str | None = None
    created_at: datetime
    impact_started_at: datetime | None = None
    detected_at: datetime | None = None
    reported_at: datetime | None = None
    paged_at: datetime | None = None
    acknowledged_at: datetime | None = None
    repair_started_at: datetime | None = None
    repair_ended_at: datetime | None = None
    restored_at: datetime | None = None
    recovered_at: datetime | None = None
    resolved_at: datetime | None = None
    closed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockFact:
    """One SLA clock of one incident, as the sla room keeps it."""

    incident: int
    kind: str
    priority: str
    state: str
    due_at: datetime | None = None
    met_at: datetime | None = None
    breached_at: datetime | None = None
    paused_minutes: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PageFact:
    """One page that reached for a person, with the zone that person lives in."""

    incident: int
    person_id: int
    person_name: str
    time_zone: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """One named time: how it is defined, what it came to, and how many it could not be taken on. Minutes."""

    key: str
    short: str
    name: str
    definition: str
    n: int
    median: float | None
    p90: float | None
    mean: float | None
    low: float | None
    high: float | None
    not_applicable: int
    pending: int
    invalid: int
    invalid_numbers: tuple[int, ...] = ()
    before_n: int = 0
    before_median: float | None = None
    before_low: float | None = None
    before_high: float | None = None
    trend: Trend = Trend.TOO_FEW
    unit: str = UNIT


@dataclass(frozen=True, slots=True, kw_only=True)
class Adherence:
    """How often one target was kept at one priority. `share` is None while nothing has been decided."""

    priority: str
    kind: str
    met: int
    breached: int
    running: int
    paused: int
    stopped: int
    paused_minutes: float
    share: float | None
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceUptime:
    """Time between failures of one service. Overlapping outages count once; without a failure it exceeds the window."""

    service_id: int
    key: str
    name: str
    incidents: int
    failures: int
    downtime_minutes: float
    window_minutes: float
    mtbf_minutes: float | None
    start_unknown: int
    invalid: int

    @property
    def mtbf_text(self) -> str:
        """How the figure is said: never zero for a service that did not fail."""
        if self.mtbf_minutes is None:
            return f"> {self.window_minutes / 1440:g} days"
        return f"{self.mtbf_minutes / 1440:.1f} days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeats:
    """Incidents resolved in the window that had a like one (same fingerprint) within `days` before: suspected repeats.

    Repeats proven by a common problem record are another figure; it comes with problem records.
    """

    days: int
    repeated: int
    resolved: int
    share: float | None
    low: float | None
    high: float | None
    not_applicable: int
    numbers: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryLine:
    """One category: how many incidents, and the time to resolve them."""

    category_id: int | None
    name: str
    n: int
    share: float
    resolved: int
    median: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class WeekPoint:
    """One ISO week in UTC: incidents opened in it, and the time to restore service for them."""

    starts_on: date
    opened: int
    n: int
    median: float | None
    low: float | None
    high: float | None
    p90: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """Pages of one person by two hours of their own day (12 cells, from midnight), and how many came at night."""

    person_id: int
    name: str
    time_zone: str
    cells: tuple[int, ...]
    pages: int
    at_night: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOut:
    """What the figures do not count, by why. Shown beside them, always."""

    drills: int = 0
    cancelled: int = 0
    merged: int = 0
    service_requests: int = 0

    @property
    def total(self) -> int:
        return self.drills + self.cancelled + self.merged + self.service_requests


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """Everything the metrics page and the API show for one window."""

    since: datetime
    until: datetime
    now: datetime
    counted: int
    left_out: LeftOut
    measures: tuple[Measure, ...]
    sla: tuple[Adherence, ...]
    by_service: tuple[ServiceUptime, ...]
    by_week: tuple[WeekPoint, ...]
    by_category: tuple[CategoryLine, ...]
    repeats: Repeats
    pages: tuple[Night, ...]
    pages_total: int = 0
    pages_at_night: int = 0
