"""The history of an issue in our notation: per field what it was and became, when, by whom, and by which operation."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rallypoint import richtext
from rallypoint.connectors.jira.shape import Shape
from rallypoint.connectors.jira.values import at, document, person
from rallypoint.connectors.tracking import as_number
from rallypoint.sync.model import TAGS, FieldChange, FieldKind, Markup, Person, RemoteField, Value

NAMES = {"Component": "components", "Version": "versions", "Fix Version": "fixVersions", "Labels": "labels"}
ONE_BY_ONE = frozenset({"components", "versions", "fixVersions"})
"""Sets whose history tells each member that came or went, and not the whole."""


def changes(
    shape: Shape, rows: Sequence[Mapping[str, Any]], now: Mapping[str, Value], people: Mapping[str, Person]
) -> tuple[FieldChange, ...]:
    """Oldest first. `now` are the values after the last of them, `people` those the history names by an inner key."""
    by_name = {one.name: one.id for one in shape.schema.fields}
    found: list[FieldChange] = []
    sets = {name: _as_set(now.get(name)) for name in ONE_BY_ONE}
    for row in sorted(rows, key=lambda one: (str(one.get("created")), int(one.get("id") or 0)), reverse=True):
        moment = at(row.get("created"))
        if moment is None:
            continue
        by, op = person(row.get("author")), _op(row.get("historyMetadata"))
        for item in reversed([one for one in row.get("items") or () if isinstance(one, Mapping)]):
            id = str(item.get("fieldId") or NAMES.get(str(item.get("field"))) or _named(item, by_name))
            field = shape.field(TAGS if id == "labels" else id)
            if field is None:
                continue
            if id in ONE_BY_ONE:
                after = sets[id]
                sets[id] = before = (after - {str(item.get("toString"))}) | _as_set(item.get("fromString"))
                old, new = _as_value(before), _as_value(after)
            else:
                old, new = (_side(field, item, side, people) for side in ("from", "to"))
            found.append(FieldChange(field=field.id, old=old, new=new, at=moment, by=by, op=op))
    return tuple(reversed(found))


def _named(item: Mapping[str, Any], by_name: Mapping[str, str]) -> str:
    """Data Center tells a field by its own name, or by the name it is shown under if it is a custom one."""
    name = str(item.get("field", ""))
    return by_name.get(name, name) if item.get("fieldtype") == "custom" else name


def _op(metadata: Any) -> str:
    generator = metadata.get("generator") if isinstance(metadata, Mapping) else None
    if not isinstance(generator, Mapping) or generator.get("type") != "rallypoint":
        return ""
    return str(generator.get("id") or "")


def _side(field: RemoteField, item: Mapping[str, Any], side: str, people: Mapping[str, Person]) -> Value:
    id, words = item.get(side), item.get(f"{side}String")
    match field.kind:
        case FieldKind.PERSON:
            if not id:
                return None
            known = people.get(str(id))
            return known or Person(remote_id=str(id), name=str(words or ""))
        case FieldKind.CHOICE | FieldKind.STATUS:
            return str(id) if id else None
        case FieldKind.TAGS:
            sign = " " if field.id == TAGS else ","
            return tuple(sorted(one for one in str(words or "").split(sign) if one))
        case FieldKind.RICH_TEXT:
            return _rich(field, str(words)) if words else None
        case FieldKind.NUMBER:
            return as_number(str(words)) if words else None
        case FieldKind.TIME:
            moment = at(id) if id else None
            return moment.isoformat() if moment else None
    return str(id if field.kind is FieldKind.OTHER and id else words) if words else None


def _rich(field: RemoteField, wiki: str) -> str | None:
    """The history has wiki text in both editions."""
    if field.markup is not Markup.ADF:
        return wiki
    made = richtext.write(richtext.Markup.ADF, richtext.read(richtext.Markup.WIKI, wiki))
    return document(json.loads(made) if isinstance(made, str) else made)


def _as_set(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value} if value else set()
    return {str(one) for one in value or ()}


def _as_value(members: set[str]) -> Value:
    return tuple(sorted(members))
