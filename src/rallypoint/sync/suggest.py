"""A mapping suggested from two schemas: fields by name and kind, values by name, statuses by what they mean."""

from dataclasses import dataclass, replace

from rallypoint.sync.mapping import (
    CommentRule,
    CreateRule,
    Direct,
    Direction,
    FieldRule,
    Mapping,
    PersonMap,
    Shape,
    StatusMap,
    TagSet,
    Text,
    Transform,
    ValueMap,
)
from rallypoint.sync.model import Capabilities, FieldKind, RemoteField, Schema
from rallypoint.sync.values import DONE_WORDS, Lossy, bare, review, suggest_pairs, suggest_status

NAMES: dict[str, tuple[str, ...]] = {
    "title": ("title", "summary", "subject", "short description", "name", "system title"),
    "description": ("description", "body", "details", "text", "system description", "repro steps"),
    "priority": ("priority", "severity", "urgency"),
    "impact": ("impact",),
    "urgency": ("urgency",),
    "owner": ("assignee", "assigned to", "owner", "assignedto", "nosy owner"),
    "reporter": ("reporter", "requester", "requestor", "caller", "caller id"),
    "category": ("category", "component", "area path"),
    "resolution": ("resolution", "close notes", "resolution notes"),
    "workaround": ("workaround", "work around"),
    "tags": ("tags", "labels", "keywords"),
    "impact_started_at": ("impact started", "started at", "starts", "start time"),
}
"""What tools call our fields, best first. Names are compared without case and punctuation."""

UNDONE_WORDS = frozenset({"won", "wont", "cancelled", "canceled", "rejected", "declined", "duplicate", "invalid"})
"""Why something ends without having been done."""

NEVER_SUGGESTED = frozenset({"number", "url"})
"""A tool's own number and address name its item: ours are never put in their place unless somebody says so."""

FITTING: dict[FieldKind, frozenset[FieldKind]] = {
    FieldKind.TEXT: frozenset({FieldKind.TEXT, FieldKind.RICH_TEXT}),
    FieldKind.RICH_TEXT: frozenset({FieldKind.TEXT, FieldKind.RICH_TEXT}),
    FieldKind.CHOICE: frozenset({FieldKind.CHOICE}),
    FieldKind.NUMBER: frozenset({FieldKind.NUMBER}),
    FieldKind.BOOLEAN: frozenset({FieldKind.BOOLEAN}),
    FieldKind.TIME: frozenset({FieldKind.TIME}),
    FieldKind.PERSON: frozenset({FieldKind.PERSON}),
    FieldKind.TAGS: frozenset({FieldKind.TAGS}),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Suggestion:
    """A mapping to start from, what it loses, and what was left out because nothing there fits."""

    mapping: Mapping
    warnings: tuple[Lossy, ...]
    left_out: tuple[str, ...]


def suggest(
    hub: Schema, remote: Schema, able: Capabilities, *, id: int = 0, connection: int = 0, name: str = ""
) -> Suggestion:
    """A mapping between the incident and one item type. Each field is used once; a field that cannot be written on
    one side travels the other way only."""
    taken: set[str] = set()
    rules: list[FieldRule] = []
    left_out: list[str] = []
    status = next((one for one in remote.fields if one.kind is FieldKind.STATUS), None)
    for ours in hub.fields:
        if ours.kind is FieldKind.STATUS:
            continue
        open_ones = [one for one in remote.fields if one.id not in taken]
        theirs = find(ours, open_ones) if ours.id not in NEVER_SUGGESTED else None
        rule = rule_between(ours, theirs, able) if theirs is not None else None
        if theirs is None or rule is None:
            left_out.append(ours.id)
            continue
        taken.add(theirs.id)
        rules.append(rule)
    rules, worked_out = _without_worked_out(rules)
    left_out += worked_out
    mapping = Mapping(
        id=id,
        version=1,
        connection=connection,
        name=name or f"{remote.project} {remote.type}".strip(),
        create=CreateRule(project=remote.project, type=remote.type),
        fields=tuple(rules),
        status=_with_fill(suggest_status(status), remote) if status is not None else None,
        comments=CommentRule(),
    )
    return Suggestion(mapping=mapping, warnings=review(mapping, hub, remote), left_out=tuple(left_out))


def _with_fill(status: StatusMap, remote: Schema) -> StatusMap:
    """Where a step of the workflow wants a choice made, the one that fits the status is proposed with it."""
    demanded: dict[str, dict[str, RemoteField]] = {}
    for step in remote.transitions:
        found = {one.id: one for one in step.required if one.kind is FieldKind.CHOICE and one.choices}
        demanded.setdefault(step.to, {}).update(found)
    return replace(
        status,
        out=tuple(
            replace(one, fill={id: _fitting(one.hub, field) for id, field in demanded.get(one.remote, {}).items()})
            for one in status.out
        ),
    )


def _fitting(hub: str, field: RemoteField) -> str:
    words = UNDONE_WORDS if hub == "cancelled" else DONE_WORDS
    named = (one.id for one in field.choices if any(word in bare(one.name).split() for word in words))
    return next(named, field.choices[0].id)


def _without_worked_out(rules: list[FieldRule]) -> tuple[list[FieldRule], list[str]]:
    """A priority that the tool works out from impact and urgency is not taken from there: ours follows from them too,
    and the defaults of a new item there would lower a P1 whose impact nobody has stated yet."""
    hubs = {rule.hub for rule in rules}
    follows = [rule for rule in rules if rule.hub == "priority" and rule.direction is Direction.IN]
    if not follows or not {"impact", "urgency"} <= hubs:
        return rules, []
    return [rule for rule in rules if rule not in follows], ["priority"]


def find(ours: RemoteField, theirs: list[RemoteField]) -> RemoteField | None:
    """The field there that means ours: a fitting kind, and our name or one that tools use for it."""
    fitting = [one for one in theirs if one.readable and one.kind in FITTING.get(ours.kind, frozenset())]
    for wanted in (bare(ours.name), bare(ours.id), *NAMES.get(ours.id, ())):
        found = next((one for one in fitting if wanted in (bare(one.name), bare(one.id))), None)
        if found is not None:
            return found
    return None


def rule_between(ours: RemoteField, theirs: RemoteField, able: Capabilities) -> FieldRule | None:
    """The rule that fits two fields: how values change, and the way they can travel. None where they do not fit."""
    transform = _transform(ours, theirs, able)
    if transform is None or not (ours.writable or theirs.writable):
        return None
    direction = Direction.BOTH
    if not theirs.writable:
        direction = Direction.IN
    if not ours.writable:
        direction = Direction.OUT
    return FieldRule(hub=ours.id, remote=theirs.id, direction=direction, transform=transform)


def _transform(ours: RemoteField, theirs: RemoteField, able: Capabilities) -> Transform | None:
    match ours.kind:
        case FieldKind.TEXT | FieldKind.RICH_TEXT:
            most = theirs.max_length or able.max_lengths.get(theirs.id)
            markup = able.markups.get(theirs.id, theirs.markup)
            return Text(markup=markup, max_length=most, single_line=theirs.kind is FieldKind.TEXT)
        case FieldKind.CHOICE:
            pairs = suggest_pairs(ours.choices, theirs.choices)
            return ValueMap(pairs=pairs) if pairs else None
        case FieldKind.PERSON:
            return PersonMap()
        case FieldKind.TAGS:
            return TagSet()
        case FieldKind.NUMBER:
            return Direct(shape=Shape.NUMBER)
        case FieldKind.BOOLEAN:
            return Direct(shape=Shape.BOOLEAN)
        case FieldKind.TIME:
            return Direct(shape=Shape.TIME)
        case _:
            return None
