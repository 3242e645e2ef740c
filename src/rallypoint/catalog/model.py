"""Domains and what belongs to them, services and what they need, as values. Enums hold the words screens show."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class StatusCategory(StrEnum):
    """What a status means. Clocks, permissions, metrics and the status page look at this, never at a status's name."""

    TRIAGE = "triage"
    ACTIVE = "active"
    ON_HOLD = "on_hold"
    RESTORED = "restored"
    RESOLVED = "resolved"
    REVIEW = "review"
    CLOSED = "closed"
    CANCELLED = "cancelled"
    MERGED = "merged"

    @property
    def open(self) -> bool:
        """The incident is not over: it is on the board."""
        return self not in (StatusCategory.CLOSED, StatusCategory.CANCELLED, StatusCategory.MERGED)

    @property
    def working(self) -> bool:
        """Somebody still has to bring the service back."""
        return self in (StatusCategory.TRIAGE, StatusCategory.ACTIVE, StatusCategory.ON_HOLD)

    @property
    def fixed(self) -> bool:
        """The cause is dealt with, though the record may not be closed."""
        return self in (StatusCategory.RESOLVED, StatusCategory.REVIEW, StatusCategory.CLOSED)


class Impact(StrEnum):
    """How much is hit; the first is the highest."""

    EXTENSIVE = "extensive"
    SIGNIFICANT = "significant"
    MODERATE = "moderate"
    MINOR = "minor"


class Urgency(StrEnum):
    """How little time there is; the first is the highest."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Kind(StrEnum):
    INCIDENT = "incident"
    SERVICE_REQUEST = "service request"


class ClosurePolicy(StrEnum):
    """Who closes a resolved incident."""

    SERVICE_DESK = "service_desk"
    OWNER_AFTER_CONFIRMATION = "owner_after_confirmation"
    AUTO_AFTER_N_BUSINESS_DAYS = "auto_after_n_business_days"


class Workflow(StrEnum):
    ITSM = "itsm"
    SRE = "sre"


class TypeClass(StrEnum):
    """What sort of thing failed: the coarse cut by which trends are read across domains."""

    HARDWARE_FAILURE = "hardware failure"
    SOFTWARE_BUG = "software bug"
    NETWORK_ISSUE = "network issue"
    ACCESS_REQUEST = "access request"
    SECURITY = "security"
    PERFORMANCE = "performance"
    DATA = "data"
    CHANGE = "change"
    VENDOR = "vendor"
    OTHER = "other"


class Hosting(StrEnum):
    CLOUD = "cloud"
    ON_PREMISES = "on_premises"
    HYBRID = "hybrid"
    SAAS = "saas"


class Layer(StrEnum):
    APPLICATION = "application"
    DATA = "data"
    PLATFORM = "platform"
    NETWORK = "network"
    HARDWARE = "hardware"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True, kw_only=True)
class Domain:
    id: int
    key: str
    name: str
    workflow: Workflow
    closure_policy: ClosurePolicy
    description: str
    settings: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    id: int
    domain_id: int
    key: str
    name: str
    category: StatusCategory
    position: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """A place in a domain's category tree. Its defaults stand in for an impact or urgency nobody gave."""

    id: int
    domain_id: int
    parent_id: int | None
    key: str
    name: str
    type_class: TypeClass
    default_impact: Impact | None
    default_urgency: Urgency | None
    route_team_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityLevel:
    """A level, defined before anything happens. `urgency` is how loudly people are paged, `tells` the roles told.

    `common` maps the levels of all domains to one scale: 1 is the worst, 5 the mildest.
    """

    domain_id: int
    key: str
    name: str
    rank: int
    definition: str
    response_minutes: int
    resolution_minutes: int
    update_minutes: int
    urgency: str
    tells: tuple[str, ...]
    common: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityModel:
    """A domain's levels, the gravest first, and the level of each impact and urgency."""

    levels: tuple[PriorityLevel, ...]
    matrix: dict[tuple[Impact, Urgency], str]

    def level(self, key: str) -> PriorityLevel:
        """The level with this key. The keys of a matrix always exist: a foreign key says so."""
        return next(level for level in self.levels if level.key == key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    id: int
    key: str
    name: str
    description: str
    domain_id: int
    team_id: int | None
    tier: int
    hosting: Hosting
    layer: Layer
    public: bool
    retired: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """`service_id` needs `needs_id`."""

    service_id: int
    needs_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Runbook:
    id: int
    service_id: int
    title: str
    url: str
    category_id: int | None


class CustomKind(StrEnum):
    """What a field of a domain holds. Decided once per field."""

    TEXT = "text"
    NUMBER = "number"
    CHOICE = "choice"
    DATE = "date"
    PERSON = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomField:
    """A field that incidents of a domain have besides ours. A retired one is offered nowhere."""

    id: int
    domain_id: int
    key: str
    name: str
    kind: CustomKind
    choices: tuple[str, ...]
    hint: str
    position: int
    retired: bool
