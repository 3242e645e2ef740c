"""Workflow, files, deletions and the fuse."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from rallypoint.sync.attachments import FileAct, FileWhy, plan_attachments
from rallypoint.sync.deletion import Fate, judge
from rallypoint.sync.fuse import MOST_TURNS, Turn, tripped
from rallypoint.sync.mapping import AttachmentRule, DeletionRule, Direction, OnDelete
from rallypoint.sync.model import (
    AttachmentPair,
    Capabilities,
    FieldKind,
    Gone,
    GoneReason,
    HubAttachment,
    Link,
    LinkState,
    RemoteAttachment,
    RemoteField,
    RemoteItem,
    Transition,
    Visibility,
)
from rallypoint.sync.workflow import Blocked, Move, next_move

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
RESOLUTION = RemoteField(id="resolution", name="Resolution", kind=FieldKind.CHOICE, required=True)


def step(source: str, to: str, *required: RemoteField) -> Transition:
    return Transition(id=f"{source}>{to}", name=f"to {to}", source=source, to=to, required=required)


KNOWN = (step("new", "work"), step("work", "review"), step("review", "done", RESOLUTION), step("work", "new"))


def from_(status: str) -> list[Transition]:
    return [one for one in KNOWN if one.source == status]


def test_the_way_over_the_workflow_is_found_step_by_step() -> None:
    status, walked = "new", []
    while status != "done":
        move = next_move(status, "done", from_(status), known=KNOWN, fill={"resolution": "Fixed"})
        assert isinstance(move, Move)
        walked.append((move.transition.to, move.final, dict(move.fields)))
        status = move.transition.to
    assert walked == [("work", False, {}), ("review", False, {}), ("done", True, {"resolution": "Fixed"})]


def test_no_way_says_why() -> None:
    unfilled = next_move("review", "done", from_("review"), known=KNOWN)
    assert isinstance(unfilled, Blocked)
    assert unfilled.missing == ("resolution",)
    assert "Resolution" in unfilled.reason
    nowhere = next_move("new", "gone", from_("new"), known=KNOWN)
    assert isinstance(nowhere, Blocked)
    assert "work" in nowhere.reason
    assert isinstance(next_move("new", "done", [], known=KNOWN), Blocked)
    assert isinstance(next_move("new", "done", from_("new"), known=KNOWN, fill={"resolution": "x"}, longest=2), Blocked)


# Files.

RULE, ABLE = AttachmentRule(max_bytes=100), Capabilities(attachments=True, private_files=True)
LOG = HubAttachment(id="1", name="a.log", size=10, sha256="aa", content_type="text/plain")


def files(*remote: RemoteAttachment) -> RemoteItem:
    return RemoteItem(id="r", attachments=remote)


def test_a_file_goes_across_once_also_after_a_lost_answer() -> None:
    (sent,) = plan_attachments([LOG], files(), [], RULE, ABLE, {})
    assert sent.act is FileAct.SEND
    there = RemoteAttachment(id="f1", name="a.log", size=10)
    (looked,) = plan_attachments([LOG], files(there), [], RULE, ABLE, {})
    assert looked.act is FileAct.FETCH
    (paired,) = plan_attachments([LOG], files(there), [], RULE, ABLE, {"f1": "aa"})
    assert paired.act is FileAct.PAIR
    assert paired.pair is not None
    assert plan_attachments([LOG], files(there), [paired.pair], RULE, ABLE, {"f1": "aa"}) == ()


def test_the_same_name_with_other_bytes_is_another_file() -> None:
    there = RemoteAttachment(id="f1", name="a.log", size=10)
    taken, sent = plan_attachments([LOG], files(there), [], RULE, ABLE, {"f1": "bb"})
    assert (taken.act, sent.act) == (FileAct.TAKE, FileAct.SEND)


@pytest.mark.parametrize(
    ("size", "content_type", "rule", "able", "why"),
    [
        (0, "text/plain", RULE, ABLE, FileWhy.EMPTY),
        (101, "text/plain", RULE, ABLE, FileWhy.TOO_LARGE),
        (
            60,
            "text/plain",
            RULE,
            replace(ABLE, max_attachment_bytes=50),
            FileWhy.TOO_LARGE,
        ),
        (10, "application/x-dosexec", AttachmentRule(refused_types=("application/x-",)), ABLE, FileWhy.TYPE),
        (10, "text/plain", AttachmentRule(types=("image/",)), ABLE, FileWhy.TYPE),
        (10, "text/plain", RULE, Capabilities(private_files=True), FileWhy.NO_FILES),
    ],
)
def test_what_may_not_travel_becomes_a_link(
    size: int, content_type: str, rule: AttachmentRule, able: Capabilities, why: FileWhy
) -> None:
    ours = HubAttachment(id="1", name="x", size=size, sha256="aa", content_type=content_type)
    (decision,) = plan_attachments([ours], files(), [], rule, able, {})
    assert (decision.act, decision.why) == (FileAct.LINK, why)


def test_private_files_go_only_where_they_stay_private_unless_a_rule_says_so() -> None:
    open_tool = Capabilities(attachments=True)
    (stays,) = plan_attachments([LOG], files(), [], RULE, open_tool, {})
    assert (stays.act, stays.why) == (FileAct.REFUSE, FileWhy.PRIVATE)
    public = replace(LOG, visibility=Visibility.PUBLIC)
    assert [one.act for one in plan_attachments([public], files(), [], RULE, open_tool, {})] == [FileAct.SEND]
    by_rule = replace(RULE, private_to_open_tool=True)
    assert [one.act for one in plan_attachments([LOG], files(), [], by_rule, open_tool, {})] == [FileAct.SEND]
    (never,) = plan_attachments([LOG], files(), [], replace(by_rule, send_private=False), ABLE, {})
    assert never.why is FileWhy.PRIVATE


def test_a_removed_file_is_not_sent_again_and_one_way_is_one_way() -> None:
    pair = AttachmentPair(hub_id="1", remote_id="f1", sha256="aa", name="a.log")
    assert plan_attachments([LOG], files(), [pair], RULE, ABLE, {}) == ()
    there = RemoteAttachment(id="f2", name="b", size=5)
    assert plan_attachments([], files(there), [], AttachmentRule(direction=Direction.OUT), ABLE, {}) == ()
    assert plan_attachments([LOG], files(), [], AttachmentRule(direction=Direction.IN), ABLE, {}) == ()


def test_a_file_removed_here_is_not_sent_and_its_copy_there_is_known() -> None:
    gone = replace(LOG, deleted=True)
    assert plan_attachments([gone], files(), [], RULE, ABLE, {}) == ()
    there = RemoteAttachment(id="f1", name="a.log", size=10)
    (paired,) = plan_attachments([gone], files(there), [], RULE, ABLE, {"f1": "aa"})
    assert paired.act is FileAct.PAIR, "so it does not come back"


def test_a_refusal_is_told_once_and_a_rule_that_changed_is_asked_again() -> None:
    big = RemoteAttachment(id="f1", name="a.bin", size=101)
    (stays,) = plan_attachments([], files(big), [], RULE, ABLE, {})
    assert (stays.act, stays.key, stays.stays) == (FileAct.LINK, "there:f1", True)
    told = {stays.key: stays.said}
    assert plan_attachments([], files(big), [], RULE, ABLE, {}, told) == ()
    (comes,) = plan_attachments([], files(big), [], AttachmentRule(max_bytes=200), ABLE, {}, told)
    assert comes.act is FileAct.FETCH
    said_no = {"there:f1": "a.bin: The tool said no.", "here:1": "a.log: The tool said: no."}
    assert plan_attachments([LOG], files(big), [], AttachmentRule(max_bytes=200), ABLE, {}, said_no) == ()


# Deletions.

LINK = Link(id=1, incident=1, connection=1, mapping=1, mapping_version=1, remote_id="r", key="OPS-1")


def test_unreadable_is_not_deleted() -> None:
    hidden, link = Gone(reason=GoneReason.UNREADABLE), LINK
    for missed in (1, 2):
        verdict = judge(hidden, link, DeletionRule(), others_readable=True)
        assert (verdict.fate, verdict.missed_reads) == (Fate.WATCH, missed)
        link = Link(
            id=1,
            incident=1,
            connection=1,
            mapping=1,
            mapping_version=1,
            remote_id="r",
            missed_reads=verdict.missed_reads,
        )
    down = judge(hidden, link, DeletionRule(), others_readable=False)
    assert (down.fate, down.missed_reads) == (Fate.WATCH, 2)
    assert judge(hidden, link, DeletionRule(), others_readable=True).fate is Fate.TOMBSTONE


def test_a_guess_never_cancels() -> None:
    rule = DeletionRule(remote_deleted=OnDelete.CANCEL, confirmations=1)
    assert judge(Gone(reason=GoneReason.UNREADABLE), LINK, rule, others_readable=True).act is OnDelete.NOTICE
    assert judge(Gone(reason=GoneReason.DELETED), LINK, rule, others_readable=True).act is OnDelete.CANCEL
    assert judge(RemoteItem(id="r", deleted=True), LINK, rule, others_readable=True).act is OnDelete.CANCEL


def test_moves_are_followed_and_what_comes_back_lives_on() -> None:
    moved = judge(Gone(reason=GoneReason.MOVED, moved_to="r2"), LINK, DeletionRule(), others_readable=True)
    assert (moved.fate, moved.moved_to) == (Fate.FOLLOW, "r2")
    buried = Link(
        id=1, incident=1, connection=1, mapping=1, mapping_version=1, remote_id="r", state=LinkState.TOMBSTONE
    )
    assert judge(RemoteItem(id="r"), buried, DeletionRule(), others_readable=True).fate is Fate.REVIVE


# The fuse.


def test_the_fuse_trips_on_two_values_in_turn_and_not_on_people() -> None:
    def turns(values: str, *, human: bool = False, apart: float = 5) -> list[Turn]:
        return [
            Turn(field="f", at=NOW + timedelta(seconds=apart * n), value=value, human=human)
            for n, value in enumerate(values)
        ]

    end = NOW + timedelta(seconds=60)
    assert tripped(turns("ab" * 5), "f", end)
    assert not tripped(turns("ab" * 5, human=True), "f", end)
    assert not tripped(turns("abcdefghij"), "f", end)
    assert not tripped(turns("ab" * 5), "other", end)
    assert not tripped(turns("ab" * (MOST_TURNS // 2)), "f", end)
    assert not tripped(turns("ab" * 6, apart=900), "f", NOW + timedelta(seconds=9900))
