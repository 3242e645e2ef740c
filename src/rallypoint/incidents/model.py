"""The record and what hangs on it."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from rallypoint.alerts.model import Alert
from rallypoint.catalog.model import Impact, Kind, StatusCategory, Urgency
from rallypoint.ids import incident_name
from rallypoint.sla.model import Clock


class Visibility(StrEnum):
    """Who may read a line of the timeline. Internal is the default everywhere."""

    INTERNAL = "internal"
    PUBLIC = "public"


class Confirmation(StrEnum):
    """How a resolution was accepted. Silence is recorded as silence."""

    NONE = ""
    BY_REPORTER = "confirmed by the reporter"
    BY_DESK = "confirmed for the reporter by the desk"
    BY_MONITOR = "confirmed by a healthy check"
    BY_SILENCE = "not confirmed"


class Outcome(StrEnum):
    """How a hypothesis ended. What did not work is worth as much as what did."""

    OPEN = "open"
    SUPPORTED = "supported"
    RULED_OUT = "ruled out"
    FIXED = "fixed"
    DID_NOT_HELP = "did not help"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident or service request: the record as it stands after its last timeline entry."""

    number: int
    kind: Kind
    title: str
    description: str
    domain_id: int
    domain_key: str
    service_id: int | None
    service_key: str
    service_name: str
    category_id: int | None
    category_name: str
    status_id: int | None
    status: str
    status_category: StatusCategory
    held_from: str
    hold_reason: str
    impact: Impact | None
    urgency: Urgency | None
    priority: str
    priority_common: int
    priority_reason: str
    priority_by_hand: bool
    paging_urgency: str
    severity: str | None
    reporter_name: str
    reporter_contact: str
    reporter_person_id: int | None
    logged_by: str
    affected_people: int | None
    owner_id: int | None
    owner_name: str
    commander_id: int | None
    commander_name: str
    team_id: int | None
    impact_started_at: datetime | None
    detected_at: datetime | None
    reported_at: datetime | None
    created_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str
    acknowledged_by_bot: bool = False
    restored_at: datetime | None
    recovered_at: datetime | None
    resolved_at: datetime | None
    confirmed_at: datetime | None
    confirmation: Confirmation
    confirmation_note: str
    closed_at: datetime | None
    resolution: str
    workaround: str
    grouping_key: str | None
    joins: bool
    warn_at: datetime | None
    due_at: datetime | None
    epoch: int
    reopened: int
    reassigned: int
    drill: bool
    origin: str
    tags: tuple[str, ...] = ()
    custom: dict[str, Any] = field(default_factory=dict)
    """Values of the domain's own fields, by key; see fields.py."""

    @property
    def name(self) -> str:
        """How people say it: INC-42."""
        return incident_name(self.number)

    @property
    def taken_up_at(self) -> datetime | None:
        """When a person acknowledged it; None as long as at most a bot did: that stops paging, and solves nothing."""
        return None if self.acknowledged_by_bot else self.acknowledged_at

    @property
    def by_monitor(self) -> bool:
        """A monitor reported it, so a healthy check confirms it."""
        return self.origin.startswith("monitor:")

    @property
    def awaits_confirmation(self) -> bool:
        return self.status_category is StatusCategory.RESOLVED and self.confirmed_at is None


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineEntry:
    """One line of the history. Never changed: a correction is another line that names this one."""

    id: int
    incident: int
    position: int
    kind: str
    text: str
    reason: str
    occurred_at: datetime
    recorded_at: datetime
    ended_at: datetime | None
    actor_kind: str
    actor_name: str
    person_id: int | None
    origin: str
    visibility: Visibility
    key: bool
    data: dict[str, Any] = field(default_factory=dict)
    hash: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentFile:
    """A file of an incident, or what is left of a removed one. Its bytes are found by its SHA-256, in hex."""

    id: int
    incident: int
    name: str
    content_type: str
    size: int
    sha256: str
    visibility: Visibility
    about: str
    added_at: datetime
    added_by: str
    origin: str
    removed_at: datetime | None
    removed_by: str
    removed_why: str


class RelationKind(StrEnum):
    """An edge between two incidents: its source is a child, a duplicate or a relative of its target, or blocks it."""

    PARENT = "parent"
    RELATED = "related"
    DUPLICATE_OF = "duplicate of"
    BLOCKS = "blocks"


class Tie(StrEnum):
    """What another incident is to this one."""

    PARENT = "parent"
    CHILD = "child"
    RELATED = "related"
    DUPLICATE_OF = "duplicate of"
    DUPLICATED_BY = "duplicated by"
    BLOCKS = "blocks"
    BLOCKED_BY = "blocked by"

    @property
    def words(self) -> str:
        """As a sentence goes on with the other one's name: "child of INC-2"."""
        return {"parent": "child of", "child": "parent of", "related": "related to"}.get(self.value, self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """Another incident that hangs together with this one. `outward`: the edge leads from this one to it."""

    id: int
    kind: RelationKind
    outward: bool
    number: int
    title: str
    priority: str
    status: str
    status_category: StatusCategory
    created_at: datetime
    created_by: str


class JoinedAlert(NamedTuple):
    """An alert of this incident, since when, and why it belongs here."""

    alert: Alert
    joined_at: datetime
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleHolding:
    """Who held a role from when to when."""

    id: int
    incident: int
    role: str
    person_id: int
    person_name: str
    since: datetime
    until: datetime | None
    brief: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOver:
    """Command offered to someone, with a brief. It is theirs when they accept it."""

    id: int
    incident: int
    from_id: int | None
    from_name: str
    to_id: int
    to_name: str
    brief: str
    offered_at: datetime
    accepted_at: datetime | None
    withdrawn_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    id: int
    incident: int
    title: str
    owner_id: int | None
    owner_name: str
    due_at: datetime | None
    created_at: datetime
    created_by: str
    done_at: datetime | None
    done_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypothesis:
    id: int
    incident: int
    text: str
    outcome: Outcome
    outcome_text: str
    proposed_at: datetime
    proposed_by: str
    settled_at: datetime | None
    settled_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    id: int
    incident: int
    kind: str
    title: str
    url: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardFilter:
    """What the board shows. Keys, not ids: it comes from the address bar."""

    q: str = ""
    status_category: str = ""
    service: str = ""
    domain: str = ""
    priority: str = ""
    mine: bool = False
    no_commander: bool = False
    kind: str = ""
    tag: str = ""
    open_only: bool = True
    drills: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """An incident on the board. `rank` is its place among all open incidents; None once it is not open."""

    incident: Incident
    rank: int | None
    rank_reason: str
    next_deadline: Clock | None
