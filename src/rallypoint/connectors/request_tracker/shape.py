"""What the tickets of a queue look like: their own fields, the queue's custom fields, statuses, people.

Custom fields are known by their numbers, which survive a renaming. REST 2 tells no lifecycle, so its statuses are those
that Request Tracker ships with, or those that the connection names, and whatever its tickets show.
"""

import html
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from rallypoint.connectors.request_tracker.api import GRAIN, ID, PAGE, Api, NotThere, Row, at
from rallypoint.sync.model import TAGS, Choice, FieldKind, Markup, Person, RemoteField, Schema, Value
from rallypoint.sync.ports import MappingBroken, PermissionDenied, ValidationFailed

TICKET = "ticket"
SUBJECT, STATUS, PRIORITY, OWNER, REQUESTOR, CONTENT = (
    "Subject", "Status", "Priority", "Owner", "Requestor", "Content"
)  # fmt: skip
TIMES = ("Due", "Starts")
CUSTOM = "cf-"
SUBJECT_LONGEST = 200
NOBODY = "Nobody"
DELETED = "deleted"
PEOPLE_PAGES = 5

DEFAULT_LIFECYCLE = "default"
DEFAULT_STATUSES = ("new", "open", "stalled", "resolved", "rejected")
DEFAULT_PRIORITIES = (("0", "Low"), ("50", "Medium"), ("100", "High"))

_KINDS = {
    "Freeform": (FieldKind.TEXT, Markup.PLAIN),
    "Text": (FieldKind.RICH_TEXT, Markup.PLAIN),
    "Wikitext": (FieldKind.RICH_TEXT, Markup.PLAIN),
    "HTML": (FieldKind.RICH_TEXT, Markup.HTML),
    "Select": (FieldKind.CHOICE, Markup.PLAIN),
    "Combobox": (FieldKind.TEXT, Markup.PLAIN),
    "Autocomplete": (FieldKind.TEXT, Markup.PLAIN),
    "IPAddress": (FieldKind.TEXT, Markup.PLAIN),
    "DateTime": (FieldKind.TIME, Markup.PLAIN),
    "Date": (FieldKind.TEXT, Markup.PLAIN),
}
_MANY = frozenset({"Freeform", "Select", "Autocomplete", "Combobox"})
"""Custom fields of these types with many values can serve as tags."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A queue as it was when asked. `tags` is the custom field that holds tags, `priorities` name by number."""

    queue: str
    schema: Schema
    at: datetime
    tags: str = ""
    people: dict[str, Person] = field(default_factory=dict)

    @property
    def customs(self) -> dict[str, RemoteField]:
        """The fields that are custom fields, by their numbers there."""
        found = {one.id.removeprefix(CUSTOM): one for one in self.schema.fields if one.id.startswith(CUSTOM)}
        tags = self.schema.field(TAGS)
        return found | ({self.tags: tags} if tags is not None else {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """What the interface does not tell and the connection may: statuses, numbers of priorities, the field for tags."""

    statuses: tuple[str, ...] = ()
    priorities: tuple[tuple[str, str], ...] = DEFAULT_PRIORITIES
    tags: str = "Tags"


async def discover(api: Api, queue: str, named: Named, now: datetime) -> Shape:
    """The shape of a queue, by its number. MappingBroken where there is none that we may see."""
    if not ID.fullmatch(queue):
        raise _no_queue(queue)
    try:
        row, _ = await api.one(f"/queue/{queue}")
    except (NotThere, PermissionDenied) as no:
        raise _no_queue(queue) from no
    fields = [
        RemoteField(id=SUBJECT, name=SUBJECT, kind=FieldKind.TEXT, required=True, max_length=SUBJECT_LONGEST),
        RemoteField(id=STATUS, name=STATUS, kind=FieldKind.STATUS, choices=await _statuses(api, queue, row, named)),
        RemoteField(
            id=PRIORITY,
            name=PRIORITY,
            kind=FieldKind.CHOICE,
            choices=tuple(Choice(id=number, name=name) for number, name in named.priorities),
        ),
        RemoteField(id=OWNER, name=OWNER, kind=FieldKind.PERSON),
        RemoteField(id=REQUESTOR, name=REQUESTOR, kind=FieldKind.PERSON, writable=False),
        *(RemoteField(id=one, name=one, kind=FieldKind.TIME) for one in TIMES),
    ]
    customs = [await _custom(api, one) for one in row.get("TicketCustomFields") or ()]
    tags = next((one.id.removeprefix(CUSTOM) for one in customs if one.multiple and one.name == named.tags), "")
    for one in customs:
        if one.id == f"{CUSTOM}{tags}":
            fields.append(replace(one, id=TAGS, kind=FieldKind.TAGS))
        elif not one.multiple:
            fields.append(one)
    # Behind the custom fields: one named Description is meant before the first message, which cannot be written.
    fields.append(
        RemoteField(id=CONTENT, name="Description", kind=FieldKind.RICH_TEXT, markup=Markup.HTML, writable=False)
    )
    people = await people_of(api)
    return Shape(
        queue=queue,
        schema=Schema(project=queue, type=TICKET, fields=tuple(fields), people=tuple(people.values())),
        at=now,
        tags=tags,
        people=people,
    )


def _no_queue(queue: str) -> MappingBroken:
    return MappingBroken(
        f"There is no queue {queue[:40]!r} that the account may see.",
        help="Choose another queue, or give the account the right SeeQueue there.",
    )


async def _custom(api: Api, told: Row) -> RemoteField:
    """A custom field of the queue. One whose kind we may not see is there, and nothing can be done with it."""
    known = RemoteField(
        id=f"{CUSTOM}{told['id']}", name=str(told.get("name", "")), kind=FieldKind.OTHER, custom=True, writable=False
    )
    try:
        row, _ = await api.one(f"/customfield/{int(told['id'])}")
    except (NotThere, PermissionDenied):
        return known
    type, many = str(row.get("Type")), str(row.get("MaxValues")) != "1"
    if type not in _KINDS or (many and type not in _MANY):
        return replace(known, multiple=many)
    kind, markup = _KINDS[type]
    choices = tuple(Choice(id=str(one), name=str(one)) for one in row.get("Values") or () if not many)
    return replace(known, kind=kind, markup=markup, writable=True, multiple=many, choices=choices)


async def _statuses(api: Api, queue: str, row: Row, named: Named) -> tuple[Choice, ...]:
    """Those that are named, or else those of the lifecycle it ships with, and what the tickets of the queue show."""
    known = dict.fromkeys(named.statuses)
    if not known:
        if row.get("Lifecycle") == DEFAULT_LIFECYCLE:
            known |= dict.fromkeys(DEFAULT_STATUSES)
        newest = (("query", f"Queue = {queue}"), ("orderby", "id"), ("order", "DESC"))
        for ticket in (await api.page("/tickets", (STATUS, "_hyperlinks"), newest))[0]:
            steps = [one for one in ticket.get("_hyperlinks") or () if one.get("ref") == "lifecycle"]
            told = (ticket.get(STATUS), *(one.get(end) for one in steps for end in ("from", "to")))
            known |= dict.fromkeys(str(one) for one in told if one)
    return tuple(Choice(id=one, name=one) for one in known if one != DELETED)


async def people_of(api: Api) -> dict[str, Person]:
    """Users by name, the first some hundred: everybody who ever wrote is one. Nobody when we may not see them."""
    try:
        rows = await api.every(
            "/users",
            ("Name", "RealName", "EmailAddress"),
            (("query", json.dumps([{"field": "Name", "operator": "!=", "value": NOBODY}])), ("orderby", "id")),
            pages_most=PEOPLE_PAGES,
        )
    except PermissionDenied:
        return {}
    return {str(one["id"]): person(one) for one in rows if one.get("Name")}


def person(row: Row) -> Person:
    name = str(row.get("Name") or row.get("id") or "")
    return Person(remote_id=name, name=str(row.get("RealName") or name), email=str(row.get("EmailAddress") or ""))


def user_id(said: object) -> str:
    """The name of the user that a record speaks of; empty for nobody."""
    id = str(said.get("id") or "") if isinstance(said, dict) else ""
    return "" if id == NOBODY else id


# Their values and ours.


def inward(shape: Shape, row: Row) -> dict[str, Value]:
    """Raw values of a ticket by our field ids. What we may not see of its custom fields is absent."""
    found: dict[str, Value] = {}
    for one in shape.schema.fields:
        if one.id in row:
            found[one.id] = value_of(shape, one, row[one.id])
    for custom in row.get("CustomFields") or ():
        known = shape.customs.get(str(custom.get("id")))
        values = [one for one in custom.get("values") or () if one not in (None, "")]
        if known is not None and known.id == TAGS:
            found[TAGS] = tuple(sorted(map(str, values)))
        elif known is not None:
            found[known.id] = value_of(shape, known, values[0] if values else None)
    return found


def value_of(shape: Shape, known: RemoteField, said: object) -> Value:
    """The same answer always gives the same value."""
    match known.kind:
        case FieldKind.PERSON:
            many = said if isinstance(said, list) else [said]
            id = user_id(many[0]) if many else ""
            return shape.people.get(id, Person(remote_id=id)) if id else None
        case FieldKind.TIME:
            moment = at(said)
            return moment.isoformat() if moment else None
        case _:
            return str(said) if said is not None else ""


def outward(shape: Shape, changes: Mapping[str, Value]) -> Row:
    """The body of a change. Raises MappingBroken for a field or a choice that is not there, ValidationFailed for a
    value that cannot be."""
    sent: Row = {}
    customs: dict[str, object] = {}
    for name, value in changes.items():
        known = shape.schema.field(name)
        if known is None or not known.writable:
            raise MappingBroken(
                f"Tickets of this queue have no field {name} that can be written.",
                field=name,
                help="Choose another field in the mapping.",
            )
        if name == TAGS:
            customs[shape.tags] = list(value) if isinstance(value, tuple) else [str(value)] if value else []
        elif name.startswith(CUSTOM):
            customs[name.removeprefix(CUSTOM)] = _text(known, value) or None
        else:
            sent[name] = _text(known, value)
    return {**sent, "CustomFields": customs} if customs else sent


def _text(known: RemoteField, value: Value) -> str:
    match value:
        case tuple():
            raise ValidationFailed(f"{known.name} takes one value.", fields={known.id: "takes one value"})
        case Person():
            return value.remote_id or NOBODY
        case None | "":
            return NOBODY if known.kind is FieldKind.PERSON else ""
        case bool():
            return "yes" if value else "no"
    text = str(value).replace("\x00", "")
    if known.kind is FieldKind.TIME:
        return _stamp(known, text)
    if known.choices and not any(one.id == text and one.active for one in known.choices):
        raise MappingBroken(
            f"{known.name} has no value {text!r} any more.", field=known.id, help="Choose another in the mapping."
        )
    if known.max_length is not None:
        text = " ".join(text.splitlines())
        if len(text) > known.max_length:
            why = f"has {len(text)} characters, and at most {known.max_length} are kept there"
            raise ValidationFailed(f"{known.name} {why}.", fields={known.id: why})
    return text


def _stamp(known: RemoteField, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValidationFailed(f"{known.name} must be a time.", fields={known.id: "must be a time"}) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime(GRAIN)


def not_taken(shape: Shape, sent: Row, row: Row) -> list[str]:
    """Ids of our fields that do not hold what was sent, as the ticket says."""
    now = inward(shape, row)
    wanted = {name: text for name, text in sent.items() if name != "CustomFields"}
    customs = sent.get("CustomFields", {})
    missed = []
    for one in shape.schema.fields:
        number = shape.tags if one.id == TAGS else one.id.removeprefix(CUSTOM)
        if one.id in wanted:
            text = wanted[one.id]
        elif one.custom and number in customs:
            text = customs[number]
        else:
            continue
        if one.id in now and not _same(one, text, now[one.id]):
            missed.append(one.id)
    return missed


def _same(known: RemoteField, sent: object, found: Value) -> bool:
    match found:
        case Person():
            return sent == found.remote_id
        case tuple():
            return sorted(map(str, sent if isinstance(sent, list) else ())) == list(found)
        case None:
            return sent in (None, "", NOBODY)
    if known.kind is FieldKind.TIME:
        return at(sent) == datetime.fromisoformat(str(found))
    return _words(str(sent or "")) == _words(str(found))


def _words(text: str) -> list[str]:
    return text.split()


def as_html(body: str, content_type: str) -> str:
    """The text of a message as HTML, whichever it was."""
    if content_type == "text/html":
        return body
    return "<br>\n".join(html.escape(body, quote=False).splitlines())


def chunks(ids: Iterable[str], most: int = PAGE) -> list[list[str]]:
    all_of_them = list(ids)
    return [all_of_them[start : start + most] for start in range(0, len(all_of_them), most)]
