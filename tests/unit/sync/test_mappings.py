"""Mappings as data: they survive JSON, name what is wrong, tell what they lose, and are suggested from two schemas."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rallypoint.access.check import Checks
from rallypoint.errors import Invalid
from rallypoint.sync.equality import NoWay
from rallypoint.sync.lenses import Lenses, words_of_pairs
from rallypoint.sync.mapping import (
    CreateRule,
    Direct,
    Direction,
    FieldRule,
    Mapping,
    Owner,
    Pair,
    PeopleMap,
    PersonMap,
    PersonPair,
    Shape,
    StatusMap,
    StatusRead,
    StatusWrite,
    TagSet,
    Text,
    Unmapped,
    ValueMap,
    mapping_from_json,
    mapping_to_json,
)
from rallypoint.sync.model import Capabilities, Choice, FieldKind, Markup, Person, RemoteField, Schema, Shadow
from rallypoint.sync.suggest import suggest
from rallypoint.sync.values import Loss, review, suggest_pairs, words

HUB = Schema(
    project="",
    type="incident",
    fields=(
        RemoteField(id="title", name="Title", kind=FieldKind.TEXT),
        RemoteField(id="description", name="Description", kind=FieldKind.RICH_TEXT, markup=Markup.MARKDOWN),
        RemoteField(
            id="priority", name="Priority", kind=FieldKind.CHOICE,
            choices=tuple(Choice(id=one, name=one) for one in ("P1", "P2", "P3", "P4", "P5")),
        ),
        RemoteField(id="owner", name="Owner", kind=FieldKind.PERSON),
        RemoteField(id="tags", name="Tags", kind=FieldKind.TAGS),
        RemoteField(id="workaround", name="Workaround", kind=FieldKind.RICH_TEXT),
        RemoteField(
            id="status", name="Status", kind=FieldKind.STATUS,
            choices=tuple(
                Choice(id=one, name=one)
                for one in ("triage", "active", "on_hold", "restored", "resolved", "review", "closed", "cancelled")
            ),
        ),
    ),
)  # fmt: skip
JIRA = Schema(
    project="OPS",
    type="Bug",
    fields=(
        RemoteField(id="summary", name="Summary", kind=FieldKind.TEXT, max_length=255, required=True),
        RemoteField(id="description", name="Description", kind=FieldKind.RICH_TEXT, markup=Markup.ADF),
        RemoteField(
            id="priority", name="Priority", kind=FieldKind.CHOICE,
            choices=tuple(Choice(id=str(n), name=one) for n, one in enumerate(("Highest", "Medium", "Lowest"), 1)),
        ),
        RemoteField(id="assignee", name="Assignee", kind=FieldKind.PERSON),
        RemoteField(id="labels", name="Labels", kind=FieldKind.TAGS),
        RemoteField(
            id="status", name="Status", kind=FieldKind.STATUS, writable=False,
            choices=(
                Choice(id="1", name="To Do", category="new"),
                Choice(id="2", name="In Progress", category="indeterminate"),
                Choice(id="3", name="Waiting for support", category="indeterminate"),
                Choice(id="4", name="Done", category="done"), Choice(id="5", name="Closed", category="done"),
            ),
        ),
    ),
)  # fmt: skip


def full() -> Mapping:
    return Mapping(
        id=3, version=2, connection=1, name="Bugs",
        create=CreateRule(
            project="OPS", type="Bug",
            defaults={"labels": ("a", "b"), "who": Person(email="a@x.org"), "n": 3, "f": 1.5, "on": True, "none": None},
        ),
        fields=(
            FieldRule(hub="title", remote="summary", transform=Text(max_length=255), owner=Owner.ASK),
            FieldRule(hub="priority", remote="priority", transform=ValueMap(pairs=(Pair(hub="P1", remote="1"),))),
            FieldRule(hub="owner", remote="assignee", transform=PersonMap(), direction=Direction.OUT),
            FieldRule(hub="tags", remote="labels", transform=TagSet(prefix="rp-")),
            FieldRule(hub="affected_people", remote="cf1", transform=Direct(shape=Shape.NUMBER)),
        ),
        status=StatusMap(field="status", out=(StatusWrite(hub="resolved", remote="4", fill={"resolution": "Done"}),)),
    )  # fmt: skip


def test_a_mapping_survives_json() -> None:
    assert mapping_from_json(json.loads(json.dumps(mapping_to_json(full())))) == full()


def test_everything_wrong_is_named_by_its_path() -> None:
    data = mapping_to_json(full())
    data["fields"][0]["direction"] = "up"
    data["fields"][1]["transform"] = {"kind": "spell"}
    data["fields"][3]["transform"]["prefix"] = 7
    data["colour"] = "red"
    data["status"]["longest_path"] = True
    del data["create"]["project"]
    with pytest.raises(Invalid) as caught:
        mapping_from_json(data)
    assert {one.field for one in caught.value.problems} == {
        "fields[0].direction", "fields[1].transform.kind", "fields[3].transform.prefix", "colour",
        "status.longest_path", "create.project",
    }  # fmt: skip


@pytest.mark.parametrize("data", [None, 3, [], "x", {"fields": {}}, {"id": "1"}])
def test_what_is_no_mapping_is_refused(data: object) -> None:
    with pytest.raises(Invalid):
        mapping_from_json(data)


# What is lost.


def test_fewer_values_are_told_and_allowed_bouncing_ones_refused() -> None:
    rule = FieldRule(hub="priority", remote="p")
    fewer = words_of_pairs([Pair(hub="P1", remote="hi"), Pair(hub="P2", remote="hi")], None, None)
    assert [one.loss for one in words(rule, fewer, ("P1", "P2"), ("hi",))] == [Loss.FEWER_THERE]
    bouncing = words_of_pairs(
        [Pair(hub="P2", remote="lo"), Pair(hub="P2", remote="hi"), Pair(hub="P1", remote="hi")], None, None
    )
    assert Loss.UNSTABLE in [one.loss for one in words(rule, bouncing, ("P1", "P2"), ("hi", "lo"))]
    gone = words_of_pairs([Pair(hub="P1", remote="old")], None, None)
    assert Loss.UNKNOWN_VALUE in [one.loss for one in words(rule, gone, ("P1",), ("new",))]


def test_a_status_map_that_closes_from_outside_is_refused() -> None:
    status = StatusMap(field="status", into=(StatusRead(remote="5", hub="closed"),))
    made = replace(full(), fields=(), status=status)
    assert Loss.CLOSES in [one.loss for one in review(made, HUB, JIRA)]


@st.composite
def value_maps(draw: st.DrawFn) -> tuple[list[Pair], list[str], list[str]]:
    ours = ["a", "b", "c", "d", "e"][: draw(st.integers(1, 5))]
    theirs = ["1", "2", "3", "4"][: draw(st.integers(1, 4))]
    pairs = draw(st.lists(st.builds(Pair, hub=st.sampled_from(ours), remote=st.sampled_from(theirs)), max_size=8))
    return pairs, ours, theirs


@given(value_maps())
@settings(max_examples=300, deadline=None)
def test_law_put_get_for_every_accepted_value_map(made: tuple[list[Pair], list[str], list[str]]) -> None:
    """Written, read and written again is the same; and what agrees is exactly what the first fitting pairs say."""
    pairs, ours, theirs = made
    lens = words_of_pairs(pairs, None, None)
    if any(one.loss.refuses for one in words(FieldRule(hub="f", remote="f"), lens, ours, theirs)):
        return
    for value in ours:
        first = next((pair.remote for pair in pairs if pair.hub == value), None)
        raw = lens.put(value, None)
        assert raw == first or (first is None and isinstance(raw, NoWay))
        if first is None:
            continue
        back = next(pair.hub for pair in pairs if pair.remote == first)
        assert next(pair.remote for pair in pairs if pair.hub == back) == first
        assert lens.agrees(value, first, None)
        assert lens.agrees(back, first, None)


texts = st.text(alphabet="ab \n\r🙂…é", max_size=80)


@given(texts, st.integers(4, 40))
@settings(max_examples=300, deadline=None)
def test_law_put_get_for_texts(text: str, most: int) -> None:
    """What was written agrees with what it came from, fits, and does not change the text when it is read."""
    rule = FieldRule(hub="t", remote="t", transform=Text(max_length=most))
    lens = Lenses(replace(full(), fields=(rule,), status=None)).fields[0].lens
    raw = lens.put(text, None)
    assert isinstance(raw, str)
    assert len(raw) <= most
    assert lens.agrees(text, raw, None)
    agreed = Shadow(field="t", raw=raw, hub_value=text, hub_version=1)
    assert lens.put(text, agreed) == raw
    assert lens.agrees(text, raw, agreed)
    assert lens.get(raw, agreed) == text


@given(st.text(max_size=300))
@settings(max_examples=300, deadline=None)
def test_law_every_text_of_a_tool_is_a_title_here_and_theirs_stays_as_it_is(theirs: str) -> None:
    rule = FieldRule(hub="title", remote="summary", transform=Text(single_line=True))
    lens = Lenses(replace(full(), fields=(rule,), status=None)).fields[0].lens
    ours = lens.get(theirs, None)
    assert isinstance(ours, str)
    checks = Checks()
    assert checks.name("title", ours, empty=True) == ours
    checks.done()
    assert lens.agrees(ours, theirs, None)
    agreed = Shadow(field="title", raw=theirs, hub_value=ours, hub_version=1)
    assert lens.put(ours, agreed) == theirs


def test_a_text_that_is_longer_than_ours_may_be_is_cut_here_and_not_there() -> None:
    rule = FieldRule(hub="workaround", remote="body", transform=Text())
    lens = Lenses(replace(full(), fields=(rule,), status=None)).fields[0].lens
    theirs = "word " * 5000
    ours = lens.get(theirs, None)
    assert isinstance(ours, str)
    assert len(ours) <= 10_000
    agreed = Shadow(field="workaround", raw=theirs, hub_value=ours, hub_version=1)
    assert lens.put(ours, agreed) == theirs
    assert isinstance(lens.put(f"{ours} and more", agreed), NoWay), "its end is there only"
    assert lens.get("short now", agreed) == "short now"


@pytest.mark.parametrize(
    ("rule", "directory", "expected"),
    [
        (PeopleMap(), (Person(email="ANN@example.org", remote_id="7"),), "7"),
        (PeopleMap(by_mail=False, pairs=(PersonPair(hub_email="ann@example.org", remote_id="9"),)), (), "9"),
        (
            PeopleMap(unmapped=Unmapped.FALLBACK, fallback="desk"),
            (Person(email="x@example.org", remote_id="1"),),
            "desk",
        ),
    ],
)
def test_people_by_mail_then_map_then_fallback(rule: PeopleMap, directory: tuple[Person, ...], expected: str) -> None:
    made = Mapping(
        id=1, version=1, connection=1, name="m", create=CreateRule(project="p", type="t"), people=rule,
        fields=(FieldRule(hub="owner", remote="who", transform=PersonMap()),),
    )  # fmt: skip
    found = Lenses(made, directory=directory).fields[0].lens.put(Person(email="ann@example.org", name="Ann"), None)
    assert isinstance(found, Person)
    assert found.remote_id == expected


def test_the_unmapped_are_kept_cleared_or_written_as_text() -> None:
    ann = Person(email="ann@example.org", name="Ann")
    others = (Person(email="x@example.org", remote_id="1"),)
    for unmapped, check in (
        (Unmapped.KEEP, lambda found: isinstance(found, NoWay)),
        (Unmapped.NOBODY, lambda found: found is None),
        (Unmapped.AS_TEXT, lambda found: found == "Ann <ann@example.org>"),
    ):
        made = replace(
            full(), status=None, people=PeopleMap(unmapped=unmapped),
            fields=(FieldRule(hub="owner", remote="who", transform=PersonMap()),),
        )  # fmt: skip
        assert check(Lenses(made, directory=others).fields[0].lens.put(ann, None))


# Suggestions.


def test_a_priority_that_the_tool_works_out_is_not_taken_from_there() -> None:
    """A new item's default impact there must not lower a P1 whose impact nobody here has stated yet."""
    levels = (Choice(id="1", name="High"), Choice(id="2", name="Medium"), Choice(id="3", name="Low"))
    ours = [
        RemoteField(id=name, name=name, kind=FieldKind.CHOICE, choices=levels)
        for name in ("impact", "urgency", "priority")
    ]
    theirs = [replace(one, writable=one.id != "priority") for one in ours]

    def suggested(*fields: RemoteField) -> tuple[list[str], tuple[str, ...]]:
        there = Schema(project="desk", type="ticket", fields=fields)
        made = suggest(Schema(project="", type="", fields=tuple(ours)), there, Capabilities())
        return [one.hub for one in made.mapping.fields], made.left_out

    assert suggested(*theirs) == (["impact", "urgency"], ("priority",))
    assert suggested(*ours) == (["impact", "urgency", "priority"], ()), "one that can be written is mapped"
    assert suggested(theirs[0], theirs[2])[0] == ["impact", "priority"], "nothing else tells it"


def test_a_mapping_is_suggested_by_names_and_kinds_and_is_accepted() -> None:
    made = suggest(HUB, JIRA, Capabilities(), name="Bugs")
    assert {(one.hub, one.remote) for one in made.mapping.fields} == {
        ("title", "summary"), ("description", "description"), ("priority", "priority"), ("owner", "assignee"),
        ("tags", "labels"),
    }  # fmt: skip
    assert made.left_out == ("workaround",)
    status = made.mapping.status
    assert status is not None
    assert {one.remote: one.hub for one in status.into} == {
        "1": "triage", "2": "active", "3": "on_hold", "4": "resolved", "5": "resolved",
    }  # fmt: skip
    assert {one.hub: one.remote for one in status.out}["resolved"] == "4"
    assert {one.hub: one.remote for one in status.out}["closed"] == "5"
    losses = {(one.field, one.loss) for one in made.warnings}
    assert not [one for one in made.warnings if one.loss.refuses]
    assert ("title", Loss.SHORTENED) in losses
    assert ("priority", Loss.FEWER_THERE) in losses


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Urgent", "High", "Normal", "Low"), {"P1": "Urgent", "P2": "High", "P3": "Normal", "P4": "Low", "P5": "Low"}),
        (("1 - Critical", "2 - High", "3 - Moderate", "4 - Low", "5 - Planning"),
         {"P1": "1 - Critical", "P2": "2 - High", "P3": "3 - Moderate", "P4": "4 - Low", "P5": "5 - Planning"}),
        (("1", "2", "3", "4"), {"P1": "1", "P5": "4"}),
        (("Red", "Green"), {}),
    ],
)  # fmt: skip
def test_value_maps_are_suggested_by_rank(names: tuple[str, ...], expected: dict[str, str]) -> None:
    ours = tuple(Choice(id=one, name=one) for one in ("P1", "P2", "P3", "P4", "P5"))
    pairs = suggest_pairs(ours, tuple(Choice(id=one, name=one) for one in names))
    out: dict[str, str] = {}
    for one in pairs:
        out.setdefault(one.hub, one.remote)
    assert expected.items() <= out.items()
    assert bool(out) == bool(expected)
    lens = words_of_pairs(pairs, None, None)
    assert not [one for one in words(FieldRule(hub="p", remote="p"), lens, (), ()) if one.loss is Loss.UNSTABLE]
