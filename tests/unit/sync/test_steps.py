"""One pass: what follows each event, and what is remembered when a tool refuses."""

from collections.abc import Mapping as ReadOnly
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest

from rallypoint.sync.calls import TakeStep, WriteFields
from rallypoint.sync.mapping import CreateRule, FieldRule, Mapping, Owner, StatusMap, StatusWrite, Text
from rallypoint.sync.memory import Memory
from rallypoint.sync.model import (
    Capabilities,
    FieldKind,
    Gone,
    GoneReason,
    HubField,
    HubItem,
    Link,
    RemoteField,
    RemoteItem,
    Side,
    Transition,
    Value,
)
from rallypoint.sync.planner import Answer
from rallypoint.sync.ports import Cause
from rallypoint.sync.settlement import Applied, Setting, Settlement, Sight, decide, setting_of, settle
from rallypoint.sync.steps import (
    MOST_ROUNDS,
    Began,
    Did,
    Do,
    Ending,
    Failed,
    Finish,
    Found,
    ListTransitions,
    Offered,
    Pass,
    Read,
    Settle,
    Settled,
    advance,
)

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
LINK = Link(id=7, incident=42, connection=1, mapping=1, mapping_version=1, remote_id="r")
ITEM = RemoteItem(id="r", revision="1", fields={"summary": "a", "text": "a"}, read_at=NOW)
WRITE = WriteFields(op="w", changes={"summary": "b", "text": "b"}, base_revision="1")
RULES = Mapping(
    id=1, version=1, connection=1, name="m", create=CreateRule(project="p", type="t"),
    fields=(
        FieldRule(hub="title", remote="summary", transform=Text()),
        FieldRule(hub="description", remote="text", transform=Text()),
    ),
)  # fmt: skip
STATUS_MAP = StatusMap(field="state", owner=Owner.HUB, out=(StatusWrite(hub="resolved", remote="done"),))
STATUS = replace(RULES, fields=(), status=STATUS_MAP)


def settled(
    values: ReadOnly[str, Value],
    sight: Sight,
    memory: Memory,
    rules: Setting,
    applied: ReadOnly[str, Applied] | None = None,
    version: int = 2,
) -> Settlement:
    hub = HubItem(incident=42, fields={n: HubField(value=v, version=version, at=NOW) for n, v in values.items()})
    numbers = count(1)
    outcome = decide(hub, sight, memory, rules, new_op=lambda: f"o{next(numbers)}", now=NOW)
    return settle(
        outcome, sight, memory, rules, applied=applied or {}, taken={}, new_op=lambda: f"s{next(numbers)}", now=NOW
    )


def agreed() -> Memory:
    """A memory of title and description both agreed on "a"."""
    rules = setting_of(RULES, Capabilities())
    return settled({"title": "a", "description": "a"}, Sight(item=ITEM), Memory(link=LINK), rules, version=1).memory


def test_a_pass_reads_settles_writes_reads_and_settles_again() -> None:
    at, effect = advance(Pass(), Began())
    assert effect == Read()
    at, effect = advance(at, Found(item=ITEM))
    assert effect == Settle(sight=Sight(item=ITEM))
    at, effect = advance(at, Settled(calls=(WRITE,)))
    assert effect == Do(call=WRITE)
    at, effect = advance(at, Did(call=WRITE, revision="2"))
    assert effect == Read()
    at, effect = advance(at, Found(item=replace(ITEM, revision="2")))
    assert isinstance(effect, Settle)
    assert effect.sight.answers == {"w": Answer(applied=True, revision="2")}
    _, effect = advance(at, Settled())
    assert effect == Finish(ending=Ending.DONE)


def writing() -> Pass:
    at, _ = advance(Pass(), Found(item=ITEM))
    return advance(at, Settled(calls=(WRITE,)))[0]


@pytest.mark.parametrize(
    ("cause", "ending"),
    [(Cause.AUTH, Ending.PAUSE), (Cause.RATE, Ending.LATER), (Cause.OUTAGE, Ending.LATER)],
)
def test_what_ends_a_pass(cause: Cause, ending: Ending) -> None:
    _, effect = advance(writing(), Failed(cause=cause, said="no", call=WRITE, retry_after=3, bucket="b"))
    assert isinstance(effect, Finish)
    assert (effect.ending, effect.cause, effect.said) == (ending, cause, "no")
    if cause is Cause.RATE:
        assert (effect.retry_after, effect.bucket) == (3, "b")


def test_a_stale_write_is_read_again_and_was_not_applied() -> None:
    at, effect = advance(writing(), Failed(cause=Cause.STALE, said="stale", call=WRITE))
    assert effect == Read()
    assert at.answers == {"w": Answer(applied=False)}


def test_an_unexplained_refusal_of_many_fields_is_tried_one_by_one() -> None:
    at, effect = advance(writing(), Failed(cause=Cause.VALIDATION, said="no", call=WRITE))
    assert effect == Read()
    assert at.singly
    made = settled(
        {"title": "b", "description": "b"}, Sight(item=ITEM, singly=True), agreed(), setting_of(RULES, Capabilities())
    )
    assert [dict(one.changes) for one in made.calls if isinstance(one, WriteFields)] == [{"summary": "b"}]


def test_a_named_refusal_holds_back_only_that_field() -> None:
    rules = setting_of(RULES, Capabilities())
    first = settled({"title": "b", "description": "b"}, Sight(item=ITEM), agreed(), rules)
    (call,) = first.calls
    refused = Answer(applied=False, refused="Summary is too rude.", fields=frozenset({"summary"}))
    second = settled(
        {"title": "b", "description": "b"}, Sight(item=ITEM, answers={call.op: refused}), first.memory, rules
    )
    assert [dict(one.changes) for one in second.calls if isinstance(one, WriteFields)] == [{"text": "b"}]
    assert second.memory.shadows["title"].reason == "Summary is too rude."
    third = settled({"title": "b", "description": "a"}, Sight(item=ITEM), replace(second.memory, intents=()), rules)
    assert third.calls == ()
    assert settled({"title": "c", "description": "a"}, Sight(item=ITEM), third.memory, rules, version=3).calls


def test_an_item_that_is_gone_and_one_that_never_rests() -> None:
    gone = Gone(reason=GoneReason.UNREADABLE)
    assert advance(Pass(), Found(item=gone))[1] == Finish(ending=Ending.GONE, gone=gone)
    at = Pass(rounds=MOST_ROUNDS, item=ITEM)
    _, effect = advance(at, Settled(calls=(WRITE,)))
    assert isinstance(effect, Finish)
    assert effect.ending is Ending.LATER


def test_a_status_without_a_way_is_blocked_told_and_not_tried_again_until_something_changes() -> None:
    rules = setting_of(STATUS, Capabilities(transitions=True))
    item = RemoteItem(id="r", revision="1", fields={"state": "new"}, read_at=NOW)
    hub = {"status": "resolved"}
    start = Memory(link=LINK)
    need = RemoteField(id="resolution", name="Resolution", kind=FieldKind.CHOICE, required=True)
    locked = Transition(id="1", name="Finish", source="new", to="done", required=(need,))
    asked = decide(
        HubItem(incident=1, fields={"status": HubField(value="resolved", version=2, at=NOW)}), Sight(item=item), start,
        rules, new_op=lambda: "o", now=NOW,
    )  # fmt: skip
    assert asked.asks
    at, _ = advance(Pass(), Found(item=item))
    assert advance(at, Settled(asks=True))[1] == ListTransitions()
    at, effect = advance(at, Offered(transitions=(locked,)))
    assert isinstance(effect, Settle)
    blocked = settled(hub, effect.sight, start, rules)
    assert blocked.calls == ()
    assert "Resolution" in blocked.memory.shadows["status"].reason
    assert blocked.conflicts[0].winner is Side.HUB
    again = settled(hub, effect.sight, blocked.memory, rules)
    assert (again.calls, again.conflicts) == ((), ())
    unlocked = replace(locked, required=())
    moved = Sight(item=replace(item, revision="2"), transitions=(unlocked,))
    (step,) = settled(hub, moved, blocked.memory, rules).calls
    assert isinstance(step, TakeStep)
    assert step.transition == unlocked


def test_a_value_the_house_refuses_is_on_record_and_the_tool_keeps_it() -> None:
    rules = setting_of(RULES, Capabilities())
    item = replace(ITEM, revision="2", fields={"summary": "theirs", "text": "a"})
    made = settled(
        {"title": "a", "description": "a"}, Sight(item=item), agreed(), rules,
        {"title": Applied(refused="Titles are frozen during an audit.")}, version=1,
    )  # fmt: skip
    assert made.calls == ()
    assert (made.conflicts[0].remote_value, made.conflicts[0].rule) == ("theirs", "Titles are frozen during an audit.")
    assert made.memory.shadows["title"].reason
    assert settled({"title": "a", "description": "a"}, Sight(item=item), made.memory, rules, version=1).calls == ()


def test_a_mapping_edited_mid_flight_starts_the_field_anew() -> None:
    """What was agreed with one field of the tool says nothing of another, and its intents are void."""
    first = settled({"title": "b", "description": "a"}, Sight(item=ITEM), agreed(), setting_of(RULES, Capabilities()))
    assert [one.remote for one in first.memory.intents] == ["summary"]
    moved = replace(RULES, fields=(FieldRule(hub="title", remote="subject", transform=Text(), owner=Owner.HUB),))
    item = replace(ITEM, fields={"subject": "old words there"})
    again = setting_of(moved, Capabilities())
    made = settled({"title": "b", "description": "a"}, Sight(item=item), first.memory, again)
    assert [dict(one.changes) for one in made.calls if isinstance(one, WriteFields)] == [{"subject": "b"}]
    assert made.conflicts[0].remote_value == "old words there"
    assert [one.remote for one in made.memory.intents] == ["subject"]
    gone = settled({"title": "b"}, Sight(item=item), made.memory, setting_of(replace(RULES, fields=()), Capabilities()))
    assert gone.memory.intents == ()
