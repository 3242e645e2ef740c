"""Who answers for a target of a policy at an instant: schedules, teams and people looked up and judged."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from rallypoint import access
from rallypoint.db import Transaction
from rallypoint.errors import NotFound
from rallypoint.oncall import rotation, schedule_store
from rallypoint.oncall.model import EscalationPolicy, Target, TargetKind
from rallypoint.oncall.rules import Answer, Paged
from rallypoint.oncall.why import Why

DAY = timedelta(days=1)


def targets_of(policy: EscalationPolicy) -> list[Target]:
    """Every target of a policy, each once."""
    return list(dict.fromkeys(target for step in policy.steps for target in step.targets))


async def answers(tx: Transaction, targets: Iterable[Target], at: datetime) -> dict[Target, Answer]:
    """Who answers for each target at `at`."""
    asked = list(targets)
    turns = await _on_schedules(tx, [t.id for t in asked if t.kind is TargetKind.SCHEDULE], at)
    found: dict[Target, Answer] = {}
    for target in asked:
        match target.kind:
            case TargetKind.PERSON:
                found[target] = _judged([await _person(tx, target.id)], "named in the policy", target.name)
            case TargetKind.TEAM:
                members: list[access.Person | None] = list(await access.members(tx, target.id))
                found[target] = _judged(members, f"member of {target.name}", target.name)
            case TargetKind.SCHEDULE:
                found[target] = await _of_schedule(tx, target, turns)
    return found


async def _on_schedules(tx: Transaction, ids: list[int], at: datetime) -> dict[int, tuple[str, int | None, str]]:
    """For each schedule: its name, who is on call there, and through what."""
    if not ids:
        return {}
    rotations = await schedule_store.rotations(tx, ids)
    overrides = await schedule_store.overrides(tx, ids, since=at - DAY, until=at + DAY)
    found = {}
    for schedule in await schedule_store.schedules_by_ids(tx, ids):
        shift = rotation.at_instant(
            [r for r in rotations if r.schedule_id == schedule.id],
            [o for o in overrides if o.schedule_id == schedule.id],
            ZoneInfo(schedule.time_zone),
            at,
            within=DAY,
        )
        found[schedule.id] = (schedule.name, shift.person_id, shift.why)
    return found


async def _of_schedule(tx: Transaction, target: Target, turns: dict[int, tuple[str, int | None, str]]) -> Answer:
    name, person_id, why = turns.get(target.id, (target.name, None, "the schedule is gone"))
    if person_id is None:
        return Answer(why=Why.NOBODY_ON_CALL, detail=f"{name}: {why}")
    return _judged([await _person(tx, person_id)], f"on call for {name} ({why})", name)


async def _person(tx: Transaction, person_id: int) -> access.Person | None:
    try:
        return await access.person(tx, person_id)
    except NotFound:
        return None


def _judged(people: Iterable[access.Person | None], through: str, name: str) -> Answer:
    """Those with an active account answer; the others are named, so that nobody wonders."""
    known = [person for person in people if person is not None]
    active = tuple(Paged(person_id=p.id, name=p.name, through=through) for p in known if p.active)
    left_out = tuple(p.name for p in known if not p.active)
    if active:
        return Answer(people=active, left_out=left_out)
    if left_out:
        return Answer(why=Why.NOBODY_ACTIVE, detail=", ".join(left_out), left_out=left_out)
    return Answer(why=Why.NOBODY_IN_STEP, detail=name)
