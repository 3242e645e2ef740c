"""Both ends of a relation: which incidents and items of one connection belong together, and doing here what is told.

Relations here know incidents, relations there know items; links say which is which.
"""

from dataclasses import replace

from rallypoint import incidents
from rallypoint.db import Transaction
from rallypoint.sync import ends_store, store
from rallypoint.sync.model import HubItem, HubRelation, RelationKind, RemoteItem
from rallypoint.sync.relations import TieAct, TieDecision

KINDS = frozenset(kind.value for kind in RelationKind)


async def with_relations(tx: Transaction, item: HubItem, connection: int, there: RemoteItem) -> HubItem:
    """The incident with those of its relations whose other end is linked in this connection."""
    ties = [(incidents.tie_of(one).value, one.number) for one in await incidents.relations(tx, item.incident)]
    items = await ends_store.items_of(tx, connection, [number for _, number in ties])
    named = [one.remote_id for one in there.relations if one.remote_id]
    linked = await ends_store.incidents_of(tx, connection, named)
    found = tuple(
        HubRelation(kind=RelationKind(tie), incident=number, remote_id=remote_id)
        for tie, number in ties
        for remote_id in items.get(number, ())
        if tie in KINDS and remote_id != there.id
    )
    linked |= {one.remote_id: one.incident for one in found}
    return replace(item, relations=found, linked={id: one for id, one in linked.items() if one != item.incident})


async def follow(tx: Transaction, number: int, decision: TieDecision) -> None:
    """Relate what was related there, or take apart what was taken apart there. Raises Refused and the like."""
    if decision.act is TieAct.TAKE:
        await incidents.relate(tx, number, to=decision.incident, tie=decision.kind.value)
        return
    for one in await incidents.relations(tx, number):
        if one.number == decision.incident and incidents.tie_of(one).value == decision.kind.value:
            await incidents.unrelate(tx, number, one.id)


async def look_at_the_others(tx: Transaction, number: int) -> None:
    """This incident is linked now: relations of others that waited for that are looked at."""
    for one in await incidents.relations(tx, number):
        await store.mark_incident(tx, one.number)
