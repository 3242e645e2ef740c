"""What an incident there looks like: fields, choices, people; and values between their notation and ours."""

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.connectors.pagerduty.api import Api, Row, at
from rallypoint.connectors.tracking import as_number, unfit
from rallypoint.sync.model import Choice, FieldKind, Person, RemoteField, Schema, Value
from rallypoint.sync.ports import MappingBroken, PermissionDenied, Stale, ValidationFailed

TYPE = "incident"
TITLE, DETAILS, STATUS, URGENCY, PRIORITY = "title", "details", "status", "urgency", "priority"
ASSIGNEE, POLICY, SERVICE, CREATED, RESOLVED = "assignee", "escalation_policy", "service", "created_at", "resolved_at"
CUSTOM = "custom."
TITLE_LONGEST, DETAILS_LONGEST, VALUE_LONGEST = 1024, 60_000, 200
PAGES_MOST = 10
STATUSES = ("triggered", "acknowledged", "resolved")
REFERENCES = {PRIORITY: "priority_reference", POLICY: "escalation_policy_reference", SERVICE: "service_reference"}
_KINDS = {
    "string": FieldKind.TEXT,
    "url": FieldKind.TEXT,
    "integer": FieldKind.NUMBER,
    "float": FieldKind.NUMBER,
    "boolean": FieldKind.BOOLEAN,
    "datetime": FieldKind.TIME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Incidents as they were when asked. `services` are all of the account, by id; `whole` custom fields that hold no
    fractions."""

    schema: Schema
    services: Mapping[str, str]
    whole: frozenset[str]
    at: datetime


async def discover(api: Api, service: str, services: Mapping[str, str], now: datetime) -> Shape:
    """What an account cannot do by its plan is left out: priorities, custom fields."""
    priorities, custom, people, policies = await asyncio.gather(
        _where_there(api.all("priorities", "/priorities", most=PAGES_MOST)),
        _where_there(_custom(api)),
        _where_there(api.all("users", "/users", most=PAGES_MOST)),
        _where_there(api.all("escalation_policies", "/escalation_policies", most=PAGES_MOST)),
    )
    fields = [
        RemoteField(id=TITLE, name="Title", kind=FieldKind.TEXT, required=True, max_length=TITLE_LONGEST),
        RemoteField(id=DETAILS, name="Description", kind=FieldKind.RICH_TEXT, max_length=DETAILS_LONGEST),
        RemoteField(id=STATUS, name="Status", kind=FieldKind.STATUS, choices=_named({one: one for one in STATUSES})),
        RemoteField(id=URGENCY, name="Urgency", kind=FieldKind.CHOICE, choices=_named({"high": "High", "low": "Low"})),
        RemoteField(id=ASSIGNEE, name="Assignee", kind=FieldKind.PERSON),
        RemoteField(id=POLICY, name="Escalation policy", kind=FieldKind.CHOICE, choices=_choices(policies)),
        RemoteField(id=SERVICE, name="Service", kind=FieldKind.CHOICE, choices=_named(services)),
        RemoteField(id=CREATED, name="Created", kind=FieldKind.TIME, writable=False),
        RemoteField(id=RESOLVED, name="Resolved", kind=FieldKind.TIME, writable=False),
    ]
    if priorities:
        fields.append(RemoteField(id=PRIORITY, name="Priority", kind=FieldKind.CHOICE, choices=_choices(priorities)))
    fields += [made for one in custom if (made := _custom_field(one)) is not None]
    known = [found for one in people if (found := person(one)) is not None]
    schema = Schema(project=service, type=TYPE, fields=tuple(fields), people=tuple(known))
    whole = frozenset(CUSTOM + str(one.get("name")) for one in custom if one.get("data_type") == "integer")
    return Shape(schema=schema, services=services, whole=whole, at=now)


async def _where_there(asked: Awaitable[list[Row]]) -> list[Row]:
    try:
        return await asked
    except (PermissionDenied, Stale):
        return []


async def _custom(api: Api) -> list[Row]:
    told = (await api.get("/incidents/custom_fields", [("include[]", "field_options")])).get("fields")
    return [one for one in told or () if isinstance(one, dict)] if isinstance(told, list) else []


def _custom_field(row: Row) -> RemoteField | None:
    """Those with one value; several in one field have no counterpart here."""
    kind, fixed = _KINDS.get(str(row.get("data_type"))), row.get("field_type") == "single_value_fixed"
    if kind is None or not row.get("name") or row.get("field_type") not in ("single_value", "single_value_fixed"):
        return None
    values = [str((one.get("data") or {}).get("value", "")) for one in row.get("field_options") or ()]
    return RemoteField(
        id=CUSTOM + str(row["name"]),
        name=str(row.get("display_name") or row["name"]),
        kind=FieldKind.CHOICE if fixed else kind,
        custom=True,
        max_length=VALUE_LONGEST if kind is FieldKind.TEXT and not fixed else None,
        choices=tuple(Choice(id=one, name=one) for one in values) if fixed else (),
    )


def _named(names: Mapping[str, str]) -> tuple[Choice, ...]:
    return tuple(Choice(id=id, name=name.capitalize() if name in STATUSES else name) for id, name in names.items())


def _choices(rows: list[Row]) -> tuple[Choice, ...]:
    return tuple(Choice(id=str(one.get("id")), name=str(one.get("name") or one.get("summary") or "")) for one in rows)


# Inward.


def fields_of(row: Mapping[str, Any], schema: Schema) -> dict[str, Value]:
    """The same incident always gives the same values. Who was assigned is not told once it is resolved: the field is
    absent then, and not cleared. The description is told by the log only."""
    created, resolved = at(row.get("created_at")), at(row.get("resolved_at"))
    found: dict[str, Value] = {
        TITLE: str(row.get("title") or ""),
        STATUS: str(row.get("status") or ""),
        URGENCY: str(row.get("urgency") or "") or None,
        POLICY: _id(row.get("escalation_policy")),
        SERVICE: _id(row.get("service")),
        CREATED: created.isoformat() if created else None,
        RESOLVED: resolved.isoformat() if resolved else None,
    }
    if schema.field(PRIORITY) is not None:
        found[PRIORITY] = _id(row.get("priority"))
    if row.get("status") != "resolved":
        assigned = [one for one in row.get("assignments") or () if isinstance(one, dict)]
        found[ASSIGNEE] = known(schema, assigned[0].get("assignee")) if assigned else None
    for one in row.get("custom_fields") or ():
        field = schema.field(CUSTOM + str(one.get("name")))
        if field is not None:
            found[field.id] = custom_value(field, one.get("value"))
    return found


def custom_value(field: RemoteField, value: Any) -> Value:
    if value is None or value == "":
        return None
    if field.kind is FieldKind.TIME:
        moment = at(value)
        return moment.isoformat() if moment else None
    if field.kind in (FieldKind.NUMBER, FieldKind.BOOLEAN) and isinstance(value, bool | int | float):
        return value
    return str(value)


def _id(reference: object) -> str | None:
    return str(reference["id"]) if isinstance(reference, dict) and reference.get("id") else None


def person(row: object) -> Person | None:
    if not isinstance(row, dict) or not row.get("id"):
        return None
    name = str(row.get("name") or row.get("summary") or "")
    return Person(remote_id=str(row["id"]), name=name, email=str(row.get("email") or ""))


def known(schema: Schema, reference: object) -> Person | None:
    """Who is meant by a reference, which has no mail, as the list of users has them."""
    found = person(reference)
    if found is None:
        return None
    return next((one for one in schema.people if one.remote_id == found.remote_id), found)


def page_of(row: Mapping[str, Any]) -> str:
    """Where people look at it; nothing else than an address of the web."""
    url = str(row.get("html_url") or "")
    return url if url.startswith(("https://", "http://")) else ""


# Outward.


def outward(shape: Shape, changes: Mapping[str, Value]) -> tuple[Row, list[Row]]:
    """(what is sent of the incident itself, custom values). MappingBroken for a field or a choice that is not there."""
    plain: Row = {}
    custom: list[Row] = []
    for name, value in changes.items():
        field = shape.schema.field(name)
        if field is None or not field.writable:
            said = f"Incidents there have no field {name} that can be written."
            raise MappingBroken(said, field=name, help="Choose another field in the mapping.")
        if field.custom:
            custom.append({"name": name.removeprefix(CUSTOM), "value": _custom_out(shape, field, value)})
        else:
            plain |= _plain(shape, field, value)
    return plain, custom


def _plain(shape: Shape, field: RemoteField, value: Value) -> Row:
    if field.id == ASSIGNEE:
        return {"assignments": [{"assignee": {"id": _user(shape, field, value), "type": "user_reference"}}]}
    text = str(value if value is not None else "").replace("\x00", "")
    if field.id == DETAILS:
        _demand_length(field, text)
        return {"body": {"type": "incident_body", "details": text}}
    if not text.strip():
        raise unfit(field, "cannot be emptied in PagerDuty")
    if field.choices:
        _demand_choice(field, text)
    _demand_length(field, text)
    return {field.id: {"id": text, "type": REFERENCES[field.id]} if field.id in REFERENCES else text}


def _user(shape: Shape, field: RemoteField, value: Value) -> str:
    if value is None or value == "":
        raise unfit(field, "cannot be emptied in PagerDuty: an open incident always is somebody's")
    given = value if isinstance(value, Person) else Person(name=str(value))
    if given.remote_id:
        return given.remote_id
    mail = given.email.casefold()
    same = [
        one
        for one in shape.schema.people
        if (mail and one.email.casefold() == mail) or (not mail and one.name == given.name)
    ]
    if len(same) != 1:
        raise ValidationFailed(
            f"{given.name or given.email} is nobody in PagerDuty.", fields={field.id: "is nobody who is known there"},
            help="Map the person to a user there.",
        )  # fmt: skip
    return same[0].remote_id


def _custom_out(shape: Shape, field: RemoteField, value: Value) -> Any:
    if value is None or value == "":
        return None
    match field.kind:
        case FieldKind.NUMBER:
            number = value if isinstance(value, int | float) else as_number(str(value))
            if number is None or (field.id in shape.whole and number != int(number)):
                raise unfit(field, f"must be a number, not {str(value)[:40]!r}")
            return int(number) if field.id in shape.whole else number
        case FieldKind.BOOLEAN:
            if str(value).lower() not in ("true", "false"):
                raise unfit(field, f"must be true or false, not {str(value)[:40]!r}")
            return str(value).lower() == "true"
        case FieldKind.TIME:
            moment = at(value)
            if moment is None:
                raise unfit(field, f"must be a time, not {str(value)[:40]!r}")
            return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    text = str(value).replace("\x00", "")
    if field.choices:
        _demand_choice(field, text)
    _demand_length(field, text)
    return text


def _demand_length(field: RemoteField, text: str) -> None:
    if field.max_length is not None and len(text) > field.max_length:
        raise unfit(field, f"has {len(text)} characters; PagerDuty keeps {field.max_length}")


def _demand_choice(field: RemoteField, chosen: str) -> None:
    if all(one.id != chosen for one in field.choices):
        raise MappingBroken(
            f"{field.name} has no value {chosen!r} any more.", field=field.id, help="Choose another in the mapping."
        )
