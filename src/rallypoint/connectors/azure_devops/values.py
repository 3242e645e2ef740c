"""Values of fields between the organisation's notation and ours."""

import re
from datetime import UTC, datetime
from typing import Any

from markdown_it import MarkdownIt

from rallypoint.connectors.tracking import as_number, unfit
from rallypoint.sync.model import FieldKind, Person, RemoteField, Value

NAMED = re.compile(r"^(?P<name>.*?)\s*<(?P<unique>[^<>]+)>$")
_MARKDOWN = MarkdownIt("commonmark").enable("table")


def inward(field: RemoteField, value: Any, *, markdown: bool = False) -> Value:
    """The same content always gives the same value; None for what is not there."""
    if value is None or value == "":
        return None
    match field.kind:
        case FieldKind.PERSON:
            return person(value)
        case FieldKind.BOOLEAN:
            return value if isinstance(value, bool) else str(value).lower() in ("true", "1")
        case FieldKind.NUMBER:
            return value if isinstance(value, int | float) else as_number(str(value))
        case FieldKind.TIME:
            moment = at(value)
            return moment.isoformat() if moment else None
        case FieldKind.RICH_TEXT:
            return as_html(str(value)) if markdown else str(value)
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def outward(field: RemoteField, value: Value, *, number: bool = False) -> Any:
    """What is sent; None clears. `number` is a choice whose values are numbers there."""
    if value is None or value == "":
        return None
    match value:
        case Person():
            return _named(field, value)
        case tuple():
            return "; ".join(value)
        case bool():
            return value
    if field.kind is FieldKind.NUMBER or number:
        found = value if isinstance(value, int | float) else as_number(str(value))
        if found is None:
            raise unfit(field, f"must be a number, not {str(value)[:40]!r}")
        return found
    if field.kind is FieldKind.BOOLEAN:
        if str(value).lower() not in ("true", "false"):
            raise unfit(field, f"must be true or false, not {str(value)[:40]!r}")
        return str(value).lower() == "true"
    if field.kind is FieldKind.TIME:
        moment = at(value)
        if moment is None:
            raise unfit(field, f"must be a time, not {str(value)[:40]!r}")
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value)


def person(value: Any) -> Person | None:
    """Who is meant, in either notation: as an object or as "Name <mail>". The sign-in name is the id we write by."""
    if isinstance(value, dict):
        unique, name = str(value.get("uniqueName") or ""), str(value.get("displayName") or "")
        unique = unique or str(value.get("id") or "")
    else:
        found = NAMED.match(str(value))
        unique, name = (found["unique"], found["name"]) if found else (str(value), str(value))
    if not (unique or name):
        return None
    return Person(remote_id=unique, name=name, email=unique if "@" in unique else "")


def at(value: Any) -> datetime | None:
    """A time as they write it, with any number of digits after the second; None for anything else."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def tags(text: Any) -> tuple[str, ...]:
    """Tags as a set: they keep no order there."""
    found = {one.strip().casefold(): one.strip() for one in str(text or "").split(";") if one.strip()}
    return tuple(found[key] for key in sorted(found))


def as_html(markdown: str) -> str:
    """A text that was switched to Markdown there, which cannot be switched back."""
    return str(_MARKDOWN.render(markdown)).strip()


def _named(field: RemoteField, value: Person) -> str:
    if value.remote_id or value.email:
        return value.remote_id or value.email
    if value.name:
        raise unfit(field, "has nobody who is known there under this name")
    return ""
