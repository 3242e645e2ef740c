"""Who would be paged, when and why: the same rules as the engine's, asked about instants that have not come."""

from datetime import datetime

from rallypoint import catalog
from rallypoint.db import Transaction
from rallypoint.oncall import policy_store, run_store
from rallypoint.oncall.answers import answers, targets_of
from rallypoint.oncall.model import NO_POLICY, About, DryPerson, DryStep, PagingRun, RunState
from rallypoint.oncall.paging import fallback_contacts
from rallypoint.oncall.rules import Step, after, begin, walk
from rallypoint.oncall.why import Why, skipped

ACTS_MAX = 400
"""More than the longest policy has: 20 steps, 20 times."""


async def dry_run(tx: Transaction, service_key: str, at: datetime) -> list[DryStep]:
    """What would happen if `service_key` failed at `at` and nobody ever answered. Pages nobody."""
    service = await catalog.service(tx, service_key)
    policy = await policy_store.policy_of(tx, service.id) or NO_POLICY
    about = About(title="dry run", priority="", urgency="high", service=service.key)
    run = PagingRun(
        id=0, incident=0, state=RunState.RUNNING, epoch=0, turn=0, step=0, cycle=1, paged=(), heard=False,
        policy=policy, about=about, why=Why.FIRST_STEP, started_at=at, wake_at=begin(policy, now=at),
        alarmed_at=None, ended_at=None,
    )  # fmt: skip
    return await _foresee(tx, run, at, begin(policy, now=at))


async def upcoming(tx: Transaction, incident: int) -> list[DryStep]:
    """What the live run of an incident will still do if nobody answers; `after_minutes` counts from now."""
    run = next((r for r in await run_store.runs_of(tx, incident) if r.state is RunState.RUNNING), None)
    if run is None or run.wake_at is None:
        return []
    return await _foresee(tx, run, tx.now, max(tx.now, run.wake_at))


async def _foresee(tx: Transaction, run: PagingRun, origin: datetime, at: datetime) -> list[DryStep]:
    found: list[DryStep] = []
    skipped_here: list[str] = []
    while len(found) < ACTS_MAX:
        on_call = await answers(tx, targets_of(run.policy), at)
        for step in walk(run, run.policy, on_call, now=at):
            run = after(run, step)
            if step.targets or step.over:
                found.append(await _dry(tx, step, origin, at, tuple(skipped_here)))
                skipped_here = []
            else:
                skipped_here.append(skipped(step.step, f"{step.why}{f' ({step.detail})' if step.detail else ''}"))
        if run.wake_at is None:
            return found
        at = run.wake_at
    return found


async def _dry(tx: Transaction, step: Step, origin: datetime, at: datetime, passed_over: tuple[str, ...]) -> DryStep:
    """One act as it would be. The end of the policy names the fallback."""
    people = tuple(DryPerson(person_id=p.person_id, name=p.name, why=p.through) for p in step.targets)
    if step.over:
        contacts = await fallback_contacts(tx)
        people = tuple(DryPerson(person_id=id or 0, name=name, why=Why.FALLBACK) for id, _, name in contacts)
    minutes = round((at - origin).total_seconds() / 60)
    return DryStep(
        after_minutes=minutes, step=step.step, cycle=step.cycle, people=people, why=step.why, skipped=passed_over
    )
