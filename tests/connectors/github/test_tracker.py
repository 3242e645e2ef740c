"""What only GitHub does to a connector, one trap after the other."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from rallypoint.connectors.github import TOOL
from rallypoint.connectors.github.api import interface_of
from rallypoint.connectors.github.tracker import repository_names
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.github import ENGINEER, INTEGRATION, LEAD, PUBLIC, REPOSITORY, STRANGER
from rallypoint.emulators.github.people import Right
from rallypoint.errors import Invalid
from rallypoint.sync.model import (
    TAGS,
    FieldKind,
    Gone,
    GoneReason,
    Person,
    Relation,
    RelationKind,
    RemoteItem,
    Visibility,
)
from rallypoint.sync.ports import (
    AuthFailed,
    CommentDraft,
    Created,
    Draft,
    Level,
    MappingBroken,
    Outage,
    Panel,
    PermissionDenied,
    RateLimited,
    Stale,
    Tracker,
    TrackerError,
    Unverified,
    ValidationFailed,
    WebhookState,
)
from rallypoint.sync.tools import Access
from rallypoint.sync.values import suggest_status
from tests.connectors.github.bench import ISSUES, GitHubBench
from tests.connectors.kit import upload

URL = "https://rp.example/i/1"
HTML = {"content-type": "text/html"}
PAGE = "<html><body>Unicorn!</body></html>"


async def made(bench: GitHubBench, key: str = "inc-1", /, **fields: Any) -> Created:
    draft = Draft(project=REPOSITORY, type="issue", fields={"title": "Fault", **fields}, natural_key=key, url=URL)
    return await bench.tracker.create(draft, "op")


async def read(bench: GitHubBench, remote_id: str, tracker: Tracker | None = None) -> RemoteItem:
    item = await (tracker or bench.tracker).read(remote_id)
    assert isinstance(item, RemoteItem), item
    return item


async def write(bench: GitHubBench, item: Created, /, **changes: Any) -> None:
    await bench.tracker.write(item.remote_id, changes, item.revision, "op")


def comment(bench: GitHubBench, body: str, visibility: Visibility = Visibility.PUBLIC) -> CommentDraft:
    return CommentDraft(body=body, markup=bench.tracker.capabilities.comment_markup, visibility=visibility)


def said(message: str, **more: Any) -> dict[str, Any]:
    return {"message": message, "documentation_url": "https://docs.github.com/rest", **more}


LEFT = {"x-ratelimit-remaining": "100"}
INVALID = {"errors": [{"resource": "Issue", "field": "milestone", "code": "invalid"}]}


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (401, {}, said("Bad credentials"), AuthFailed),
        (403, LEFT, said("Resource not accessible by personal access token"), PermissionDenied),
        (403, LEFT, said("Repository was archived so is read-only."), PermissionDenied),
        (403, {"x-ratelimit-remaining": "0"}, said("API rate limit exceeded for user ID 1."), RateLimited),
        (403, {**LEFT, "retry-after": "30"}, said("You have exceeded a secondary rate limit."), RateLimited),
        (403, LEFT, said("You have exceeded a secondary rate limit."), RateLimited),
        (429, {}, said("Too many requests"), RateLimited),
        (451, {}, said("Repository access blocked"), PermissionDenied),
        (404, {}, said("Not Found"), Stale),
        (409, {}, said("Conflict"), Stale),
        (301, {"location": "https://api.github.com/repositories/1/issues/1"}, said("Moved Permanently"), Stale),
        (410, {}, said("This issue was deleted"), Stale),
        (410, {}, said("Issues are disabled for this repo"), MappingBroken),
        (422, {}, said("Validation Failed", **INVALID), MappingBroken),
        (422, {}, said("Validation Failed", errors=[{"field": "title", "code": "custom"}]), ValidationFailed),
        (422, {}, said("Validation Failed", errors=["Something in words"]), ValidationFailed),
        (400, {}, said("Problems parsing JSON"), ValidationFailed),
        (502, HTML, PAGE, Outage),
        (500, {}, said("Server Error"), Outage),
        (404, HTML, PAGE, Outage),
        (200, HTML, PAGE, Outage),
        (302, {**HTML, "location": "https://login.example"}, "", Outage),
    ],
)
async def test_what_a_refusal_means(
    bench: GitHubBench, status: int, headers: dict[str, str], body: Any, expected: type[TrackerError]
) -> None:
    item = await made(bench)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, method="PATCH", status=status, headers=headers, body=body))
    with pytest.raises(TrackerError) as no:
        await write(bench, item, title="x")
    assert type(no.value) is expected
    assert (await read(bench, item.remote_id)).raw("title") == "Fault"


async def test_how_long_to_wait_is_told_or_known(bench: GitHubBench) -> None:
    item = await made(bench)
    limit = bench.emulator.limit
    limit.content_per_minute = 0
    with pytest.raises(RateLimited) as slower:
        await write(bench, item, title="x")
    assert (slower.value.retry_after, slower.value.bucket) == (60.0, "secondary")
    limit.content_per_minute, limit.per_hour = None, 1
    with pytest.raises(RateLimited) as spent:
        await bench.tracker.read(item.remote_id)
    assert spent.value.retry_after is not None
    assert 3500 < spent.value.retry_after <= 3600
    [note] = [one for one in bench.tracker.rate_notes() if one.bucket == "core"]
    assert (note.limit, note.remaining) == (1, 0)


# What is left out without a word.


async def test_what_is_silently_left_out_is_said(bench: GitHubBench) -> None:
    bench.emulator.repository.rights[INTEGRATION] = Right.READ
    item = await made(bench, **{TAGS: ("p1",)})
    with pytest.raises(PermissionDenied, match="left out labels"):
        await write(bench, item, **{TAGS: ("p1",), "title": "New"})
    with pytest.raises(PermissionDenied, match="the milestone and the assignee"):
        await write(bench, item, milestone="1", assignee=bench.somebody)
    checked = await bench.tracker.check()
    assert [one.about for one in checked.findings if one.level is Level.ERROR] == ["permission"]


async def test_a_new_label_needs_more_than_an_old_one(bench: GitHubBench) -> None:
    bench.emulator.repository.rights[INTEGRATION] = Right.TRIAGE
    item = await made(bench, **{TAGS: ("P1",)})
    await write(bench, item, **{TAGS: ("P1", "bug")})
    assert (await read(bench, item.remote_id)).tags == ("bug", "p1")
    with pytest.raises(PermissionDenied):
        await write(bench, item, **{TAGS: ("brand new",)})


async def test_who_cannot_be_assigned_is_told_before(bench: GitHubBench) -> None:
    item = await made(bench)
    for who in (Person(remote_id="14", name=STRANGER), Person(email="x@example.com"), Person(name="Nobody")):
        with pytest.raises(ValidationFailed) as no:
            await write(bench, item, assignee=who)
        assert "assignee" in no.value.fields
    await write(bench, item, assignee=Person(name=LEAD.upper()))
    assert (await read(bench, item.remote_id)).raw("assignee") == Person(remote_id="13", name=LEAD)


async def test_a_person_keeps_the_number_when_the_name_changes(bench: GitHubBench) -> None:
    item = await made(bench, assignee=bench.somebody)
    bench.emulator.forge.users[ENGINEER].login = "noor"
    found = (await read(bench, item.remote_id)).raw("assignee")
    assert found == Person(remote_id=bench.somebody.remote_id, name="noor")


# State, history, marks.


@pytest.mark.parametrize("state", ["completed", "not_planned", "duplicate", "open"])
async def test_state_and_reason_are_one_status(bench: GitHubBench, state: str) -> None:
    item = await made(bench, state="completed")
    assert (await read(bench, item.remote_id)).raw("state") == "open"  # issues begin open
    await write(bench, item, state="completed")
    await write(bench, item, state=state)
    assert (await read(bench, item.remote_id)).raw("state") == state


async def test_an_old_closing_without_a_reason_is_completed(bench: GitHubBench) -> None:
    item = await made(bench)
    await write(bench, item, state="completed")
    bench.emulator.repository.issues[1].reason = None
    assert (await read(bench, item.remote_id)).raw("state") == "completed"


async def test_history_is_worked_out_from_events(bench: GitHubBench) -> None:
    item = await made(bench, **{TAGS: ("bug",), "milestone": "1"})
    await bench.advance(10)
    await write(bench, item, **{TAGS: ("p1", "incident"), "milestone": "2", "assignee": bench.somebody})
    await bench.advance(10)
    await bench.person_sets(item.remote_id, "state", "closed")
    await bench.advance(10)
    await bench.people[LEAD].patch(ISSUES + "/1", json={"assignees": [LEAD], "state": "open"})
    item_now = await read(bench, item.remote_id)
    steps = [(one.field, one.old, one.new) for one in item_now.history]
    engineer, lead = bench.somebody, Person(remote_id="13", name=LEAD)
    assert steps == [
        (TAGS, (), ("bug",)),
        ("milestone", None, "1"),
        (TAGS, ("bug",), ("incident", "p1")),
        ("assignee", None, engineer),
        ("milestone", "1", "2"),
        ("state", "open", "completed"),
        ("assignee", engineer, lead),
        ("state", "completed", "open"),
    ]
    assert [one.by.name for one in item_now.history if one.by] == [INTEGRATION] * 5 + [ENGINEER] + [LEAD] * 2
    assert item_now.changed_by == lead


async def test_marks_are_not_seen_and_not_lost(bench: GitHubBench) -> None:
    item = await made(bench, body="Cards *fail*")
    assert (await read(bench, item.remote_id)).raw("body") == "Cards *fail*"
    await write(bench, item, body="All fail")
    raw = bench.emulator.repository.issues[1].body
    assert raw == "All fail\n\n<!-- rallypoint item: inc-1 -->"
    await bench.person_sets(item.remote_id, "body", f"Written on\r\nthe web\r\n{raw}\r\nand below")
    assert (await read(bench, item.remote_id)).raw("body") == "Written on\nthe web\nAll fail\nand below"
    assert await bench.tracker.find("inc-1") == item.remote_id
    await write(bench, item, body=None)
    assert (await read(bench, item.remote_id)).raw("body") is None
    assert await bench.tracker.find("inc-1") == item.remote_id


async def test_a_mark_in_somebody_elses_text_is_only_text(bench: GitHubBench) -> None:
    """Whoever quotes a comment of ours, or copies an issue, does not become us."""
    item = await made(bench)
    await bench.tracker.comment(item.remote_id, comment(bench, "From us"), "op-9")
    await bench.person_comments(item.remote_id, "Copied\n\n<!-- rallypoint op: op-9 -->", Visibility.PUBLIC)
    await bench.person_comments(item.remote_id, "<!-- rallypoint panel: /i/1 -->\nNo panel", Visibility.PUBLIC)
    await bench.people[ENGINEER].post(ISSUES, json={"title": "Copy", "body": "<!-- rallypoint item: inc-7 -->"})
    ours, copied, panel = (await read(bench, item.remote_id)).comments
    assert (ours.body, ours.op, copied.op, panel.op) == ("From us", "op-9", "", "")
    assert await bench.tracker.find("inc-7") is None


async def test_a_correction_carries_the_newer_operation(bench: GitHubBench) -> None:
    item = await made(bench)
    id = await bench.tracker.comment(item.remote_id, comment(bench, "frist"), "a.c1.7")
    await bench.advance(5)
    await bench.tracker.edit_comment(item.remote_id, id, comment(bench, "first"), "b.c2.7")
    [now] = (await read(bench, item.remote_id)).comments
    assert (now.body, now.op, now.edited_at is not None) == ("first", "b.c2.7", True)


async def test_a_change_in_the_same_second_is_a_change(bench: GitHubBench) -> None:
    item = await made(bench)
    seen = {(await read(bench, item.remote_id)).revision}
    assert seen == {item.revision}
    for change in ({"labels": ["p1"]}, {"body": "x"}, {"state": "closed"}, {"milestone": 1}, {"assignees": [LEAD]}):
        await bench.people[ENGINEER].patch(ISSUES + "/1", json=change)
        seen.add((await read(bench, item.remote_id)).revision)
    assert len(seen) == 6


async def test_a_private_comment_is_never_sent(bench: GitHubBench) -> None:
    item = await made(bench)
    for visibility in (Visibility.PRIVATE, Visibility.UNKNOWN):
        with pytest.raises(ValidationFailed):
            await bench.tracker.comment(item.remote_id, comment(bench, "Secret", visibility), "op")
        with pytest.raises(ValidationFailed):
            await bench.tracker.edit_comment(item.remote_id, "1", comment(bench, "Secret", visibility), "op")
    assert not [one for one in bench.emulator.faults.seen if "comments" in one.path and one.method != "GET"]


async def test_files_are_refused_and_nothing_is_asked(bench: GitHubBench) -> None:
    item = await made(bench)
    asked = len(bench.emulator.faults.seen)
    with pytest.raises(ValidationFailed):
        await bench.tracker.attach(item.remote_id, upload("a.txt", b"a"), "op")
    with pytest.raises(ValidationFailed):
        [chunk async for chunk in bench.tracker.download(item.remote_id, "1")]
    assert len(bench.emulator.faults.seen) == asked


# The panel.


async def test_the_panel_is_one_comment_that_nobody_takes_for_one(bench: GitHubBench) -> None:
    item = await made(bench)
    title = "RP-1 Payments @noor-haddad fail, see #1 <b>[now]</b>"
    for status in ("investigating", "resolved", "resolved"):
        await bench.tracker.show_panel(item.remote_id, Panel(url=URL, title=title, status=status))
    [shown] = bench.emulator.repository.issues[1].comments
    assert "Status: resolved" in shown.body
    assert f"]({URL})" in shown.body
    assert "@noor" not in shown.body  # nobody is called
    assert "#1" not in shown.body  # no other issue is mentioned
    assert "<b>" not in shown.body.replace("\\<b\\>", "")
    await bench.tracker.show_panel(item.remote_id, Panel(url="https://rp.example/i/2", title="RP-2"))
    await bench.tracker.show_panel(item.remote_id, Panel(url="https://moved.example/i/1", title="RP-1"))
    assert len(bench.emulator.repository.issues[1].comments) == 2
    assert (await read(bench, item.remote_id)).comments == ()


# Where issues are.


async def test_gone_has_several_meanings(bench: GitHubBench) -> None:
    ids = [(await made(bench, f"inc-{number}")).remote_id for number in range(4)]
    forge, lead = bench.emulator.forge, bench.emulator.forge.users[LEAD]
    forge.delete(bench.emulator.repository, 1, lead)
    forge.transfer(bench.emulator.repository, 2, bench.emulator.public, lead)
    answers: list[RemoteItem | Gone] = [await bench.tracker.read(ids[0]), await bench.tracker.read(ids[1])]
    bench.emulator.repository.has_issues = False
    answers.append(await bench.tracker.read(ids[2]))
    bench.emulator.repository.has_issues = True
    bench.emulator.repository.issues[3].pull_request = True
    answers.append(await bench.tracker.read(ids[2]))
    bench.emulator.repository.rights[INTEGRATION] = Right.NONE
    answers.append(await bench.tracker.read(ids[3]))
    reasons = [one.reason for one in answers if isinstance(one, Gone)]
    assert reasons == [GoneReason.DELETED, GoneReason.MOVED] + [GoneReason.UNREADABLE] * 3
    moved = answers[1]
    assert isinstance(moved, Gone)
    assert moved.moved_to == f"{bench.emulator.public.id}/1"
    item = await read(bench, moved.moved_to)
    assert (item.project, item.key) == (PUBLIC, f"{PUBLIC}#1")


async def test_a_renamed_repository_keeps_its_issues(bench: GitHubBench) -> None:
    item = await made(bench)
    begun = await bench.tracker.list_changes(None)
    bench.emulator.forge.rename(bench.emulator.repository, "lantern/billing")
    for tracker in (bench.tracker, bench.connected()):
        now = await read(bench, item.remote_id, tracker)
        assert (now.key, now.project) == ("lantern/billing#1", REPOSITORY)
        assert [one.id for one in await tracker.projects()] == [REPOSITORY]
        assert {one.remote_id for one in (await tracker.list_changes(begun.cursor)).hints} == {item.remote_id}
    assert (await made(bench, "inc-2")).key.endswith("#2")


@pytest.mark.parametrize(
    "text", ["lantern/payments#1", "#1", "1", " 1 ", "https://github.com/lantern/payments/issues/1",
             "http://127.0.0.1:80/lantern/payments/issues/1#issuecomment-9"]
)  # fmt: skip
async def test_what_people_write_for_an_issue_leads_to_it(bench: GitHubBench, text: str) -> None:
    item = await made(bench)
    assert (await read(bench, text)).id == item.remote_id


@pytest.mark.parametrize("id", ["", "0", "1/0", "1/../2", "x/y", "1/1?x=1", "a b#1", "1/" + "9" * 20])
async def test_ids_are_nothing_else_than_ids(bench: GitHubBench, id: str) -> None:
    with pytest.raises(ValidationFailed):
        await bench.tracker.write(id, {"title": "x"}, "", "op")
    with pytest.raises((ValidationFailed, MappingBroken)):
        await bench.tracker.read(id)
    assert not [one for one in bench.emulator.faults.seen if "issues" in one.path]


async def test_several_repositories_and_one_that_is_gone(bench: GitHubBench) -> None:
    tracker = bench.connected(repositories=(REPOSITORY, PUBLIC, "lantern/nothing"))
    begun = await tracker.list_changes(None)
    await bench.advance(5)
    draft = Draft(project=PUBLIC, type="issue", fields={"title": "There"}, natural_key="inc-5", url=URL)
    there, here = await tracker.create(draft, "op"), await made(bench)
    assert {one.remote_id for one in (await tracker.list_changes(begun.cursor)).hints} == {
        there.remote_id, here.remote_id,
    }  # fmt: skip
    assert await tracker.find("inc-5") == there.remote_id
    assert (await read(bench, there.remote_id, tracker)).project == PUBLIC
    errors = [one.about for one in (await tracker.check()).findings if one.level is Level.ERROR]
    assert errors == ["repository"]
    with pytest.raises(MappingBroken):
        await bench.connected(repositories=("lantern/nothing",)).list_changes(None)


async def test_parents_and_children(bench: GitHubBench) -> None:
    parent, child = await made(bench), await made(bench, "inc-2")
    forge, where = bench.emulator.forge, bench.emulator.repository
    lead = forge.users[LEAD]
    forge.adopt((where, where.issues[1]), (where, where.issues[2]), lead)
    other = forge.open(bench.emulator.public, {"title": "Elsewhere"}, lead)
    forge.adopt((where, where.issues[1]), (bench.emulator.public, other), lead)
    found = [(one.kind, one.remote_id) for one in (await read(bench, parent.remote_id)).relations]
    elsewhere = f"{bench.emulator.public.id}/{other.number}"
    assert found == [(RelationKind.CHILD, child.remote_id), (RelationKind.CHILD, elsewhere)]
    [up] = (await read(bench, child.remote_id)).relations
    assert (up.kind, up.remote_id) == (RelationKind.PARENT, parent.remote_id)


async def test_another_parent_stays_and_a_neighbour_repository_is_reached(bench: GitHubBench) -> None:
    tracker = bench.connected(repositories=(REPOSITORY, PUBLIC))
    one, two = await made(bench), await made(bench, "inc-2")
    draft = Draft(project=PUBLIC, type="issue", fields={"title": "There"}, natural_key="inc-5", url=URL)
    there = await tracker.create(draft, "op")
    await tracker.relate(one.remote_id, Relation(kind=RelationKind.CHILD, remote_id=there.remote_id), "op")
    with pytest.raises(ValidationFailed):
        await tracker.relate(there.remote_id, Relation(kind=RelationKind.PARENT, remote_id=two.remote_id), "op")
    [up] = (await read(bench, there.remote_id, tracker)).relations
    assert (up.kind, up.remote_id) == (RelationKind.PARENT, one.remote_id)
    with pytest.raises(ValidationFailed):
        await tracker.relate(one.remote_id, Relation(kind=RelationKind.BLOCKS, remote_id=two.remote_id), "op")


# Changes.


async def test_asking_where_nothing_happened_costs_nothing(bench: GitHubBench) -> None:
    await made(bench)
    page = await bench.tracker.list_changes(None)
    for _ in range(3):
        await bench.advance(120)
        page = await bench.tracker.list_changes(page.cursor)
    used = bench.emulator.limit.headers(11)["x-ratelimit-used"]
    for _ in range(5):
        await bench.advance(30)
        page = await bench.tracker.list_changes(page.cursor)
        assert (page.hints, page.more) == ((), False)
    assert bench.emulator.limit.headers(11)["x-ratelimit-used"] == used
    assert [one.status for one in bench.emulator.faults.seen][-2:] == [304, 304]
    await bench.person_sets(f"{bench.emulator.repository.id}/1", "title", "Changed")
    assert len((await bench.tracker.list_changes(page.cursor)).hints) == 1


async def test_a_corrected_comment_is_a_change_though_the_issue_does_not_notice(bench: GitHubBench) -> None:
    item = await made(bench)
    await bench.person_comments(item.remote_id, "frist", Visibility.PUBLIC)
    await bench.advance(300)
    begun = await bench.tracker.list_changes(None)
    await bench.advance(60)
    said = bench.emulator.repository.issues[1].comments[0]
    await bench.people[ENGINEER].patch(f"repos/{REPOSITORY}/issues/comments/{said.id}", json={"body": "first"})
    assert [one.remote_id for one in (await bench.tracker.list_changes(begun.cursor)).hints] == [item.remote_id]


async def test_pull_requests_are_no_issues(bench: GitHubBench) -> None:
    begun = await bench.tracker.list_changes(None)
    item, other = await made(bench), await made(bench, "inc-2")
    bench.emulator.repository.issues[1].pull_request = True
    page = await bench.tracker.list_changes(begun.cursor)
    assert [one.remote_id for one in page.hints] == [other.remote_id]
    assert await bench.tracker.find("inc-1") is None
    await bench.listen()
    await bench.person_sets(item.remote_id, "title", "Changed")
    [heard] = await bench.heard()
    payload = json.loads(heard.body)
    assert "pull_request" in payload["issue"]
    assert bench.tracker.verify_webhook(heard.body, heard.headers, bench.secret).hints == ()


async def test_a_crowded_second_is_read_to_its_end(bench: GitHubBench) -> None:
    begun = await bench.tracker.list_changes(None)
    lead = bench.emulator.forge.users[LEAD]
    for number in range(250):
        bench.emulator.forge.open(bench.emulator.repository, {"title": f"Fault {number}"}, lead)
    seen, cursor, turns = set[str](), begun.cursor, 0
    while True:
        page = await bench.tracker.list_changes(cursor)
        seen |= {one.remote_id for one in page.hints}
        cursor, turns = page.cursor, turns + 1
        if not page.more:
            break
    assert len(seen) == 250
    assert turns <= 5


@pytest.mark.parametrize("cursor", ["", "[]", "{}", "null", '[{"repository":1}]', "since=2026-01-01", "[1]"])
async def test_only_our_own_cursors_are_taken(bench: GitHubBench, cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        await bench.tracker.list_changes(cursor)


# Webhooks.


async def test_webhooks_are_renewed_in_place_and_their_troubles_told(bench: GitHubBench) -> None:
    bench.emulator.deliveries.hold = True
    tracker = bench.connected(repositories=(REPOSITORY, PUBLIC))
    first = await tracker.register_webhook("https://rp.example/in/key", "one")
    assert (await tracker.register_webhook("https://rp.example/in/newer", "two")).id == first.id
    hooks = bench.emulator.hooks.hooks
    assert [one.config["secret"] for one in hooks.values()] == ["two", "two"]
    one, two = hooks.values()
    bench.emulator.hooks.answered(next(iter(bench.emulator.hooks.sent)), 503)
    told = await tracker.webhook_state(first)
    assert (told.state, "503" in told.detail) == (WebhookState.ACTIVE, True)
    one.active = False
    assert (await tracker.webhook_state(first)).state is WebhookState.DISABLED
    await tracker.register_webhook("https://rp.example/in/key", "two")
    assert (await tracker.webhook_state(first)).state is WebhookState.ACTIVE
    del hooks[two.id]
    assert (await tracker.webhook_state(first)).state is WebhookState.MISSING


@pytest.mark.parametrize("how", ["scope", "role"])
async def test_who_may_not_register_is_told_what_an_administrator_does(bench: GitHubBench, how: str) -> None:
    if how == "scope":
        bench.emulator.forge.users[INTEGRATION].scopes.discard("webhooks:write")
    else:
        bench.emulator.repository.rights[INTEGRATION] = Right.WRITE
    told = await bench.tracker.register_webhook("https://rp.example/in/key", "s3cr3t")
    assert told.state is WebhookState.BY_HAND
    assert "https://rp.example/in/key" in told.instructions
    assert "s3cr3t" not in told.instructions


async def test_deletion_and_ping_are_heard(bench: GitHubBench) -> None:
    item = await made(bench)
    bench.emulator.deliveries.hold = True
    await bench.tracker.register_webhook("https://rp.example/in/key", bench.secret)
    await bench.person_deletes(item.remote_id)
    ping, deleted = await bench.heard()
    assert bench.tracker.verify_webhook(ping.body, ping.headers, bench.secret).hints == ()
    [hint] = bench.tracker.verify_webhook(deleted.body, deleted.headers, bench.secret).hints
    assert (hint.remote_id, hint.deleted) == (item.remote_id, True)


@pytest.mark.parametrize("body", [b"", b"[]", b"payload=%7B%7D", b"null"])
async def test_what_is_signed_but_no_json_is_refused(bench: GitHubBench, body: bytes) -> None:
    signature = "sha256=" + hmac.new(bench.secret.encode(), body, hashlib.sha256).hexdigest()
    with pytest.raises(Unverified):
        bench.tracker.verify_webhook(body, {"x-hub-signature-256": signature}, bench.secret)


async def test_without_a_secret_nothing_is_believed(bench: GitHubBench) -> None:
    signature = "sha256=" + hmac.new(b"", b"{}", hashlib.sha256).hexdigest()
    with pytest.raises(Unverified):
        bench.tracker.verify_webhook(b"{}", {"x-hub-signature-256": signature}, "")


# Connecting.


async def test_the_suggested_mapping_sends_every_status(bench: GitHubBench) -> None:
    """Two states there for all of ours: what has none of its own goes to the nearest, and nothing bounces."""
    schema = await bench.tracker.describe(REPOSITORY, "issue")
    field = next(one for one in schema.fields if one.kind is FieldKind.STATUS)
    made_of = suggest_status(field)
    out = {one.hub: one.remote for one in made_of.out}
    ours = {"triage", "active", "on_hold", "restored", "resolved", "review", "closed", "cancelled"}
    assert set(out) == ours
    assert {hub for hub, remote in out.items() if remote == "open"} == {"triage", "active", "on_hold", "restored"}
    assert {one.remote: one.hub for one in made_of.into} == {
        "open": "active", "completed": "resolved", "not_planned": "cancelled", "duplicate": "cancelled",
    }  # fmt: skip


async def test_a_check_tells_what_somebody_should_know(bench: GitHubBench) -> None:
    user = bench.emulator.forge.users[INTEGRATION]
    user.expires = bench.clock.now() + timedelta(days=3)
    tracker = bench.connected(repositories=(PUBLIC,))
    checked = await tracker.check()
    assert checked.ok
    warned = {one.about for one in checked.findings if one.level is Level.WARNING}
    assert warned == {"visibility", "credentials"}
    assert len(bench.emulator.public.issues) == 0  # asking whether we may write wrote nothing
    user.scopes.discard("issues:write")
    refused = await tracker.check()
    [error] = [one for one in refused.findings if one.level is Level.ERROR]
    assert (error.about, "issues=write" in error.help) == ("permission", True)
    bench.emulator.public.archived = True
    assert not (await tracker.check()).ok
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/user", status=200, headers=HTML, body=PAGE))
    assert [one.about for one in (await tracker.check()).findings] == ["address"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://github.com", "https://api.github.com"),
        ("https://api.github.com/", "https://api.github.com"),
        ("https://acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://api.acme.ghe.com", "https://api.acme.ghe.com"),
        ("https://git.example.org", "https://git.example.org/api/v3"),
        ("https://git.example.org:8443/api/v3/", "https://git.example.org:8443/api/v3"),
        ("https://notgithub.com", "https://notgithub.com/api/v3"),
    ],
)
def test_the_interface_is_found_from_the_address_people_know(given: str, expected: str) -> None:
    assert interface_of(given) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a/b", ("a/b",)),
        (" a/b, c/d.e  a/b", ("a/b", "c/d.e")),
        ("https://github.com/a/b.git", ("a/b",)),
        ("a", None),
        ("a/b/c", None),
        ("../x", None),
        ("", ()),
    ],
)
def test_repositories_are_read_as_people_write_them(text: str, expected: tuple[str, ...] | None) -> None:
    assert repository_names(text) == expected


@pytest.mark.parametrize("repository", ["", "payments", ",".join(f"a/r{number}" for number in range(21))])
def test_a_connection_without_a_repository_is_refused(way: Egress, repository: str) -> None:
    settings: Mapping[str, Any] = {"repository": repository}
    given = Access(key="gh", base_url="https://github.com", settings=settings, secrets={"token": "t"})
    with pytest.raises(Invalid):
        TOOL.make(given, way)


def test_the_tool_makes_a_tracker(way: Egress) -> None:
    given = Access(
        key="gh", base_url="https://github.com", settings={"repository": REPOSITORY}, secrets={"token": "t"}
    )  # fmt: skip
    able = TOOL.make(given, way).capabilities
    assert (able.conditional_write, able.private_comments, able.attachments) == (False, False, False)
    assert {one.name for one in TOOL.asked if one.secret} == {"token"}
