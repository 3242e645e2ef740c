"""Schedules, escalation policies and paging runs, as values."""

from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum


class Cadence(StrEnum):
    DAILY = "daily"
    WEEKLY = "weekly"

    @property
    def days(self) -> int:
        return 1 if self is Cadence.DAILY else 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    id: int
    key: str
    name: str
    team_id: int | None
    time_zone: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """People taking turns: each has `length` days or weeks, from one hand-over to the next.

    `starts_on` and `hands_over_at` are local to the schedule's zone. A weekly rotation hands over on `weekday`
    (Monday is 0); where that is not the weekday of `starts_on`, the first turn is the rest of a turn.
    """

    id: int
    schedule_id: int
    name: str
    kind: Cadence
    starts_on: date
    hands_over_at: time
    weekday: int
    length: int
    people: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """Somebody else for a while. Where overrides overlap, the one made later wins."""

    id: int
    schedule_id: int
    person_id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """Who is on call from `starts_at` up to, not including, `ends_at`. `person_id` None is a gap."""

    person_id: int | None
    starts_at: datetime
    ends_at: datetime
    why: str
    override_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleView:
    schedule: Schedule
    rotations: tuple[Rotation, ...]
    overrides: tuple[Override, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OnCallNow:
    """One line of the departure board: who is on call, until when, and who is next. `shift.person_id` None: nobody."""

    schedule: Schedule
    team: str | None
    shift: Shift
    person_name: str | None
    next_shift: Shift | None
    next_name: str | None


class TargetKind(StrEnum):
    PERSON = "person"
    SCHEDULE = "schedule"
    TEAM = "team"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Who a step of a policy asks for. `name` is for people to read."""

    kind: TargetKind
    id: int
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyStep:
    """`after_minutes` is waited before this step, counted from the step before it. All targets are paged at once."""

    position: int
    after_minutes: int
    targets: tuple[Target, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EscalationPolicy:
    """Steps in order, the whole `repeat` times. The last step is given `last_wait_minutes` before the policy repeats
    or ends."""

    id: int
    key: str
    name: str
    team_id: int | None
    repeat: int
    last_wait_minutes: int
    steps: tuple[PolicyStep, ...]


NO_POLICY = EscalationPolicy(
    id=0, key="", name="no escalation policy", team_id=None, repeat=1, last_wait_minutes=5, steps=()
)
"""What a run without a policy is stamped with: nobody to page, so the fallback is told at once."""


class RunState(StrEnum):
    """running -> acknowledged or stopped; or exhausted (every step was tried), then acknowledged or stopped."""

    RUNNING = "running"
    EXHAUSTED = "exhausted"
    ACKNOWLEDGED = "acknowledged"
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a run pages people about: what a page says."""

    title: str
    priority: str
    urgency: str
    service: str = ""
    summary: str = ""
    drill: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PagingRun:
    """A walk through a policy. `step` is the step last carried out, counted from 1; 0 is before the first.

    `turn` counts acts of the run and names its live timer. `paged` holds everybody paged so far; `heard` says
    whether anybody was paged since the policy last began. `why` is the reason of the last act.
    """

    id: int
    incident: int
    state: RunState
    epoch: int
    turn: int
    step: int
    cycle: int
    paged: tuple[int, ...]
    heard: bool
    policy: EscalationPolicy
    about: About
    why: str
    started_at: datetime
    wake_at: datetime | None
    alarmed_at: datetime | None
    ended_at: datetime | None

    @property
    def live(self) -> bool:
        return self.state in (RunState.RUNNING, RunState.EXHAUSTED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallback:
    """Who is told when nobody else could be: a person, or an address."""

    person_id: int | None
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DryPerson:
    person_id: int
    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DryStep:
    """What a run that begins at a given instant would do `after_minutes` later. No people: `why` says why not."""

    after_minutes: int
    step: int
    cycle: int
    people: tuple[DryPerson, ...]
    why: str
    skipped: tuple[str, ...] = field(default=())
