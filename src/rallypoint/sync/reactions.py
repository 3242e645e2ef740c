"""What sync does when an incident changes: its links are due in the same transaction, and new items may be wanted."""

import structlog

from rallypoint import incidents
from rallypoint.db import Transaction
from rallypoint.incidents.events import IncidentFact
from rallypoint.sync import hub, linking, store
from rallypoint.sync.scope import hub_fits

log = structlog.get_logger()


async def changed(tx: Transaction, fact: IncidentFact) -> None:
    """An incident's links are to be looked at. What goes wrong here must never undo what a person did."""
    try:
        async with tx.savepoint():
            await store.mark_incident(tx, fact.number)
    except Exception:
        log.exception("links were not marked", incident=fact.number)


async def offer(tx: Transaction, fact: IncidentFact) -> None:
    """Items are created where a mapping asks for it and the incident is one it is about."""
    try:
        async with tx.savepoint():
            await _create_wanted(tx, fact.number)
    except Exception:
        log.exception("wanted items were not ordered", incident=fact.number)


async def _create_wanted(tx: Transaction, number: int) -> None:
    mappings = await store.sending(tx)
    if not mappings:
        return
    item = await hub.read(tx, number, base_url="")
    origin = (await incidents.incident(tx, number)).origin
    for mapping in mappings:
        connection = await store.connection_by_id(tx, mapping.connection)
        if origin != f"{hub.ORIGIN}{connection.key}" and hub_fits(mapping, item):  # it came from there itself
            await linking.order(tx, number, mapping)
