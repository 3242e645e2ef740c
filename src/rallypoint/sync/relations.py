"""Relations of both sides and their last agreement: what either added is added, what either took away goes.

An edge counts only while both its ends are linked in this connection; until then it waits, and nothing is concluded
from its absence. Both ends of an edge may speak of it: whoever comes first acts, and the other finds it done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rallypoint.sync.mapping import LinkRule
from rallypoint.sync.model import Capabilities, HubRelation, Relation, RelationKind, RemoteItem

RELATIONS = "relations"
TIE = "tie:"
FAMILY = frozenset({RelationKind.PARENT, RelationKind.CHILD})


class TieAct(StrEnum):
    """TAKE and DROP are done here, WRITE and ERASE there; FORGET that both sides gave an edge up."""

    TAKE = "take"
    DROP = "drop"
    WRITE = "write"
    ERASE = "erase"
    AGREE = "agree"
    FORGET = "forget"


@dataclass(frozen=True, slots=True, kw_only=True)
class TieDecision:
    """What to do with one edge of this item. `incident` is the one that its other end is linked with."""

    act: TieAct
    kind: RelationKind
    remote_id: str
    incident: int

    @property
    def key(self) -> str:
        """What a refusal is remembered by, for as long as nobody has it tried again."""
        return f"{TIE}{self.act.value}:{self.kind.value}:{self.remote_id}"

    @property
    def relation(self) -> Relation:
        return Relation(kind=self.kind, remote_id=self.remote_id)


def plan_relations(
    hub: Sequence[HubRelation],
    item: RemoteItem,
    linked: Mapping[str, int],
    agreed: Sequence[Relation],
    rule: LinkRule,
    able: Capabilities,
    refused: Mapping[str, str],
) -> tuple[TieDecision, ...]:
    """One decision for each edge that is not the same on both sides, or not agreed yet.

    `hub` are edges here whose other end is linked, `linked` the incidents by the items they are linked with.
    """
    if not able.relations or RELATIONS in item.unreadable or not (rule.parents or rule.related):
        return ()
    ours = {(one.kind, one.remote_id): one.incident for one in hub if _wanted(one.kind, rule)}
    theirs = {
        (one.kind, one.remote_id): linked[one.remote_id]
        for one in item.relations
        if one.remote_id in linked and _wanted(one.kind, rule)
    }
    known = {(one.kind, one.remote_id) for one in agreed if one.remote_id in linked and _wanted(one.kind, rule)}
    found = []
    for edge in sorted({*ours, *theirs, *known}, key=lambda edge: (edge[0].value, edge[1])):
        act = _act(edge in ours, edge in theirs, edge in known, edge[0] in able.relation_writes)
        if act is not None:
            kind, remote_id = edge
            found.append(TieDecision(act=act, kind=kind, remote_id=remote_id, incident=linked[remote_id]))
    return tuple(one for one in found if one.key not in refused)


def _act(here: bool, there: bool, known: bool, writable: bool) -> TieAct | None:
    match here, there, known:
        case True, True, False:
            return TieAct.AGREE
        case True, False, False:
            return TieAct.WRITE if writable else None
        case False, True, False:
            return TieAct.TAKE
        case True, False, True:
            return TieAct.DROP
        case False, True, True:
            return TieAct.ERASE if writable else None
        case False, False, True:
            return TieAct.FORGET
    return None


def _wanted(kind: RelationKind, rule: LinkRule) -> bool:
    if kind in FAMILY:
        return rule.parents
    return rule.related and kind is not RelationKind.WEB


def key_of(relation: Relation) -> str:
    return f"{relation.kind.value}:{relation.remote_id}"
