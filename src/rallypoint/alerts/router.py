"""Tells the rest of the program about alerts: who they concern, which belong together, which are over.

An alert counts as untold until the transaction that told it has committed, so a crash at any moment tells it later,
and never not at all. Integrations take turns; within one, one router at a time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from rallypoint import catalog
from rallypoint.actors import SYSTEM, monitor
from rallypoint.alerts import fingerprint, rules, store_routing
from rallypoint.alerts.events import AlertAcknowledged, AlertsCleared, AlertsRouted
from rallypoint.alerts.model import Alert, Integration, Status
from rallypoint.alerts.trouble import AGAIN, AWAY
from rallypoint.crashpoints import crashpoint
from rallypoint.db import Database, Transaction
from rallypoint.events import Fact

TURN_ALERTS = 500
TURN_GROUPS = 10
"""Groups opened in one turn of an integration: what another integration's alert waits for at most."""
RETRY_AFTER = timedelta(seconds=30)
TITLE_MAX = 200

log = structlog.get_logger()


@dataclass(slots=True)
class Group:
    """Alerts to be told of together, and where they go."""

    key: str
    service_id: int | None
    alerts: list[Alert] = field(default_factory=list)
    reasons: dict[int, str] = field(default_factory=dict)
    quarantined: str | None = None


async def route_new(db: Database) -> int:
    """One turn for each integration that has something to tell; returns how many alerts were told of."""
    async with db.transaction(SYSTEM) as tx:
        waiting = await store_routing.waiting_integrations(tx)
    told = 0
    for integration in waiting:
        try:
            told += await _turn(db, integration)
        except Exception:
            # Its alerts stay untold and the next poll tries again; the other integrations get their turn now.
            log.exception("routing failed", integration=integration.name)
    return told


async def _turn(db: Database, integration: Integration) -> int:
    async def work(tx: Transaction) -> int:
        if not await store_routing.take_lane(tx, integration.id):
            return 0
        untold = await store_routing.untold(tx, integration.id, limit=TURN_ALERTS)
        groups = await _groups(tx, integration, [alert for alert, told in untold if not told])
        fresh = {alert.id for group in groups for alert in group.alerts}
        ready = [(alert, told) for alert, told in untold if told or alert.id in fresh]
        routed = [one for group in groups for one in await _tell_group(tx, integration, group)]
        failed = await _tell_changes(tx, ready)
        await _mark(tx, routed, ready, failed)
        crashpoint("alerts_routed_before_commit")
        return len(ready)

    done = await db.run(monitor(integration.name), work)
    crashpoint("alerts_routed")
    return done


async def _groups(tx: Transaction, integration: Integration, alerts: Sequence[Alert]) -> list[Group]:
    """New alerts by group, at most TURN_GROUPS; a group that was quiet for its window starts anew."""
    if not alerts:
        return []
    services = {s.key: s.id for s in await catalog.services(tx) if not s.retired}
    names = {id: key for key, id in services.items()}
    groups: dict[str, Group] = {}
    for alert in alerts:
        route = rules.route(alert, integration, services, names)
        if route.group not in groups and len(groups) == TURN_GROUPS:
            continue
        group = groups.setdefault(route.group, Group(route.group, route.service_id))
        group.alerts.append(alert)
        group.reasons[alert.id] = route.reason
    known = await store_routing.group_serials(tx, list(groups))
    serials = dict.fromkeys(groups, 1)
    for key, (serial, last_at) in known.items():
        serials[key] = serial + rules.starts_anew(last_at, integration.group_minutes, now=tx.now)
    await store_routing.save_groups(tx, serials)
    for text, group in groups.items():
        group.key = rules.serial_key(text, serials[text])
    return list(groups.values())


async def _tell_group(tx: Transaction, integration: Integration, group: Group) -> list[Group]:
    """Announce a group; if that fails, its alerts one by one; what fails alone goes to quarantine and the fallback."""
    problem = await _tell(tx, _routed(integration, group))
    if problem is None:
        return [group]
    told: list[Group] = []
    for alert in group.alerts:
        alone = Group(group.key, group.service_id, [alert], group.reasons)
        if len(group.alerts) > 1:
            problem = await _tell(tx, _routed(integration, alone))
        told.append(alone if problem is None else await _quarantine(tx, integration, alert, problem))
    return told


async def _quarantine(tx: Transaction, integration: Integration, alert: Alert, problem: Exception) -> Group:
    """Set an alert aside that cannot be handled, in a group without a service: somebody is told all the same."""
    why = f"could not be handled: {problem!r}"[:1000]
    group = Group(f"quarantine / {integration.name}", None, [alert], {alert.id: why}, quarantined=why)
    if (worse := await _tell(tx, _routed(integration, group))) is not None:
        log.error("an alert could be told to nobody", alert=alert.id, problem=repr(worse))
        group.key = ""
    return group


async def _tell(tx: Transaction, fact: Fact) -> Exception | None:
    """Announce a fact inside a savepoint: None, or what went wrong with nothing of it left behind."""
    try:
        async with tx.savepoint():
            await tx.announce(fact)
    except (*AGAIN, *AWAY):
        raise
    except Exception as problem:
        log.exception("a fact about alerts could not be told", fact=type(fact).__name__)
        return problem
    return None


async def _tell_changes(tx: Transaction, ready: Sequence[tuple[Alert, str]]) -> set[int]:
    """Announce what was acknowledged and what is over; returns the alerts for which that failed."""
    acknowledged = [a.id for a, told in ready if a.acknowledged_at and told != Status.ACKNOWLEDGED]
    cleared = [a.id for a, _ in ready if a.status is Status.RESOLVED]
    failed: set[int] = set()
    for kind, ids in ((AlertAcknowledged, acknowledged), (AlertsCleared, cleared)):
        if ids and await _tell(tx, kind(alert_ids=tuple(ids))) is not None:
            failed |= {id for id in ids if len(ids) == 1 or await _tell(tx, kind(alert_ids=(id,))) is not None}
    return failed


async def _mark(tx: Transaction, routed: Sequence[Group], ready: Sequence[tuple[Alert, str]], failed: set[int]) -> None:
    """Write down what was told. Last in the transaction, so that intake waits for these rows only briefly."""
    untellable = {alert.id for group in routed if not group.key for alert in group.alerts}
    marks = [(alert, group) for group in routed if group.key for alert in group.alerts]
    marks.sort(key=lambda mark: mark[0].id)
    if marks:
        await store_routing.mark_routed(
            tx,
            [alert.id for alert, _ in marks],
            service_ids=[group.service_id for _, group in marks],
            keys=[group.key for _, group in marks],
            reasons=[group.reasons[alert.id] for alert, group in marks],
            names=[alert.dedup_key or fingerprint.fnv(alert.labels) or alert.fingerprint for alert, _ in marks],
            quarantined=[group.quarantined for _, group in marks],
        )
    later = untellable | failed
    # A status whose telling failed is told again later; a new alert that went out is not announced twice.
    told = {a.id: str(a.status) for a, _ in ready if a.id not in later}
    told |= {a.id: str(Status.FIRING) for a, before in ready if a.id in failed - untellable and not before}
    await store_routing.mark_told(tx, told)
    if later:
        await store_routing.put_off(
            tx, sorted(later), until=tx.now + RETRY_AFTER, why="could not be told; it is tried again"
        )


def _routed(integration: Integration, group: Group) -> AlertsRouted:
    worst = max(group.alerts, key=lambda alert: alert.severity.badness)
    title = worst.summary if group.quarantined is None else f"An alert could not be handled: {worst.summary}"
    return AlertsRouted(
        integration_id=integration.id,
        integration_name=integration.name,
        service_id=group.service_id,
        grouping_key=group.key,
        alert_ids=tuple(alert.id for alert in group.alerts),
        severity=str(worst.severity),
        title=title[:TITLE_MAX],
        starts_at=min(alert.starts_at for alert in group.alerts),
        reason=group.reasons[worst.id],
    )
