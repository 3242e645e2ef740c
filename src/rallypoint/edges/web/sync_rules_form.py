"""The rest of a mapping as a form: how each field's value changes, files, people, deletions, relations, places. Pure.

Each part is read only if the form shows it, which a hidden input says: what is not shown stays as it is.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import TypeVar

from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.sync_form import ON, Base, condition_places, conditions
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.mapping import (
    AttachmentRule,
    DeletionRule,
    Direct,
    FieldRule,
    LinkRule,
    OnDelete,
    PeopleMap,
    PersonPair,
    Place,
    Shape,
    TagSet,
    Text,
    Unmapped,
    ValueMap,
)
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.model import Markup, Person, Side

MEGABYTE = 1_000_000
MOST_MEGABYTES = 10_000
MOST_PLACES, MOST_CONDITIONS = 8, 9
MOST_PAIRS = 500
OF_FIELDS = ("ties:", "shape:", "markup:", "most:", "line:", "else_out:", "else_in:", "prefix:", "managed:", "fold:")
PARTS = ("files", "people", "deletion", "links", "places")
SHOWN = "shown."
"""Before the name of a part: the form shows it."""

MARKUPS = (
    (Markup.PLAIN, "plain text"),
    (Markup.MARKDOWN, "Markdown"),
    (Markup.HTML, "HTML"),
    (Markup.ADF, "Atlassian's document format"),
    (Markup.WIKI, "wiki text of Jira"),
    (Markup.TEXTILE, "Textile"),
)
SHAPES = (
    (Shape.AS_IS, "as it is"),
    (Shape.NUMBER, "a number"),
    (Shape.BOOLEAN, "yes or no"),
    (Shape.TIME, "a time"),
)
UNMAPPED = (
    (Unmapped.KEEP, "the field stays as it is"),
    (Unmapped.AS_TEXT, "their name is written as text"),
    (Unmapped.NOBODY, "nobody is set"),
    (Unmapped.FALLBACK, "somebody stands in"),
)
REMOTE_DELETED = (
    (OnDelete.NOTICE, "a note here says so"),
    (OnDelete.CANCEL, "the incident is cancelled, with a note"),
    (OnDelete.NOTHING, "nothing is said"),
)

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


def values_of(rules: Rules) -> dict[str, str]:
    """Everything this part of the form begins with."""
    found = {f"{SHOWN}{part}": ON for part in PARTS if part != "places" or places_shown(rules)}
    for rule in rules.fields:
        found |= _of_field(rule)
    if rules.status is not None:
        found |= {"status.ties": rules.status.ties.value, "status.longest": str(rules.status.longest_path)}
    files, people = rules.attachments, rules.people
    found |= {
        "a.megabytes": _megabytes(files.max_bytes),
        "a.types": ", ".join(files.types),
        "a.refused": ", ".join(files.refused_types),
        "a.told": _tick(files.link_when_refused),
        "p.by_mail": _tick(people.by_mail),
        "p.pairs": "\n".join(f"{one.hub_email} = {one.remote_id}" for one in people.pairs),
        "p.unmapped": people.unmapped.value,
        "p.fallback": people.fallback,
        "d.there": rules.deletion.remote_deleted.value,
        "d.looks": str(rules.deletion.confirmations),
        "l.panel": _tick(rules.links.panel),
    }
    for n, place in enumerate(rules.create.places if places_shown(rules) else ()):
        found[f"w{n}.place"] = place_key(place.project, place.type)
        for m, one in enumerate(place.when):
            found |= {f"w{n}.field:{m}": one.field, f"w{n}.check:{m}": one.check.value}
            found[f"w{n}.values:{m}"] = ", ".join(one.values)
    return found


def _of_field(rule: FieldRule) -> dict[str, str]:
    found = {f"{SHOWN}{rule.hub}": ON, f"ties:{rule.hub}": rule.ties.value}
    match rule.transform:
        case Direct(shape=shape):
            found[f"shape:{rule.hub}"] = shape.value
        case Text() as text:
            found[f"markup:{rule.hub}"] = text.markup.value
            found[f"most:{rule.hub}"] = "" if text.max_length is None else str(text.max_length)
            found[f"line:{rule.hub}"] = _tick(text.single_line)
        case ValueMap() as values:
            found[f"else_out:{rule.hub}"] = values.default_out or ""
            found[f"else_in:{rule.hub}"] = values.default_in or ""
        case TagSet() as tags:
            found[f"prefix:{rule.hub}"] = tags.prefix
            found[f"managed:{rule.hub}"] = ", ".join(tags.managed)
            found[f"fold:{rule.hub}"] = _tick(tags.fold_case)
        case _:
            pass
    return found


def places_shown(rules: Rules) -> bool:
    """Whether the places are few enough to be shown; more of them are changed as code."""
    places = rules.create.places
    return len(places) <= MOST_PLACES and all(len(one.when) <= MOST_CONDITIONS for one in places)


def place_key(project: str, type: str) -> str:
    """A place as the value of an option."""
    return json.dumps([project, type], ensure_ascii=False)


def place_rows(form: Form, *, another: bool = False) -> range:
    """The places that are shown: those that say something, and one more if somebody asks for it."""
    said = [n for n in range(MOST_PLACES) if form.value(f"w{n}.place") or form.value(f"w{n}.field:0")]
    return range(min(max(said, default=-1) + 1 + another, MOST_PLACES))


def place_options(form: Form, usual: tuple[str, str], listed: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """The places to choose from as options; what is chosen and not listed is among them all the same."""
    found = dict(listed)
    for n in place_rows(form):
        chosen = form.value(f"w{n}.place")
        if chosen and chosen not in found:
            found[chosen] = f"{named(chosen)} (not listed there)"
    found.pop(place_key(*usual), None)
    return tuple(found.items())


def named(place: str) -> str:
    try:
        project, type = json.loads(place)
    except (ValueError, TypeError):
        return place
    return f"{project}: {type}" if project != type else str(type)


def read(form: Form, base: Base, rules: Rules) -> Rules:
    """`rules` with what this part of the form says. Raises Invalid, each problem with the key of its input."""
    wrong: list[Problem] = []
    made = replace(
        rules,
        fields=tuple(_field(form, one, base, wrong) for one in rules.fields),
        attachments=_files(form, rules.attachments, wrong) if _shows(form, "files") else rules.attachments,
        people=_people(form, rules.people, base.there.people, wrong) if _shows(form, "people") else rules.people,
        deletion=_deletion(form, rules.deletion, wrong) if _shows(form, "deletion") else rules.deletion,
        links=_links(form, rules.links) if _shows(form, "links") else rules.links,
        create=replace(rules.create, places=_places(form, wrong)) if _shows(form, "places") else rules.create,
    )
    if rules.status is not None and form.text("status.ties"):
        longest = _whole(form, "status.longest", rules.status.longest_path, 1, 20, wrong)
        ties = _word(Side, form, "status.ties", rules.status.ties, wrong)
        made = replace(made, status=replace(rules.status, ties=ties, longest_path=longest))
    if wrong:
        raise Invalid(wrong)
    return made


def _shows(form: Form, part: str) -> bool:
    return form.ticked(f"{SHOWN}{part}")


def _field(form: Form, rule: FieldRule, base: Base, wrong: list[Problem]) -> FieldRule:
    """A field that was linked anew has what suits it, not what stood there for another."""
    before, hub = base.rules.rule_for(rule.hub), rule.hub
    if not _shows(form, hub) or before is None or before.remote != rule.remote:
        return rule
    transform = rule.transform
    match transform:
        case Direct():
            transform = replace(transform, shape=_word(Shape, form, f"shape:{hub}", transform.shape, wrong))
        case Text():
            transform = Text(
                markup=_word(Markup, form, f"markup:{hub}", transform.markup, wrong),
                max_length=_whole(form, f"most:{hub}", None, 1, 10_000_000, wrong),
                single_line=form.ticked(f"line:{hub}"),
            )
        case ValueMap():
            out, into = form.maybe(f"else_out:{hub}"), form.maybe(f"else_in:{hub}")
            transform = replace(transform, default_out=out, default_in=into)
        case TagSet():
            transform = TagSet(
                prefix=form.text(f"prefix:{hub}"),
                managed=_words(form, f"managed:{hub}"),
                fold_case=form.ticked(f"fold:{hub}"),
            )
        case _:
            pass
    return replace(rule, ties=_word(Side, form, f"ties:{hub}", rule.ties, wrong), transform=transform)


def _files(form: Form, before: AttachmentRule, wrong: list[Problem]) -> AttachmentRule:
    return replace(
        before,
        max_bytes=_bytes(form, "a.megabytes", before.max_bytes, wrong),
        types=_types(form, "a.types", wrong),
        refused_types=_types(form, "a.refused", wrong),
        link_when_refused=form.ticked("a.told"),
    )


def _bytes(form: Form, key: str, otherwise: int, wrong: list[Problem]) -> int:
    try:
        found = Decimal(form.text(key).replace(",", "."))
        if 0 < found <= MOST_MEGABYTES:
            return max(1, round(found * MEGABYTE))
    except InvalidOperation:
        pass
    wrong.append(Problem(key, f"this has to be a size in megabytes, up to {MOST_MEGABYTES}", "25"))
    return otherwise


def _megabytes(size: int) -> str:
    return f"{(Decimal(size) / MEGABYTE).normalize():f}"


def _types(form: Form, key: str, wrong: list[Problem]) -> tuple[str, ...]:
    found = _words(form, key)
    odd = [one for one in found if "/" not in one]
    if odd:
        wrong.append(Problem(key, f"{odd[0]} is no kind of file", "image/, application/pdf"))
    return found


def _people(form: Form, before: PeopleMap, there: Sequence[Person], wrong: list[Problem]) -> PeopleMap:
    unmapped, fallback = _word(Unmapped, form, "p.unmapped", before.unmapped, wrong), form.text("p.fallback")
    if unmapped is Unmapped.FALLBACK and not fallback:
        wrong.append(Problem("p.fallback", "say who stands in", there[0].remote_id if there else ""))
    return PeopleMap(
        by_mail=form.ticked("p.by_mail"),
        pairs=_pairs(form, there, wrong),
        unmapped=unmapped,
        fallback=_known(fallback, there),
    )


def _pairs(form: Form, there: Sequence[Person], wrong: list[Problem]) -> tuple[PersonPair, ...]:
    found: list[PersonPair] = []
    for line in filter(None, map(str.strip, form.text("p.pairs").splitlines())):
        mail, given, theirs = (part.strip() for part in line.partition("="))
        if not given or "@" not in mail or not theirs:
            wrong.append(
                Problem("p.pairs", f"this line is no “mail = account”: {line[:60]}", "noor@example.com = nhaddad")
            )
        found.append(PersonPair(hub_email=mail, remote_id=_known(theirs, there)))
    if len(found) > MOST_PAIRS:
        wrong.append(Problem("p.pairs", f"so many ({len(found)}) are set as code; here at most {MOST_PAIRS}"))
    return tuple(found)


def _known(typed: str, there: Sequence[Person]) -> str:
    """The id of somebody there, who may be named by it, by mail or by name; what nobody is called stays as typed."""
    if not typed or any(one.remote_id == typed for one in there):
        return typed
    word = typed.casefold()
    called = {one.remote_id for one in there if word in (one.email.casefold(), one.name.casefold()) and one.remote_id}
    return called.pop() if len(called) == 1 else typed


def _deletion(form: Form, before: DeletionRule, wrong: list[Problem]) -> DeletionRule:
    return replace(
        before,
        remote_deleted=_word(OnDelete, form, "d.there", before.remote_deleted, wrong),
        confirmations=_whole(form, "d.looks", before.confirmations, 1, 100, wrong),
    )


def _links(form: Form, before: LinkRule) -> LinkRule:
    return replace(before, panel=form.ticked("l.panel"))


def _places(form: Form, wrong: list[Problem]) -> tuple[Place, ...]:
    found: list[Place] = []
    for n in place_rows(form):
        chosen, when = form.text(f"w{n}.place"), conditions(form, f"w{n}", wrong)
        if not chosen and not when:
            continue
        try:
            project, type = json.loads(chosen)
        except (ValueError, TypeError):
            wrong.append(Problem(f"w{n}.place", "choose where these go"))
            continue
        if not when:
            wrong.append(Problem(f"w{n}.field:0", "say which incidents go there; the others go to the usual place"))
        found.append(Place(when=when, project=str(project), type=str(type)))
    return tuple(found)


def shown_conditions(form: Form, another: bool) -> list[tuple[int, range]]:
    """(number of a place, its rows of conditions) for each that is shown."""
    return [(n, condition_places(form, f"w{n}")) for n in place_rows(form, another=another)]


# Small words.


def _tick(on: bool) -> str:
    return ON if on else ""


def _words(form: Form, key: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in form.text(key).split(",") if one.strip())


def _word(kind: type[E], form: Form, key: str, otherwise: E, wrong: list[Problem]) -> E:
    typed = form.text(key)
    if not typed:
        return otherwise
    try:
        return kind(typed)
    except ValueError:
        wrong.append(Problem(key, f"this is none of {', '.join(kind)}", otherwise.value))
        return otherwise


def _whole(form: Form, key: str, otherwise: T, least: int, most: int, wrong: list[Problem]) -> int | T:
    """A whole number; `otherwise` where nothing was typed or it cannot be."""
    try:
        found = form.number(key)
        if found is None or least <= found <= most:
            return otherwise if found is None else found
        wrong.append(Problem(key, f"this has to be a whole number from {least} to {most}", str(least)))
    except Invalid as problem:
        wrong += problem.problems
    return otherwise
