"""Links of a ticket: what they are here, how they are written, and those two that lead back to us."""

from collections.abc import Iterable
from urllib.parse import quote

from rallypoint.connectors.request_tracker.api import Row
from rallypoint.connectors.request_tracker.shape import TICKET
from rallypoint.sync.model import Relation, RelationKind

URN = "urn:rallypoint:"
"""Before the name by which a ticket of ours is found again."""

KINDS = {
    "parent": RelationKind.PARENT,
    "child": RelationKind.CHILD,
    "depends-on": RelationKind.BLOCKED_BY,
    "depended-on-by": RelationKind.BLOCKS,
    "refers-to": RelationKind.RELATED,
    "referred-to-by": RelationKind.RELATED,
}
WRITTEN = {
    RelationKind.PARENT: ("MemberOf",),
    RelationKind.BLOCKED_BY: ("DependsOn",),
    RelationKind.RELATED: ("RefersTo", "ReferredToBy"),
}
"""The names of a kind in a change, from the end that has it. The first is added; all are taken away, for two that
refer to each other may have said it at either end."""


def name_of(natural_key: str) -> str:
    """What a ticket of ours refers to, letters and signs of addresses only."""
    return URN + quote(natural_key, safe="")


def of_ticket(row: Row) -> tuple[Relation, ...]:
    """How it hangs together with other tickets and pages; two that refer to each other are related once."""
    found: set[Relation] = set()
    for one in row.get("_hyperlinks") or ():
        kind, url = KINDS.get(str(one.get("ref"))), str(one.get("_url") or "")
        if kind is None or url.startswith(URN):
            continue
        if one.get("type") == TICKET:
            found.add(Relation(kind=kind, remote_id=str(one.get("id"))))
        else:
            found.add(Relation(kind=RelationKind.WEB, url=url))
    return tuple(sorted(found, key=lambda one: (one.kind, one.remote_id, one.url)))


def holds(row: Row, relation: Relation) -> bool:
    return any((one.kind, one.remote_id) == (relation.kind, relation.remote_id) for one in of_ticket(row))


def change(verbs: Iterable[str], remote_id: str) -> Row:
    """The body of a change of links."""
    return dict.fromkeys(verbs, int(remote_id))
