"""Who changed which field when, from the log of an incident."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from rallypoint.connectors.pagerduty.api import Row, at
from rallypoint.connectors.pagerduty.shape import ASSIGNEE, CUSTOM, STATUS, URGENCY, Shape, custom_value, known
from rallypoint.sync.model import FieldChange, Person, Value

STATUS_OF = {
    "trigger_log_entry": "triggered",
    "acknowledge_log_entry": "acknowledged",
    "unacknowledge_log_entry": "triggered",
    "resolve_log_entry": "resolved",
}
OTHER_URGENCY = {"high": "low", "low": "high"}


def history_of(entries: Iterable[Row], incident: Mapping[str, Any], shape: Shape) -> tuple[FieldChange, ...]:
    """Oldest first; `entries` come so as well. Status and assignee go forward from the first entry, urgency, which has
    two values only, backward from what it is now."""
    found: list[FieldChange] = []
    status, assignee = "", None
    turns = [one for one in entries if one.get("type") == "urgency_change_log_entry"]
    urgency = str(incident.get("urgency") or "")
    for _ in turns:
        urgency = OTHER_URGENCY.get(urgency, "")
    for one in entries:
        moment, by = at(one.get("created_at")), known(shape.schema, one.get("agent"))
        if moment is None:
            continue
        kind = str(one.get("type"))
        if kind in STATUS_OF:
            if status:
                found.append(_step(STATUS, status, STATUS_OF[kind], moment, by))
            status = STATUS_OF[kind]
        elif kind == "assign_log_entry":
            now = next((known(shape.schema, each) for each in one.get("assignees") or ()), None)
            if assignee is not None:
                found.append(_step(ASSIGNEE, assignee, now, moment, by))
            assignee = now
        elif kind == "urgency_change_log_entry" and urgency:
            found.append(_step(URGENCY, urgency, OTHER_URGENCY[urgency], moment, by))
            urgency = OTHER_URGENCY[urgency]
        found += _changes(one, shape, moment, by)
    return tuple(one for one in found if one.old != one.new)


def details_of(entries: Iterable[Row]) -> str | None:
    """What was said when the incident was made, which only its first entry tells; None where that is not among them.
    A monitor says it as names and values, a mail as its text."""
    first = next((one for one in entries if one.get("type") == "trigger_log_entry"), None)
    channel = first.get("channel") if first is not None else None
    told = (channel.get("details") or channel.get("body")) if isinstance(channel, dict) else None
    if isinstance(told, dict):
        return "\n".join(f"{name}: {told[name]}" for name in sorted(told))
    return str(told) if isinstance(told, str) else None


def _changes(entry: Row, shape: Shape, moment: datetime, by: Person | None) -> list[FieldChange]:
    """Fields whose entry says what they were and are."""
    channel = entry.get("channel")
    told = channel.get("changeset") if isinstance(channel, dict) else None
    if not isinstance(told, dict):
        return []
    found: list[FieldChange] = []
    for member, prefix in (("application_fields", ""), ("customer_fields", CUSTOM)):
        for one in told.get(member) or ():
            field = shape.schema.field(prefix + str(one.get("name")))
            if field is not None:
                old, new = custom_value(field, one.get("old_value")), custom_value(field, one.get("value"))
                found.append(_step(field.id, old, new, moment, by))
    return found


def _step(field: str, old: Value, new: Value, moment: datetime, by: Person | None) -> FieldChange:
    return FieldChange(field=field, old=old, new=new, at=moment, by=by)
