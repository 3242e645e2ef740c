"""What the record hears from other rooms. Most of it is one line of history."""

from datetime import datetime
from typing import Any

from rallypoint import access, notify
from rallypoint.actors import SYSTEM
from rallypoint.alerts.events import AlertAcknowledged, AlertsCleared, AlertsRouted
from rallypoint.catalog import priority_model
from rallypoint.db import Transaction
from rallypoint.incidents import alerting, authority, change, confirming, history, opening, store
from rallypoint.incidents.events import IncidentOpened, PriorityChanged, UpdatePublished
from rallypoint.incidents.history import Line
from rallypoint.notify.events import DeliveryFact, DeliveryFailed, DeliveryResent
from rallypoint.oncall.events import (
    FallbackAlarmed,
    NobodyToPage,
    PersonLeftOut,
    PersonPaged,
    RunExhausted,
    RunRearmed,
    StepSkipped,
)
from rallypoint.sla.events import DeadlineMoved, TargetAtRisk, TargetBreached

on_silence = confirming.on_silence
on_healthy = confirming.on_healthy
on_enough_days = confirming.on_enough_days


async def open_or_join(tx: Transaction, fact: AlertsRouted) -> None:
    await alerting.open_or_join(tx, fact)


async def alerts_cleared(tx: Transaction, fact: AlertsCleared) -> None:
    await alerting.alerts_cleared(tx, fact)


async def alert_acknowledged(tx: Transaction, fact: AlertAcknowledged) -> None:
    await alerting.alert_acknowledged(tx, fact)


async def hold_still(tx: Transaction, fact: Any) -> None:
    """A run or a clock of this incident is about to move: lock the incident first, as every change of it does."""
    await store.load(tx, fact.incident)


async def on_deadline_moved(tx: Transaction, fact: DeadlineMoved) -> None:
    await store.set_deadline(tx, fact.incident, fact.warn_at, fact.due_at)
    tx.hint("board")


async def on_person_paged(tx: Transaction, fact: PersonPaged) -> None:
    data = {"person_id": fact.person_id, "step": fact.step, "page_id": fact.page_id}
    await _say(tx, fact.incident, "page", f"{fact.person_name} was paged", reason=fact.why, data=data)


async def on_step_skipped(tx: Transaction, fact: StepSkipped) -> None:
    reason = f"{fact.why} ({fact.detail})" if fact.detail else fact.why
    await _say(tx, fact.incident, "page", f"Step {fact.step} was skipped", reason=reason, data={"step": fact.step})


async def on_person_left_out(tx: Transaction, fact: PersonLeftOut) -> None:
    data = {"step": fact.step}
    await _say(tx, fact.incident, "page", f"{fact.person_name} was not paged", reason=fact.why, data=data)


async def on_run_exhausted(tx: Transaction, fact: RunExhausted) -> None:
    await _say(tx, fact.incident, "page", "Nobody acknowledged", reason=fact.why, key=True)


async def on_fallback_alarmed(tx: Transaction, fact: FallbackAlarmed) -> None:
    await _say(tx, fact.incident, "page", f"The fallback was alarmed: {fact.to}", reason=fact.why, key=True)


async def on_nobody_to_page(tx: Transaction, fact: NobodyToPage) -> None:
    await _say(tx, fact.incident, "page", "There is nobody to page", reason=fact.why, key=True)


async def on_run_rearmed(tx: Transaction, fact: RunRearmed) -> None:
    await _say(tx, fact.incident, "page", "Paging goes on", reason=fact.why)


async def on_delivery(tx: Transaction, fact: DeliveryFact) -> None:
    """How messages fared. What went well is told for pages only; the rest would bury the story."""
    failed, again = isinstance(fact, DeliveryFailed), isinstance(fact, DeliveryResent)
    if fact.incident is None or not (failed or again or fact.page_id is not None):
        return
    state = "was not delivered" if failed else "is sent again" if again else _sent(fact)
    who = fact.person_name or fact.address
    text = f"{fact.purpose.capitalize()} to {who} by {fact.method} {state}"
    data = {"delivery_id": fact.delivery_id, "page_id": fact.page_id}
    await _say(tx, fact.incident, "delivery", text, reason=fact.reason, key=failed, data=data)


async def on_target_at_risk(tx: Transaction, fact: TargetAtRisk) -> None:
    text = f"{_target(fact.kind)} is at risk: due {_clock(fact.due_at)}"
    reason = f"three quarters of the {fact.priority} target are used"
    data = {"clock": fact.kind, "due_at": fact.due_at.isoformat(), "state": "at risk"}
    await _say(tx, fact.incident, "sla", text, reason=reason, data=data)
    await authority.tell(tx, fact.incident, kind=fact.kind, what=f"{_target(fact.kind)} is at risk", reason=reason)


async def on_target_breached(tx: Transaction, fact: TargetBreached) -> None:
    text = f"{_target(fact.kind)} was missed: due {_clock(fact.due_at)}"
    reason = f"the {fact.priority} target is used up"
    data = {"clock": fact.kind, "due_at": fact.due_at.isoformat(), "state": "breached"}
    await _say(tx, fact.incident, "sla", text, reason=reason, key=fact.kind != "update", data=data)
    await authority.tell(tx, fact.incident, kind=fact.kind, what=f"{_target(fact.kind)} was missed", reason=reason)


async def tell_stakeholders(tx: Transaction, fact: IncidentOpened | PriorityChanged | UpdatePublished) -> None:
    """Those whom the priority tells (R27, R49): when such an incident opens, when an incident rises to it (then only
    those who did not know), and with every update."""
    if isinstance(fact, IncidentOpened) and fact.quiet:
        return
    incident = await store.incident(tx, fact.number)
    model = await priority_model(tx, incident.domain_id)
    roles = set(model.level(incident.priority).tells)
    if isinstance(fact, PriorityChanged):
        roles = roles - set(model.level(fact.was).tells) if fact.raised else set()
    if incident.drill or not roles:
        return
    told = [p for p in await access.people(tx) if p.active and roles & set(p.roles)]
    news = fact.text if isinstance(fact, UpdatePublished) else incident.description or incident.priority_reason
    for person in told:
        await notify.message(
            tx, purpose="update", title=f"{incident.name} {opening.summary_of(incident)}", text=news,
            incident=incident.number, person_id=person.id, url=f"/i/{incident.number}",
        )  # fmt: skip
    if told:
        names = ", ".join(person.name for person in told)
        reason = f"{incident.priority} tells {', '.join(sorted(roles))}"
        await _say(tx, incident.number, "system", f"Told: {names}", reason=reason)


async def _say(
    tx: Transaction, number: int, kind: str, text: str, *, reason: str = "", key: bool = False,
    data: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    line = Line(kind=kind, text=text, reason=reason, key=key, data=data or {}, actor=SYSTEM)
    await history.append(tx, number, line)
    change.touch(tx, number)


def _sent(fact: DeliveryFact) -> str:
    return "was delivered" if type(fact).__name__ == "DeliveryDelivered" else "was sent"


def _target(kind: str) -> str:
    return "The next update" if kind == "update" else f"The {kind} target"


def _clock(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M UTC")
