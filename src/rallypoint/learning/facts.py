"""From the record to the facts of a retrospective. Pure: it is handed what other rooms say, and copies what matters."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from rallypoint.incidents.model import Hypothesis, Incident, JoinedAlert, RoleHolding, Task, TimelineEntry
from rallypoint.learning.durations import DEFINITIONS, take
from rallypoint.learning.model import (
    AlertFact,
    Facts,
    Moment,
    NamedTime,
    PagedFact,
    PartFact,
    TargetFact,
    TaskFact,
    TriedFact,
)
from rallypoint.notify.model import PageView
from rallypoint.sla.model import Clock

STORY_MAX, ALERTS_MAX = 200, 50

TOLD = frozenset(
    {"opened", "state", "priority", "update", "decision", "call", "workaround", "escalation", "resolution",
     "confirmation", "hypothesis", "projection"}
)  # fmt: skip
"""Kinds of timeline lines that tell the story even where nobody marked them. Pages, alerts and targets have their own
lists; notes and system lines are in the story only where they are marked as key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """All that is known about one incident, from every room before this one."""

    incident: Incident
    timeline: Sequence[TimelineEntry] = ()
    roles: Sequence[RoleHolding] = ()
    pages: Sequence[PageView] = ()
    hypotheses: Sequence[Hypothesis] = ()
    alerts: Sequence[JoinedAlert] = ()
    clocks: Sequence[Clock] = ()
    tasks: Sequence[Task] = ()

    @property
    def paged_at(self) -> datetime | None:
        return min((view.page.created_at for view in self.pages), default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Anchors:
    status_category: str
    impact_started_at: datetime | None
    detected_at: datetime | None
    paged_at: datetime | None
    acknowledged_at: datetime | None
    restored_at: datetime | None
    recovered_at: datetime | None
    resolved_at: datetime | None
    repair_started_at: None = None
    repair_ended_at: None = None


def draw_up(record: Record, *, now: datetime) -> Facts:
    """The facts as they stand at `now`."""
    i = record.incident
    story, left_out = tell(record.timeline)
    return Facts(
        as_of=now,
        number=i.number,
        name=i.name,
        title=i.title,
        service=i.service_name,
        category=i.category_name,
        status=i.status,
        priority=i.priority,
        priority_reason=i.priority_reason,
        severity=i.severity or "",
        origin=i.origin,
        reporter=i.reporter_name,
        drill=i.drill,
        affected_people=i.affected_people,
        reopened=i.reopened,
        reassigned=i.reassigned,
        impact_started_at=i.impact_started_at,
        detected_at=i.detected_at,
        reported_at=i.reported_at,
        created_at=i.created_at,
        paged_at=record.paged_at,
        acknowledged_at=i.acknowledged_at,
        acknowledged_by=i.acknowledged_by,
        restored_at=i.restored_at,
        recovered_at=i.recovered_at,
        resolved_at=i.resolved_at,
        confirmed_at=i.confirmed_at,
        confirmation=i.confirmation,
        closed_at=i.closed_at,
        resolution=i.resolution,
        workaround=i.workaround,
        times=times(record),
        people=tuple(PartFact(role=r.role, name=r.person_name, since=r.since, until=r.until) for r in record.roles),
        story=story,
        story_left_out=left_out,
        pages=tuple(_paged(view) for view in record.pages),
        tried=tuple(_tried(h) for h in record.hypotheses),
        alerts=tuple(_alert(joined) for joined in record.alerts[:ALERTS_MAX]),
        targets=tuple(_target(clock) for clock in record.clocks),
        tasks=tuple(TaskFact(title=t.title, owner=t.owner_name, done=t.done_at is not None) for t in record.tasks),
    )


def times(record: Record) -> tuple[NamedTime, ...]:
    """Every named time of this one incident, those that cannot be told included."""
    i = record.incident
    anchors = _Anchors(
        status_category=i.status_category,
        impact_started_at=i.impact_started_at,
        detected_at=i.detected_at,
        paged_at=record.paged_at,
        acknowledged_at=i.taken_up_at,
        restored_at=i.restored_at,
        recovered_at=i.recovered_at,
        resolved_at=i.resolved_at,
    )
    found = []
    for definition in DEFINITIONS:
        outcome, minutes = take(definition, anchors)
        found.append(NamedTime(key=definition.key, name=definition.name, outcome=outcome, minutes=minutes))
    return tuple(found)


def tell(timeline: Sequence[TimelineEntry]) -> tuple[tuple[Moment, ...], int]:
    """The story in order, at most STORY_MAX moments, and how many were left out: marked ones go first."""
    worth = [entry for entry in timeline if entry.key or entry.kind in TOLD]
    kept = worth if len(worth) <= STORY_MAX else sorted(worth, key=lambda entry: not entry.key)[:STORY_MAX]
    ordered = sorted(kept, key=lambda entry: (entry.occurred_at, entry.position))
    moments = tuple(
        Moment(at=e.occurred_at, kind=e.kind, text=e.text, who=e.actor_name, reason=e.reason) for e in ordered
    )
    return moments, len(worth) - len(kept)


def _paged(view: PageView) -> PagedFact:
    page = view.page
    return PagedFact(
        at=page.created_at, name=page.person_name, why=page.why, state=page.state, acknowledged_at=page.acknowledged_at
    )


def _tried(h: Hypothesis) -> TriedFact:
    return TriedFact(
        text=h.text, outcome=h.outcome, outcome_text=h.outcome_text, by=h.proposed_by, settled_by=h.settled_by
    )


def _alert(joined: JoinedAlert) -> AlertFact:
    alert = joined.alert
    return AlertFact(
        summary=alert.summary,
        source=alert.source or alert.integration_name,
        severity=alert.severity,
        count=alert.count,
        first_at=alert.starts_at or alert.first_received_at,
        resolved_at=alert.resolved_at,
    )


def _target(clock: Clock) -> TargetFact:
    return TargetFact(
        kind=clock.kind,
        priority=clock.priority,
        target_minutes=clock.target_minutes,
        state=clock.state,
        due_at=clock.due_at,
        met_at=clock.met_at,
        breached_at=clock.breached_at,
    )
