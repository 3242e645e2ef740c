"""Reading an incident and what belongs to it."""

from datetime import timedelta

from rallypoint import alerts, catalog
from rallypoint.db import Transaction
from rallypoint.incidents import store
from rallypoint.incidents.model import Incident, JoinedAlert

RELATED_DAYS = 90


async def incident(tx: Transaction, number: int) -> Incident:
    """The record as it stands."""
    return await store.incident(tx, number)


async def locked(tx: Transaction, number: int) -> Incident:
    """The record, held for the rest of the transaction: for who changes several things about it in order."""
    return await store.load(tx, number)


async def alerts_of(tx: Transaction, number: int, *, limit: int = 200) -> list[JoinedAlert]:
    """Its alerts, the first first, with when and why each joined."""
    joined = await store.joined(tx, number, limit=limit)
    found = {alert.id: alert for alert in await alerts.by_ids(tx, [alert_id for alert_id, _, _ in joined])}
    return [JoinedAlert(found[alert_id], at, why) for alert_id, at, why in joined if alert_id in found]


async def related(tx: Transaction, number: int) -> list[Incident]:
    """Incidents of the last three months that look like this one, or lie under it: the same alerts, the same service,
    or a service that this one needs."""
    this = await store.incident(tx, number)
    services = [this.service_id] if this.service_id is not None else []
    if this.service_id is not None:
        services += [service.id for service in await catalog.needs(tx, this.service_id)]
    return await store.related(tx, this, services, since=tx.now - timedelta(days=RELATED_DAYS))
