"""How an action item corresponds to an item elsewhere: by the mapping, else by what fields and statuses are called."""

from datetime import UTC, datetime

import pytest

from rallypoint.learning import elsewhere_rules as rules
from rallypoint.sync.follower_store import FieldVersion
from rallypoint.sync.mapping import (
    CreateRule,
    Direct,
    Direction,
    FieldRule,
    Mapping,
    PersonMap,
    Shape,
    StatusMap,
    StatusRead,
    StatusWrite,
    Text,
)
from rallypoint.sync.model import (
    Capabilities,
    Choice,
    FieldKind,
    HubField,
    HubItem,
    RemoteField,
    RemoteItem,
    Schema,
    Transition,
    Value,
)
from rallypoint.sync.planner import NEVER
from rallypoint.sync.workflow import Move, next_move

ABLE = Capabilities()
TITLE = RemoteField(id="System.Title", name="Title", kind=FieldKind.TEXT, max_length=255)
TEXT = RemoteField(id="System.Description", name="Description", kind=FieldKind.RICH_TEXT)
OWNER = RemoteField(id="System.AssignedTo", name="Assigned To", kind=FieldKind.PERSON)


def states(*choices: Choice) -> RemoteField:
    return RemoteField(id="state", name="State", kind=FieldKind.STATUS, choices=choices)


def schema(*more: RemoteField) -> Schema:
    return Schema(project="Shop", type="Task", fields=(TITLE, TEXT, OWNER, *more))


def mapping(*fields: FieldRule, status: StatusMap | None = None) -> Mapping:
    create = CreateRule(project="Shop", type="Bug", defaults={"System.Title": "x", "severity": "2"})
    return Mapping(id=1, version=3, connection=1, name="Bugs", create=create, fields=fields, status=status)


BUGS = (
    FieldRule(hub="title", remote="System.Title", transform=Text(max_length=100, single_line=True)),
    FieldRule(hub="urgency", remote="severity"),
    FieldRule(hub="owner", remote="System.AssignedTo", transform=PersonMap(), direction=Direction.IN),
)


@pytest.mark.parametrize(
    ("field", "shape"),
    [
        (RemoteField(id="Microsoft.VSTS.Scheduling.DueDate", name="Due Date", kind=FieldKind.TIME), Shape.TIME),
        (RemoteField(id="duedate", name="Fällig", kind=FieldKind.OTHER), Shape.AS_IS),
        (RemoteField(id="Due", name="Due", kind=FieldKind.TIME), Shape.TIME),
        (RemoteField(id="due_at", name="Due date", kind=FieldKind.TIME, writable=False), None),
        (RemoteField(id="started", name="Start date", kind=FieldKind.TIME), None),
        (RemoteField(id="due", name="Due", kind=FieldKind.PERSON), None),
    ],
)
def test_the_day_goes_where_a_due_date_is(field: RemoteField, shape: Shape | None) -> None:
    made = rules.following(mapping(*BUGS), schema(field), ABLE).rule_for("due_on")
    assert (made is not None) == (shape is not None)
    if made is not None:
        assert (made.remote, made.direction, made.transform) == (field.id, Direction.OUT, Direct(shape=shape))  # type: ignore[arg-type]


def test_the_mappings_own_fields_are_used_and_only_the_title_comes_back() -> None:
    made = rules.following(mapping(*BUGS), schema(), ABLE, creating=True)
    ways = {one.hub: (one.remote, one.direction) for one in made.fields}
    assert ways == {
        "title": ("System.Title", Direction.BOTH), "description": ("System.Description", Direction.OUT),
        "owner": ("System.AssignedTo", Direction.OUT),
    }  # fmt: skip
    title = made.rule_for("title")
    assert title is not None
    assert title.transform == Text(max_length=100, single_line=True)
    assert made.create.defaults == {"System.Title": "x"}, "what this type does not have is not filled in"
    assert rules.following(mapping(), schema(), ABLE).rule_for("description") is None, "the text is sent once"


JIRA = states(
    Choice(id="1", name="To do", category="new"), Choice(id="2", name="Doing", category="indeterminate"),
    Choice(id="3", name="Done", category="done"),
)  # fmt: skip
ADO = states(
    Choice(id="New", name="New", category="Proposed"), Choice(id="Active", name="Active", category="InProgress"),
    Choice(id="Closed", name="Closed", category="Completed"), Choice(id="Removed", name="Removed", category="Removed"),
)  # fmt: skip
SAID = StatusMap(
    field="state",
    out=(
        StatusWrite(hub="active", remote="Active"), StatusWrite(hub="resolved", remote="Resolved"),
        StatusWrite(hub="closed", remote="Closed", fill={"reason": "Fixed"}),
        StatusWrite(hub="cancelled", remote="Removed"),
    ),
    into=(
        StatusRead(remote="New", hub="triage"), StatusRead(remote="Active", hub="active"),
        StatusRead(remote="Resolved", hub="resolved"), StatusRead(remote="Closed", hub="resolved"),
        StatusRead(remote="Removed", hub="cancelled"),
    ),
)  # fmt: skip
ONE_WORD = StatusMap(
    field="state", out=(StatusWrite(hub="triage", remote="1"), StatusWrite(hub="resolved", remote="3")),
    into=(StatusRead(remote="1", hub="triage"), StatusRead(remote="3", hub="resolved")),
)  # fmt: skip


@pytest.mark.parametrize(
    ("table", "there", "out", "into"),
    [
        (
            SAID, ADO, {"open": "Active", "done": "Closed", "dropped": "Removed"},
            {"New": "open", "Active": "open", "Closed": "done", "Removed": "dropped"},
        ),
        (None, ADO, {"open": "Active", "done": "Closed", "dropped": "Removed"},
         {"New": "open", "Active": "open", "Closed": "done", "Removed": "dropped"}),
        (None, JIRA, {"open": "2", "done": "3", "dropped": "3"}, {"1": "open", "2": "open", "3": "done"}),
        (ONE_WORD, JIRA, {"open": "2", "done": "3", "dropped": "3"}, {"1": "open", "2": "open", "3": "done"}),
        (SAID, JIRA, {"open": "2", "done": "3", "dropped": "3"}, {"1": "open", "2": "open", "3": "done"}),
    ],
)  # fmt: skip
def test_statuses_are_open_done_or_dropped(
    table: StatusMap | None, there: RemoteField, out: dict[str, str], into: dict[str, str]
) -> None:
    made = rules.following(mapping(*BUGS, status=table), schema(there), ABLE).status
    assert made is not None
    assert {one.hub: one.remote for one in made.out} == out
    assert {one.remote: one.hub for one in made.into} == into


def test_what_a_status_needs_besides_is_filled_in() -> None:
    made = rules.following(mapping(*BUGS, status=SAID), schema(ADO), ABLE).status
    assert made is not None
    assert {one.hub: dict(one.fill) for one in made.out if one.fill} == {"done": {"reason": "Fixed"}}


@pytest.mark.parametrize(
    ("now", "wanted", "allowed", "first"),
    [
        ("1", "3", ("2",), "2"),  # to do, doing, done: only the first step is taken by the assumption
        ("1", "3", ("2", "3"), "3"),  # the tool allows the short way
        ("3", "2", ("1",), "1"),  # opened again, by whatever open status there is
        ("1", "3", ("9",), None),
    ],
)
def test_where_a_tool_tells_only_the_next_steps_a_way_is_assumed(
    now: str, wanted: str, allowed: tuple[str, ...], first: str | None
) -> None:
    table = rules.following(mapping(*BUGS), schema(JIRA), ABLE).status
    open_now = [Transition(id=to, name=to, to=to, source=now) for to in allowed]
    move = next_move(now, wanted, open_now, known=rules.assumed_steps(table))
    assert (move.transition.to if isinstance(move, Move) else None) == first


def hub(state: str) -> HubItem:
    fields: dict[str, Value] = {"title": "Ours", "due_on": "2026-06-30", "status": state}
    return HubItem(incident=1, fields={name: HubField(value=one, version=4) for name, one in fields.items()})


@pytest.mark.parametrize(
    ("ours", "here", "there", "title", "state"),
    [
        (True, "open", "New", ("Theirs", NEVER), ("New", NEVER)),
        (False, "open", "New", ("Theirs", 4), ("New", NEVER)),
        (False, "open", "Closed", ("Theirs", 4), (None, 4)),
        (False, "done", "New", ("Theirs", 4), ("New", NEVER)),
        (False, "done", "Removed", ("Theirs", 4), ("Removed", NEVER)),
    ],
)
def test_the_first_look(ours: bool, here: str, there: str, title: tuple[Value, int], state: tuple[Value, int]) -> None:
    """What was there before keeps what it says (version 4 of ours is agreed with it); what is over is over on both."""
    due = RemoteField(id="due", name="Due date", kind=FieldKind.OTHER)
    made = rules.following(mapping(*BUGS, status=SAID), schema(ADO, due), ABLE)
    item = RemoteItem(id="7", fields={"System.Title": "Theirs", "due": None, "state": there})
    seeds = rules.first_look(made, hub(here), item, ours=ours)
    assert (seeds["title"].raw, seeds["title"].hub_version) == title
    assert (seeds["due_on"].raw, seeds["due_on"].hub_version) == (None, NEVER), "what is empty there is filled"
    assert (seeds["status"].raw, seeds["status"].hub_version) == state


def test_a_field_has_a_new_version_only_where_it_is_another_one() -> None:
    now = datetime(2026, 6, 1, tzinfo=UTC)
    first = rules.versions((), {"title": "One", "status": "open"}, now)
    later = datetime(2026, 6, 2, tzinfo=UTC)
    after = rules.versions(first, {"title": "Two", "status": "open"}, later)
    assert after == (
        FieldVersion(field="title", version=2, value="Two", at=later),
        FieldVersion(field="status", version=1, value="open", at=now),
    )
