"""Who is on call: schedules, rotations, overrides, and the dry run."""

from datetime import date, timedelta
from typing import Annotated

from fastapi import Query
from pydantic import Field

from rallypoint import oncall
from rallypoint.access import Permission
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.oncall import (
    DryStepView,
    OnCallView,
    OverrideView,
    ScheduleDetail,
    ScheduleShiftView,
    ScheduleView,
)
from rallypoint.edges.api.words import (
    Id,
    Input,
    Key,
    Line,
    Listed,
    Listing,
    LocalTime,
    Moment,
    OptionalLine,
    Page,
    PathId,
    PathKey,
    paged,
)
from rallypoint.errors import Invalid
from rallypoint.oncall import Cadence

routes = Routes("on call")

FOUR_WEEKS, A_YEAR = timedelta(weeks=4), timedelta(days=366)


class NewSchedule(Input):
    key: Key
    name: Line
    time_zone: Line = Field(description="A zone of the IANA list: Europe/Berlin.")
    team: Key | None = None


class NewRotation(Input):
    name: Line
    kind: Cadence
    starts_on: date
    hands_over_at: LocalTime = Field(description="Local time in the schedule's zone: 09:00.")
    people: Annotated[list[Id], Field(min_length=1, max_length=100)]
    length: Annotated[int, Field(ge=1, le=52)] = 1


class NewOverride(Input):
    person_id: Id
    starts_at: Moment
    ends_at: Moment
    reason: OptionalLine = ""


class WhatIf(Listing):
    service: str = Field(min_length=1, max_length=63, description="A service's key.")
    at: Moment | None = Field(None, description="When; now, if left out.")


@routes.get("/oncall/now", permission=Permission.READ_ONCALL)
async def who_is_on_call(tx: Tx, query: Listed) -> Page[OnCallView]:
    """Each schedule: who, until when, who is next. A gap says so."""
    shown, next_cursor = paged([OnCallView.of(now) for now in await oncall.now(tx)], query, lambda view: view.schedule)
    return Page(items=shown, next_cursor=next_cursor)


@routes.get("/oncall/dry-run", permission=Permission.READ_ONCALL)
async def dry_run(tx: Tx, query: Annotated[WhatIf, Query()]) -> Page[DryStepView]:
    """Who would be paged if this service failed then. Nobody is."""
    steps = await oncall.dry_run(tx, query.service, query.at or tx.now)
    shown, next_cursor = paged(list(enumerate(steps)), query, lambda step: step[0])
    return Page(items=[DryStepView.model_validate(step) for _, step in shown], next_cursor=next_cursor)


@routes.get("/schedules", permission=Permission.READ_ONCALL)
async def list_schedules(tx: Tx, query: Listed) -> Page[ScheduleView]:
    shown, next_cursor = paged(await oncall.schedules(tx), query, lambda schedule: schedule.key)
    return Page(items=[ScheduleView.model_validate(schedule) for schedule in shown], next_cursor=next_cursor)


@routes.post("/schedules", permission=Permission.EDIT_ONCALL, status=201)
async def create_schedule(tx: Tx, body: NewSchedule) -> ScheduleView:
    return ScheduleView.model_validate(await oncall.create_schedule(tx, **body.model_dump()))


@routes.get("/schedules/{key}", permission=Permission.READ_ONCALL)
async def show_schedule(tx: Tx, key: PathKey) -> ScheduleDetail:
    return ScheduleDetail.of(await oncall.schedule(tx, key))


class Span(Listing):
    since: Moment | None = Field(None, description="Now, if left out.")
    until: Moment | None = Field(None, description="Four weeks after `since`, if left out; a year at most.")


@routes.get("/schedules/{key}/shifts", permission=Permission.READ_ONCALL)
async def list_shifts(tx: Tx, key: PathKey, query: Annotated[Span, Query()]) -> Page[ScheduleShiftView]:
    """Who is on call from when to when, overrides applied; a gap has no person."""
    schedule = (await oncall.schedule(tx, key)).schedule
    since = query.since or tx.now
    until = query.until or since + FOUR_WEEKS
    if not since < until <= since + A_YEAR:
        raise Invalid("until", "must be later than since, by a year at most")
    shown, next_cursor = paged(
        await oncall.shifts(tx, schedule.id, since, until), query, lambda shift: shift.starts_at.isoformat()
    )
    return Page(items=[ScheduleShiftView.model_validate(shift) for shift in shown], next_cursor=next_cursor)


@routes.post("/schedules/{key}/rotations", permission=Permission.EDIT_ONCALL, status=201)
async def add_rotation(tx: Tx, key: PathKey, body: NewRotation) -> ScheduleDetail:
    """People in turn, in the schedule's zone."""
    await oncall.add_rotation(tx, key, **(body.model_dump() | {"kind": body.kind.value}))
    return ScheduleDetail.of(await oncall.schedule(tx, key))


@routes.delete("/schedules/{key}/rotations/{id}", permission=Permission.EDIT_ONCALL)
async def remove_rotation(tx: Tx, key: PathKey, id: PathId) -> None:
    await oncall.remove_rotation(tx, key, id)


@routes.post("/schedules/{key}/overrides", permission=Permission.EDIT_OVERRIDE, status=201)
async def add_override(tx: Tx, key: PathKey, body: NewOverride) -> OverrideView:
    """Somebody else takes these hours."""
    return OverrideView.model_validate(await oncall.add_override(tx, key, **body.model_dump()))


@routes.delete("/overrides/{id}", permission=Permission.EDIT_OVERRIDE)
async def remove_override(tx: Tx, id: PathId) -> None:
    await oncall.remove_override(tx, id)
