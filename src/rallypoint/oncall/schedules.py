"""Schedules, their rotations and overrides: making them, and reading who is on call."""

from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rallypoint import access
from rallypoint.access.check import Checks
from rallypoint.access.permissions import Permission
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, NotFound
from rallypoint.oncall import rotation, schedule_store
from rallypoint.oncall.model import Cadence, OnCallNow, Override, Rotation, Schedule, ScheduleView, Shift

SHIFTS_MAX = timedelta(days=400)
BOARD_BACK, BOARD_AHEAD = timedelta(days=14), timedelta(days=35)
OVERRIDE_MAX = timedelta(days=366)


async def create_schedule(
    tx: Transaction, *, key: str, name: str, team: str | None = None, time_zone: str = "UTC"
) -> Schedule:
    access.require(tx.actor, Permission.EDIT_ONCALL)
    checks = Checks()
    key, name = checks.key("key", key), checks.name("name", name)
    time_zone = checks.zone("time_zone", time_zone)
    checks.done()
    team_id = (await access.team(tx, team)).id if team else None
    made = await schedule_store.add_schedule(tx, key=key, name=name, team_id=team_id, time_zone=time_zone)
    if made is None:
        raise Invalid("key", f"is taken by another schedule: {key}")
    await access.record(tx, "schedule created", key, {"name": name, "time_zone": time_zone})
    return made


async def change_schedule(tx: Transaction, key: str, *, name: str, team: str | None, time_zone: str) -> Schedule:
    """Rename it, give it to another team, or move it to another zone: its rotations then mean that zone's time."""
    access.require(tx.actor, Permission.EDIT_ONCALL)
    checks = Checks()
    name, time_zone = checks.name("name", name), checks.zone("time_zone", time_zone)
    checks.done()
    found = await schedule_store.schedule(tx, key)
    team_id = (await access.team(tx, team)).id if team else None
    await schedule_store.save_schedule(tx, found.id, name=name, team_id=team_id, time_zone=time_zone)
    await access.record(tx, "schedule changed", key, {"name": name, "team": team, "time_zone": time_zone})
    return await schedule_store.schedule(tx, key)


async def add_rotation(
    tx: Transaction,
    schedule_key: str,
    *,
    name: str,
    kind: str,
    starts_on: date,
    hands_over_at: time,
    people: Sequence[int],
    length: int = 1,
    weekday: int | None = None,
) -> Rotation:
    """People taking turns from a local date on. A rotation that starts later replaces the one before from then on."""
    access.require(tx.actor, Permission.EDIT_ONCALL)
    checks = Checks()
    name = checks.name("name", name)
    checks.choice("kind", kind, list(Cadence))
    checks.number("length", length, 1, 52)
    checks.number("weekday", weekday if weekday is not None else 0, 0, 6)
    if not 1970 < starts_on.year < 9000:
        checks.fault("starts_on", "is not a date of our time", "2026-06-01")
    if not people:
        checks.fault("people", "nobody takes a turn")
    if len(people) > 500:
        checks.fault("people", "are more than 500")
    if hands_over_at.tzinfo is not None:
        checks.fault("hands_over_at", "is a local time of the schedule's zone", "09:00")
    checks.done()
    schedule = await schedule_store.schedule(tx, schedule_key)
    for person_id in set(people):
        await access.person(tx, person_id)
    rotation_id = await schedule_store.add_rotation(
        tx,
        schedule_id=schedule.id,
        name=name,
        kind=kind,
        starts_on=starts_on,
        hands_over_at=hands_over_at,
        weekday=starts_on.weekday() if weekday is None else weekday,
        length=length,
        people=list(people),
    )
    await access.record(tx, "rotation added", schedule_key, {"name": name, "kind": kind, "people": list(people)})
    return next(r for r in await schedule_store.rotations(tx, [schedule.id]) if r.id == rotation_id)


async def remove_rotation(tx: Transaction, schedule_key: str, rotation_id: int) -> None:
    """Raises NotFound unless the rotation is one of this schedule's."""
    access.require(tx.actor, Permission.EDIT_ONCALL)
    schedule = await schedule_store.schedule(tx, schedule_key)
    if not await schedule_store.remove_rotation(tx, schedule.id, rotation_id):
        raise NotFound("rotation", rotation_id)
    await access.record(tx, "rotation removed", schedule_key, {"rotation": rotation_id})


async def add_override(
    tx: Transaction,
    schedule_key: str,
    *,
    person_id: int,
    starts_at: datetime,
    ends_at: datetime,
    reason: str = "",
) -> Override:
    """Somebody else for a while: a swap, a holiday, a doctor's visit. Wins over the rotation."""
    access.require(tx.actor, Permission.EDIT_OVERRIDE)
    checks = Checks()
    reason = checks.name("reason", reason, empty=True)
    if starts_at.tzinfo is None or ends_at.tzinfo is None:
        checks.fault("starts_at", "needs a time zone", "2026-06-01T09:00:00Z")
    elif ends_at <= starts_at:
        checks.fault("ends_at", "is not after the start")
    elif ends_at - starts_at > OVERRIDE_MAX:
        checks.fault("ends_at", "is more than a year after the start")
    elif ends_at <= tx.now:
        checks.fault("ends_at", "is in the past")
    checks.done()
    schedule = await schedule_store.schedule(tx, schedule_key)
    person = await access.person(tx, person_id)
    if not person.active:
        raise Invalid("person_id", f"{person.name} has no active account")
    made = await schedule_store.add_override(
        tx, schedule_id=schedule.id, person_id=person_id, starts_at=starts_at, ends_at=ends_at, reason=reason
    )
    detail = {"person": person_id, "from": starts_at.isoformat(), "to": ends_at.isoformat(), "reason": reason}
    await access.record(tx, "override added", schedule_key, detail)
    return made


async def remove_override(tx: Transaction, override_id: int) -> None:
    access.require(tx.actor, Permission.EDIT_OVERRIDE)
    found = await schedule_store.override(tx, override_id)
    await schedule_store.remove_override(tx, override_id)
    await access.record(tx, "override removed", f"override {override_id}", {"person": found.person_id})


async def schedules(tx: Transaction) -> list[Schedule]:
    return await schedule_store.schedules(tx)


async def schedule(tx: Transaction, key: str) -> ScheduleView:
    """A schedule with its rotations and the overrides that have not ended."""
    found = await schedule_store.schedule(tx, key)
    rotations = await schedule_store.rotations(tx, [found.id])
    overrides = await schedule_store.overrides(tx, [found.id], since=tx.now, until=tx.now + timedelta(days=36_500))
    return ScheduleView(schedule=found, rotations=tuple(rotations), overrides=tuple(overrides))


async def shifts(tx: Transaction, schedule_id: int, since: datetime, until: datetime) -> list[Shift]:
    """Who is on call between two instants (at most 400 days), overrides counted in; gaps are shifts of nobody."""
    found = await schedule_store.schedules_by_ids(tx, [schedule_id])
    if not found or until <= since:
        return []
    until = min(until, since + SHIFTS_MAX)
    rotations = await schedule_store.rotations(tx, [schedule_id])
    overrides = await schedule_store.overrides(tx, [schedule_id], since=since, until=until)
    return rotation.shifts(rotations, overrides, ZoneInfo(found[0].time_zone), since, until)


async def on_call(tx: Transaction, schedule_id: int, at: datetime) -> Shift:
    """The shift that covers an instant."""
    for shift in await shifts(tx, schedule_id, at - BOARD_BACK, at + BOARD_AHEAD):
        if shift.starts_at <= at < shift.ends_at:
            return shift
    return Shift(person_id=None, starts_at=at, ends_at=at, why=rotation.GAP)


async def now(tx: Transaction) -> list[OnCallNow]:
    """The departure board: for each schedule who is on call, until when, and who is next."""
    found = await schedule_store.schedules(tx)
    ids = [schedule.id for schedule in found]
    since, until = tx.now - BOARD_BACK, tx.now + BOARD_AHEAD
    rotations = await schedule_store.rotations(tx, ids)
    overrides = await schedule_store.overrides(tx, ids, since=since, until=until)
    names = {person.id: person.name for person in await access.people(tx)}
    teams = {team.id: team.name for team in await access.teams(tx)}
    board = []
    for schedule in found:
        mine = rotation.shifts(
            [r for r in rotations if r.schedule_id == schedule.id],
            [o for o in overrides if o.schedule_id == schedule.id],
            ZoneInfo(schedule.time_zone),
            since,
            until,
        )
        current = next(s for s in mine if s.starts_at <= tx.now < s.ends_at)
        following = next((s for s in mine if s.starts_at >= current.ends_at), None)
        board.append(
            OnCallNow(
                schedule=schedule,
                team=teams.get(schedule.team_id) if schedule.team_id else None,
                shift=current,
                person_name=names.get(current.person_id) if current.person_id else None,
                next_shift=following,
                next_name=names.get(following.person_id) if following and following.person_id else None,
            )
        )
    return board
