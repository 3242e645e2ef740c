"""Values of fields between the account's notation and ours."""

import re
from datetime import UTC, date, datetime
from typing import Any

from rallypoint.connectors.tracking import as_number, unfit
from rallypoint.sync.model import TAGS, FieldKind, Person, RemoteField, Value
from rallypoint.sync.ports import ValidationFailed

TAG = re.compile(r"[^\s,]{1,250}")
WRAPPED = re.compile(r'^<div class="zd-comment"[^>]*>(?P<inner>.*)</div>$', re.DOTALL)


def inward(field: RemoteField, type: str, value: Any) -> Value:
    """The same content always gives the same value; None for what is not there. `type` is the vendor's word."""
    if field.kind is FieldKind.BOOLEAN:
        return value is True or str(value).lower() in ("true", "1", "yes")
    if field.multiple:
        rows = value if isinstance(value, list) else str(value or "").split()
        return tuple(sorted(str(one) for one in rows))
    if value is None or value == "":
        return None
    if field.kind is FieldKind.NUMBER:
        found = as_number(str(value))
        return float(found) if found is not None and type == "decimal" else found
    if field.kind is FieldKind.TIME:
        moment = at(value)
        return moment.isoformat() if moment else None
    return str(value)


def outward(field: RemoteField, type: str, value: Value) -> Any:
    """What is sent; None clears."""
    if field.kind is FieldKind.BOOLEAN:
        if value in (None, "") or str(value).lower() in ("true", "false"):
            return str(value).lower() == "true"
        raise unfit(field, f"must be true or false, not {str(value)[:40]!r}")
    if field.multiple:
        return list(value) if isinstance(value, tuple) else [str(value)] if value else []
    if value is None or value == "":
        return None
    if isinstance(value, Person):
        raise unfit(field, "is no field for a person")
    if field.kind is FieldKind.NUMBER:
        found = value if isinstance(value, int | float) else as_number(str(value))
        if found is None or (type == "integer" and not float(found).is_integer()):
            raise unfit(field, f"must be a number, not {str(value)[:40]!r}")
        return int(found) if type == "integer" else found
    if field.kind is FieldKind.TIME:
        moment = at(value)
        if moment is None:
            raise unfit(field, f"must be a time, not {str(value)[:40]!r}")
        return moment.date().isoformat() if type == "date" else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return list(value) if isinstance(value, tuple) else str(value)


def at(value: Any) -> datetime | None:
    """A time or a day as they write it; None for anything else."""
    try:
        text = str(value)
        if len(text) == 10:
            return datetime.combine(date.fromisoformat(text), datetime.min.time(), UTC)
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def tags(value: Any, owned: frozenset[str]) -> tuple[str, ...]:
    """Tags as a set, without those that stand for the choice of a field."""
    rows = value if isinstance(value, list) else str(value or "").split()
    return tuple(sorted({str(one) for one in rows} - owned))


def sent_tags(value: Value, kept: set[str], owned: frozenset[str]) -> list[str]:
    """All tags that the ticket shall have: `kept` are those of its fields, which would be cleared without them.

    Raises ValidationFailed for what is no tag there, or would choose something in a field.
    """
    given = value if isinstance(value, tuple) else str(value or "").split()
    wanted = [name for one in given if (name := "_".join(one.lower().split()))]
    for one in wanted:
        if not TAG.fullmatch(one):
            said = f"{one[:40]!r} cannot be a tag there: a tag has no comma."
            raise ValidationFailed(said, fields={TAGS: "cannot be a tag"})
        if one in owned:
            said = f"The tag {one!r} is the choice of a field there."
            raise ValidationFailed(said, fields={TAGS: "is the choice of a field"}, help="Map the field instead.")
    return sorted({*wanted, *kept})


def comment_html(row: Any) -> str:
    """The HTML of a comment without the wrapping that all have."""
    text = str(row.get("html_body") or "").strip()
    found = WRAPPED.match(text)
    inner = found["inner"].strip() if found is not None else text
    return inner if inner.count("<div") == inner.count("</div") else text


def person(row: Any) -> Person:
    return Person(
        remote_id=str(row.get("id") or ""), name=str(row.get("name") or ""), email=str(row.get("email") or "")
    )
