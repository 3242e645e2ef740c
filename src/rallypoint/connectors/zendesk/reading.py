"""What the rows of a ticket mean: its revision, fields, history, comments, files, and where it was merged to. Pure."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rallypoint.connectors.zendesk.shape import DESCRIPTION, Shape
from rallypoint.connectors.zendesk.values import at, comment_html, inward, tags
from rallypoint.sync.model import (
    TAGS,
    FieldChange,
    FieldKind,
    Markup,
    Person,
    Relation,
    RelationKind,
    RemoteAttachment,
    RemoteComment,
    Value,
    Visibility,
)

Row = dict[str, Any]
Named = Callable[[Any], Person]

OP, KIND = "op", "rallypoint"
"""What we send as metadata of an update, and find again in its audit."""

FILE, PANEL = "file", "panel"
MERGED_TAG = "closed_by_merge"
TOLD = (
    "subject", "type", "priority", "status", "custom_status_id", "assignee_id", "requester_id", "group_id",
    "organization_id", "problem_id", "due_at", "external_id", "ticket_form_id",
)  # fmt: skip
"""What makes one state of a ticket another one, beside tags and custom fields."""

REVISION = re.compile(r"(?P<stamp>[0-9T:Z.+-]{10,40})/(?P<audit>\d*)/(?P<print>[0-9a-f]{12})")
NUMBER = re.compile(r"#(\d{1,18})\b")


def print_of(row: Row) -> str:
    """Tells two states of a ticket apart that bear the same time: times have whole seconds there."""
    said = {name: row.get(name) for name in TOLD}
    said |= {"tags": sorted(row.get("tags") or ()), "custom": custom(row)}
    text = json.dumps(said, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def revision_of(row: Row, audit: Any) -> str:
    """The time of the ticket, which a safe update is conditional on; the last audit; what its fields held."""
    return f"{row.get('updated_at')}/{audit or ''}/{print_of(row)}"


def custom(row: Row) -> dict[str, Any]:
    """Values of custom fields by id."""
    rows = row.get("custom_fields")
    return (
        {str(one.get("id")): one.get("value") for one in rows if isinstance(one, dict)}
        if isinstance(rows, list)
        else {}
    )


def fields_of(shape: Shape, row: Row, description: str | None, named: Named) -> dict[str, Value]:
    """What the read told of each field. A custom field that is not in the row was not read."""
    told = custom(row)
    found: dict[str, Value] = {}
    for one in shape.schema.fields:
        if one.id == TAGS or (one.custom and one.id not in told):
            continue
        if one.id == DESCRIPTION:
            found |= {} if description is None else {one.id: description or None}
            continue
        raw = told[one.id] if one.custom else row.get(one.id)
        if one.kind is FieldKind.PERSON:
            found[one.id] = named(raw) if raw else None
        else:
            found[one.id] = inward(one, shape.types.get(one.id, ""), raw)
    return found


def history_of(shape: Shape, audits: Sequence[Row], named: Named) -> tuple[FieldChange, ...]:
    """Every step of the fields that we know, oldest first, with our operation where it was ours."""
    found: list[FieldChange] = []
    for audit in audits:
        moment, by = at(audit.get("created_at")), audit.get("author_id")
        for event in events_of(audit):
            if moment is None or event.get("type") not in ("Create", "Change"):
                continue
            name = str(event.get("field_name"))
            name = TAGS if name == "tags" else name
            field = shape.field(name)
            if field is None:
                continue
            old, new = (_value(shape, name, event.get(key), named) for key in ("previous_value", "value"))
            found.append(
                FieldChange(field=name, old=old, new=new, at=moment, by=named(by) if by else None, op=told(audit, OP))
            )
    return tuple(found)


def _value(shape: Shape, name: str, raw: Any, named: Named) -> Value:
    field = shape.field(name)
    assert field is not None
    if name == TAGS:
        return tags(raw, shape.owned)
    if field.kind is FieldKind.PERSON:
        return named(raw) if raw else None
    return inward(field, shape.types.get(name, ""), raw)


def events_of(audit: Row) -> list[Row]:
    events = audit.get("events")
    return [one for one in events if isinstance(one, dict)] if isinstance(events, list) else []


def told(row: Row, name: str) -> str:
    """One word of the metadata that was sent along with an update; empty where there is none."""
    metadata = row.get("metadata")
    kept = metadata.get("custom") if isinstance(metadata, dict) else None
    return str(kept.get(name) or "") if isinstance(kept, dict) else ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """What was said on a ticket, and its files. `description` is what began it, in HTML; None where it was not read."""

    description: str | None
    comments: tuple[RemoteComment, ...]
    files: tuple[RemoteAttachment, ...]


def conversation_of(rows: Sequence[Row], audits: Sequence[Row], named: Named) -> Conversation:
    """The comments up to the last of these audits: what came in between is told with a later revision."""
    by_id = {one.get("id"): one for one in audits}
    first, last = (audits[0].get("id"), audits[-1].get("id")) if audits else (None, None)
    edited = _edits(audits)
    description: str | None = None
    comments: list[RemoteComment] = []
    files: list[RemoteAttachment] = []
    for row in rows:
        audit = by_id.get(row.get("audit_id"), {})
        if not audit and _later(row.get("audit_id"), last):
            continue
        public = row.get("public")
        visibility = (
            Visibility.PUBLIC if public is True else Visibility.PRIVATE if public is False else Visibility.UNKNOWN
        )
        author = named(row["author_id"]) if row.get("author_id") else None
        moment, op, kind = at(row.get("created_at")), told(audit, OP), told(audit, KIND)
        for one in row.get("attachments") or ():
            files.append(
                RemoteAttachment(
                    id=str(one.get("id")),
                    name=str(one.get("file_name") or ""),
                    size=one.get("size") if isinstance(one.get("size"), int) else None,
                    content_type=str(one.get("content_type") or ""),
                    author=author,
                    created_at=moment,
                    visibility=visibility,
                    op=op if kind == FILE else "",
                )
            )
        if row.get("audit_id") == first:
            description = comment_html(row)
            continue
        if kind in (FILE, PANEL):
            continue
        comments.append(
            RemoteComment(
                id=str(row.get("id")),
                body=comment_html(row),
                author=author,
                markup=Markup.HTML,
                visibility=visibility,
                created_at=moment,
                edited_at=edited.get(str(row.get("id"))),
                op=op,
            )
        )
    return Conversation(description=description, comments=tuple(comments), files=tuple(files))


def _later(audit: Any, last: Any) -> bool:
    """Numbers of audits only rise."""
    return not isinstance(audit, int) or not isinstance(last, int) or audit > last


def _edits(audits: Sequence[Row]) -> dict[str, Any]:
    """When a comment was last redacted, by its id: words can only be taken out of it."""
    return {
        str(event.get("comment_id")): at(audit.get("created_at"))
        for audit in audits
        for event in events_of(audit)
        if event.get("type") == "CommentRedactionEvent"
    }


def relations_of(row: Row) -> tuple[Relation, ...]:
    found: list[Relation] = []
    if row.get("problem_id"):
        found.append(Relation(kind=RelationKind.PARENT, remote_id=str(row["problem_id"])))
    followups = row.get("followup_ids")
    for one in followups if isinstance(followups, list) else ():
        found.append(Relation(kind=RelationKind.RELATED, remote_id=str(one)))
    via = row.get("via")
    source = via.get("source") if isinstance(via, dict) else None
    if isinstance(source, dict) and source.get("rel") == "follow_up":
        begun = (source.get("from") or {}).get("ticket_id")
        if begun:
            found.append(Relation(kind=RelationKind.RELATED, remote_id=str(begun)))
    return tuple(found)


def merged(row: Row) -> bool:
    return row.get("status") == "closed" and MERGED_TAG in (row.get("tags") or ())


def perhaps_merged_into(id: str, comments: Sequence[Row]) -> list[str]:
    """Tickets that the last comment of a merged one names: one of them it was merged into."""
    said = str(comments[-1].get("body") or "") if comments else ""
    return [one for one in dict.fromkeys(NUMBER.findall(said)) if one != id]


def took_over(id: str, comments: Sequence[Row]) -> bool:
    """Whether these comments tell that this ticket was merged into theirs."""
    for one in comments:
        via = one.get("via")
        source = via.get("source") if isinstance(via, dict) else None
        begun = source.get("from") if isinstance(source, dict) else None
        ids = begun.get("ticket_ids") if isinstance(begun, Mapping) else None
        merge = isinstance(source, dict) and source.get("rel") == "merge"
        if merge and isinstance(ids, list) and id in {str(each) for each in ids}:
            return True
        if id in NUMBER.findall(str(one.get("body") or "")) and "merge" in str(one.get("body")).lower():
            return True
    return False
