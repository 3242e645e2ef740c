"""What a table looks like, as the instance's dictionary tells: fields, choices, people. Nothing is known before."""

from dataclasses import dataclass, field
from datetime import datetime

from rallypoint.connectors.servicenow.api import Api, Row
from rallypoint.sync.model import Choice, FieldKind, Markup, Person, RemoteField, Schema
from rallypoint.sync.ports import MappingBroken, PermissionDenied

ROWS_MOST = 20_000
GROUPS_MOST = 2000
PEOPLE_MOST = 500
LONG_TEXT = 1000
"""From this length on a text has several lines."""

ANCESTORS_MOST = 8
JOURNALS = ("comments", "work_notes")
STATUS = "state"
MIRRORED = ("incident_state",)
"""Fields that the instance keeps equal to another one: mapping both would write twice."""

OF_OURS = ("correlation_id", "correlation_display")
ALWAYS_FILLED = ("number", "state", "priority", "impact", "urgency", "opened_at")

_KINDS = {
    "boolean": FieldKind.BOOLEAN,
    "integer": FieldKind.NUMBER,
    "longint": FieldKind.NUMBER,
    "decimal": FieldKind.NUMBER,
    "float": FieldKind.NUMBER,
    "percent_complete": FieldKind.NUMBER,
    "glide_date_time": FieldKind.TIME,
    "due_date": FieldKind.TIME,
    "html": FieldKind.RICH_TEXT,
    "translated_html": FieldKind.RICH_TEXT,
    "string": FieldKind.TEXT,
    "translated_text": FieldKind.TEXT,
    "translated_field": FieldKind.TEXT,
    "string_full_utf8": FieldKind.TEXT,
    "email": FieldKind.TEXT,
    "url": FieldKind.TEXT,
    "ph_number": FieldKind.TEXT,
}
_LEFT_OUT = ("journal", "journal_input", "journal_list", "GUID", "collection", "password", "password2")
_HTML = ("html", "translated_html")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A table as it was when asked. `filled` are fields that always hold something, so empty means hidden."""

    schema: Schema
    lengths: dict[str, int] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    filled: frozenset[str] = frozenset()
    comment_length: int | None = None
    at: datetime

    def kind(self, field_id: str) -> FieldKind | None:
        found = self.schema.field(field_id)
        return found.kind if found else None


async def discover(api: Api, table: str, now: datetime) -> Shape:
    """The shape of a table. MappingBroken when there is no such table, PermissionDenied when we may not ask."""
    lineage = await _lineage(api, table)
    names = ",".join(lineage)
    columns = await api.rows(
        "sys_dictionary",
        f"nameIN{names}^elementISNOTEMPTY^ORDERBYelement",
        ("name", "element", "column_label", "internal_type", "max_length", "reference", "mandatory", "read_only",
         "choice", "active"),
        most=ROWS_MOST,
    )  # fmt: skip
    nearest = _nearest([one for one in columns if one.get("name") in lineage and one.get("element")], lineage)
    if not nearest:
        await api.page(table, "", ("sys_id",), limit=1)  # says so when there is no such table
        raise PermissionDenied(
            f"The account cannot read what fields {table} has.",
            help="Let it read sys_dictionary, sys_choice and sys_db_object.",
        )
    choices = await _choices(api, lineage)
    groups = await _groups(api)
    fields = tuple(
        made
        for column in sorted(nearest.values(), key=lambda one: one["element"])
        if (made := _field(column, choices.get(column["element"], ()), groups)) is not None
    )
    journal = nearest.get("comments", {})
    return Shape(
        schema=Schema(project=table, type=table, fields=fields, people=await _people(api)),
        lengths={one.id: one.max_length for one in fields if one.max_length},
        labels={column["column_label"]: element for element, column in nearest.items()},
        filled=frozenset(
            element
            for element, column in nearest.items()
            if element in ALWAYS_FILLED or (column.get("mandatory") == "true" and element == "short_description")
        ),
        comment_length=int(journal["max_length"]) if journal.get("max_length", "").isdigit() else None,
        at=now,
    )


async def _lineage(api: Api, table: str) -> list[str]:
    """The table and what it extends, nearest first. Where we may not ask, what every incident extends."""
    found = [table]
    for _ in range(ANCESTORS_MOST):
        rows = await api.rows("sys_db_object", f"name={found[-1]}", ("name", "super_class.name"), most=2)
        parent = next((one.get("super_class.name", "") for one in rows if one.get("name") == found[-1]), None)
        if parent is None:
            return found if len(found) > 1 else [table, "task"]
        if not parent or parent in found:
            return found
        found.append(parent)
    return found


def _nearest(columns: list[Row], lineage: list[str]) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for column in sorted(columns, key=lambda one: -lineage.index(one["name"])):
        if column.get("active", "true") != "false":
            found[column["element"]] = column
    return found


async def _choices(api: Api, lineage: list[str]) -> dict[str, tuple[Choice, ...]]:
    """By field: the choices of the nearest table that has any, in the instance's order, English labels first."""
    rows = await api.rows(
        "sys_choice",
        f"nameIN{','.join(lineage)}^ORDERBYsequence",
        ("name", "element", "value", "label", "sequence", "inactive", "language"),
        most=ROWS_MOST,
    )
    found: dict[str, tuple[Choice, ...]] = {}
    for table in reversed(lineage):
        own: dict[str, dict[str, Choice]] = {}
        for row in sorted((one for one in rows if one.get("name") == table), key=_english_first):
            choice = Choice(id=row["value"], name=row["label"], active=row.get("inactive") != "true")
            own.setdefault(row["element"], {}).setdefault(row["value"], choice)
        found |= {element: tuple(choices.values()) for element, choices in own.items()}
    return found


def _english_first(row: Row) -> tuple[bool, int]:
    sequence = row.get("sequence", "")
    return row.get("language") not in ("en", ""), int(sequence) if sequence.lstrip("-").isdigit() else 0


async def _groups(api: Api) -> tuple[Choice, ...]:
    rows = await api.rows("sys_user_group", "active=true^ORDERBYname", ("sys_id", "name"), most=GROUPS_MOST)
    return tuple(Choice(id=one["sys_id"], name=one.get("name", "")) for one in rows)


async def _people(api: Api) -> tuple[Person, ...]:
    """The first of them by name: enough to choose from; others are found by their mail."""
    rows = await api.rows(
        "sys_user", "active=true^emailISNOTEMPTY^ORDERBYname", ("sys_id", "name", "email"), most=PEOPLE_MOST
    )
    return tuple(Person(remote_id=r["sys_id"], name=r.get("name", ""), email=r.get("email", "")) for r in rows)


def _field(column: Row, choices: tuple[Choice, ...], groups: tuple[Choice, ...]) -> RemoteField | None:
    """A field that can be mapped, or None: journals are comments, system fields and ours are not for mapping."""
    element, type = column["element"], column.get("internal_type", "")
    if type in _LEFT_OUT or element in JOURNALS or element in OF_OURS or element.startswith("sys_"):
        return None
    length = int(column["max_length"]) if column.get("max_length", "").isdigit() else None
    kind, given = _KINDS.get(type, FieldKind.OTHER), choices
    if type == "reference":
        kind = {"sys_user": FieldKind.PERSON, "sys_user_group": FieldKind.CHOICE}.get(
            column.get("reference", ""), FieldKind.OTHER
        )
        given = groups if kind is FieldKind.CHOICE else ()
    elif element == STATUS:
        kind = FieldKind.STATUS
    elif choices and column.get("choice", "") not in ("", "0"):
        kind = FieldKind.CHOICE
    elif kind is FieldKind.TEXT and (length or 0) >= LONG_TEXT:
        kind, given = FieldKind.RICH_TEXT, ()
    else:
        given = ()
    texts = kind in (FieldKind.TEXT, FieldKind.RICH_TEXT)
    return RemoteField(
        id=element,
        name=column.get("column_label", "") or element,
        kind=kind,
        custom=element.startswith(("u_", "x_")),
        required=column.get("mandatory") == "true",
        writable=column.get("read_only") != "true" and element not in MIRRORED,
        max_length=length if texts else None,
        markup=Markup.HTML if type in _HTML else Markup.PLAIN,
        choices=given,
    )


def known_choice(found: RemoteField, value: str) -> bool:
    """A value that the instance offers, or that we cannot judge because it has no list."""
    return value == "" or not found.choices or any(one.id == value and one.active for one in found.choices)


def no_choice(found: RemoteField, value: str) -> MappingBroken:
    return MappingBroken(
        f"{found.name} has no value {value!r} any more.", field=found.id, help="Choose another in the mapping."
    )
