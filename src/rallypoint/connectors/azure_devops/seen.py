"""What a row of the interface says, in the words of the port. Pure."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from rallypoint.connectors.azure_devops.links import is_ours, remark
from rallypoint.connectors.azure_devops.shape import TAGS_FIELD, Shape
from rallypoint.connectors.azure_devops.values import as_html, at, inward, person, tags
from rallypoint.sync.model import (
    TAGS,
    FieldChange,
    Markup,
    Relation,
    RelationKind,
    RemoteAttachment,
    RemoteComment,
    Visibility,
)
from rallypoint.sync.ports import Hint, ValidationFailed

ID = re.compile(r"[1-9]\d{0,9}")
FAR = datetime(9000, 1, 1, tzinfo=UTC)
OP = "Rallypoint file "
ENDS = (RelationKind.CHILD, RelationKind.BLOCKED_BY)
"""Other names of what is written from the other item."""

RELATIONS = {
    "System.LinkTypes.Hierarchy-Forward": RelationKind.CHILD,
    "System.LinkTypes.Hierarchy-Reverse": RelationKind.PARENT,
    "System.LinkTypes.Dependency-Forward": RelationKind.BLOCKS,
    "System.LinkTypes.Dependency-Reverse": RelationKind.BLOCKED_BY,
    "System.LinkTypes.Duplicate-Reverse": RelationKind.DUPLICATE_OF,
    "System.LinkTypes.Related": RelationKind.RELATED,
}
WRITTEN_RELATIONS = {kind: rel for rel, kind in RELATIONS.items() if kind not in ENDS}


def steps(shape: Shape, update: Mapping[str, Any], markdown: frozenset[str]) -> list[FieldChange]:
    """What one update changed of the fields we know."""
    changed = update.get("fields") or {}
    moment = at((changed.get("System.ChangedDate") or {}).get("newValue"))
    if moment is None:
        # The newest update is not revised yet, which they write as the year 9999.
        moment = at(update.get("revisedDate"))
        if moment is None or moment >= FAR:
            return []
    by = person(update.get("revisedBy") or "")
    found: list[FieldChange] = []
    for ref, both in changed.items():
        old, new = both.get("oldValue"), both.get("newValue")
        if ref == TAGS_FIELD:
            found.append(FieldChange(field=TAGS, old=tags(old), new=tags(new), at=moment, by=by))
            continue
        field = shape.field(ref)
        if field is not None:
            before, after = (inward(field, one, markdown=ref in markdown) for one in (old, new))
            found.append(FieldChange(field=ref, old=before, new=after, at=moment, by=by))
    return found


def hint(row: Mapping[str, Any]) -> Hint | None:
    raw, number = fields(row), str(row.get("id", ""))
    if not ID.fullmatch(number):
        return None
    return Hint(
        remote_id=number,
        revision=str(row.get("rev", "")),
        at=at(raw.get("System.ChangedDate")),
        deleted=bool(raw.get("System.IsDeleted")),
        project=str(raw.get("System.TeamProject", "")),
        type=str(raw.get("System.WorkItemType", "")),
    )


def comment(row: Mapping[str, Any]) -> RemoteComment:
    text = str(row.get("text") or "")
    edited = int(row.get("version") or 1) > 1
    return RemoteComment(
        id=str(row.get("id", row.get("commentId", ""))),
        body=as_html(text) if str(row.get("format", "")).lower() == "markdown" else text,
        author=person(row.get("createdBy") or ""),
        markup=Markup.HTML,
        visibility=Visibility.PUBLIC,
        created_at=at(row.get("createdDate")),
        edited_at=at(row.get("modifiedDate")) if edited else None,
        deleted=bool(row.get("isDeleted")),
    )


def attachment(row: Mapping[str, Any]) -> RemoteAttachment:
    told = row.get("attributes") or {}
    remark, size = str(told.get("comment") or ""), told.get("resourceSize")
    return RemoteAttachment(
        id=str(row.get("url", "")).partition("?")[0].rstrip("/").rpartition("/")[2],
        name=str(told.get("name") or ""),
        size=size if isinstance(size, int) else None,
        created_at=at(told.get("resourceCreatedDate")),
        visibility=Visibility.UNKNOWN,
        op=remark.removeprefix(OP) if remark.startswith(OP) else "",
    )


def relation(row: Mapping[str, Any]) -> Relation | None:
    rel, url = str(row.get("rel", "")), str(row.get("url", ""))
    if rel == "Hyperlink":
        return None if is_ours(row) else Relation(kind=RelationKind.WEB, url=url, title=remark(row))
    kind, number = RELATIONS.get(rel), url.rstrip("/").rpartition("/")[2]
    return Relation(kind=kind, remote_id=number) if kind is not None and ID.fullmatch(number) else None


def fields(row: Mapping[str, Any]) -> Mapping[str, Any]:
    found = row.get("fields")
    return found if isinstance(found, dict) else {}


def markdown(row: Mapping[str, Any]) -> frozenset[str]:
    """Long fields that somebody switched to Markdown on this item."""
    told = row.get("multilineFieldsFormat")
    return frozenset(
        name for name, said in (told.items() if isinstance(told, dict) else ()) if str(said).lower() == "markdown"
    )


def stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def quoted(text: str) -> str:
    """A text in the vendor's query language."""
    return "'" + text.replace("'", "''") + "'"


def demand_id(text: str) -> None:
    """Ids become part of addresses, so they are nothing else than ids."""
    if not ID.fullmatch(text):
        raise ValidationFailed(f"{text[:40]!r} is no id of Azure DevOps.")
