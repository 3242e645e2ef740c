"""How an issue is tied to others: parent, sub-tasks, links of a type."""

from collections.abc import Mapping
from typing import Any

from rallypoint.sync.model import Relation, RelationKind

_TYPES = {
    ("blocks", "outwardIssue"): RelationKind.BLOCKS,
    ("blocks", "inwardIssue"): RelationKind.BLOCKED_BY,
    ("duplicate", "outwardIssue"): RelationKind.DUPLICATE_OF,
}


def relations(raw: Mapping[str, Any]) -> tuple[Relation, ...]:
    """In the order the issue tells them."""
    found: list[Relation] = []
    parent = raw.get("parent")
    if isinstance(parent, Mapping) and parent.get("id"):
        found.append(_to(parent, RelationKind.PARENT))
    for one in raw.get("subtasks") or ():
        if isinstance(one, Mapping) and one.get("id"):
            found.append(_to(one, RelationKind.CHILD))
    for one in raw.get("issuelinks") or ():
        if not isinstance(one, Mapping):
            continue
        name = str((one.get("type") or {}).get("name", "")).casefold()
        for end in ("outwardIssue", "inwardIssue"):
            other = one.get(end)
            if isinstance(other, Mapping) and other.get("id"):
                found.append(_to(other, _TYPES.get((name, end), RelationKind.RELATED)))
    return tuple(found)


def _to(issue: Mapping[str, Any], kind: RelationKind) -> Relation:
    summary = (issue.get("fields") or {}).get("summary")
    title = " ".join(str(part) for part in (issue.get("key"), summary) if part)
    return Relation(kind=kind, remote_id=str(issue["id"]), title=title)
