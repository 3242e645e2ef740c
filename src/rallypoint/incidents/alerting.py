"""What alerts do to incidents: open one, join one, bring one back, restore one, acknowledge one.

A group of alerts has one incident (index incident_one_per_grouping_key). While it is open, new alerts join it, however
many in one statement. When they come back after the service was restored, or within the domain's re-open window after
it was resolved, the incident opens again; later, or once it is closed, a new one begins.
"""

from dataclasses import replace

from rallypoint import catalog
from rallypoint.actors import Actor, monitor
from rallypoint.alerts.events import AlertAcknowledged, AlertsCleared, AlertsRouted
from rallypoint.catalog.model import StatusCategory
from rallypoint.catalog.priority import is_higher
from rallypoint.db import Transaction
from rallypoint.errors import Conflict
from rallypoint.incidents import actions, change, closure, confirming, history, intake, judging, opening, store
from rallypoint.incidents.events import AlertsJoined
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Incident

TRIES = 5
NAMED_MOST = 50
"""So many alert ids a line of the timeline names; the full list is with the incident."""


async def open_or_join(tx: Transaction, fact: AlertsRouted) -> Incident:
    """The incident of these alerts, new or known."""
    by = monitor(fact.integration_name)
    for _ in range(TRIES):
        known = await store.known(tx, fact.grouping_key)
        if known is not None and await _still_its_own(tx, known):
            return await _join(tx, await _wake(tx, known, by), fact, by)
        if opened := await _open(tx, fact, by):
            return opened
        # Another transaction opened one for this key between our look and our insert: look again.
    raise Conflict(f"The incident of {fact.grouping_key} keeps changing; try again.")


async def alerts_cleared(tx: Transaction, fact: AlertsCleared) -> None:
    """These alerts are over. Where nothing fires any more, the monitor says that the service is restored."""
    for number in await store.clear(tx, fact.alert_ids):
        incident, domain = await change.load(tx, number)
        by = monitor(incident.origin.removeprefix("monitor:")) if incident.by_monitor else tx.actor
        if incident.status_category.working and incident.by_monitor:
            await actions.restore(tx, number, note="every alert of this incident is over", by=by)
        else:
            await history.append(tx, number, Line(kind="alert", text="Every alert of this incident is over", actor=by))
            change.touch(tx, number)
        if incident.awaits_confirmation and incident.by_monitor:
            await confirming.watch(tx, incident, domain)


async def alert_acknowledged(tx: Transaction, fact: AlertAcknowledged) -> None:
    """Someone acknowledged it in the tool the alerts come from; that holds here too."""
    for number in await store.incidents_of(tx, fact.alert_ids):
        incident, _ = await change.load(tx, number)
        if incident.status_category.working:
            tool = incident.origin.removeprefix("monitor:")
            await actions.acknowledge(tx, number, via=tool, by=monitor(tool))


async def number_of_alert(tx: Transaction, alert_id: int) -> int | None:
    """The incident an alert belongs to; None where it has none yet."""
    return next(iter(await store.incidents_of(tx, [alert_id])), None)


async def _open(tx: Transaction, fact: AlertsRouted, by: Actor) -> Incident | None:
    service = await catalog.service_by_id(tx, fact.service_id) if fact.service_id is not None else None
    place = await opening.find_place(tx, service=service, domain="", category=None, default=opening.DOMAIN_OF_MONITORS)
    judged = intake.judge_alert(fact.severity, service)
    new = replace(
        opening.blank(tx, place, title=_title(fact.title), origin=by.origin, by=by),
        impact=judged.impact, urgency=judged.urgency, severity=fact.severity, reporter_name=by.name,
        detected_at=min(fact.starts_at, tx.now), grouping_key=fact.grouping_key, joins=True,
    )  # fmt: skip
    incident = await opening.begin(tx, place, new, by=by, said=judged.reason)
    if incident is not None:
        await _attach(tx, incident, fact, by, "opened with it")
    return incident


def _title(said: str) -> str:
    """A monitor's summary as one line."""
    return " ".join(said.split())[:200] or "Alert without a summary"


async def _still_its_own(tx: Transaction, incident: Incident) -> bool:
    """Whether new alerts are this incident's trouble: it is open, or was resolved only lately."""
    if incident.resolved_at is None:
        return True
    window = closure.patience(await catalog.domain_by_id(tx, incident.domain_id)).reopen_window
    return incident.resolved_at >= tx.now - window


async def _wake(tx: Transaction, incident: Incident, by: Actor) -> Incident:
    """What was restored or resolved is open again: it fires."""
    if incident.status_category.working:
        return incident
    domain = await catalog.domain_by_id(tx, incident.domain_id)
    since = incident.resolved_at or incident.restored_at or tx.now
    minutes = round((tx.now - since).total_seconds() / 60)
    how = "restored" if incident.status_category is StatusCategory.RESTORED else "resolved"
    reason = f"an alert fired again, {minutes} min after it was {how}"
    return await actions.reopen_loaded(tx, incident, domain, reason=reason, by=by)


async def _join(tx: Transaction, incident: Incident, fact: AlertsRouted, by: Actor) -> Incident:
    await _attach(tx, incident, fact, by, fact.reason or "same grouping key while the incident is open")
    if not intake.worse(fact.severity, incident.severity):
        return incident
    return await _raise(tx, incident, fact.severity, by)


async def _attach(tx: Transaction, incident: Incident, fact: AlertsRouted, by: Actor, reason: str) -> None:
    new = await store.join(tx, incident.number, fact.alert_ids, reason)
    if not new:
        return
    count = len(new)
    text = f"{'An alert' if count == 1 else f'{count} alerts'} joined: {fact.title}"
    data = {"alert_ids": new[:NAMED_MOST], "count": count, "severity": fact.severity}
    await history.append(tx, incident.number, Line(kind="joined", text=text, reason=reason, actor=by, data=data))
    change.touch(tx, incident.number)
    await tx.announce(AlertsJoined(number=incident.number, epoch=incident.epoch, alert_ids=tuple(new)))


async def _raise(tx: Transaction, incident: Incident, severity: str, by: Actor) -> Incident:
    """A worse alert than any so far: the urgency follows it up, never down."""
    urgency = intake.URGENCY_OF_SEVERITY[severity]
    model = await catalog.priority_model(tx, incident.domain_id)
    higher = replace(incident, urgency=urgency)
    verdict = opening.judge(model, higher, None)
    if incident.priority_by_hand or not is_higher(model, verdict.priority, incident.priority):
        after, _ = await change.write(
            tx, incident, severity=severity, urgency=incident.urgency if incident.priority_by_hand else urgency
        )
        return after
    reason = f"{verdict.reason} (a joined alert has severity {severity})"
    return await judging.decided(
        tx, incident, model, verdict.priority, reason, by=by, severity=severity, urgency=urgency
    )
