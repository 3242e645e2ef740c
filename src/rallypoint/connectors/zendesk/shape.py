"""What a ticket of one form looks like, as the account tells: fields, choices, statuses, groups, agents."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rallypoint.connectors.zendesk.api import Api
from rallypoint.connectors.zendesk.values import person
from rallypoint.sync.model import TAGS, Choice, FieldKind, Markup, Person, RemoteField, Schema
from rallypoint.sync.ports import MappingBroken, TrackerError

PROJECT, TYPE = "tickets", "ticket"
PANEL_TITLE = "Rallypoint"
PEOPLE_MOST = 500
ROWS_MOST = 2000
STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
STATUS, CUSTOM_STATUS, DESCRIPTION = "status", "custom_status_id", "description"
SYSTEM = {
    "subject": ("subject", FieldKind.TEXT),
    "description": (DESCRIPTION, FieldKind.RICH_TEXT),
    "tickettype": ("type", FieldKind.CHOICE),
    "priority": ("priority", FieldKind.CHOICE),
    "basic_priority": ("priority", FieldKind.CHOICE),
    "group": ("group_id", FieldKind.CHOICE),
    "assignee": ("assignee_id", FieldKind.PERSON),
}
"""The vendor's type of a system field: (what it is called in a ticket, kind)."""

CUSTOM = {
    "text": FieldKind.TEXT,
    "textarea": FieldKind.RICH_TEXT,
    "regexp": FieldKind.TEXT,
    "checkbox": FieldKind.BOOLEAN,
    "date": FieldKind.TIME,
    "integer": FieldKind.NUMBER,
    "decimal": FieldKind.NUMBER,
    "tagger": FieldKind.CHOICE,
    "multiselect": FieldKind.CHOICE,
}
TEXT_LONGEST = 65_536
COMMENT_LONGEST = 60_000
"""Zendesk counts 65,535 bytes; in characters that is less."""

KINDS = {"tickettype": ("problem", "incident", "question", "task"), "priority": ("low", "normal", "high", "urgent")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A form as it was when asked. `types` has the vendor's type by field, `tags_of` the tags that mean its choices."""

    schema: Schema
    form: int | None
    types: Mapping[str, str] = field(default_factory=dict)
    tags_of: Mapping[str, frozenset[str]] = field(default_factory=dict)
    panel: str = ""
    at: datetime

    def field(self, id: str) -> RemoteField | None:
        return self.schema.field(id)

    @property
    def owned(self) -> frozenset[str]:
        """Every tag that belongs to a field."""
        return frozenset().union(*self.tags_of.values())


async def forms(api: Api) -> dict[str, dict[str, Any]]:
    """Active forms by the name they are chosen by; none where the account has one at most, or no right to ask."""
    rows = [
        one for one in await api.whole("/ticket_forms", "ticket_forms", {"active": "true"}) or () if one.get("active")
    ]
    if len(rows) < 2:
        return {}
    names = [str(one.get("name", "")) for one in rows]
    return {
        name if names.count(name) == 1 and name != TYPE else f"{name} ({one.get('id')})": one
        for name, one in zip(names, rows, strict=True)
    }


async def discover(api: Api, project: str, type: str, now: datetime) -> Shape:
    """Raises MappingBroken when project or form are not there."""
    if project != PROJECT:
        raise MappingBroken(f"Zendesk has tickets, and no {project or 'nameless place'}.", help=f"Choose {PROJECT}.")
    known = await forms(api)
    form = known.get(type)
    if form is None and type != TYPE:
        raise MappingBroken(f"There is no active ticket form {type}.", help="Choose another form in the mapping.")
    rows, _ = await api.listed("/ticket_fields", "ticket_fields", most=ROWS_MOST)
    active = [one for one in rows if one.get("active")]
    shown = set(form.get("ticket_field_ids") or ()) if form else None
    groups = [Choice(id=str(one["id"]), name=str(one.get("name", ""))) for one in await _groups(api)]
    statuses = await _statuses(api)
    fields: list[RemoteField] = []
    types: dict[str, str] = {}
    panel = ""
    for one in active:
        if str(one.get("title")) == PANEL_TITLE and one.get("type") in ("text", "textarea"):
            panel = str(one["id"])
            continue
        made = _system(one, groups) or (_custom(one) if shown is None or one.get("id") in shown else None)
        if made is not None and all(made.id != other.id for other in fields):
            fields.append(made)
            types[made.id] = str(one.get("type"))
    fields.append(_status(active, statuses))
    fields.append(RemoteField(id="requester_id", name="Requester", kind=FieldKind.PERSON))
    fields.append(RemoteField(id="due_at", name="Due date", kind=FieldKind.TIME))
    fields.append(RemoteField(id=TAGS, name="Tags", kind=FieldKind.TAGS, multiple=True))
    schema = Schema(
        project=project, type=type, fields=tuple(sorted(fields, key=lambda one: one.id)), people=await _people(api)
    )
    tags_of = {str(one["id"]): frozenset(found) for one in active if (found := _tags_of(one))}
    return Shape(
        schema=schema, form=form.get("id") if form else None, types=types, tags_of=tags_of, panel=panel, at=now
    )


def _system(row: Mapping[str, Any], groups: list[Choice]) -> RemoteField | None:
    type = str(row.get("type"))
    if type not in SYSTEM:
        return None
    id, kind = SYSTEM[type]
    choices: tuple[Choice, ...] = ()
    if id == "group_id":
        choices = tuple(groups)
    elif kind is FieldKind.CHOICE:
        options = [one for one in row.get("system_field_options") or () if isinstance(one, dict)]
        choices = tuple(
            Choice(id=str(one["value"]), name=str(one.get("name", ""))) for one in options if one.get("value")
        )
        choices = choices or tuple(Choice(id=one, name=one.capitalize()) for one in KINDS.get(type, KINDS["priority"]))
    return RemoteField(
        id=id, name=str(row.get("title") or id), kind=kind, required=id == "subject", choices=choices,
        markup=Markup.HTML if id == DESCRIPTION else Markup.PLAIN,
        max_length=COMMENT_LONGEST if id == DESCRIPTION else None,
    )  # fmt: skip


def _custom(row: Mapping[str, Any]) -> RemoteField | None:
    type = str(row.get("type"))
    if type not in CUSTOM or not row.get("removable", True):
        return None
    options = [one for one in row.get("custom_field_options") or () if isinstance(one, dict) and one.get("value")]
    return RemoteField(
        id=str(row["id"]),
        name=str(row.get("title") or row["id"]),
        kind=CUSTOM[type],
        custom=True,
        multiple=type == "multiselect",
        max_length=TEXT_LONGEST if CUSTOM[type] in (FieldKind.TEXT, FieldKind.RICH_TEXT) else None,
        markup=Markup.PLAIN,
        choices=tuple(Choice(id=str(one["value"]), name=str(one.get("name", ""))) for one in options),
    )


def _tags_of(row: Mapping[str, Any]) -> set[str]:
    """Tags that a ticket has because of this field."""
    if row.get("type") == "checkbox":
        return {str(row["tag"])} if row.get("tag") else set()
    return {str(one["value"]) for one in row.get("custom_field_options") or () if one.get("value")}


def _status(fields: list[dict[str, Any]], statuses: list[dict[str, Any]]) -> RemoteField:
    """The account's own statuses where it has any of its own, else those that all accounts have."""
    categories = [str(one.get("status_category")) for one in statuses]
    if len(set(categories)) < len(categories):
        choices = tuple(
            Choice(
                id=str(one["id"]), name=str(one.get("agent_label", "")), category=str(one.get("status_category", ""))
            )
            for one in statuses
        )
        return RemoteField(id=CUSTOM_STATUS, name="Status", kind=FieldKind.STATUS, choices=choices)
    told = next((one.get("system_field_options") for one in fields if one.get("type") == "status"), None) or ()
    names = {str(one.get("value")): str(one.get("name")) for one in told if isinstance(one, dict)}
    used = [one for one in STATUSES if one != "hold" or not statuses or "hold" in categories]
    return RemoteField(
        id=STATUS, name="Status", kind=FieldKind.STATUS,
        choices=tuple(Choice(id=one, name=names.get(one, one.capitalize()), category=one) for one in used),
    )  # fmt: skip


async def _statuses(api: Api) -> list[dict[str, Any]]:
    rows = await api.whole("/custom_statuses", "custom_statuses", {"active": "true"})
    return [one for one in rows or () if one.get("active")]


async def _groups(api: Api) -> list[dict[str, Any]]:
    found = await api.perhaps("/groups", "groups", most=ROWS_MOST)
    return [one for one in (found[0] if found else ()) if not one.get("deleted")]


async def _people(api: Api) -> tuple[Person, ...]:
    """Agents and administrators, for the mapping of people; nobody where we may not ask."""
    found: dict[str, Person] = {}
    try:
        for role in ("agent", "admin"):
            rows, _ = await api.listed("/users", "users", {"role": role}, most=PEOPLE_MOST)
            found |= {str(one.get("id")): person(one) for one in rows if one.get("active", True)}
    except TrackerError as no:
        if no.retry:
            raise
    return tuple(sorted(found.values(), key=lambda one: one.name.casefold()))
