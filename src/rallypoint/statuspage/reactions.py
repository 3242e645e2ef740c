"""What the status page does when something happens to an incident.

One handler hears all of it: the outbox keeps the order per handler and subject, so an update that was written before
the incident was resolved can never reach the page after it. Each fact names its source: a second delivery changes
nothing.
"""

from rallypoint.actors import SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.incidents.events import IncidentCancelled, IncidentFact, IncidentResolved, UpdatePublished
from rallypoint.statuspage import actions


async def render(db: Database, fact: IncidentFact) -> None:
    """AFTERWARDS of UpdatePublished, IncidentResolved and IncidentCancelled."""
    await db.run(SYSTEM, lambda tx: _render(tx, fact))


async def _render(tx: Transaction, fact: IncidentFact) -> None:
    match fact:
        case UpdatePublished():
            await publish(tx, fact)
        case IncidentResolved() | IncidentCancelled():
            await actions.resolve(tx, fact.number, source=f"over:{fact.epoch}", at=fact.at)


async def publish(tx: Transaction, fact: UpdatePublished) -> None:
    """Put a public update on the page. An internal one stays inside, and a drill is never told to the public."""
    if fact.audience != "public" or fact.drill:
        return
    from rallypoint import incidents  # here, because incidents is a large room and only this act needs it

    incident = await incidents.incident(tx, fact.number)
    await actions.post(
        tx,
        actions.Post(
            incident=fact.number,
            source=f"entry:{fact.entry_id}",
            text=fact.text,
            at=fact.at,
            category=incident.status_category,
            given_status=fact.public_status,
            given_components=fact.components,
            service_id=incident.service_id,
            priority_rank=incident.priority_common,
            impact_started_at=incident.impact_started_at,
        ),
    )
