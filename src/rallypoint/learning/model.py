"""A retrospective: facts that the record tells by itself, and texts that only people can write."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from rallypoint.sync.follower_store import Standing


class Depth(StrEnum):
    """Every incident is looked back on: small ones lightly, P1 and P2 in full, with a meeting."""

    LIGHT = "light"
    FULL = "full"


class State(StrEnum):
    DRAFT = "draft"
    IN_REVIEW = "in review"
    PUBLISHED = "published"


class ItemState(StrEnum):
    OPEN = "open"
    DONE = "done"
    DROPPED = "dropped"


class Improves(StrEnum):
    """What an action item makes better."""

    SERVICE = "service"
    PROCESS = "process"
    RUNBOOK = "runbook"
    TOOLING = "tooling"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedTime:
    """One of the named times of this incident; `minutes` only where the outcome is "recorded"."""

    key: str
    name: str
    outcome: str
    minutes: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One line of the story. `key` moments are those the record itself marks as decisive."""

    at: datetime
    kind: str
    text: str
    who: str
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartFact:
    """Who held which role, from when to when."""

    role: str
    name: str
    since: datetime
    until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PagedFact:
    """Who was paged, why, and whether they answered."""

    at: datetime
    name: str
    why: str
    state: str
    acknowledged_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TriedFact:
    """A hypothesis and how it ended: what did not work counts as much as what did."""

    text: str
    outcome: str
    outcome_text: str
    by: str
    settled_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFact:
    """An alert of the incident."""

    summary: str
    source: str
    severity: str
    count: int
    first_at: datetime
    resolved_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetFact:
    """One promise, and whether it was kept."""

    kind: str
    priority: str
    target_minutes: int
    state: str
    due_at: datetime | None
    met_at: datetime | None
    breached_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskFact:
    """A task of the incident; what was left open is the first thing to look at."""

    title: str
    owner: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the record says, drawn up at `as_of`. Nothing in here was typed for the retrospective."""

    as_of: datetime
    number: int
    name: str
    title: str
    service: str
    category: str
    status: str
    priority: str
    priority_reason: str
    severity: str
    origin: str
    reporter: str
    drill: bool
    affected_people: int | None
    reopened: int
    reassigned: int
    impact_started_at: datetime | None
    detected_at: datetime | None
    reported_at: datetime | None
    created_at: datetime
    paged_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str
    restored_at: datetime | None
    recovered_at: datetime | None
    resolved_at: datetime | None
    confirmed_at: datetime | None
    confirmation: str
    closed_at: datetime | None
    resolution: str
    workaround: str
    times: tuple[NamedTime, ...]
    people: tuple[PartFact, ...]
    story: tuple[Moment, ...]
    story_left_out: int
    pages: tuple[PagedFact, ...]
    tried: tuple[TriedFact, ...]
    alerts: tuple[AlertFact, ...]
    targets: tuple[TargetFact, ...]
    tasks: tuple[TaskFact, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrospective:
    """The retrospective of one incident. Each save raises `version`, so that two writers do not undo each other."""

    incident: int
    depth: Depth
    state: State
    facts: Facts
    summary: str
    customer_impact: str
    contributing_factors: str
    what_went_well: str
    what_went_badly: str
    where_we_were_lucky: str
    discussion: str
    version: int
    resolved_at: datetime
    meeting_due_at: datetime | None
    meeting_held_at: datetime | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime | None
    published_by: str

    @property
    def title(self) -> str:
        return f"{self.facts.name}: {self.facts.title}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionItem:
    """Something that will be done, by whom, by when."""

    id: int
    incident: int
    title: str
    improves: Improves
    owner_id: int
    owner_name: str
    due_on: date
    state: ItemState
    reason: str
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    finished_by: str

    def overdue(self, today: date) -> bool:
        return self.state is ItemState.OPEN and self.due_on < today


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One text to write: what it is called, the question that helps to write it, and what is written so far."""

    key: str
    title: str
    prompt: str
    text: str
    needed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrospectiveView:
    """A retrospective as a screen shows it. `missing` says what still stands between it and publishing."""

    retrospective: Retrospective
    sections: tuple[Section, ...]
    items: tuple[ActionItem, ...]
    missing: tuple[str, ...]
    meeting_overdue: bool
    now: datetime
    elsewhere: Mapping[int, Standing] = field(default_factory=dict)
    """What action items follow in other tools, by the action item's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A retrospective in a list."""

    incident: int
    name: str
    title: str
    service: str
    priority: str
    depth: Depth
    state: State
    drill: bool
    resolved_at: datetime
    meeting_due_at: datetime | None
    meeting_held_at: datetime | None
    open_items: int
    done_items: int
