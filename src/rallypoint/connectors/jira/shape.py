"""What an issue type of a project looks like, as the site tells: fields of its screens, statuses, steps, people."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from rallypoint.connectors.jira.api import Api, Edition, segment
from rallypoint.connectors.jira.values import person
from rallypoint.sync.model import TAGS, Choice, FieldKind, Markup, Person, RemoteField, Schema, Transition
from rallypoint.sync.ports import MappingBroken, PermissionDenied, Stale, TrackerError, ValidationFailed

SUMMARY_LONGEST, LINE_LONGEST, TEXT_LONGEST, LABEL_LONGEST = 255, 255, 32_767, 255
PEOPLE_MOST = 1000
SAMPLES = 50
STEPS_OF_MOST = 8
"""From so many statuses the steps are asked for, at an issue that stands there."""

SERVICE_DESK = "service_desk"
STATUS = "status"
LEFT_OUT = frozenset(
    {
        "issuetype", "project", "attachment", "issuelinks", "subtasks", "comment", "worklog", "timetracking", "labels",
        "parent", "thumbnail", "watches", "votes", "security", "timespent", "timeestimate", "timeoriginalestimate",
        "lastViewed", "workratio", "progress", "aggregateprogress", "issuerestriction", STATUS,
    }
)  # fmt: skip
"""What is told elsewhere, changes with everything, or is no content."""

RICH = frozenset({"description", "environment"})
_ALWAYS = (
    ("priority", "Priority", FieldKind.CHOICE),
    ("resolution", "Resolution", FieldKind.CHOICE),
    ("assignee", "Assignee", FieldKind.PERSON),
    ("reporter", "Reporter", FieldKind.PERSON),
)
"""Told by every issue, also where no screen has them; then they are only read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A type as it was when asked. `desk`: its comments are internal or public, as in a service desk."""

    schema: Schema
    type_id: str
    project_key: str
    desk: bool
    at: datetime

    def field(self, id: str) -> RemoteField | None:
        return self.schema.field(id)


async def discover(api: Api, edition: Edition, project: str, type: str, now: datetime) -> Shape:
    """Raises MappingBroken when project or type are not there."""
    if not project or not type:
        raise MappingBroken("A project and an issue type are needed.", help="Choose them in the mapping.")
    try:
        place: dict[str, Any] = await api.get(f"project/{segment(project)}")
        id, key = str(place["id"]), str(place["key"])
        kind = _type(place, type)
        statuses = await api.get(f"project/{segment(id)}/statuses")
    except (Stale, PermissionDenied) as no:
        raise MappingBroken(no.said, help="Choose a project and a type.", exchange=no.exchange) from no
    screen, samples = await _creating(api, id, kind), await _samples(api, edition, id, kind)
    steps, editing = await _steps(api, samples), await _editing(api, samples)
    fields: dict[str, RemoteField] = {}
    for one in [*screen, *editing]:
        made = _field(edition, one)
        if made is not None:
            known = fields.get(made.id)
            required = made.required or (known.required if known else False)
            fields[made.id] = replace(made, required=required)
    await _read_only(api, fields)
    choices = tuple(status(one) for one in _statuses(statuses, kind))
    fields[STATUS] = RemoteField(id=STATUS, name="Status", kind=FieldKind.STATUS, choices=choices)
    fields[TAGS] = RemoteField(id=TAGS, name="Labels", kind=FieldKind.TAGS, multiple=True, max_length=LABEL_LONGEST)
    schema = Schema(
        project=id,
        type=type,
        fields=tuple(sorted(fields.values(), key=lambda one: one.id)),
        transitions=steps,
        people=await _people(api, edition, key),
    )
    desk = str(place.get("projectTypeKey", "")) == SERVICE_DESK
    return Shape(schema=schema, type_id=kind, project_key=key, desk=desk, at=now)


def _type(place: Mapping[str, Any], type: str) -> str:
    for one in place.get("issueTypes") or ():
        if isinstance(one, dict) and one.get("name") == type:
            return str(one["id"])
    raise MappingBroken(f"The project {place.get('key')} has no issue type {type!r}.", help="Choose another type.")


def _statuses(rows: Any, kind: str) -> list[dict[str, Any]]:
    for one in rows if isinstance(rows, list) else ():
        if str(one.get("id")) == kind:
            return [each for each in one.get("statuses") or () if isinstance(each, dict)]
    return []


def status(row: Mapping[str, Any]) -> Choice:
    category = row.get("statusCategory")
    key = str(category.get("key", "")) if isinstance(category, Mapping) else ""
    return Choice(id=str(row.get("id")), name=str(row.get("name", "")), category=key)


async def _creating(api: Api, project: str, kind: str) -> list[dict[str, Any]]:
    """The fields of the create screen; none where the account may only work on what is there."""
    try:
        return await api.listed(f"issue/createmeta/{segment(project)}/issuetypes/{kind}", name="fields")
    except (Stale, PermissionDenied, ValidationFailed, MappingBroken):
        return []


async def _samples(api: Api, edition: Edition, project: str, kind: str) -> dict[str, str]:
    """One of the newest issues for each status, by which screens and steps are looked at."""
    jql = f"project = {project} AND issuetype = {kind} ORDER BY created DESC"
    path = "search/jql" if edition.cloud else "search"
    try:
        found = await api.get(path, {"jql": jql, "fields": "status", "maxResults": str(SAMPLES)})
    except (ValidationFailed, MappingBroken, PermissionDenied):
        return {}
    samples: dict[str, str] = {}
    for one in found.get("issues") or () if isinstance(found, dict) else ():
        where = (one.get("fields") or {}).get("status") or {}
        samples.setdefault(str(where.get("id")), str(one.get("id")))
    return samples


async def _steps(api: Api, samples: Mapping[str, str]) -> tuple[Transition, ...]:
    """The workflow as far as it can be seen: from each status at which some issue stands."""
    found: list[Transition] = []
    for source, issue in list(samples.items())[:STEPS_OF_MOST]:
        try:
            found += await steps(api, issue, source)
        except (Stale, PermissionDenied):
            continue
    return tuple(found)


async def steps(api: Api, issue: str, source: str) -> tuple[Transition, ...]:
    """What our account may do with an issue that stands at `source`."""
    edition = await api.edition()
    said = await api.get(f"issue/{segment(issue)}/transitions", {"expand": "transitions.fields"})
    rows = said.get("transitions") if isinstance(said, dict) else None
    return tuple(_step(edition, one, source) for one in rows or () if isinstance(one, dict))


def _step(edition: Edition, row: Mapping[str, Any], source: str) -> Transition:
    demanded = []
    for name, meta in (row.get("fields") or {}).items():
        if meta.get("required") and not meta.get("hasDefaultValue"):
            made = _field(edition, {**meta, "fieldId": name})
            demanded.append(made or RemoteField(id=name, name=str(meta.get("name") or name), kind=FieldKind.OTHER))
    to = row.get("to") or {}
    return Transition(
        id=str(row.get("id")),
        name=str(row.get("name", "")),
        to=str(to.get("id", "")),
        source="" if row.get("isGlobal") else source,
        required=tuple(demanded),
    )


async def _editing(api: Api, samples: Mapping[str, str]) -> list[dict[str, Any]]:
    """The fields of the edit screen, which only an issue tells."""
    for issue in samples.values():
        try:
            said = await api.get(f"issue/{segment(issue)}/editmeta")
        except (Stale, PermissionDenied):
            continue
        fields = said.get("fields") if isinstance(said, dict) else None
        return [{**meta, "fieldId": name} for name, meta in (fields or {}).items() if isinstance(meta, dict)]
    return []


def _field(edition: Edition, meta: Mapping[str, Any]) -> RemoteField | None:
    """None for what is told elsewhere, and for kinds that no value of ours stands for."""
    id = str(meta.get("fieldId") or meta.get("key") or "")
    schema = meta.get("schema") or {}
    kind = _kind(id, schema)
    if not id or id in LEFT_OUT or kind is None:
        return None
    rich = kind is FieldKind.RICH_TEXT
    markup = (Markup.ADF if edition.cloud else Markup.WIKI) if rich else Markup.PLAIN
    text = SUMMARY_LONGEST if id == "summary" else LINE_LONGEST
    return RemoteField(
        id=id,
        name=str(meta.get("name") or id),
        kind=kind,
        custom=id.startswith("customfield_"),
        required=bool(meta.get("required")) and not meta.get("hasDefaultValue"),
        multiple=kind is FieldKind.TAGS,
        max_length=TEXT_LONGEST if rich else text if kind is FieldKind.TEXT else None,
        markup=markup,
        choices=tuple(_choice(one) for one in meta.get("allowedValues") or () if isinstance(one, dict)),
    )


def _choice(row: Mapping[str, Any]) -> Choice:
    return Choice(id=str(row.get("id", "")), name=str(row.get("name") or row.get("value") or ""))


def _kind(id: str, schema: Mapping[str, Any]) -> FieldKind | None:
    custom, type, items = (str(schema.get(name, "")) for name in ("custom", "type", "items"))
    if id in RICH or custom.endswith(":textarea"):
        return FieldKind.RICH_TEXT
    if type == "array":
        return FieldKind.TAGS if items in ("string", "option", "component", "version") else None
    return {
        "string": FieldKind.TEXT,
        "number": FieldKind.NUMBER,
        "datetime": FieldKind.TIME,
        "date": FieldKind.OTHER,
        "user": FieldKind.PERSON,
        "option": FieldKind.CHOICE,
        "priority": FieldKind.CHOICE,
        "resolution": FieldKind.CHOICE,
    }.get(type)


async def _read_only(api: Api, fields: dict[str, RemoteField]) -> None:
    for id, name, kind in _ALWAYS:
        if id in fields:
            continue
        rows = await api.get(id) if kind is FieldKind.CHOICE else ()
        choices = tuple(_choice(one) for one in rows or () if isinstance(one, dict))
        fields[id] = RemoteField(id=id, name=name, kind=kind, writable=False, choices=choices)


async def _people(api: Api, edition: Edition, key: str) -> tuple[Person, ...]:
    """Who can be assigned, for the mapping of people; nobody where the account may not ask."""
    found: dict[str, Person] = {}
    words = "query" if edition.cloud else "username"
    try:
        for start in range(0, PEOPLE_MOST, 100):
            asked = {"project": key, words: "", "startAt": str(start), "maxResults": "100"}
            rows = await api.get("user/assignable/search", asked)
            for one in rows if isinstance(rows, list) else ():
                who = person(one)
                if who is not None and one.get("active", True):
                    found[who.remote_id] = who
            if not isinstance(rows, list) or len(rows) < 100:
                break
    except TrackerError as no:
        if no.retry:
            raise
    return tuple(sorted(found.values(), key=lambda one: one.name.casefold()))
