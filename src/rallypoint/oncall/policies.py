"""Escalation policies, which service follows which, and the fallback contact."""

from collections.abc import Mapping, Sequence
from typing import Any

from rallypoint import access, catalog
from rallypoint.access.check import Checks
from rallypoint.access.permissions import Permission
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.oncall import policy_store, schedule_store
from rallypoint.oncall.model import EscalationPolicy, Fallback, PolicyStep, Target, TargetKind
from rallypoint.oncall.rules import last_wait

STEPS_MAX, TARGETS_MAX, WAIT_MAX = 20, 20, 1440


async def create_policy(
    tx: Transaction,
    *,
    key: str,
    name: str,
    steps: Sequence[Mapping[str, Any]],
    repeat: int = 1,
    team: str | None = None,
    last_wait_minutes: int | None = None,
) -> EscalationPolicy:
    """Steps are {"after_minutes": 5, "targets": [("schedule", "commerce"), ("team", "data"), ("person", 7)]}.

    `after_minutes` is waited before the step, counted from the step before it. `repeat` 1 means once through. After
    the last step the policy waits `last_wait_minutes` (unless given: its longest wait, at least 5).
    A person is named by id or e-mail address, a schedule or team by key.
    """
    access.require(tx.actor, Permission.EDIT_ONCALL)
    checks = Checks()
    key, name = checks.key("key", key), checks.name("name", name)
    made = await _read(tx, checks, steps, repeat, last_wait_minutes)
    checks.done()
    team_id = (await access.team(tx, team)).id if team else None
    waits = _last_wait(made, last_wait_minutes)
    if not await policy_store.add(
        tx, key=key, name=name, team_id=team_id, repeat=repeat, last_wait_minutes=waits, steps=made
    ):
        raise Invalid("key", f"is taken by another escalation policy: {key}")
    await access.record(tx, "escalation policy created", key, {"name": name, "steps": len(made), "repeat": repeat})
    return await policy_store.policy(tx, key)


async def change_policy(
    tx: Transaction,
    key: str,
    *,
    name: str,
    steps: Sequence[Mapping[str, Any]],
    repeat: int = 1,
    last_wait_minutes: int | None = None,
) -> EscalationPolicy:
    """Replace a policy's steps. Runs under way keep the copy they began with."""
    access.require(tx.actor, Permission.EDIT_ONCALL)
    await policy_store.policy(tx, key)
    checks = Checks()
    name = checks.name("name", name)
    made = await _read(tx, checks, steps, repeat, last_wait_minutes)
    checks.done()
    waits = _last_wait(made, last_wait_minutes)
    await policy_store.change(tx, key, name=name, repeat=repeat, last_wait_minutes=waits, steps=made)
    await access.record(tx, "escalation policy changed", key, {"name": name, "steps": len(made), "repeat": repeat})
    return await policy_store.policy(tx, key)


def _last_wait(steps: Sequence[PolicyStep], given: int | None) -> int:
    return given if given is not None else last_wait([step.after_minutes for step in steps])


async def _read(
    tx: Transaction, checks: Checks, steps: Sequence[Mapping[str, Any]], repeat: int, last: int | None
) -> list[PolicyStep]:
    """Steps as typed in, with every problem noted by field."""
    checks.number("repeat", repeat, 1, 20)
    checks.number("last_wait_minutes", last if last is not None else 5, 1, WAIT_MAX)
    if not 1 <= len(steps) <= STEPS_MAX:
        checks.fault("steps", f"must be between 1 and {STEPS_MAX}")
    made = []
    for position, step in enumerate(steps[:STEPS_MAX], start=1):
        field, minutes, targets = f"steps.{position}", step.get("after_minutes", 0), step.get("targets") or ()
        if not isinstance(minutes, int):
            checks.fault(f"{field}.after_minutes", "is not a whole number of minutes", "5")
            continue
        checks.number(f"{field}.after_minutes", minutes, 0, WAIT_MAX)
        if not 1 <= len(targets) <= TARGETS_MAX:
            checks.fault(f"{field}.targets", f"must be between 1 and {TARGETS_MAX}")
        found = [await _target(tx, checks, f"{field}.targets", *target) for target in targets[:TARGETS_MAX]]
        made.append(PolicyStep(position=position, after_minutes=minutes, targets=tuple(t for t in found if t)))
    return made


async def _target(tx: Transaction, checks: Checks, field: str, kind: str, who: str | int) -> Target | None:
    match kind:
        case TargetKind.SCHEDULE:
            schedules = [s for s in await schedule_store.schedules(tx) if who in (s.key, s.id)]
            if schedules:
                return Target(kind=TargetKind.SCHEDULE, id=schedules[0].id, name=schedules[0].name)
        case TargetKind.TEAM:
            teams = [t for t in await access.teams(tx) if who in (t.key, t.id)]
            if teams:
                return Target(kind=TargetKind.TEAM, id=teams[0].id, name=teams[0].name)
        case TargetKind.PERSON:
            wanted = str(who).casefold()
            people = [p for p in await access.people(tx) if wanted in (str(p.id), p.email.casefold())]
            if people:
                return Target(kind=TargetKind.PERSON, id=people[0].id, name=people[0].name)
        case _:
            checks.fault(field, f"must name a person, a schedule or a team, not {kind!r:.40}")
            return None
    checks.fault(field, f"there is no {kind} {who!r:.80}")
    return None


async def policies(tx: Transaction) -> list[EscalationPolicy]:
    return await policy_store.policies(tx)


async def policy(tx: Transaction, key: str) -> EscalationPolicy:
    return await policy_store.policy(tx, key)


async def assign_policy(tx: Transaction, service_key: str, policy_key: str) -> None:
    """From now on, incidents of this service page by this policy."""
    access.require(tx.actor, Permission.EDIT_ONCALL)
    service = await catalog.service(tx, service_key)
    found = await policy_store.policy(tx, policy_key)
    await policy_store.assign(tx, service.id, found.id)
    await access.record(tx, "escalation policy assigned", service_key, {"policy": policy_key})


async def policy_of(tx: Transaction, service_id: int) -> EscalationPolicy | None:
    return await policy_store.policy_of(tx, service_id)


async def assignments(tx: Transaction) -> dict[int, str]:
    """Service id -> key of its policy, for lists."""
    return await policy_store.assignments(tx)


async def set_fallback(tx: Transaction, *, person_id: int | None = None, address: str | None = None) -> None:
    """Who is told when a policy ends unanswered or nobody could be paged: a person, or an e-mail address."""
    access.require(tx.actor, Permission.CONFIGURE)
    checks = Checks()
    text = checks.email("address", address or "", empty=True)
    if person_id is None and not text:
        checks.fault("address", "name a person or an address")
    checks.done()
    if person_id is not None and not (await access.person(tx, person_id)).active:
        raise Invalid("person_id", "has no active account")
    await policy_store.set_fallback(tx, person_id, text)
    await access.record(tx, "paging fallback set", "paging", {"person": person_id, "address": text})


async def fallback(tx: Transaction) -> Fallback | None:
    return await policy_store.fallback(tx)
