"""Comments: never twice, never wider than they were, found again after a lost answer; and the laws of visibility."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rallypoint.sync.comments import (
    COMMENTS,
    CommentAct,
    CommentDecision,
    CommentWhy,
    Writing,
    hub_id_of,
    inward,
    op_of,
    outward,
    plan_comments,
)
from rallypoint.sync.fingerprints import begins_alike, fingerprint
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.mapping import CommentRule, Direction
from rallypoint.sync.model import (
    Capabilities,
    CommentIntent,
    CommentPair,
    HubComment,
    Markup,
    Person,
    RemoteComment,
    RemoteItem,
    Side,
    Visibility,
)
from rallypoint.sync.planner import Answer

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
ABLE = Capabilities(private_comments=True, edit_comments=True, delete_comments=True)
OPEN = Capabilities(private_comments=False)
JOURNAL = Capabilities(private_comments=True)
RULE = CommentRule(name_author=False)
US = Person(remote_id="us")


def ours(id: str = "1", body: str = "We restart the cache.", **changes: object) -> HubComment:
    made = HubComment(id=id, body=body, visibility=Visibility.PUBLIC, created_at=NOW)
    return replace(made, **changes)  # type: ignore[arg-type]


def theirs(id: str = "r1", body: str = "We restart the cache.", **changes: object) -> RemoteComment:
    made = RemoteComment(id=id, body=body, visibility=Visibility.PUBLIC, created_at=NOW + timedelta(seconds=1))
    return replace(made, **changes)  # type: ignore[arg-type]


def look(
    hub: list[HubComment],
    remote: list[RemoteComment],
    pairs: list[CommentPair] | None = None,
    intents: list[CommentIntent] | None = None,
    *,
    able: Capabilities = ABLE,
    rule: CommentRule = RULE,
    answers: dict[str, Answer] | None = None,
    item: RemoteItem | None = None,
) -> list[CommentDecision]:
    numbers = count(1)
    base = item or RemoteItem(id="r", read_at=NOW + timedelta(seconds=9), comments_complete=True)
    made = plan_comments(
        hub, replace(base, comments=tuple(remote)), pairs or [], intents or [], rule, able,
        writing=Writing(rule, able, PlainTexts()), new_op=lambda: f"n{next(numbers)}", answers=answers, account=US,
    )  # fmt: skip
    return list(made)


def pair(**changes: object) -> CommentPair:
    made = CommentPair(
        hub_id="1", remote_id="r1", hub_edit=0, remote_print=fingerprint("We restart the cache."),
        visibility=Visibility.PUBLIC,
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]


def sent(op: str = "n.c0.1") -> CommentIntent:
    return CommentIntent(
        op=op, hub_id="1", hub_edit=0, print=fingerprint("We restart the cache."), visibility=Visibility.PUBLIC, at=NOW
    )


def test_a_new_comment_goes_across_once() -> None:
    (decision,) = look([ours()], [])
    assert (decision.act, decision.visibility) == (CommentAct.SEND, Visibility.PUBLIC)
    assert decision.intent is not None
    assert hub_id_of(decision.op) == ("1", 0)
    assert look([ours()], [theirs()], [pair()]) == []


@pytest.mark.parametrize(
    "found",
    [
        theirs(op="n.c0.1", body="[tidied] quite another text"),
        theirs(body="  we restart\nthe cache "),
    ],
)
def test_after_a_lost_answer_it_is_found_and_not_sent_again(found: RemoteComment) -> None:
    (decision,) = look([ours()], [found], [], [sent()])
    assert (decision.act, decision.why) == (CommentAct.PAIR, CommentWhy.FOUND)
    assert decision.drops == "n.c0.1"


@pytest.mark.parametrize(
    "found",
    [
        theirs(author=Person(remote_id="somebody else")),
        theirs(created_at=NOW - timedelta(hours=1)),
        theirs(body="Another text."),
    ],
)
def test_what_cannot_be_ours_is_theirs_and_ours_is_sent_again_under_its_operation(found: RemoteComment) -> None:
    taken, again = look([ours()], [found], [], [sent()])
    assert (taken.act, taken.remote_id) == (CommentAct.TAKE, "r1")
    assert (again.act, again.op) == (CommentAct.SEND, "n.c0.1")


def test_the_same_words_twice_are_two_comments() -> None:
    first, second = sent(), replace(sent("n.c0.2"), hub_id="2")
    made = look([ours(), ours("2")], [theirs(), theirs("r2")], [], [first, second])
    assert [(one.act, one.hub_id, one.remote_id) for one in made] == [
        (CommentAct.PAIR, "1", "r1"),
        (CommentAct.PAIR, "2", "r2"),
    ]


def test_a_hub_that_lost_its_memory_knows_its_comments_by_their_mark() -> None:
    (decision,) = look([ours()], [theirs(op=op_of("1", 0, "old"))])
    assert (decision.act, decision.why) == (CommentAct.PAIR, CommentWhy.RECOGNISED)


def test_ours_that_arrives_once_more_is_not_taken_for_news() -> None:
    late = theirs("r2", author=US)
    (decision,) = look([ours()], [theirs(), late], [pair()])
    assert (decision.act, decision.hub_id) == (CommentAct.PAIR, "1")
    typed = theirs("r2", "typed by a person who uses our account", author=US)
    assert look([ours()], [theirs(), typed], [pair()])[0].act is CommentAct.TAKE


def test_the_author_is_named_where_somebody_else_writes_it() -> None:
    named = CommentRule()
    ann = ours(author=Person(name="Ann"))
    assert look([ann], [], rule=named)[0].body == "Ann:\n\nWe restart the cache."
    marked = replace(ABLE, comment_markup=Markup.MARKDOWN)
    assert look([ann], [], rule=named, able=marked)[0].body == "**Ann**:\n\nWe restart the cache."
    corrected = replace(ann, body="We restart both.", edit=1)
    (own,) = look([corrected], [theirs()], [pair(from_side=Side.REMOTE)], rule=named)
    assert (own.act, own.body) == (CommentAct.EDIT, "We restart both.")


def test_an_append_only_tool_gets_one_new_entry_for_an_edit() -> None:
    edited = ours(body="We restart both caches.", edit=1)
    (decision,) = look([edited], [theirs()], [pair()], able=JOURNAL)
    assert decision.act is CommentAct.APPEND
    assert decision.body.startswith("(edited)")
    entry = pair(remote_id="r2", hub_edit=1, remote_print=fingerprint("(edited):\n\nWe restart both caches."))
    there = [theirs(), theirs("r2", "(edited):\n\nWe restart both caches.")]
    assert look([edited], there, [pair(), entry], able=JOURNAL) == []


def test_deleted_there_is_marked_and_never_comes_back() -> None:
    (decision,) = look([ours()], [], [pair()])
    assert (decision.act, decision.pair and decision.pair.remote_deleted) == (CommentAct.DELETE_HUB, True)
    assert look([ours(deleted=True)], [], [pair(remote_deleted=True)]) == []
    partial = RemoteItem(id="r", read_at=NOW)
    assert look([ours()], [], [pair()], item=partial) == []  # not all comments were read: nothing is concluded
    assert look([ours()], [], [pair()], item=RemoteItem(id="r", unreadable=frozenset({COMMENTS}))) == []


def test_deleted_here_is_deleted_there_only_if_it_was_ours() -> None:
    assert look([ours(deleted=True)], [theirs()], [pair()])[0].act is CommentAct.DELETE
    assert look([ours(deleted=True)], [theirs()], [pair(from_side=Side.REMOTE)])[0].act is CommentAct.PAIR


def test_private_wins_on_both_sides() -> None:
    assert look([ours()], [theirs(visibility=Visibility.PRIVATE)], [pair()])[0].act is CommentAct.LOWER
    hidden = look([ours(visibility=Visibility.PRIVATE)], [theirs()], [pair()])[0]
    assert (hidden.act, hidden.visibility) == (CommentAct.EDIT, Visibility.PRIVATE)
    told = look([ours(visibility=Visibility.PRIVATE)], [theirs()], [pair()], able=JOURNAL)[0]
    assert told.detail == CommentWhy.CANNOT_HIDE


def test_a_long_comment_is_cut_to_what_the_tool_takes() -> None:
    short = replace(ABLE, max_comment_length=50)
    (decision,) = look([ours(body="x" * 400)], [], able=short)
    assert len(decision.body) <= 50


def test_fingerprints_survive_tidying_and_cutting() -> None:
    long = "The checkout answers with errors, we are looking at the cache in front of the payment service now."
    assert fingerprint(long) == fingerprint(f"  {long.upper()} ")
    assert fingerprint("👍") != fingerprint("👎")
    assert begins_alike(fingerprint(long), fingerprint(long[:45]))
    assert not begins_alike(fingerprint("ok"), fingerprint("okay then"))


# Laws: nothing that is private, unknown or a work note gets out, whatever the rule, unless the rule names it.

rules = st.builds(
    CommentRule,
    direction=st.sampled_from(Direction), send_public=st.booleans(), send_private=st.booleans(),
    send_work_notes=st.booleans(), work_notes_public=st.booleans(), private_to_open_tool=st.booleans(),
    edits=st.booleans(), deletes=st.booleans(), name_author=st.booleans(),
)  # fmt: skip
tools = st.builds(
    Capabilities,
    private_comments=st.booleans(), public_comments=st.booleans(), edit_comments=st.booleans(),
    delete_comments=st.booleans(),
)  # fmt: skip
bodies = st.sampled_from(["one text", "another text", "a third"])
shown = st.sampled_from(Visibility)
hub_comments = st.lists(
    st.builds(
        HubComment, id=st.sampled_from("123"), body=bodies, visibility=shown, work_note=st.booleans(),
        edit=st.integers(0, 2), deleted=st.booleans(), created_at=st.just(NOW),
    ),
    max_size=3, unique_by=lambda one: one.id,
)  # fmt: skip
remote_comments = st.lists(
    st.builds(
        RemoteComment, id=st.sampled_from(["r1", "r2", "r3"]), body=bodies, visibility=shown, deleted=st.booleans(),
        created_at=st.just(NOW),
    ),
    max_size=3, unique_by=lambda one: one.id,
)  # fmt: skip
pairings = st.lists(
    st.builds(
        CommentPair, hub_id=st.sampled_from("123"), remote_id=st.sampled_from(["r1", "r2", "r3"]),
        hub_edit=st.integers(0, 2), remote_print=bodies.map(fingerprint), visibility=shown,
        from_side=st.sampled_from(Side), hub_deleted=st.booleans(), remote_deleted=st.booleans(),
    ),
    max_size=3, unique_by=(lambda one: one.hub_id, lambda one: one.remote_id),
)  # fmt: skip


@given(hub_comments, remote_comments, pairings, rules, tools)
@settings(max_examples=400, deadline=None)
def test_law_private_never_becomes_public(
    hub: list[HubComment],
    remote: list[RemoteComment],
    pairs: list[CommentPair],
    rule: CommentRule,
    able: Capabilities,
) -> None:
    by_id, by_remote = {one.id: one for one in hub}, {one.id: one for one in remote}
    for decision in look(hub, remote, pairs, able=able, rule=rule):
        if decision.act in (CommentAct.SEND, CommentAct.APPEND, CommentAct.EDIT):
            mine = by_id[decision.hub_id]
            named = mine.work_note and rule.work_notes_public
            if decision.visibility is Visibility.PUBLIC:
                assert named or (mine.visibility is Visibility.PUBLIC and not mine.work_note)
            elif decision.act is CommentAct.SEND:
                assert able.private_comments or rule.private_to_open_tool or not able.public_comments
        if decision.act is CommentAct.TAKE and decision.visibility is Visibility.PUBLIC:
            assert by_remote[decision.remote_id].visibility is Visibility.PUBLIC


@given(hub_comments, remote_comments, pairings, rules, tools)
@settings(max_examples=200, deadline=None)
def test_law_one_way_is_one_way_and_nothing_is_paired_twice(
    hub: list[HubComment],
    remote: list[RemoteComment],
    pairs: list[CommentPair],
    rule: CommentRule,
    able: Capabilities,
) -> None:
    made = look(hub, remote, pairs, able=able, rule=rule)
    paired = {one.remote_id for one in pairs}
    assert all(one.remote_id not in paired for one in made if one.act is CommentAct.TAKE)
    sent_ids = [one.hub_id for one in made if one.act is CommentAct.SEND]
    assert len(sent_ids) == len(set(sent_ids))
    assert not set(sent_ids) & {one.hub_id for one in pairs}
    if rule.direction is Direction.IN:
        assert not sent_ids
    if rule.direction is Direction.OUT:
        assert not [one for one in made if one.act in (CommentAct.TAKE, CommentAct.EDIT_HUB)]


@pytest.mark.parametrize("visibility", list(Visibility))
def test_only_what_is_known_to_be_public_arrives_as_public(visibility: Visibility) -> None:
    told = replace(RULE, open_tool_to_reporter=True)
    assert (inward(visibility, RULE, ABLE) is Visibility.PUBLIC) == (visibility is Visibility.PUBLIC)
    assert inward(visibility, RULE, OPEN) is Visibility.PRIVATE, "among engineers is not to the reporter"
    assert (inward(visibility, told, OPEN) is Visibility.PUBLIC) == (visibility is Visibility.PUBLIC)
    kept = outward(ours(visibility=visibility), RULE, OPEN)
    assert kept is (Visibility.PUBLIC if visibility is Visibility.PUBLIC else CommentWhy.PRIVATE_STAYS)
