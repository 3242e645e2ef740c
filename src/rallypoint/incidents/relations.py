"""How incidents hang together: parent and child, duplicates, what blocks what, and what merely belongs together.

Each relation is one edge with two names, one for either end. Nothing follows from it by itself: a parent that is
resolved resolves no child.
"""

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Refused
from rallypoint.ids import incident_name
from rallypoint.incidents import change, relation_store, store
from rallypoint.incidents.events import IncidentChanged
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Incident, Related, RelationKind, Tie

ENDS: dict[Tie, tuple[RelationKind, bool]] = {
    Tie.PARENT: (RelationKind.PARENT, True),
    Tie.CHILD: (RelationKind.PARENT, False),
    Tie.RELATED: (RelationKind.RELATED, True),
    Tie.DUPLICATE_OF: (RelationKind.DUPLICATE_OF, True),
    Tie.DUPLICATED_BY: (RelationKind.DUPLICATE_OF, False),
    Tie.BLOCKS: (RelationKind.BLOCKS, True),
    Tie.BLOCKED_BY: (RelationKind.BLOCKS, False),
}
"""What the other one is, from here, as an edge: its kind, and whether it leads from here to there."""

ONLY_ONE = {RelationKind.PARENT: "parent", RelationKind.DUPLICATE_OF: "original"}


async def relate(tx: Transaction, number: int, *, to: int, tie: str) -> list[Related]:
    """Say what another incident is to this one: its parent, its child, a duplicate ... Saying it twice is no error.

    Refused where it would close a circle, or where there is a parent or an original already.
    """
    access.require(tx.actor, Permission.WORK_INCIDENT)
    kind, source, target = _edge(number, to, tie)
    await relation_store.alone(tx)
    first, second = [await store.load(tx, one) for one in sorted((number, to))]
    ends = {first.number: first, second.number: second}
    there = await relation_store.target_of(tx, source, kind) if kind in ONLY_ONE else None
    if there not in (None, target):
        raise Refused(
            f"{incident_name(source)} has the {ONLY_ONE[kind]} {incident_name(there or 0)}.", guard="relation",
            who_may="nobody while it is so", help="Take that relation away first.",
        )  # fmt: skip
    if kind is not RelationKind.RELATED and await relation_store.reaches(tx, target, kind, source):
        raise Refused(
            f"That would go round in a circle: {incident_name(target)} leads to {incident_name(source)} already.",
            guard="relation", who_may="nobody",
        )  # fmt: skip
    if await relation_store.add(tx, source, target, kind):
        await _tell(tx, ends[source], ends[target], kind, gone=False)
    return await relation_store.of_incident(tx, number)


async def unrelate(tx: Transaction, number: int, id: int) -> list[Related]:
    """Take a relation away, at both ends."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    found = await relation_store.relation(tx, number, id)
    first, second = [await store.load(tx, one) for one in sorted((number, found.number))]
    ends = {first.number: first, second.number: second}
    source, target = (number, found.number) if found.outward else (found.number, number)
    await relation_store.remove(tx, id)
    await _tell(tx, ends[source], ends[target], found.kind, gone=True)
    return await relation_store.of_incident(tx, number)


async def relations(tx: Transaction, number: int) -> list[Related]:
    """What hangs together with an incident, each with what it is from here."""
    return await relation_store.of_incident(tx, number)


def tie_of(related: Related) -> Tie:
    """What the other one is, seen from here."""
    wanted = (related.kind, related.outward or related.kind is RelationKind.RELATED)
    return next(tie for tie, end in ENDS.items() if end == wanted)


def _edge(number: int, to: int, tie: str) -> tuple[RelationKind, int, int]:
    if to == number:
        raise Invalid("to", "is the incident itself")
    said = change.choice("kind", tie, Tie)
    if said is None:
        raise Invalid("kind", f"must be one of {', '.join(Tie)}")
    kind, outward = ENDS[said]
    source, target = (number, to) if outward else (to, number)
    if kind is RelationKind.RELATED:
        source, target = sorted((source, target))
    return kind, source, target


async def _tell(tx: Transaction, source: Incident, target: Incident, kind: RelationKind, *, gone: bool) -> None:
    """One line at either end."""
    for here, other, outward in ((source, target, True), (target, source, kind is RelationKind.RELATED)):
        tie = next(tie for tie, end in ENDS.items() if end == (kind, outward))
        said = f"{tie.words} {other.name} {other.title}"
        text = f"No longer {said}" if gone else said[:1].upper() + said[1:]
        data = {"relation": tie.value, "to": other.number, "gone": gone}
        after, _ = await change.write(tx, here, Line(kind="state", text=text, data=data))
        await tx.announce(IncidentChanged(number=here.number, epoch=after.epoch))
