"""A mapping as a form: what is shown and sent back unchanged is the same mapping; a value map says what was chosen."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.edges.web import sync_form
from rallypoint.edges.web.forms import Form
from rallypoint.errors import Invalid
from rallypoint.sync.mapping import (
    AttachmentRule,
    Check,
    Condition,
    Direction,
    Pair,
    Scope,
    Text,
    Trigger,
    ValueMap,
    WhenLeft,
)
from rallypoint.sync.model import Capabilities, Choice, FieldKind, RemoteField, Schema
from rallypoint.sync.suggest import suggest

URGENCIES = tuple(Choice(id=name, name=name.title()) for name in ("critical", "high", "medium", "low"))
HERE = Schema(
    project="rallypoint", type="incident",
    fields=(
        RemoteField(id="title", name="Title", kind=FieldKind.TEXT),
        RemoteField(id="description", name="Description", kind=FieldKind.RICH_TEXT),
        RemoteField(id="urgency", name="Urgency", kind=FieldKind.CHOICE, choices=URGENCIES),
        RemoteField(id="number", name="Number", kind=FieldKind.TEXT, writable=False),
        RemoteField(
            id="status", name="Status", kind=FieldKind.STATUS,
            choices=tuple(Choice(id=name, name=name) for name in ("triage", "active", "resolved", "closed")),
        ),
    ),
)  # fmt: skip
THERE = Schema(
    project="desk", type="ticket",
    fields=(
        RemoteField(id="subject", name="Subject", kind=FieldKind.TEXT),
        RemoteField(id="body", name="Description", kind=FieldKind.RICH_TEXT),
        RemoteField(id="notes", name="Notes", kind=FieldKind.RICH_TEXT),
        RemoteField(id="number", name="Number", kind=FieldKind.TEXT),
        RemoteField(
            id="urgency", name="Urgency", kind=FieldKind.CHOICE,
            choices=tuple(Choice(id=str(n), name=name) for n, name in ((1, "High"), (2, "Medium"), (3, "Low"))),
        ),
        RemoteField(
            id="state", name="State", kind=FieldKind.STATUS,
            choices=tuple(Choice(id=name, name=name) for name in ("new", "open", "solved", "closed")),
        ),
    ),
)  # fmt: skip


def base() -> sync_form.Base:
    made = suggest(HERE, THERE, Capabilities(), name="Tickets").mapping
    scope = Scope(hub=(Condition(field="urgency", check=Check.IS, values=("critical", "high")),),
                  remote=(Condition(field="state", check=Check.SET),), when_left=WhenLeft.STOP)  # fmt: skip
    files = AttachmentRule(max_bytes=77)
    rules = replace(made, scope=scope, trigger=Trigger(send=True), attachments=files)
    return sync_form.Base(rules=rules, here=HERE, there=THERE, able=Capabilities())


def form(at: sync_form.Base, **typed: str) -> Form:
    return Form(name="mapping", values={**sync_form.values_of(at.rules), **typed})


def test_a_form_that_nobody_touched_says_the_same_rules() -> None:
    at = base()
    assert sync_form.read(form(at), at) == at.rules


def test_our_number_never_takes_the_place_of_theirs_by_itself() -> None:
    assert base().rules.rule_for("number") is None


def test_a_field_linked_anew_gets_the_rule_that_fits_it() -> None:
    at = base()
    read = sync_form.read(form(at, **{"remote:description": "notes"}), at)
    rule = read.rule_for("description")
    assert rule is not None
    assert (rule.remote, type(rule.transform)) == ("notes", Text)
    unlinked = sync_form.read(form(at, **{"remote:description": ""}), at)
    assert unlinked.rule_for("description") is None


def test_everything_that_is_wrong_is_told_at_once_and_at_its_input() -> None:
    at = base()
    typed = {"name": " ", "remote:description": "urgency", "h.values:0": "", "r.values:1": "P1", "defaults": "nonsense",
             "direction:title": "sideways", "sin:solved": "closed"}  # fmt: skip
    with pytest.raises(Invalid) as told:
        sync_form.read(form(at, **typed), at)
    assert {one.field for one in told.value.problems} == {
        "name", "remote:description", "h.values:0", "r.field:1", "defaults", "direction:title", "sin:solved",
    }  # fmt: skip


def test_the_status_and_what_is_filled_in_with_it_are_read() -> None:
    at = base()
    typed = {"sfill:resolved": "close_code = Solved\n\nclose_notes = a = b", "defaults": "team = Service Desk"}
    read = sync_form.read(form(at, **typed), at)
    assert read.status is not None
    assert {one.hub: dict(one.fill) for one in read.status.out}["resolved"] == {
        "close_code": "Solved",
        "close_notes": "a = b",
    }
    assert read.create.defaults == {"team": "Service Desk"}
    assert sync_form.read(form(at, status=""), at).status is None


def first(pairs: tuple[Pair, ...]) -> tuple[dict[str, str], dict[str, str]]:
    """What a value map writes and reads: the first pair that fits, as the lenses take it."""
    out: dict[str, str] = {}
    into: dict[str, str] = {}
    for pair in pairs:
        out.setdefault(pair.hub, pair.remote)
        into.setdefault(pair.remote, pair.hub)
    return out, into


OURS, THEIRS = ("a", "b", "c", "d"), ("1", "2", "3")


@given(
    out=st.fixed_dictionaries({one: st.sampled_from(THEIRS) for one in OURS}),
    into=st.fixed_dictionaries({one: st.sampled_from(OURS) for one in THEIRS}),
)
def test_a_value_map_says_exactly_what_was_chosen_or_is_refused(out: dict[str, str], into: dict[str, str]) -> None:
    try:
        pairs = sync_form.pairs_of("urgency", out, into, Direction.BOTH)
    except Invalid:
        bounces = any(out[into[out[ours]]] != out[ours] for ours in OURS)
        assert bounces, "only a map that would not come to rest may be refused"
        return
    assert first(pairs) == (out, into)


@given(out=st.fixed_dictionaries({one: st.sampled_from((*THEIRS, "")) for one in OURS}))
def test_what_is_only_sent_need_not_be_read(out: dict[str, str]) -> None:
    pairs = sync_form.pairs_of("urgency", out, {}, Direction.OUT)
    assert first(pairs)[0] == {ours: theirs for ours, theirs in out.items() if theirs}


def test_what_is_written_has_to_be_read_and_the_other_way_round() -> None:
    with pytest.raises(Invalid) as told:
        sync_form.pairs_of("urgency", {"a": "1", "b": ""}, {"1": "", "2": "b"}, Direction.BOTH)
    assert {one.field for one in told.value.problems} == {"in:urgency:1", "out:urgency:b"}


def test_too_many_values_are_counted_and_kept() -> None:
    at = base()
    rule = at.rules.rule_for("urgency")
    assert rule is not None
    assert isinstance(rule.transform, ValueMap)
    many = tuple(Choice(id=f"c{n}", name=f"c{n}") for n in range(sync_form.MOST_CHOICES))
    fields = tuple(replace(one, choices=many) if one.id == "urgency" else one for one in THERE.fields)
    crowded = replace(at, there=replace(THERE, fields=fields))
    linked, _ = sync_form.rows(form(crowded), crowded)
    row = next(one for one in linked if one.field.id == "urgency")
    assert (row.ours, row.many) == ((), sync_form.MOST_CHOICES + len(URGENCIES))
    typed = {key: value for key, value in sync_form.values_of(at.rules).items() if not key.startswith(("out:", "in:"))}
    read = sync_form.read(Form(name="mapping", values=typed), crowded)
    assert read.rule_for("urgency") == rule
