"""From resolved to confirmed: the reporter is asked, reminded, at last taken at their silence; a monitor is watched."""

from typing import Any

from rallypoint import engine
from rallypoint.actors import SYSTEM, Actor, ActorKind, monitor
from rallypoint.catalog.model import Domain, StatusCategory
from rallypoint.db import Transaction
from rallypoint.engine import Timer
from rallypoint.incidents import change, closure, lifecycle, opening, reporter, store
from rallypoint.incidents.events import IncidentClosed, IncidentConfirmed, IncidentRejected
from rallypoint.incidents.history import Line, append
from rallypoint.incidents.lifecycle import Verb
from rallypoint.incidents.model import Confirmation, Incident

CONFIRMATION = "incidents.confirmation"
MONITOR_CONFIRMS = "incidents.monitor_confirms"
CLOSES_ITSELF = "incidents.closes_itself"


async def begin(tx: Transaction, incident: Incident, domain: Domain) -> None:
    """It was resolved: ask whoever reported it, and set what happens when no answer comes."""
    waiting = closure.patience(domain)
    if incident.by_monitor:
        await watch(tx, incident, domain)
    else:
        asked = await reporter.ask(tx, incident)
        text = (
            f"{incident.reporter_name} was asked to confirm" if asked else "There is no address to ask for confirmation"
        )
        await append(tx, incident.number, Line(kind="confirmation", text=text, actor=SYSTEM))
        await _set_reminder(tx, incident, domain, said=0)
    if at := closure.closes_itself(incident, domain, waiting):
        await engine.set_timer(tx, CLOSES_ITSELF, str(incident.number), at, epoch=incident.epoch)


async def watch(tx: Transaction, incident: Incident, domain: Domain) -> None:
    """A monitor reported it, so staying healthy confirms it. While something fires there is nothing to wait for."""
    assert incident.resolved_at is not None
    if await store.firing(tx, incident.number):
        return
    cleared_at = await store.last_cleared(tx, incident.number)
    at = closure.healthy_until(incident.resolved_at, cleared_at, closure.patience(domain))
    await engine.set_timer(tx, MONITOR_CONFIRMS, str(incident.number), at, epoch=incident.epoch)


async def end(tx: Transaction, number: int) -> None:
    """There is an answer, or the question is gone."""
    for kind in (CONFIRMATION, MONITOR_CONFIRMS, CLOSES_ITSELF):
        await engine.cancel_timer(tx, kind, str(number))


async def confirm(tx: Transaction, number: int, *, note: str = "") -> Incident:
    """It is solved, says the reporter, or the desk in their place. Saying it twice changes nothing."""
    before, domain = await change.load(tx, number)
    mine = tx.actor.person_id is not None and tx.actor.person_id == before.reporter_person_id
    how = Confirmation.BY_REPORTER if mine else Confirmation.BY_DESK
    return await _confirmed(tx, before, domain, by=tx.actor, how=how, note=note)


async def confirm_by_reporter(tx: Transaction, token: str, *, note: str = "") -> Incident:
    """The same, by whoever holds the reporter's link."""
    number = (await reporter.incident_by_reporter_token(tx, token)).number
    before, domain = await change.load(tx, number)
    by = as_reporter(before, tx.actor)
    return await _confirmed(tx, before, domain, by=by, how=Confirmation.BY_REPORTER, note=note, as_reporter=True)


async def reject(tx: Transaction, number: int, *, reason: str) -> Incident:
    """It is not solved: it opens again, and people are paged again."""
    before, domain = await change.load(tx, number)
    return await _rejected(tx, before, domain, by=tx.actor, reason=reason)


async def reject_by_reporter(tx: Transaction, token: str, *, reason: str) -> Incident:
    number = (await reporter.incident_by_reporter_token(tx, token)).number
    before, domain = await change.load(tx, number)
    return await _rejected(tx, before, domain, by=as_reporter(before, tx.actor), reason=reason, as_reporter=True)


def as_reporter(incident: Incident, actor: Actor) -> Actor:
    """Who holds the link is the reporter, by the name they gave."""
    return Actor(
        kind=ActorKind.REPORTER, name=incident.reporter_name or "the reporter", origin=actor.origin,
        person_id=incident.reporter_person_id,
    )  # fmt: skip


async def _confirmed(
    tx: Transaction, before: Incident, domain: Domain, *, by: Actor, how: Confirmation, note: str = "",
    as_reporter: bool = False,
) -> Incident:  # fmt: skip
    note = change.words("note", note, longest=2000, needed=False)
    lifecycle.decide(Verb.CONFIRM, before, domain=domain, by=by, as_reporter=as_reporter)
    if before.confirmed_at is not None and before.confirmation is not Confirmation.BY_SILENCE:
        return before
    changes: dict[str, Any] = {"confirmed_at": tx.now, "confirmation": how, "confirmation_note": note}
    after = await _written(tx, before, IncidentConfirmed, _said(how, by), changes, by=by, reason=note, how=how)
    await _end_waiting(tx, before.number)
    return after


async def _end_waiting(tx: Transaction, number: int) -> None:
    """Confirmed: nobody need be asked any more. Closing by itself stays set."""
    for kind in (CONFIRMATION, MONITOR_CONFIRMS):
        await engine.cancel_timer(tx, kind, str(number))


def _said(how: Confirmation, by: Actor) -> str:
    match how:
        case Confirmation.BY_REPORTER:
            return f"{by.name} confirmed that it is solved"
        case Confirmation.BY_DESK:
            return f"{by.name} confirmed it for the reporter"
        case Confirmation.BY_MONITOR:
            return f"Confirmed by {by.name}: it stayed healthy"
        case _:
            return "Not confirmed: the reporter did not answer, so it is accepted by time"


async def _rejected(
    tx: Transaction, before: Incident, domain: Domain, *, by: Actor, reason: str, as_reporter: bool = False
) -> Incident:
    reason = change.words("reason", reason, longest=2000, needed=False)
    decision = lifecycle.decide(Verb.REJECT, before, domain=domain, by=by, reason=reason, as_reporter=as_reporter)
    changes = await opening.open_again(tx, before, decision)
    after = await _written(
        tx, before, IncidentRejected, f"{by.name} says it is not solved; it is open again", changes, by=by,
        reason=reason, summary=opening.summary_of(before),
    )  # fmt: skip
    await end(tx, before.number)
    return after


async def _written(
    tx: Transaction, before: Incident, fact: type[Any], text: str, changes: dict[str, Any], *, by: Actor,
    reason: str, **more: Any,
) -> Incident:  # fmt: skip
    draft = change.next_of(before, changes)
    told = change.step(fact, before, draft, by, at=tx.now, reason=reason, **more)
    line = change.state_line(told, text, actor=by, kind="confirmation", data={k: str(v) for k, v in more.items()})
    after, _ = await change.write(tx, before, line, **changes)
    await tx.announce(told)
    return after


# -- what time does


async def on_silence(tx: Transaction, timer: Timer) -> None:
    """The timer incidents.confirmation: remind, and in the end accept by time."""
    before, domain = await change.load(tx, int(timer.subject))
    if not before.awaits_confirmation or before.resolved_at is None:
        return
    said = int(timer.data.get("said", 0))
    word, at = closure.next_word(before.resolved_at, closure.patience(domain), said=said)
    if at > tx.now:
        await _set_reminder(tx, before, domain, said=said)
    elif word == "remind":
        asked = await reporter.ask(tx, before, again=True)
        text = f"{before.reporter_name} was reminded to confirm" if asked else "There is nobody to remind"
        await append(tx, before.number, Line(kind="confirmation", text=text, actor=SYSTEM))
        await _set_reminder(tx, before, domain, said=said + 1)
    else:
        await _confirmed(tx, before, domain, by=SYSTEM, how=Confirmation.BY_SILENCE, note="no answer in time")


async def _set_reminder(tx: Transaction, incident: Incident, domain: Domain, *, said: int) -> None:
    assert incident.resolved_at is not None
    _, at = closure.next_word(incident.resolved_at, closure.patience(domain), said=said)
    await engine.set_timer(tx, CONFIRMATION, str(incident.number), at, epoch=incident.epoch, data={"said": said})


async def on_healthy(tx: Transaction, timer: Timer) -> None:
    """The timer incidents.monitor_confirms: nothing fired again in all that time."""
    before, domain = await change.load(tx, int(timer.subject))
    if not before.awaits_confirmation or await store.firing(tx, before.number):
        return
    by = monitor(before.origin.removeprefix("monitor:"))
    await _confirmed(tx, before, domain, by=by, how=Confirmation.BY_MONITOR)


async def on_enough_days(tx: Transaction, timer: Timer) -> None:
    """The timer incidents.closes_itself, where the domain's policy says so."""
    before, domain = await change.load(tx, int(timer.subject))
    if before.status_category not in (StatusCategory.RESOLVED, StatusCategory.REVIEW):
        return
    if closure.closes_itself(before, domain, closure.patience(domain)) is None:
        return
    days = closure.patience(domain).close_after_business_days
    decision = lifecycle.decide(Verb.CLOSE, before, domain=domain, by=SYSTEM, reason="by time")
    changes = await change.moved_to(tx, before, decision.to) | {"closed_at": tx.now}
    if before.confirmed_at is None:
        changes |= {"confirmation": Confirmation.BY_SILENCE, "confirmation_note": "closed by time"}
    reason = f"{days} business days after resolution, as {domain.name} wants it"
    after = await _written(tx, before, IncidentClosed, "Closed by itself", changes, by=SYSTEM, reason=reason)
    await end(tx, before.number)
    await reporter.goodbye(tx, after)
