"""Carrying a run forward: page, timer and deliveries in one transaction, with every reason on the record."""

from dataclasses import replace

from rallypoint import access, notify
from rallypoint.access import Role
from rallypoint.db import Transaction
from rallypoint.engine import set_timer
from rallypoint.oncall import policy_store, run_store, words
from rallypoint.oncall.answers import answers, targets_of
from rallypoint.oncall.events import (
    FallbackAlarmed,
    NobodyToPage,
    PersonLeftOut,
    PersonPaged,
    RunExhausted,
    StepSkipped,
)
from rallypoint.oncall.model import About, EscalationPolicy, PagingRun, RunState
from rallypoint.oncall.rules import Step, after, begin, walk
from rallypoint.oncall.why import Why, paged, skipped

TIMER = "paging.step"


def timer_subject(run: PagingRun) -> str:
    """The name of the timer a run waits for. Each turn has its own, so that setting one never waits for an engine
    that holds the one before."""
    return f"run:{run.id}:{run.turn}"


async def start(
    tx: Transaction,
    *,
    incident: int,
    policy: EscalationPolicy,
    about: About,
    because: Why | None = None,
    step: int = 0,
) -> PagingRun | None:
    """Begin a run, after `step`; None where one is live already, so that hearing a fact twice starts one run.

    Pages of the new run carry the gate's epoch of now: what was voided before stays void.
    """
    epoch = await notify.gate(tx, incident)
    why = because or Why.FIRST_STEP
    run = await run_store.start(tx, incident=incident, epoch=epoch, policy=policy, about=about, why=why)
    if run is None:
        return None
    run = replace(run, step=min(step, max(0, len(policy.steps) - 1)))
    first_look = begin(policy, now=tx.now)
    if because is None and first_look > tx.now:
        return await _wait(tx, replace(run, turn=run.turn + 1, wake_at=first_look, why=Why.RUN_WAITS))
    return await advance(tx, run, because=because)


async def advance(tx: Transaction, run: PagingRun, *, because: Why | None = None) -> PagingRun:
    """Do everything that is due at this instant: skip empty steps, page the first one that has people, or end.

    The caller holds the run's lock. All is written in this transaction: pages, deliveries, the next timer.
    """
    before = timer_subject(run)
    on_call = await answers(tx, targets_of(run.policy), tx.now)
    for step in walk(run, run.policy, on_call, now=tx.now, because=because):
        run = after(run, step)
        if step.over:
            run = await _exhausted(tx, run, step.why)
        elif step.targets:
            await _page(tx, run, step)
        else:
            await _skip(tx, run, step)
    await run_store.drop_timer(tx, before)
    return await _wait(tx, run)


async def exhaust(tx: Transaction, run: PagingRun, why: Why) -> PagingRun:
    """End the walk before its time: there is nothing left to wait for."""
    await run_store.drop_timer(tx, timer_subject(run))
    return await _wait(tx, await _exhausted(tx, replace(run, turn=run.turn + 1), why))


async def _wait(tx: Transaction, run: PagingRun) -> PagingRun:
    """Save the run and set the one timer it waits for."""
    await run_store.save(tx, run)
    if run.state is RunState.RUNNING and run.wake_at is not None:
        await set_timer(tx, TIMER, timer_subject(run), run.wake_at, epoch=run.epoch)
    tx.hint(f"incident:{run.incident}")
    return run


async def _page(tx: Transaction, run: PagingRun, step: Step) -> None:
    for person in step.targets:
        page = await notify.page_person(
            tx,
            person_id=person.person_id,
            incident=run.incident,
            run_id=run.id,
            epoch=run.epoch,
            step=step.step,
            why=step.why,
            title=words.page_title(run),
            text=words.page_text(run, step, person),
            urgency=run.about.urgency,
            drill=run.about.drill,
        )
        await tx.announce(
            PersonPaged(
                incident=run.incident,
                run_id=run.id,
                person_id=person.person_id,
                person_name=person.name,
                why=step.why,
                step=step.step,
                page_id=page.id,
                sentence=paged(person.name, step.why),
            )
        )
    for name in step.left_out:
        await tx.announce(
            PersonLeftOut(
                incident=run.incident, run_id=run.id, step=step.step, person_name=name, why=Why.ACCOUNT_NOT_ACTIVE
            )
        )


async def _skip(tx: Transaction, run: PagingRun, step: Step) -> None:
    detail = f" ({step.detail})" if step.detail else ""
    await tx.announce(
        StepSkipped(
            incident=run.incident,
            run_id=run.id,
            step=step.step,
            why=step.why,
            detail=step.detail,
            sentence=skipped(step.step, f"{step.why}{detail}"),
        )
    )


async def _exhausted(tx: Transaction, run: PagingRun, why: Why) -> PagingRun:
    """Nobody is left to page: the run stays live and loud until somebody answers, and the fallback is told."""
    run = replace(run, state=RunState.EXHAUSTED, wake_at=None, why=why, alarmed_at=tx.now)
    if run.paged:
        await tx.announce(RunExhausted(incident=run.incident, run_id=run.id, why=why))
    else:
        await tx.announce(NobodyToPage(incident=run.incident, run_id=run.id, why=why))
    await alarm_fallback(tx, run, why)
    return run


async def alarm_fallback(tx: Transaction, run: PagingRun, why: Why) -> None:
    """Tell the fallback contact by every way there is; without one, every administrator."""
    title, text = words.alarm_title(run), words.alarm_text(run, why)
    told = []
    for person_id, address, name in [] if run.about.drill else await fallback_contacts(tx):
        await notify.alarm(tx, title=title, text=text, incident=run.incident, person_id=person_id, address=address)
        told.append(name)
    to = ", ".join(told) or ("nobody: this is a drill" if run.about.drill else "nobody: no contact is set")
    await tx.announce(FallbackAlarmed(incident=run.incident, run_id=run.id, to=to, why=why))


async def fallback_contacts(tx: Transaction) -> list[tuple[int | None, str | None, str]]:
    """(person, address, name) of whom to tell when nobody else could be told."""
    chosen = await policy_store.fallback(tx)
    if chosen is not None and chosen.person_id is not None:
        person = await access.person(tx, chosen.person_id)
        if person.active:
            return [(person.id, None, person.name)]
    if chosen is not None and chosen.address:
        return [(None, chosen.address, chosen.address)]
    return [(p.id, None, p.name) for p in await access.people(tx) if p.active and Role.ADMIN in p.roles]
