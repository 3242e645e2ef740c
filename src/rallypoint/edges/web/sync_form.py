"""A mapping as a form and back. Pure: what the form does not show (files, people, deletions) stays as it was.

One row for each field of the incident, linked or not, so that nothing has to be added or taken away. What is typed
survives every refusal, because the form is kept as it came and only read into rules here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from graphlib import CycleError, TopologicalSorter
from typing import TypeVar

from rallypoint.edges.web.forms import Form
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.mapping import (
    AttachmentRule,
    Check,
    CommentRule,
    Condition,
    Direction,
    FieldRule,
    Owner,
    Pair,
    StatusMap,
    StatusRead,
    StatusWrite,
    Trigger,
    ValueMap,
    WhenLeft,
)
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.model import Capabilities, Choice, FieldKind, RemoteField, Schema
from rallypoint.sync.suggest import FITTING, rule_between
from rallypoint.sync.values import NEVER_FROM_OUTSIDE, bare, suggest_status

E = TypeVar("E", Direction, Owner, Check)

MOST_CHOICES = 150
"""Above so many values a map is shown as a count: it is changed as code, not in so many selects."""

BLANK_CONDITIONS = 2
ON = "1"
COMMENTS: tuple[tuple[str, str], ...] = (
    ("send_public", "Public updates"),
    ("send_private", "Internal updates"),
    ("send_work_notes", "Work notes"),
    ("edits", "Corrections follow"),
    ("deletes", "Deletions follow"),
    ("name_author", "Each begins with who wrote it"),
)
RISKY: tuple[tuple[str, str, str], ...] = (
    ("work_notes_public", "Work notes are shown to customers there", "Off, they stay private or are not sent."),
    (
        "open_tool_to_reporter",
        "What is said in a tool without private comments is for the reporter",
        "Off, it arrives as internal.",
    ),
    ("private_to_open_tool", "Internal ones go to a tool without private comments", "Everybody there can read them."),
)
FILES: tuple[tuple[str, str, str], ...] = (
    ("send_private", "Private ones, where the tool keeps them private", ""),
    ("private_to_open_tool", "Private ones where everybody there sees them, too", "Most tools show files to all."),
)
TIES: tuple[tuple[str, str], ...] = (
    ("parents", "Parents and children"),
    ("related", "Related, duplicates, what blocks what"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One field of the incident: what it may be linked with, and the values of both where it has choices."""

    field: RemoteField
    options: tuple[tuple[str, str], ...]
    linked: bool
    ours: tuple[Choice, ...] = ()
    theirs: tuple[Choice, ...] = ()
    many: int = 0
    wrong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Base:
    """What a form is read against: the rules it started from and both schemas as they are now."""

    rules: Rules
    here: Schema
    there: Schema
    able: Capabilities


# Rules to form.


def values_of(rules: Rules) -> dict[str, str]:
    """Everything the form begins with."""
    found = {"name": rules.name, "send": _tick(rules.trigger.send), "receive": _tick(rules.trigger.receive)}
    found["stop"] = _tick(rules.scope.when_left is WhenLeft.STOP)
    for rule in rules.fields:
        found |= {
            f"remote:{rule.hub}": rule.remote,
            f"direction:{rule.hub}": rule.direction.value,
            f"owner:{rule.hub}": rule.owner.value,
        }
        if isinstance(rule.transform, ValueMap):
            found |= _map_values(rule.hub, rule.transform.pairs)
    if rules.status is not None:
        found |= {"status": rules.status.field, "status.direction": rules.status.direction.value}
        found["status.owner"] = rules.status.owner.value
        found |= {f"sout:{one.hub}": one.remote for one in rules.status.out}
        found |= {f"sfill:{one.hub}": lines(one.fill) for one in rules.status.out}
        found |= {f"sin:{one.remote}": one.hub for one in rules.status.into}
    found |= {f"c.{name}": _tick(getattr(rules.comments, name)) for name, *_ in (*COMMENTS, *RISKY)}
    found["c.direction"] = rules.comments.direction.value
    found |= {f"f.{name}": _tick(getattr(rules.attachments, name)) for name, *_ in FILES}
    found["f.direction"] = rules.attachments.direction.value
    found |= {f"l.{name}": _tick(getattr(rules.links, name)) for name, _ in TIES}
    for side, conditions in (("h", rules.scope.hub), ("r", rules.scope.remote)):
        for place, one in enumerate(conditions):
            found |= {f"{side}.field:{place}": one.field, f"{side}.check:{place}": one.check.value}
            found[f"{side}.values:{place}"] = ", ".join(one.values)
    found["defaults"] = lines(rules.create.defaults)
    return found


def _map_values(hub: str, pairs: Sequence[Pair]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        found.setdefault(f"out:{hub}:{pair.hub}", pair.remote)
        found.setdefault(f"in:{hub}:{pair.remote}", pair.hub)
    return found


def _tick(on: bool) -> str:
    return ON if on else ""


def lines(values: Mapping[str, object]) -> str:
    """Values by field as people type them: one `field = value` a line."""
    return "\n".join(f"{name} = {'' if value is None else value}" for name, value in values.items())


def rows(form: Form, base: Base) -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """(linked, left out), each in the order of the incident's own fields."""
    found = [_row(form, ours, base) for ours in base.here.fields if ours.kind is not FieldKind.STATUS]
    return tuple(one for one in found if one.linked), tuple(one for one in found if not one.linked)


def _row(form: Form, ours: RemoteField, base: Base) -> Row:
    chosen = form.value(f"remote:{ours.id}")
    fitting = [one for one in base.there.fields if one.kind in FITTING.get(ours.kind, frozenset()) and one.readable]
    options = [(one.id, f"{one.name} ({one.id})" if bare(one.name) != bare(one.id) else one.id) for one in fitting]
    if chosen and chosen not in dict(options):
        options.append((chosen, f"{chosen} (not there)"))
    theirs = base.there.field(chosen)
    if ours.kind is not FieldKind.CHOICE or theirs is None:
        return Row(field=ours, options=tuple(options), linked=bool(chosen))
    active = tuple(one for one in theirs.choices if one.active)
    count = len(ours.choices) + len(active)
    shown = count <= MOST_CHOICES
    return Row(
        field=ours,
        options=tuple(options),
        linked=True,
        ours=tuple(one for one in ours.choices if one.active) if shown else (),
        theirs=active if shown else (),
        many=0 if shown else count,
        wrong=any(key.startswith((f"out:{ours.id}:", f"in:{ours.id}:")) for key in form.problems),
    )


def condition_places(form: Form, side: str) -> range:
    """The rows of conditions: those that are filled, and a few blank ones."""
    places = [int(key.rpartition(":")[2]) for key, value in form.values.items() if key.startswith(f"{side}.field:")
              and value and key.rpartition(":")[2].isdecimal() and len(key) < 12]  # fmt: skip
    return range(min(max(places, default=-1) + 1, 20) + BLANK_CONDITIONS)


# Form to rules.


def read(form: Form, base: Base) -> Rules:
    """The rules that the form says. Raises Invalid, each problem with the key of its input."""
    wrong: list[Problem] = []
    fields = tuple(rule for ours in base.here.fields if (rule := _rule(form, ours, base, wrong)) is not None)
    status = _status(form, base, wrong)
    scope = replace(
        base.rules.scope,
        hub=conditions(form, "h", wrong),
        remote=conditions(form, "r", wrong),
        when_left=WhenLeft.STOP if form.ticked("stop") else WhenLeft.KEEP,
    )
    create = replace(base.rules.create, defaults=_pairs(form, "defaults", wrong))
    if not form.text("name"):
        wrong.append(Problem("name", "give it a name that people know", "Incidents of the shop"))
    if not fields and not wrong:
        wrong.append(Problem("name", "no field is linked: choose at least one below"))
    if wrong:
        raise Invalid(wrong)
    return replace(
        base.rules,
        name=form.text("name"),
        fields=fields,
        status=status,
        scope=scope,
        create=create,
        trigger=Trigger(send=form.ticked("send"), receive=form.ticked("receive")),
        comments=_comments(form, base.rules.comments),
        attachments=_files(form, base.rules.attachments),
        links=replace(base.rules.links, **{name: form.ticked(f"l.{name}") for name, _ in TIES}),
    )


def _rule(form: Form, ours: RemoteField, base: Base, wrong: list[Problem]) -> FieldRule | None:
    """The rule of one row; one that was linked anew gets the transform that fits both fields."""
    remote = form.text(f"remote:{ours.id}")
    if not remote or ours.kind is FieldKind.STATUS:
        return None
    before = base.rules.rule_for(ours.id)
    anew = before is None or before.remote != remote
    if before is None or anew:
        theirs = base.there.field(remote)
        fits = theirs is not None and theirs.kind in FITTING.get(ours.kind, frozenset())
        before = rule_between(ours, theirs, base.able) if theirs is not None and fits else None
        if before is None:
            wrong.append(Problem(f"remote:{ours.id}", f"{remote} is nothing that {ours.name} can be linked with"))
            return None
    direction = _word(Direction, form, f"direction:{ours.id}", before.direction, wrong)
    owner = _word(Owner, form, f"owner:{ours.id}", before.owner, wrong)
    transform = before.transform
    if not anew and isinstance(transform, ValueMap) and _touched(form, ours.id, transform):
        try:
            transform = replace(transform, pairs=_value_pairs(form, ours.id, direction))
        except Invalid as problem:
            wrong += problem.problems
    return replace(before, direction=direction, owner=owner, transform=transform)


def _touched(form: Form, hub: str, transform: ValueMap) -> bool:
    """Whether the form shows this map, and says something else than the map does."""
    prefixes = (f"out:{hub}:", f"in:{hub}:")
    said = {key: value for key, value in form.values.items() if key.startswith(prefixes)}
    return bool(said) and {key: value for key, value in said.items() if value} != _map_values(hub, transform.pairs)


def _value_pairs(form: Form, hub: str, direction: Direction) -> tuple[Pair, ...]:
    def chosen(prefix: str) -> dict[str, str]:
        return {key.removeprefix(prefix): value for key, value in form.values.items() if key.startswith(prefix)}

    return pairs_of(hub, chosen(f"out:{hub}:"), chosen(f"in:{hub}:"), direction)


def pairs_of(field: str, out: Mapping[str, str], into: Mapping[str, str], direction: Direction) -> tuple[Pair, ...]:
    """Pairs in an order in which the first that fits says what was chosen. Raises Invalid where there is none."""
    out = {ours: theirs for ours, theirs in out.items() if theirs}
    read = {theirs: ours for theirs, ours in into.items() if ours}
    if direction is Direction.OUT:
        read = {theirs: ours for theirs, ours in read.items() if out.get(ours) == theirs}
    if direction is Direction.IN:
        out = {ours: theirs for ours, theirs in out.items() if read.get(theirs) == ours}
    wrong = [
        Problem(f"in:{field}:{theirs}", f"{ours} is written as {theirs}, so {theirs} has to be read as something")
        for ours, theirs in out.items()
        if direction is Direction.BOTH and theirs not in read
    ] + [
        Problem(f"out:{field}:{ours}", f"{theirs} is read as {ours}, so {ours} has to be written as something")
        for theirs, ours in read.items()
        if direction is Direction.BOTH and ours not in out
    ]
    if wrong:
        raise Invalid(wrong)
    pairs = dict.fromkeys([*out.items(), *((ours, theirs) for theirs, ours in read.items())])
    before = {
        pair: [
            other
            for other in pairs
            if other != pair
            and ((other[0] == pair[0] and out.get(other[0]) == other[1]) or
                 (other[1] == pair[1] and read.get(other[1]) == other[0]))
        ]
        for pair in pairs
    }  # fmt: skip
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError:
        reason = "what is written comes back as something else, round and round"
        raise Invalid(f"remote:{field}", reason) from None
    return tuple(Pair(hub=ours, remote=theirs) for ours, theirs in order)


def _status(form: Form, base: Base, wrong: list[Problem]) -> StatusMap | None:
    field = form.text("status")
    if not field:
        return None
    before = base.rules.status
    if before is None or before.field != field:
        theirs = base.there.field(field)
        if theirs is None:
            wrong.append(Problem("status", f"{field} is no field there"))
            return None
        return suggest_status(theirs)
    return replace(
        before,
        direction=_word(Direction, form, "status.direction", before.direction, wrong),
        owner=_word(Owner, form, "status.owner", before.owner, wrong),
        out=tuple(
            StatusWrite(hub=hub, remote=remote, fill=_pairs(form, f"sfill:{hub}", wrong))
            for hub, remote in _chosen(form, "sout:")
        ),
        into=tuple(
            StatusRead(remote=remote, hub=hub) for remote, hub in _chosen(form, "sin:") if _opens(remote, hub, wrong)
        ),
    )


def _opens(remote: str, hub: str, wrong: list[Problem]) -> bool:
    if hub in NEVER_FROM_OUTSIDE:
        wrong.append(Problem(f"sin:{remote}", "another tool may resolve an incident, never close it", "resolved"))
    return hub not in NEVER_FROM_OUTSIDE


def _chosen(form: Form, prefix: str) -> list[tuple[str, str]]:
    return [(key.removeprefix(prefix), value) for key, value in form.values.items() if key.startswith(prefix) and value]


def _comments(form: Form, before: CommentRule) -> CommentRule:
    ticks = {name: form.ticked(f"c.{name}") for name, *_ in (*COMMENTS, *RISKY)}
    word = form.text("c.direction")
    direction = Direction(word) if word in set(Direction) else before.direction
    return replace(before, direction=direction, **ticks)


def _files(form: Form, before: AttachmentRule) -> AttachmentRule:
    word = form.text("f.direction")
    direction = Direction(word) if word in set(Direction) else before.direction
    private, open_too = form.ticked("f.send_private"), form.ticked("f.private_to_open_tool")
    return replace(before, direction=direction, send_private=private, private_to_open_tool=open_too)


def conditions(form: Form, side: str, wrong: list[Problem]) -> tuple[Condition, ...]:
    """The conditions of one side, incidents (h) or items (r); what is wrong with one is added to `wrong`."""
    found = []
    for place in condition_places(form, side):
        field = form.text(f"{side}.field:{place}")
        if not field:
            if form.text(f"{side}.values:{place}"):
                wrong.append(Problem(f"{side}.field:{place}", "choose the field that these values are of"))
            continue
        check = _word(Check, form, f"{side}.check:{place}", Check.IS, wrong)
        values = tuple(one.strip() for one in form.text(f"{side}.values:{place}").split(",") if one.strip())
        if check not in (Check.SET, Check.NOT_SET) and not values:
            wrong.append(Problem(f"{side}.values:{place}", "name at least one value", "P1, P2"))
        found.append(Condition(field=field, check=check, values=values))
    return tuple(found)


def _pairs(form: Form, key: str, wrong: list[Problem]) -> dict[str, str]:
    """`field = value` lines."""
    found = {}
    for line in form.text(key).splitlines():
        if not line.strip():
            continue
        name, given, value = line.partition("=")
        if not given or not name.strip():
            wrong.append(Problem(key, f"this line is no “field = value”: {line.strip()[:60]}", "close_code = Solved"))
            continue
        found[name.strip()] = value.strip()
    return found


def _word(kind: type[E], form: Form, key: str, otherwise: E, wrong: list[Problem]) -> E:
    typed = form.text(key)
    if not typed:
        return otherwise
    try:
        return kind(typed)
    except ValueError:
        wrong.append(Problem(key, f"this is none of {', '.join(kind)}", otherwise.value))
        return otherwise
