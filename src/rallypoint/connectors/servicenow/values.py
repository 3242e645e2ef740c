"""Values of fields between the instance's notation, where everything is text, and ours."""

from collections.abc import Callable
from datetime import UTC, datetime

from rallypoint.connectors.servicenow.api import GRAIN, at
from rallypoint.connectors.tracking import as_number, unfit
from rallypoint.sync.model import FieldKind, Person, RemoteField, Value


def inward(kind: FieldKind | None, text: str, person: Callable[[str], Person]) -> Value:
    """The same text always gives the same value."""
    match kind:
        case FieldKind.BOOLEAN:
            return text == "true"
        case FieldKind.NUMBER:
            return as_number(text)
        case FieldKind.TIME:
            found = at(text)
            return found.isoformat() if found else None
        case FieldKind.PERSON:
            return person(text) if text else None
        case _:
            return text


def outward(field: RemoteField, value: Value) -> str:
    """What the instance is sent. Raises ValidationFailed for what its kind of field cannot hold."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case Person():
            if value.remote_id or not (value.email or value.name):
                return value.remote_id
            raise unfit(field, "has nobody who is known there under this name or mail")
        case tuple():
            return ",".join(value)
        case float() if value.is_integer():
            return str(int(value))
        case int() | float():
            return str(value)
    if field.kind is FieldKind.TIME and value:
        return _stamp(field, value)
    return value


def _stamp(field: RemoteField, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise unfit(field, f"must be a time, not {text[:40]!r}") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime(GRAIN)
