"""Starting, escalating, stopping and watching paging runs."""

from dataclasses import replace

from rallypoint import access, notify
from rallypoint.access.permissions import Permission
from rallypoint.db import Transaction
from rallypoint.engine import set_timer
from rallypoint.errors import Refused
from rallypoint.ids import incident_name
from rallypoint.oncall import policy_store, run_store
from rallypoint.oncall.events import RunRearmed, RunTouched
from rallypoint.oncall.model import (
    NO_POLICY,
    About,
    EscalationPolicy,
    PagingRun,
    PolicyStep,
    RunState,
    Target,
    TargetKind,
)
from rallypoint.oncall.paging import TIMER, advance, alarm_fallback, exhaust, fallback_contacts, start, timer_subject
from rallypoint.oncall.rules import LAST_WAIT_MINUTES
from rallypoint.oncall.why import Why


async def begin(
    tx: Transaction, incident: int, *, service_id: int | None, about: About, because: Why | None = None
) -> PagingRun | None:
    """Page by the policy of a service. Without a service or a policy the fallback is told at once."""
    policy = await policy_store.policy_of(tx, service_id) if service_id is not None else None
    return await start(tx, incident=incident, policy=policy or NO_POLICY, about=about, because=because)


async def stop(tx: Transaction, incident: int, *, state: RunState = RunState.STOPPED) -> None:
    """End the live run: everything pending is void by one row, and whoever acts has answered their own pages."""
    run = await run_store.live_run(tx, incident)
    if run is None:
        return
    await notify.void(tx, incident, run.epoch + 1)
    if tx.actor.person_id is not None:
        await notify.answered(tx, run.id, tx.actor.person_id)
    await run_store.save(tx, replace(run, state=state, epoch=run.epoch + 1, wake_at=None, ended_at=tx.now))
    await run_store.drop_timer(tx, timer_subject(run))


async def answered(tx: Transaction, incident: int) -> None:
    """Somebody took the incident: end whatever run is live, also one that an escalation began after the first
    acknowledgement."""
    await stop(tx, incident, state=RunState.ACKNOWLEDGED)


async def escalate(
    tx: Transaction,
    incident: int,
    *,
    why: Why = Why.ESCALATED_BY_PERSON,
    to_policy: str | None = None,
    to_person: int | None = None,
    about: About | None = None,
    service_id: int | None = None,
) -> PagingRun:
    """Go to the next step at once; or to another policy; or to one person, and on from there.

    An acknowledged incident is escalated too: a new run goes on behind the step that was answered. `about` and
    `service_id` are needed only where nobody was ever paged about the incident.
    """
    access.require(tx.actor, Permission.ESCALATE)
    live = await run_store.live_run(tx, incident)
    last = live or next(reversed(await run_store.runs_of(tx, incident)), None)
    policy = await policy_store.policy(tx, to_policy) if to_policy else None
    if live is not None and live.state is RunState.RUNNING and policy is None and to_person is None:
        return await advance(tx, live, because=why)
    said = last.about if last is not None else about
    if said is None:
        raise Refused("Nobody was ever paged about this incident, so there is no next step.", guard="paging run",
                      help="Name a policy or a person, and a title.")  # fmt: skip
    await stop(tx, incident)
    step = 0
    if policy is None:
        policy, step = await _onward(tx, last, to_person, service_id)
    run = await start(tx, incident=incident, policy=policy, about=said, because=why, step=step)
    if run is None:
        raise AssertionError("a run was stopped under the incident's lock, yet another is live")
    return run


async def _onward(
    tx: Transaction, last: PagingRun | None, to_person: int | None, service_id: int | None
) -> tuple[EscalationPolicy, int]:
    """The policy that an escalation follows, and the step behind which it begins."""
    rest = last.policy if last is not None else None
    if rest is None and service_id is not None:
        rest = await policy_store.policy_of(tx, service_id)
    rest = rest or NO_POLICY
    done = last.step if last is not None and last.step < len(rest.steps) else 0
    if to_person is None:
        return rest, done
    person = await access.person(tx, to_person)
    target = Target(kind=TargetKind.PERSON, id=person.id, name=person.name)
    steps = [(0, (target,)), *((s.after_minutes or LAST_WAIT_MINUTES, s.targets) for s in rest.steps[done:])]
    chosen = replace(
        rest,
        name=f"escalation to {person.name}",
        steps=tuple(
            PolicyStep(position=at, after_minutes=minutes, targets=targets)
            for at, (minutes, targets) in enumerate(steps, start=1)
        ),
    )
    return chosen, 0


async def step_due(tx: Transaction, run_id: int, turn: int, epoch: int) -> None:
    """The time of a step is up. A timer of an earlier turn, epoch or state means nothing any more."""
    seen = await run_store.run(tx, run_id)
    if seen is None or not _waits_for(seen, turn, epoch):
        return
    await tx.announce(RunTouched(incident=seen.incident, run_id=run_id))
    run = await run_store.live_run(tx, seen.incident)
    if run is not None and run.id == run_id and _waits_for(run, turn, epoch):
        await advance(tx, run)


def _waits_for(run: PagingRun, turn: int, epoch: int) -> bool:
    return run.state is RunState.RUNNING and run.turn == turn and run.epoch == epoch


async def page_failed(tx: Transaction, incident: int, run_id: int) -> None:
    """A page reached nobody. Once that holds for all pages of the step, waiting for an answer makes no sense.

    At the end of the policy the wait is kept, since somebody paged earlier may still answer; only if no page of the
    whole run went out is the fallback told now.
    """
    await tx.announce(RunTouched(incident=incident, run_id=run_id))
    run = await run_store.live_run(tx, incident)
    if run is None or run.id != run_id or run.state is not RunState.RUNNING:
        return
    pages = [view.page for view in await notify.pages_of(tx, incident) if view.page.run_id == run_id]
    newest = max((page.created_at for page in pages), default=None)
    if not all(page.state is notify.PageState.FAILED for page in pages if page.created_at == newest):
        return
    if run.step < len(run.policy.steps):
        await advance(tx, run, because=Why.NOT_REACHED)
    elif all(page.state is notify.PageState.FAILED for page in pages):
        await exhaust(tx, run, Why.NOT_REACHED)


async def retell(tx: Transaction, incident: int, *, priority: str, urgency: str) -> None:
    """Later pages of the live run say the new priority and ring as loudly as it asks for."""
    run = await run_store.live_run(tx, incident)
    if run is not None:
        await run_store.save(tx, replace(run, about=replace(run.about, priority=priority, urgency=urgency)))


async def guard_orphans(tx: Transaction) -> list[int]:
    """Set every run going again that has lost its timer, and raise the alarm about it. Returns their ids.

    Nothing in the program should make one; if something does, nobody must find out by not being paged.
    """
    found = await run_store.orphans(tx)
    for run_id in found:
        seen = await run_store.run(tx, run_id)
        if seen is None:
            continue
        await tx.announce(RunTouched(incident=seen.incident, run_id=run_id))
        run = await run_store.live_run(tx, seen.incident)
        if run is not None and run.id == run_id:
            await _rescue(tx, run)
    return found


async def _rescue(tx: Transaction, run: PagingRun) -> None:
    if run.state is RunState.EXHAUSTED:
        await run_store.save(tx, replace(run, alarmed_at=tx.now))
        await alarm_fallback(tx, run, Why.EXHAUSTED)
        return
    await set_timer(tx, TIMER, timer_subject(run), tx.now, epoch=run.epoch)
    await tx.announce(RunRearmed(incident=run.incident, run_id=run.id, why=Why.REARMED))
    if run.alarmed_at is None:  # once for each run: a timer that fails for ever must not mail for ever
        await run_store.save(tx, replace(run, alarmed_at=tx.now))
        title = f"Paging of {incident_name(run.incident)} had stopped and goes on"
        text = "The watchdog found a paging run without a timer and set it going again. Look at the engine's log."
        for person_id, address, _ in await fallback_contacts(tx):
            await notify.alarm(tx, title=title, text=text, incident=run.incident, person_id=person_id, address=address)
