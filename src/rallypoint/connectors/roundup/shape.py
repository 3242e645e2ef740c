"""What a class of issues looks like, as the tracker's schema tells: properties, their choices, people."""

import asyncio
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime

from rallypoint.connectors.roundup.api import GRAIN, ROWS_MOST, Api, at
from rallypoint.sync.model import TAGS, Choice, FieldKind, Person, RemoteField, Schema, Value
from rallypoint.sync.ports import MappingBroken, PermissionDenied, ValidationFailed

TITLE, STATUS, KEYWORD = "title", "status", "keyword"
NEEDED = ("messages", "files", TITLE)
KIND = re.compile(r'<roundup\.hyperdb\.(\w+)(?: to "(\w+)")?>')
OWN = frozenset({"issue", "msg", "file", "user"})
"""Classes whose items are no choices."""

NAMES = ("name", "username", "title")

_KINDS = {
    "String": FieldKind.TEXT,
    "Number": FieldKind.NUMBER,
    "Integer": FieldKind.NUMBER,
    "Boolean": FieldKind.BOOLEAN,
    "Date": FieldKind.TIME,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A class as it was when asked. `keywords` are names by id, None where the class has no keywords."""

    schema: Schema
    at: datetime
    keywords: dict[str, str] | None = None
    people: dict[str, Person] = field(default_factory=dict)
    has_superseder: bool = False

    @property
    def read(self) -> tuple[str, ...]:
        """The properties that are asked for with each read."""
        own = tuple(one.id for one in self.schema.fields if one.id != TAGS)
        more = ("superseder",) if self.has_superseder else ()
        tags = (KEYWORD,) if self.keywords is not None else ()
        return (*own, *tags, *more, "messages", "files", "activity", "actor", "creation", "creator")


async def discover(api: Api, of: str, now: datetime) -> Shape:
    """The shape of a class. MappingBroken when there is none of this name, or none that holds issues."""
    schema = await api.schema()
    if of not in schema or any(name not in schema[of] for name in NEEDED):
        raise MappingBroken(
            f"The tracker has no class {of} of issues.", help="Choose a class that is an IssueClass of its schema."
        )
    named = {found.group(2) for told in schema[of].values() if (found := KIND.fullmatch(told)) and found.group(2)}
    targets = sorted(named - OWN)
    people, lists = await asyncio.gather(
        people_of(api), asyncio.gather(*(_choices(api, one, schema) for one in targets))
    )
    given = dict(zip(targets, lists, strict=True))
    fields: list[RemoteField] = []
    keywords: dict[str, str] | None = None
    for name, told in schema[of].items():
        found = KIND.fullmatch(told)
        if found is None or name in ("messages", "files", "superseder", "nosy"):
            continue
        kind, target = found.group(1), found.group(2)
        if kind == "Link" and target == "user":
            fields.append(RemoteField(id=name, name=_label(name), kind=FieldKind.PERSON))
        elif kind == "Link":
            what, choices = FieldKind.STATUS if name == STATUS else FieldKind.CHOICE, given.get(target or "", ())
            fields.append(RemoteField(id=name, name=_label(name), kind=what, choices=choices, writable=bool(choices)))
        elif kind == "Multilink" and name == KEYWORD and target == KEYWORD:
            keywords = {one.id: one.name for one in given[KEYWORD]}
            fields.append(RemoteField(id=TAGS, name="Keywords", kind=FieldKind.TAGS, multiple=True))
        elif kind in _KINDS:
            fields.append(RemoteField(id=name, name=_label(name), kind=_KINDS[kind], required=name == TITLE))
    return Shape(
        schema=Schema(project=of, type=of, fields=tuple(fields), people=tuple(people.values())),
        at=now,
        keywords=keywords,
        people=people,
        has_superseder="superseder" in schema[of],
    )


def _label(name: str) -> str:
    return name.replace("_", " ").capitalize()


async def _choices(api: Api, of: str, schema: dict[str, dict[str, str]]) -> tuple[Choice, ...]:
    """Those that are not retired, in the order of the tracker; none where we may not see them."""
    label = next((one for one in NAMES if one in schema.get(of, {})), "id")
    order = (("@sort", "order"),) if "order" in schema.get(of, {}) else ()
    try:
        rows = await api.rows(of, order, ("id", label), most=ROWS_MOST)
    except PermissionDenied:
        return ()
    return tuple(Choice(id=str(one["id"]), name=str(one.get(label) or one["id"])) for one in rows)


async def people_of(api: Api) -> dict[str, Person]:
    """By id. Mail is there only where the account may see it; nobody when it may see no users."""
    try:
        rows = await api.rows("user", (), ("id", "username", "realname", "address"), most=ROWS_MOST)
    except PermissionDenied:
        return {}
    return {str(one["id"]): person(one) for one in rows}


def person(row: dict[str, object]) -> Person:
    name = str(row.get("realname") or row.get("username") or "")
    return Person(remote_id=str(row["id"]), name=name, email=str(row.get("address") or ""))


def inward(shape: Shape, found: RemoteField, said: object) -> Value:
    """The same answer always gives the same value. A truth value that was never set counts as false."""
    match found.kind:
        case FieldKind.BOOLEAN:
            return bool(said)
        case FieldKind.NUMBER:
            return said if isinstance(said, (int, float)) else None
        case FieldKind.TIME:
            moment = at(said)
            return moment.isoformat() if moment else None
        case FieldKind.PERSON:
            return shape.people.get(str(said), Person(remote_id=str(said))) if said else None
        case _:
            return str(said) if said is not None else ""


def outward(shape: Shape, found: RemoteField, value: Value) -> str:
    """What the tracker is sent, always as text: it takes a bare 0 or false for nothing, and null for no change."""
    match value:
        case None | "":
            return ""
        case bool():
            return "yes" if value else "no"
        case int() | float():
            return str(value)
        case Person():
            return _user(shape, found, value)
        case tuple():
            raise ValidationFailed(f"{found.name} takes one value.", fields={found.id: "takes one value"})
    if found.kind is FieldKind.TIME:
        return _stamp(found, value)
    if found.choices and not any(one.id == value and one.active for one in found.choices):
        raise MappingBroken(
            f"{found.name} has no value {value!r} any more.", field=found.id, help="Choose another in the mapping."
        )
    return value.replace("\x00", "")


def _user(shape: Shape, found: RemoteField, given: Person) -> str:
    if given.remote_id or not (given.email or given.name):
        return given.remote_id
    same = [
        id
        for id, one in shape.people.items()
        if (given.email and one.email.casefold() == given.email.casefold()) or (not given.email and one == given)
    ]
    if len(same) != 1:
        why = "has nobody who is known there under this mail"
        raise ValidationFailed(f"{found.name} {why}.", fields={found.id: why})
    return same[0]


def _stamp(found: RemoteField, text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValidationFailed(f"{found.name} must be a time.", fields={found.id: "must be a time"}) from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).strftime(GRAIN)
