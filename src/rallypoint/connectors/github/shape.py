"""What an issue of a repository looks like: fields, milestones, people; and values between their notation and ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.connectors.github import marks
from rallypoint.connectors.github.api import Api, at
from rallypoint.connectors.tracking import unfit
from rallypoint.sync.model import TAGS, Choice, FieldKind, Markup, Person, RemoteField, Schema, Value
from rallypoint.sync.ports import MappingBroken, PermissionDenied, Stale, ValidationFailed

TYPE = "issue"
TITLE, BODY, STATE, MILESTONE, ASSIGNEE = "title", "body", "state", "milestone", "assignee"
AUTHOR, CREATED, CLOSED = "author", "created_at", "closed_at"
TITLE_LONGEST, TEXT_LONGEST, LABEL_LONGEST = 256, 65_536, 50
ROOM_FOR_MARKS = 336
RICH_LONGEST = TEXT_LONGEST - ROOM_FOR_MARKS
PAGES_MOST = 10
OPEN, COMPLETED, NOT_PLANNED, DUPLICATE = "open", "completed", "not_planned", "duplicate"
STATES = (
    Choice(id=OPEN, name="Open"),
    Choice(id=COMPLETED, name="Closed as completed", category="completed"),
    Choice(id=NOT_PLANNED, name="Closed as not planned", category="removed"),
    Choice(id=DUPLICATE, name="Closed as duplicate", category="removed"),
)
"""A state and its reason are one status to us."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A repository: its id stays, its name may change. `name` is the one that the connection was given."""

    id: int
    name: str
    row: Mapping[str, Any]

    @property
    def path(self) -> str:
        return f"/repositories/{self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Issues of a repository as they were when asked. `logins` are the names by which people are assigned, by id."""

    schema: Schema
    logins: Mapping[str, str]
    at: datetime

    def milestone(self, title: str) -> str:
        """The number of a milestone; empty for one that is not there any more."""
        field = self.schema.field(MILESTONE)
        return next((one.id for one in (field.choices if field else ()) if one.name == title), "")


async def discover(api: Api, place: Place, now: datetime) -> Shape:
    """Raises MappingBroken when the repository has no issues."""
    if not place.row.get("has_issues", True):
        raise MappingBroken(
            f"Issues are switched off in {place.name}.", help="Switch them on in the repository's settings."
        )
    try:
        milestones, _ = await api.all(f"{place.path}/milestones", {"state": "all"}, most=PAGES_MOST)
    except Stale as no:
        raise MappingBroken(no.said, help="Choose another repository.", exchange=no.exchange) from no
    try:
        people, _ = await api.all(f"{place.path}/assignees", most=PAGES_MOST)
    except (PermissionDenied, Stale):
        people = []
    choices = tuple(
        Choice(id=str(one["number"]), name=str(one.get("title", "")), active=one.get("state") == "open")
        for one in milestones
    )
    schema = Schema(
        project=place.name,
        type=TYPE,
        fields=(
            RemoteField(id=TITLE, name="Title", kind=FieldKind.TEXT, required=True, max_length=TITLE_LONGEST),
            RemoteField(
                id=BODY, name="Description", kind=FieldKind.RICH_TEXT, max_length=RICH_LONGEST, markup=Markup.MARKDOWN
            ),
            RemoteField(id=STATE, name="State", kind=FieldKind.STATUS, choices=STATES),
            RemoteField(id=MILESTONE, name="Milestone", kind=FieldKind.CHOICE, choices=choices),
            RemoteField(id=ASSIGNEE, name="Assignee", kind=FieldKind.PERSON),
            RemoteField(id=AUTHOR, name="Author", kind=FieldKind.PERSON, writable=False),
            RemoteField(id=CREATED, name="Created", kind=FieldKind.TIME, writable=False),
            RemoteField(id=CLOSED, name="Closed", kind=FieldKind.TIME, writable=False),
            RemoteField(id=TAGS, name="Labels", kind=FieldKind.TAGS, multiple=True, max_length=LABEL_LONGEST),
        ),
        people=tuple(known for one in people if (known := person(one)) is not None),
    )
    return Shape(schema=schema, logins={str(one["id"]): str(one["login"]) for one in people}, at=now)


# Inward.


def fields_of(row: Mapping[str, Any]) -> dict[str, Value]:
    """The same issue always gives the same values."""
    created, closed = at(row.get("created_at")), at(row.get("closed_at"))
    milestone = row.get("milestone")
    assignees = [one for one in row.get("assignees") or () if isinstance(one, dict)]
    return {
        TITLE: str(row.get("title") or ""),
        BODY: text_of(row.get("body")),
        STATE: state_of(row.get("state"), row.get("state_reason")),
        MILESTONE: str(milestone["number"]) if isinstance(milestone, dict) else None,
        ASSIGNEE: person(assignees[0]) if assignees else None,
        AUTHOR: person(row.get("user")),
        CREATED: created.isoformat() if created else None,
        CLOSED: closed.isoformat() if closed else None,
    }


def text_of(body: object) -> str | None:
    """Without our mark, and with one kind of line end: what is written on the web comes with two."""
    said = marks.without_item(str(body or "")).replace("\r\n", "\n")
    return said or None


def state_of(state: object, reason: object) -> str:
    if state != "closed":
        return OPEN
    return str(reason) if reason in (NOT_PLANNED, DUPLICATE) else COMPLETED


def page_of(row: Mapping[str, Any]) -> str:
    """Where people look at it; nothing else than an address of the web."""
    url = str(row.get("html_url") or "")
    return url if url.startswith(("https://", "http://")) else ""


def labels_of(row: Mapping[str, Any]) -> tuple[str, ...]:
    """As a set: in an order of our own."""
    names = [str(one.get("name", "")) if isinstance(one, dict) else str(one) for one in row.get("labels") or ()]
    return tuple(sorted({one for one in names if one}, key=str.casefold))


def person(row: object) -> Person | None:
    """Accounts are known by their number; names change hands there, and mail is not told."""
    if not isinstance(row, dict) or not row.get("id"):
        return None
    return Person(remote_id=str(row["id"]), name=str(row.get("login") or ""))


# Outward.


def outward(shape: Shape, changes: Mapping[str, Value]) -> dict[str, Any]:
    """What is sent for these fields. Raises MappingBroken for a field or a choice that is not there."""
    sent: dict[str, Any] = {}
    for name, value in changes.items():
        field = shape.schema.field(name)
        if field is None or not field.writable:
            said = f"Issues have no field {name} that can be written."
            raise MappingBroken(said, field=name, help="Choose another field in the mapping.")
        sent |= _outward(shape, field, value)
    return sent


def _outward(shape: Shape, field: RemoteField, value: Value) -> dict[str, Any]:
    match field.id:
        case "tags":
            return {"labels": _labels(field, value)}
        case "assignee":
            return {"assignees": _assignees(shape, field, value)}
        case "milestone":
            chosen = str(value or "")
            _demand_choice(field, chosen)
            return {"milestone": int(chosen) if chosen else None}
        case "state":
            chosen = str(value or OPEN)
            _demand_choice(field, chosen)
            return {"state": "open"} if chosen == OPEN else {"state": "closed", "state_reason": chosen}
    text = str(value if value is not None else "").replace("\x00", "")
    if field.max_length is not None and len(text) > field.max_length:
        raise unfit(field, f"has {len(text)} characters; GitHub keeps {field.max_length}")
    if field.id == TITLE and not text.strip():
        raise unfit(field, "must not be empty")
    return {field.id: text}


def _labels(field: RemoteField, value: Value) -> list[str]:
    names = list(value) if isinstance(value, tuple) else [str(value)] if value else []
    for one in names:
        if len(one) > LABEL_LONGEST:
            raise unfit(field, f"has {one[:20]!r}…, which is longer than {LABEL_LONGEST} characters")
    return names


def _assignees(shape: Shape, field: RemoteField, value: Value) -> list[str]:
    if value is None or value == "":
        return []
    given = value if isinstance(value, Person) else Person(name=str(value))
    login = shape.logins.get(given.remote_id, "")
    if not login and not given.remote_id and given.name:
        login = next((one for one in shape.logins.values() if one.casefold() == given.name.casefold()), "")
    if not login:
        said = given.name or given.email or given.remote_id
        raise ValidationFailed(
            f"{said} cannot be assigned there.", fields={field.id: "is nobody who can be assigned there"},
            help="Map the person to an account that has access to the repository.",
        )  # fmt: skip
    return [login]


def _demand_choice(field: RemoteField, chosen: str) -> None:
    if chosen and all(one.id != chosen for one in field.choices):
        raise MappingBroken(
            f"{field.name} has no value {chosen!r} any more.", field=field.id, help="Choose another in the mapping."
        )


def left_out(sent: Mapping[str, Any], row: Mapping[str, Any]) -> list[str]:
    """What GitHub did not take without a word, which it does for accounts that may not set it."""
    found: list[str] = []
    if "labels" in sent and {one.casefold() for one in sent["labels"]} != {one.casefold() for one in labels_of(row)}:
        found.append("labels")
    milestone = row.get("milestone")
    if "milestone" in sent and sent["milestone"] != (milestone.get("number") if isinstance(milestone, dict) else None):
        found.append("the milestone")
    assigned = {str(one.get("login", "")).casefold() for one in row.get("assignees") or () if isinstance(one, dict)}
    if "assignees" in sent and {one.casefold() for one in sent["assignees"]} != assigned:
        found.append("the assignee")
    return found
