"""What a work item type of a project looks like, as the organisation tells: fields, choices, states, people."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rallypoint.connectors.azure_devops.api import REASON, STATE, Api, segment
from rallypoint.connectors.azure_devops.values import person
from rallypoint.sync.model import TAGS, Choice, FieldKind, Markup, Person, RemoteField, Schema
from rallypoint.sync.ports import MappingBroken, Stale, TrackerError

TAGS_FIELD = "System.Tags"
TEXT_LONGEST = 255
RICH_LONGEST = 1_000_000
TAG_LONGEST = 400
PEOPLE_MOST = 500
PEOPLE_PAGE = 100
TEAMS_MOST = 5
LEFT_OUT = frozenset(
    "System." + name
    for name in (
        "Id", "Rev", "Watermark", "AuthorizedDate", "AuthorizedAs", "RevisedDate", "ChangedDate", "ChangedBy",
        "PersonId", "History", "Tags", "TeamProject", "WorkItemType", "NodeName", "AreaId", "IterationId", "Parent",
        "CommentCount", "HyperLinkCount", "AttachedFileCount", "ExternalLinkCount", "RelatedLinkCount",
        "RemoteLinkCount", "IsDeleted", "BoardColumn", "BoardColumnDone", "BoardLane",
    )
)  # fmt: skip
"""Counters and places that change with everything, and what is told elsewhere."""

LEFT_OUT_PREFIXES = ("System.AreaLevel", "System.IterationLevel", "WEF_")
_KINDS = {
    "string": FieldKind.TEXT,
    "plaintext": FieldKind.TEXT,
    "treepath": FieldKind.TEXT,
    "guid": FieldKind.TEXT,
    "html": FieldKind.RICH_TEXT,
    "integer": FieldKind.NUMBER,
    "double": FieldKind.NUMBER,
    "boolean": FieldKind.BOOLEAN,
    "datetime": FieldKind.TIME,
    "identity": FieldKind.PERSON,
    "pickliststring": FieldKind.TEXT,
    "picklistinteger": FieldKind.NUMBER,
    "picklistdouble": FieldKind.NUMBER,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A type as it was when asked. `numbers` are choices whose values are numbers; `initial` is where items begin."""

    schema: Schema
    numbers: frozenset[str]
    initial: frozenset[str]
    at: datetime

    def field(self, ref: str) -> RemoteField | None:
        return self.schema.field(ref)


async def discover(api: Api, project: str, type: str, now: datetime) -> Shape:
    """Raises MappingBroken when project or type are not there."""
    if not project or not type:
        raise MappingBroken("A project and a work item type are needed.", help="Choose them in the mapping.")
    base = f"/{segment(project)}/_apis/wit"
    try:
        kind: dict[str, Any] = await api.get(f"{base}/workitemtypes/{segment(type)}")
        used = await api.listed(f"{base}/workitemtypes/{segment(type)}/fields", {"$expand": "allowedValues"})
        known = {str(one.get("referenceName")): one for one in await api.listed(f"{base}/fields")}
        states = await api.listed(f"{base}/workitemtypes/{segment(type)}/states")
    except Stale as no:
        raise MappingBroken(no.said, help="Choose a project and a type.", exchange=no.exchange) from no
    fields: list[RemoteField] = []
    numbers: set[str] = set()
    for one in used:
        ref = str(one.get("referenceName", ""))
        made = _field(one, known.get(ref), states) if _wanted(ref) else None
        if made is not None:
            fields.append(made)
            if made.kind is FieldKind.CHOICE and "int" in str(known.get(ref, {}).get("type", "")).lower():
                numbers.add(ref)
    fields.append(_tags_field())
    people = await _people(api, project)
    schema = Schema(
        project=project, type=type, fields=tuple(sorted(fields, key=lambda one: one.id)), people=people
    )  # fmt: skip
    return Shape(schema=schema, numbers=frozenset(numbers), initial=_initial(kind, states), at=now)


def _wanted(ref: str) -> bool:
    return bool(ref) and ref not in LEFT_OUT and not ref.startswith(LEFT_OUT_PREFIXES)


def _field(
    used: Mapping[str, Any], known: Mapping[str, Any] | None, states: list[dict[str, Any]]
) -> RemoteField | None:
    if known is None:
        return None
    ref, name = str(used["referenceName"]), str(used.get("name", ""))
    kind = FieldKind.PERSON if known.get("isIdentity") else _KINDS.get(str(known.get("type", "")).lower())
    if kind is None:
        return None
    choices: tuple[Choice, ...] = ()
    allowed = [str(one) for one in used.get("allowedValues") or () if isinstance(one, str | int | float)]
    if ref == STATE:
        kind = FieldKind.STATUS
        choices = tuple(
            Choice(id=str(one["name"]), name=str(one["name"]), category=str(one.get("category", ""))) for one in states
        )
    elif allowed and kind in (FieldKind.TEXT, FieldKind.NUMBER) and not known.get("isPicklistSuggested"):
        kind, choices = FieldKind.CHOICE, tuple(Choice(id=one, name=one) for one in allowed)
    text = kind is FieldKind.TEXT and str(known.get("type", "")).lower() in ("string", "pickliststring")
    rich = kind is FieldKind.RICH_TEXT
    return RemoteField(
        id=ref,
        name=name or ref,
        kind=kind,
        custom=not ref.startswith(("System.", "Microsoft.")),
        required=bool(used.get("alwaysRequired")),
        writable=not known.get("readOnly"),
        max_length=TEXT_LONGEST if text else RICH_LONGEST if rich else None,
        markup=Markup.HTML if rich else Markup.PLAIN,
        choices=choices,
    )


def _tags_field() -> RemoteField:
    return RemoteField(id=TAGS, name="Tags", kind=FieldKind.TAGS, multiple=True, max_length=TAG_LONGEST)


def _initial(kind: Mapping[str, Any], states: list[dict[str, Any]]) -> frozenset[str]:
    """Where an item may begin, by the transitions of the type; else every state that is proposed."""
    steps = (kind.get("transitions") or {}).get("") if isinstance(kind, dict) else None
    first = {str(one.get("to")) for one in steps or () if isinstance(one, dict)}
    return frozenset(first or {str(one["name"]) for one in states if one.get("category") == "Proposed"})


async def _people(api: Api, project: str) -> tuple[Person, ...]:
    """Members of the first teams, for the mapping of people; nobody where the token may not ask."""
    found: dict[str, Person] = {}
    try:
        teams = await api.listed(f"/_apis/projects/{segment(project)}/teams", {"$top": str(TEAMS_MOST)})
        for team in teams[:TEAMS_MOST]:
            path = f"/_apis/projects/{segment(project)}/teams/{segment(str(team.get('id', '')))}/members"
            for start in range(0, PEOPLE_MOST, PEOPLE_PAGE):
                rows = await api.listed(path, {"$top": str(PEOPLE_PAGE), "$skip": str(start)})
                for one in rows:
                    who = person(one.get("identity") or {})
                    if who is not None:
                        found[who.remote_id] = who
                if len(rows) < PEOPLE_PAGE:
                    break
    except TrackerError as no:
        if no.retry:
            raise
    return tuple(sorted(found.values(), key=lambda one: one.name.casefold()))


def check_choice(field: RemoteField, value: str) -> None:
    """Raises MappingBroken for a choice that is no more. Reasons depend on the state, so only they know."""
    if not field.choices or not value or field.id == REASON:
        return
    if all(one.id.casefold() != value.casefold() for one in field.choices):
        raise MappingBroken(
            f"{field.name} has no value {value!r} any more.",
            field=field.id,
            help="Choose another value in the mapping.",
        )
