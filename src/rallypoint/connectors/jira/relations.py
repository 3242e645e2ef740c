"""How an issue is tied to others: parent, sub-tasks, links of a type. Links can be made and taken away."""

from collections.abc import Mapping
from typing import Any

from rallypoint.connectors.jira.api import Api
from rallypoint.sync.model import Relation, RelationKind
from rallypoint.sync.ports import MappingBroken, Stale

_NAMES = {
    RelationKind.BLOCKS: "blocks",
    RelationKind.DUPLICATE_OF: "duplicate",
    RelationKind.RELATED: "relates",
}
WRITABLE = frozenset(_NAMES)
"""A parent is part of what an issue is there: which types may have which, only the project knows."""

_KINDS: dict[tuple[str, str], RelationKind | None] = {
    ("blocks", "outwardIssue"): RelationKind.BLOCKS,
    ("blocks", "inwardIssue"): RelationKind.BLOCKED_BY,
    ("duplicate", "outwardIssue"): RelationKind.DUPLICATE_OF,
    ("duplicate", "inwardIssue"): None,
}
"""By the type and the end that is named. None is told by the other end; any other type is related."""


def read(raw: Mapping[str, Any]) -> tuple[Relation, ...]:
    """In the order the issue tells them."""
    found: list[Relation] = []
    parent = raw.get("parent")
    if isinstance(parent, Mapping) and parent.get("id"):
        found.append(_to(parent, RelationKind.PARENT))
    for one in raw.get("subtasks") or ():
        if isinstance(one, Mapping) and one.get("id"):
            found.append(_to(one, RelationKind.CHILD))
    for one in raw.get("issuelinks") or ():
        tie = _tie(one)
        if tie is not None:
            found.append(tie)
    return tuple(found)


def _tie(row: Any) -> Relation | None:
    if not isinstance(row, Mapping):
        return None
    name = str((row.get("type") or {}).get("name", "")).casefold()
    for end in ("outwardIssue", "inwardIssue"):
        other = row.get(end)
        if isinstance(other, Mapping) and other.get("id"):
            kind = _KINDS.get((name, end), RelationKind.RELATED)
            return _to(other, kind) if kind is not None else None
    return None


def _to(issue: Mapping[str, Any], kind: RelationKind) -> Relation:
    summary = (issue.get("fields") or {}).get("summary")
    title = " ".join(str(part) for part in (issue.get("key"), summary) if part)
    return Relation(kind=kind, remote_id=str(issue["id"]), title=title)


async def relate(api: Api, issue: str, relation: Relation) -> None:
    """Nothing is written where the issue has it already."""
    if await _links(api, issue, relation):
        return
    body = {
        "type": {"id": await _type(api, relation.kind)},
        "inwardIssue": {"id": issue},
        "outwardIssue": {"id": relation.remote_id},
    }
    await api.call("POST", "issueLink", body=body, item=issue)


async def unrelate(api: Api, issue: str, relation: Relation) -> None:
    for id in await _links(api, issue, relation):
        try:
            await api.call("DELETE", f"issueLink/{id}", item=issue)
        except Stale:
            continue  # somebody was quicker


async def _links(api: Api, issue: str, relation: Relation) -> list[str]:
    """Ids of the links that say so."""
    row = (await api.call("GET", f"issue/{issue}", query={"fields": "issuelinks"}, item=issue)).data
    found: list[str] = []
    for one in (row.get("fields") or {}).get("issuelinks") or ():
        tie = _tie(one)
        if tie is not None and (tie.kind, tie.remote_id) == (relation.kind, relation.remote_id):
            found.append(str(one["id"]))
    return found


async def _type(api: Api, kind: RelationKind) -> str:
    told = await api.get("issueLinkType")
    for one in told.get("issueLinkTypes") or () if isinstance(told, dict) else ():
        if str(one.get("name", "")).casefold() == _NAMES.get(kind):
            return str(one["id"])
    help = f"Let it have a type called {_NAMES.get(kind, '')!r}."
    raise MappingBroken(f"This Jira has no type of link for {kind.value!r}.", help=help)
