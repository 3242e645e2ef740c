"""What sync does when an incident changes: its links are due in the same transaction, and new items may be wanted."""

import structlog

from rallypoint import incidents
from rallypoint.db import Transaction
from rallypoint.incidents.events import IncidentChanged, IncidentFact, Lifecycle, UpdatePublished
from rallypoint.sync import hub, linking, store
from rallypoint.sync.budget import Pressing
from rallypoint.sync.mapping import Mapping
from rallypoint.sync.scope import hub_fits

log = structlog.get_logger()


async def changed(tx: Transaction, fact: IncidentFact) -> None:
    """An incident's links are to be looked at: at once where somebody said something or the status moved."""
    said = isinstance(fact, Lifecycle | UpdatePublished) or (isinstance(fact, IncidentChanged) and fact.said)
    await store.mark_incident(tx, fact.number, pressing=Pressing.SAID if said else Pressing.NEWS)


async def offer(tx: Transaction, fact: IncidentFact) -> None:
    """Items are created where a mapping asks for it and the incident is one it is about.

    What is wrong with a mapping must never undo what a person did here.
    """
    mappings = await store.sending(tx)
    if not mappings or getattr(fact, "quiet", False):  # what was brought here is not passed on at once
        return
    try:
        async with tx.savepoint():
            await _order_wanted(tx, fact.number, mappings)
    except Exception:
        log.exception("wanted items were not ordered", incident=fact.number)


async def _order_wanted(tx: Transaction, number: int, mappings: list[Mapping]) -> None:
    item = await hub.read(tx, number, base_url="")
    origin = (await incidents.incident(tx, number)).origin
    for mapping in mappings:
        connection = await store.connection_by_id(tx, mapping.connection)
        if origin != f"{hub.ORIGIN}{connection.key}" and hub_fits(mapping, item):  # it came from there itself
            await linking.order(tx, number, mapping)
