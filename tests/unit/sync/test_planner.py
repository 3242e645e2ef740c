"""What is done with each field: the table, the winner of a conflict, writes whose answer was lost; and laws."""

from collections.abc import Mapping as ReadOnly
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rallypoint.sync.mapping import (
    CreateRule,
    Direction,
    FieldRule,
    Mapping,
    Owner,
    Pair,
    StatusMap,
    StatusRead,
    StatusWrite,
    TagSet,
    Text,
    ValueMap,
)
from rallypoint.sync.model import (
    Conflict,
    FieldChange,
    HubField,
    HubItem,
    Intent,
    Link,
    Person,
    RemoteItem,
    Shadow,
    Side,
    Value,
)
from rallypoint.sync.planner import Act, Answer, Plan, Why, acknowledged, plan, undo

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LINK = Link(id=7, incident=42, connection=1, mapping=1, mapping_version=1, remote_id="r")
ANN, BOT = Person(name="Ann", remote_id="a"), Person(name="Integration", remote_id="bot")
FIVE_TO_THREE = ValueMap(
    pairs=(
        Pair(hub="P1", remote="high"), Pair(hub="P2", remote="high"), Pair(hub="P3", remote="mid"),
        Pair(hub="P4", remote="low"), Pair(hub="P5", remote="low"),
    )
)  # fmt: skip


def mapping(*fields: FieldRule, status: StatusMap | None = None) -> Mapping:
    return Mapping(
        id=1, version=1, connection=1, name="m", create=CreateRule(project="p", type="t"), fields=fields, status=status
    )


def title(**changes: object) -> FieldRule:
    made = FieldRule(hub="title", remote="summary", transform=Text(single_line=True))
    return replace(made, **changes)  # type: ignore[arg-type]


def hub(value: Value = "a", version: int = 1, name: str = "title", **changes: object) -> HubItem:
    held = HubField(value=value, version=version, at=NOW, by="Bob")
    return HubItem(incident=42, fields={name: replace(held, **changes)})  # type: ignore[arg-type]


def item(value: Value = "a", revision: str = "1", name: str = "summary", **changes: object) -> RemoteItem:
    made = RemoteItem(id="r", revision=revision, fields={name: value}, read_at=NOW, changed_at=NOW, changed_by=ANN)
    return replace(made, **changes)  # type: ignore[arg-type]


def shadow(raw: Value = "a", version: int = 1, hub_value: Value = None, field: str = "title") -> dict[str, Shadow]:
    value = raw if hub_value is None else hub_value
    return {field: Shadow(field=field, raw=raw, hub_value=value, hub_version=version)}


def intent(raw: Value, base: Value = "a", version: int = 2, hub_value: Value = None) -> dict[str, Intent]:
    return {
        "title": Intent(
            op="op", field="title", base_revision="1", base_raw=base, raw=raw, hub_value=hub_value or raw,
            hub_version=version, at=NOW,
        )
    }  # fmt: skip


def only(made: Plan) -> tuple[Act, Why]:
    assert len(made.decisions) == 1
    return made.decisions[0].act, made.decisions[0].why


@pytest.mark.parametrize(
    ("hub_now", "remote_now", "act", "why"),
    [
        (("a", 1), "a", Act.NOTHING, Why.EQUAL),
        (("a", 1), "b", Act.TAKE, Why.REMOTE_CHANGED),
        (("b", 2), "a", Act.PUSH, Why.HUB_CHANGED),
        (("b", 2), "b", Act.AGREE, Why.BOTH_SAME),
        (("b", 2), "c", Act.CONFLICT, Why.TIE),
    ],
)
def test_the_table(hub_now: tuple[str, int], remote_now: str, act: Act, why: Why) -> None:
    made = plan(hub(*hub_now), item(remote_now), shadow(), {}, mapping(title()), link=LINK)
    assert only(made) == (act, why)


def test_a_hub_that_changed_and_changed_back_pushes_nothing() -> None:
    made = plan(hub("a", 3), item(), shadow(), {}, mapping(title()), link=LINK)
    assert not made.pushes
    assert not made.takes


def test_an_edit_by_the_integrations_own_account_is_an_edit() -> None:
    made = plan(hub(), item("typed by a person", changed_by=BOT), shadow(), {}, mapping(title()), link=LINK)
    assert made.takes[0].take == "typed by a person"


def test_what_cannot_be_written_because_the_field_is_hidden_is_told() -> None:
    hidden = item(unreadable=frozenset({"summary"}))
    [decision] = plan(hub("ours is newer", 2), hidden, shadow(), {}, mapping(title()), link=LINK).decisions
    assert (decision.act, decision.why, decision.saves) == (Act.NOTHING, Why.UNREADABLE, True)
    assert decision.agreed is not None
    assert "summary cannot be read" in decision.agreed.reason
    kept = {"title": decision.agreed}
    [again] = plan(hub("ours is newer", 2), hidden, kept, {}, mapping(title()), link=LINK).decisions
    assert not again.saves, "it is told once"
    [seen] = plan(hub("ours is newer", 2), item(), kept, {}, mapping(title()), link=LINK).decisions
    assert seen.act is Act.PUSH, "and written as soon as it can be read"


def test_a_hidden_field_is_not_a_cleared_one() -> None:
    for read in (item(unreadable=frozenset({"summary"})), RemoteItem(id="r", revision="2", fields={})):
        assert only(plan(hub(), read, shadow(), {}, mapping(title()), link=LINK)) == (Act.NOTHING, Why.UNREADABLE)
    assert only(plan(hub(), item(""), shadow(), {}, mapping(title()), link=LINK)) == (Act.TAKE, Why.REMOTE_CHANGED)


# Who wins.


@pytest.mark.parametrize(
    ("owner", "ahead", "winner", "why"),
    [
        (Owner.HUB, 100, Side.HUB, Why.HUB_OWNS),
        (Owner.REMOTE, -100, Side.REMOTE, Why.REMOTE_OWNS),
        (Owner.NEWEST, 5, Side.REMOTE, Why.REMOTE_NEWER),
        (Owner.NEWEST, -5, Side.HUB, Why.HUB_NEWER),
        (Owner.NEWEST, 0.2, Side.HUB, Why.TIE),
        (Owner.ASK, 5, None, Why.ASK),
    ],
)
def test_the_owner_decides_and_both_values_are_kept(owner: Owner, ahead: float, winner: Side | None, why: Why) -> None:
    at = NOW + timedelta(seconds=ahead)
    steps = (FieldChange(field="summary", old="a", new="theirs", at=at, by=ANN),)
    read = item("theirs", "2", history=steps, read_at=NOW + timedelta(hours=1))
    made = plan(hub("ours", 2), read, shadow(), {}, mapping(title(owner=owner)), link=LINK)
    decision, conflict = made.decisions[0], made.conflicts[0]
    assert (conflict.winner, decision.why) == (winner, why)
    assert (conflict.hub_value, conflict.remote_value, conflict.hub_by, conflict.remote_by) == (
        "ours",
        "theirs",
        "Bob",
        ANN,
    )
    assert (decision.takes, decision.pushes) == (winner is Side.REMOTE, winner is Side.HUB)
    assert undo(conflict) == ("ours" if winner is Side.REMOTE else "theirs")


def test_a_clock_that_runs_ahead_is_corrected_and_never_wins_for_ever() -> None:
    fast = (FieldChange(field="summary", old="a", new="theirs", at=NOW + timedelta(seconds=50)),)
    corrected = item("theirs", history=fast, skew=60.0, read_at=NOW + timedelta(seconds=30))
    made = plan(hub("ours", 2), corrected, shadow(), {}, mapping(title()), link=LINK)
    assert made.conflicts[0].winner is Side.HUB
    future = (FieldChange(field="summary", old="a", new="theirs", at=NOW + timedelta(days=365)),)
    clamped = item("theirs", history=future, read_at=NOW - timedelta(seconds=10))
    made = plan(hub("ours", 2), clamped, shadow(), {}, mapping(title()), link=LINK)
    assert made.conflicts[0].winner is Side.HUB


def test_two_tools_at_the_same_second_the_lower_link_wins_whichever_came_first() -> None:
    for other, winner in ((3, Side.HUB), (9, Side.REMOTE)):
        made = plan(hub("ours", 2, link=other), item("theirs"), shadow(), {}, mapping(title()), link=LINK)
        assert made.conflicts[0].winner is winner


def test_a_conflict_that_waits_for_a_person_is_asked_once() -> None:
    rules = mapping(title(owner=Owner.ASK))
    first = plan(hub("ours", 2), item("theirs"), shadow(), {}, rules, link=LINK)
    waiting: ReadOnly[str, Conflict] = {"title": first.conflicts[0]}
    again = plan(hub("ours", 2), item("theirs"), shadow(), {}, rules, link=LINK, waiting=waiting)
    assert only(again) == (Act.NOTHING, Why.WAITING)
    chosen = acknowledged(shadow()["title"], first.conflicts[0])
    for value in ("ours", "a"):  # also when the hub holds the old value again by then
        after = plan(hub(value, 3), item("theirs"), {"title": chosen}, {}, rules, link=LINK)
        assert after.pushes[0].push == value


# What became of a write.


def test_a_lost_answer_is_recognised_by_its_value() -> None:
    made = plan(hub("b", 2), item("b", "2"), shadow(), intent("b"), mapping(title()), link=LINK)
    assert only(made) == (Act.ECHO, Why.OWN_WRITE)
    assert made.decisions[0].agreed is not None
    assert made.decisions[0].agreed.hub_version == 2


def test_a_write_that_did_not_arrive_is_sent_again() -> None:
    made = plan(hub("b", 2), item(), shadow(), intent("b"), mapping(title()), link=LINK)
    assert made.pushes[0].push == "b"


def test_what_the_tool_made_of_our_text_is_not_taken_for_an_edit() -> None:
    answers = {"op": Answer(applied=True, revision="2")}
    made = plan(
        hub("LOUD", 2), item("loud", "2"), shadow(), intent("LOUD"), mapping(title()), link=LINK, answers=answers
    )
    assert only(made) == (Act.ECHO, Why.NORMALISED)
    odd = plan(hub("<b>x", 2), item("x", "2"), shadow(), intent("<b>x"), mapping(title()), link=LINK, answers=answers)
    assert only(odd) == (Act.ECHO, Why.NORMALISED)


def test_a_write_that_changed_nothing_is_a_refusal_and_tried_again_only_after_a_change() -> None:
    answers = {"op": Answer(applied=True, revision="1")}
    made = plan(hub("b", 2), item(), shadow(), intent("b"), mapping(title()), link=LINK, answers=answers)
    assert only(made) == (Act.NOTHING, Why.REFUSED)
    tried = made.decisions[0].agreed
    assert tried is not None
    still = plan(hub("b", 2), item(), {"title": tried}, {}, mapping(title()), link=LINK)
    assert only(still) == (Act.NOTHING, Why.REFUSED)
    for ours, theirs in ((hub("c", 3), item()), (hub("b", 2), item(revision="2"))):
        assert plan(ours, theirs, {"title": tried}, {}, mapping(title()), link=LINK).pushes


def test_an_edit_on_top_of_our_write_is_taken() -> None:
    answers = {"op": Answer(applied=True, revision="2")}
    made = plan(hub("b", 2), item("c", "3"), shadow(), intent("b"), mapping(title()), link=LINK, answers=answers)
    assert only(made) == (Act.TAKE, Why.REMOTE_CHANGED)


def test_a_change_that_our_blind_write_replaced_is_put_on_record() -> None:
    early, late = NOW - timedelta(seconds=60), NOW + timedelta(seconds=60)
    for at, winner in ((early, Side.HUB), (late, Side.REMOTE)):
        steps = (
            FieldChange(field="summary", old="a", new="human", at=at, by=ANN),
            FieldChange(field="summary", old="human", new="b", at=late, by=BOT),
        )
        read = item("b", "3", history=steps, read_at=NOW + timedelta(hours=1))
        made = plan(hub("b", 2), read, shadow(), intent("b"), mapping(title()), link=LINK)
        assert (made.conflicts[0].winner, made.conflicts[0].remote_value) == (winner, "human")
        assert [one.take for one in made.takes] == (["human"] if winner is Side.REMOTE else [])


def test_what_somebody_did_before_we_meant_to_is_not_taken_for_our_write() -> None:
    """They came to our value first and went on; our blind write then replaced where they had gone."""
    steps = (
        FieldChange(field="summary", old="a", new="b", at=NOW - timedelta(seconds=60), by=ANN),
        FieldChange(field="summary", old="b", new="human", at=NOW - timedelta(seconds=30), by=ANN),
        FieldChange(field="summary", old="human", new="b", at=NOW + timedelta(seconds=5), by=BOT),
    )
    read = item("b", "3", history=steps, read_at=NOW + timedelta(hours=1))
    made = plan(hub("b", 2), read, shadow(), intent("b"), mapping(title()), link=LINK)
    assert made.conflicts[0].remote_value == "human"


# Values.


def test_five_priorities_on_three_never_bounce() -> None:
    rule = FieldRule(hub="priority", remote="rank", transform=FIVE_TO_THREE)
    moved = plan(
        hub("P2", 2, "priority"),
        item("high", name="rank"),
        shadow("high", 1, "P1", "priority"),
        {},
        mapping(rule),
        link=LINK,
    )
    assert only(moved) == (Act.AGREE, Why.SAME_CLASS)
    taken = plan(
        hub("P2", 2, "priority"),
        item("low", name="rank"),
        shadow("high", 2, "P2", "priority"),
        {},
        mapping(rule),
        link=LINK,
    )
    assert taken.takes[0].take == "P4"


def test_a_shortened_text_never_comes_back() -> None:
    rule = title(transform=Text(max_length=40))
    long = "The checkout of the shop in Lisbon answers with errors since three"
    pushed = plan(hub(long, 2), item(), shadow(), {}, mapping(rule), link=LINK).pushes[0].push
    assert isinstance(pushed, str)
    assert len(pushed) <= 40
    agreed = shadow(pushed, 2, long)
    assert plan(hub(long, 2), item(pushed), agreed, {}, mapping(rule), link=LINK).idle
    front = plan(hub(long, 2), item(pushed.replace("The", "THE")), agreed, {}, mapping(rule), link=LINK)
    assert front.takes[0].take == long.replace("The", "THE")
    whole = plan(hub(long, 2), item("Something else"), agreed, {}, mapping(rule), link=LINK)
    assert (whole.takes[0].take, whole.conflicts[0].hub_value) == ("Something else", long)


def test_done_there_is_never_closed_here_and_closed_here_does_not_reopen() -> None:
    status = StatusMap(
        field="state",
        out=(
            StatusWrite(hub="active", remote="Open"),
            StatusWrite(hub="resolved", remote="Done"),
            StatusWrite(hub="closed", remote="Done"),
        ),
        into=(StatusRead(remote="Open", hub="active"), StatusRead(remote="Done", hub="resolved")),
    )
    rules = mapping(status=status)
    done = plan(
        hub("active", 1, "status"),
        item("Done", name="state"),
        shadow("Open", 1, "active", "status"),
        {},
        rules,
        link=LINK,
    )
    assert done.takes[0].take == "resolved"
    closed = plan(
        hub("closed", 3, "status"),
        item("Done", name="state"),
        shadow("Done", 2, "resolved", "status"),
        {},
        rules,
        link=LINK,
    )
    assert only(closed) == (Act.AGREE, Why.SAME_CLASS)


def test_a_value_the_mapping_does_not_know_stays_and_is_told() -> None:
    rule = FieldRule(hub="priority", remote="rank", transform=FIVE_TO_THREE)
    made = plan(
        hub("P3", 1, "priority"),
        item("odd", name="rank"),
        shadow("mid", 1, "P3", "priority"),
        {},
        mapping(rule),
        link=LINK,
    )
    assert only(made) == (Act.NOTHING, Why.NO_VALUE_HERE)
    noted = made.decisions[0].agreed
    assert noted is not None
    assert "odd" in noted.reason
    assert plan(
        hub("P3", 1, "priority"), item("odd", name="rank"), {"priority": noted}, {}, mapping(rule), link=LINK
    ).idle


@pytest.mark.parametrize("direction", [Direction.IN, Direction.OUT])
def test_a_one_way_field_never_goes_the_other_way(direction: Direction) -> None:
    rules = mapping(title(direction=direction))
    for ours, theirs in ((("b", 2), "a"), (("a", 1), "c"), (("b", 2), "c")):
        made = plan(hub(*ours), item(theirs), shadow(), {}, rules, link=LINK)
        assert not (made.pushes if direction is Direction.IN else made.takes)


def test_tags_of_both_sides_are_joined_and_others_left_alone() -> None:
    rule = FieldRule(hub="tags", remote="tags", transform=TagSet(prefix="rp-"))
    before = {"tags": Shadow(field="tags", raw=("rp-old", "theirs"), hub_value=("rp-old", "mine"), hub_version=1)}
    made = plan(
        hub(("mine", "rp-a"), 2, "tags"),
        item(None, name="x", tags=("RP-Old", "rp-b", "theirs")),
        before,
        {},
        mapping(rule),
        link=LINK,
    ).decisions[0]
    assert made.act is Act.MERGE
    assert made.take == ("mine", "rp-a", "rp-b")
    assert made.push == ("theirs", "rp-a", "rp-b")


def test_a_frozen_field_stands_still() -> None:
    frozen = replace(LINK, frozen=frozenset({"title"}))
    assert only(plan(hub("b", 2), item("c"), shadow(), {}, mapping(title()), link=frozen)) == (Act.NOTHING, Why.FROZEN)


# Laws. The oracle knows the table only, and neither shadows nor lenses.

words = st.sampled_from(["", "alpha", "beta", "gamma", "delta"])
NAMES = ("title", "description", "workaround")


@st.composite
def states(draw: st.DrawFn) -> tuple[HubItem, RemoteItem, dict[str, Shadow], Mapping]:
    fields, raws, shadows, rules = {}, {}, {}, []
    for name in NAMES:
        version = draw(st.integers(1, 3))
        fields[name] = HubField(
            value=draw(words), version=version, at=NOW + timedelta(seconds=draw(st.integers(-9, 9)))
        )
        raws[name] = draw(words)
        if draw(st.booleans()):
            agreed = draw(st.integers(1, 3))
            held = fields[name].value if agreed == version else draw(words)  # a version stands for one value
            shadows[name] = Shadow(field=name, raw=draw(words), hub_value=held, hub_version=agreed)
        rules.append(
            FieldRule(
                hub=name, remote=name, transform=Text(), owner=draw(st.sampled_from(Owner)),
                direction=draw(st.sampled_from(Direction)),
            )
        )  # fmt: skip
    read = RemoteItem(id="r", revision="5", fields=raws, read_at=NOW, changed_at=NOW, changed_by=ANN)
    return HubItem(incident=1, fields=fields), read, shadows, mapping(*rules)


@given(states())
@settings(max_examples=150, deadline=None)
def test_law_equal_sides_never_move(state: tuple[HubItem, RemoteItem, dict[str, Shadow], Mapping]) -> None:
    ours, theirs, shadows, rules = state
    same = replace(theirs, fields={name: held.value for name, held in ours.fields.items()})
    made = plan(ours, same, shadows, {}, rules, link=LINK)
    assert not made.takes
    assert not made.pushes
    assert not made.conflicts


@given(states())
@settings(max_examples=150, deadline=None)
def test_law_deterministic_and_each_field_for_itself(
    state: tuple[HubItem, RemoteItem, dict[str, Shadow], Mapping],
) -> None:
    ours, theirs, shadows, rules = state
    whole = plan(ours, theirs, shadows, {}, rules, link=LINK)
    assert whole == plan(ours, theirs, shadows, {}, rules, link=LINK)
    for rule in reversed(rules.fields):
        alone = plan(ours, theirs, shadows, {}, mapping(rule), link=LINK)
        assert alone.decisions[0] == whole.of(rule.hub)


@given(states())
@settings(max_examples=150, deadline=None)
def test_law_every_change_is_taken_pushed_or_on_record(
    state: tuple[HubItem, RemoteItem, dict[str, Shadow], Mapping],
) -> None:
    ours, theirs, shadows, rules = state
    for decision in plan(ours, theirs, shadows, {}, rules, link=LINK).decisions:
        here, there = ours.fields[decision.field].value, theirs.fields[decision.field]
        replaced = {here} if decision.takes else {there} if decision.pushes else set()
        base = shadows.get(decision.field)
        known = {base.raw, base.hub_value} if base is not None else {""}
        for value in replaced - known - {decision.take if decision.takes else decision.push}:
            assert decision.conflict is not None, (decision, value)
            assert value in (decision.conflict.hub_value, decision.conflict.remote_value)


@given(states())
@settings(max_examples=150, deadline=None)
def test_law_carried_out_the_plan_leaves_nothing_to_do(
    state: tuple[HubItem, RemoteItem, dict[str, Shadow], Mapping],
) -> None:
    ours, theirs, shadows, rules = state
    made = plan(ours, theirs, shadows, {}, rules, link=LINK)
    fields, raws, after = dict(ours.fields), dict(theirs.fields), dict(shadows)
    for one in made.decisions:
        held = fields[one.field]
        if one.takes:
            fields[one.field] = replace(held, value=one.take, version=held.version + 1)
        if one.pushes:
            raws[one.field] = one.push
        if one.takes or one.pushes or one.act is Act.AGREE:
            now = fields[one.field]
            after[one.field] = Shadow(
                field=one.field, raw=raws[one.field], hub_value=now.value, hub_version=now.version
            )
    waiting = {one.field: one for one in made.conflicts if one.winner is None}
    again = plan(
        replace(ours, fields=fields), replace(theirs, fields=raws), after, {}, rules, link=LINK, waiting=waiting
    )
    assert not again.takes
    assert not again.pushes
    assert not again.conflicts
