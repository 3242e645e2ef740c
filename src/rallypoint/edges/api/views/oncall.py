"""Schedules, policies and who is on call, as the API shows them."""

from datetime import date, datetime
from typing import Self

from pydantic import Field

from rallypoint.edges.api.words import LocalTime, View
from rallypoint.oncall import OnCallNow
from rallypoint.oncall import ScheduleView as ScheduleOfRoom


class ShiftView(View):
    person_id: int | None
    starts_at: datetime
    ends_at: datetime
    why: str


class OnCallView(View):
    """Who answers for a schedule now, and who is next."""

    schedule: str
    schedule_name: str
    team: str | None
    person_id: int | None
    person: str | None = Field(description="null: nobody is on call.")
    since: datetime
    until: datetime
    why: str
    next_person: str | None
    next_at: datetime | None

    @classmethod
    def of(cls, now: OnCallNow) -> Self:
        shift, following = now.shift, now.next_shift
        return cls(
            schedule=now.schedule.key,
            schedule_name=now.schedule.name,
            team=now.team,
            person_id=shift.person_id,
            person=now.person_name,
            since=shift.starts_at,
            until=shift.ends_at,
            why=shift.why,
            next_person=now.next_name,
            next_at=following.starts_at if following else None,
        )


class ScheduleShiftView(ShiftView):
    override_id: int | None


class ScheduleView(View):
    id: int
    key: str
    name: str
    team_id: int | None
    time_zone: str


class RotationView(View):
    id: int
    name: str
    kind: str
    starts_on: date
    hands_over_at: LocalTime
    weekday: int = Field(description="Monday is 0.")
    length: int
    people: list[int]


class OverrideView(View):
    id: int
    person_id: int
    starts_at: datetime
    ends_at: datetime
    reason: str
    created_by: str


class ScheduleDetail(ScheduleView):
    rotations: list[RotationView]
    overrides: list[OverrideView]

    @classmethod
    def of(cls, view: ScheduleOfRoom) -> Self:
        return cls(
            **ScheduleView.model_validate(view.schedule).model_dump(),
            rotations=[RotationView.model_validate(r) for r in view.rotations],
            overrides=[OverrideView.model_validate(o) for o in view.overrides],
        )


class TargetView(View):
    kind: str
    id: int
    name: str


class StepView(View):
    position: int
    after_minutes: int
    targets: list[TargetView]


class PolicyView(View):
    id: int
    key: str
    name: str
    team_id: int | None
    repeat: int
    last_wait_minutes: int = Field(description="How long the last step is given before the policy repeats or ends.")
    steps: list[StepView]


class DryPersonView(View):
    person_id: int
    name: str
    why: str


class DryStepView(View):
    """One step of what would happen: after how long, who, and why."""

    after_minutes: int
    step: int
    cycle: int
    people: list[DryPersonView] = Field(description="Empty: `why` says why nobody.")
    why: str
    skipped: list[str]
