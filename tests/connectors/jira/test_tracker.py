"""What only Jira does to a tracker: two editions, workflows, search that is behind, history in other words."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.jira import TOOL, Credentials, JiraTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.jira import ENGINEER, INTEGRATION, LEAD, definitions
from rallypoint.emulators.jira.definitions import MINUTES, ROOT_CAUSE, SEVERITY
from rallypoint.errors import Invalid
from rallypoint.sync.model import (
    TAGS,
    Choice,
    FieldKind,
    Gone,
    Markup,
    Person,
    Relation,
    RelationKind,
    RemoteField,
    RemoteItem,
    Schema,
    Visibility,
)
from rallypoint.sync.ports import (
    AuthFailed,
    CommentDraft,
    Created,
    Draft,
    Level,
    MappingBroken,
    Panel,
    PermissionDenied,
    ValidationFailed,
    WorkflowRefused,
)
from rallypoint.sync.suggest import suggest
from rallypoint.sync.tools import Access
from rallypoint.sync.workflow import Move, next_move
from tests.connectors.jira.bench import JiraBench, document
from tests.connectors.jira.conftest import Served
from tests.connectors.kit import upload

URL = "https://rp.example/i/1"
GONE = {"errorMessages": ["Issue type not found."], "errors": {}}


@pytest.fixture
def bench(jira: Served, clock: ManualClock, way: Egress) -> JiraBench:
    """The software project of either edition."""
    return JiraBench(jira, clock, way, desk=False)


async def made(bench: JiraBench, key: str = "inc-1", **fields: Any) -> Created:
    draft = Draft(
        project=bench.project, type=bench.type, natural_key=key, url=URL, fields={"summary": "Payments fail", **fields}
    )
    return await bench.tracker.create(draft, f"op-{key}")


async def read(bench: JiraBench, id: str) -> RemoteItem:
    item = await bench.tracker.read(id)
    assert isinstance(item, RemoteItem)
    return item


# Connecting.


async def test_the_edition_is_found_out(bench: JiraBench) -> None:
    checked = await bench.tracker.check()
    assert checked.ok
    assert checked.version.startswith("Cloud" if bench.served.cloud else "Data Center 9.12")
    await bench.tracker.describe("PAY", "Bug")
    able = bench.tracker.capabilities
    assert able.comment_markup is (Markup.ADF if bench.served.cloud else Markup.WIKI)
    assert able.markups["description"] is able.comment_markup


async def test_what_is_no_jira_is_told_as_an_address(bench: JiraBench) -> None:
    page = Fault(
        kind=FaultKind.REFUSE, path="serverInfo", status=200, body="<html>", headers={"content-type": "text/html"}
    )
    bench.emulator.faults.plan(page)
    checked = await bench.tracker.check()
    assert [(one.about, one.level) for one in checked.findings] == [("address", Level.ERROR)]
    assert "not the interface of a Jira site" in checked.findings[0].text


async def test_a_puzzle_in_the_browser_is_a_matter_of_credentials(
    data_center: Served, clock: ManualClock, way: Egress
) -> None:
    bench = JiraBench(data_center, clock, way, desk=False)
    given = Credentials(user=INTEGRATION, token=data_center.emulator.passwords[INTEGRATION])
    tracker = JiraTracker(way, base_url=data_center.url, credentials=given, now=clock.now)
    assert (await tracker.check()).ok, "a password does, too"
    data_center.emulator.interface.captcha.add(INTEGRATION)
    with pytest.raises(AuthFailed, match="puzzle") as no:
        await tracker.read((await made(bench)).remote_id)
    assert "browser" in no.value.help


async def test_missing_permissions_are_named(bench: JiraBench) -> None:
    await bench.forbid_writing()
    checked = await bench.tracker.check()
    assert not checked.ok
    assert "edit issues" in checked.findings[-1].text
    nowhere = await bench.connected(INTEGRATION, project="NONE").check()
    assert [one.about for one in nowhere.findings if one.level is Level.ERROR] == ["project"]


async def test_projects_have_ids_that_stay(bench: JiraBench) -> None:
    tracker = bench.connected(INTEGRATION, project="")
    places = await tracker.projects()
    assert [(one.name, one.types) for one in places] == [
        ("Help desk (HELP)", ("Incident",)), ("Payments (PAY)", ("Bug", "Task")),
    ]  # fmt: skip
    by_key, by_id = await tracker.describe("PAY", "Bug"), await tracker.describe(places[1].id, "Bug")
    assert by_key.project == by_id.project == places[1].id
    with pytest.raises(MappingBroken, match="no issue type"):
        await tracker.describe("PAY", "Epic")


# What is there.


async def test_fields_are_those_of_the_screens(bench: JiraBench) -> None:
    before = await bench.tracker.describe("PAY", "Bug")
    assert before.field(ROOT_CAUSE) is None, "only the edit screen has it, and nobody told of that one yet"
    await made(bench)
    schema = await bench.tracker.describe("PAY", "Bug")
    kinds = {one.id: (one.kind, one.writable, one.required) for one in schema.fields}
    rich = FieldKind.RICH_TEXT
    assert kinds["summary"] == (FieldKind.TEXT, True, True)
    assert kinds["description"] == kinds["environment"] == kinds[ROOT_CAUSE] == (rich, True, False)
    assert kinds["priority"] == kinds[SEVERITY] == (FieldKind.CHOICE, True, False)
    assert kinds["resolution"] == (FieldKind.CHOICE, False, False)
    assert kinds[TAGS] == kinds["components"] == (FieldKind.TAGS, True, False)
    assert "labels" not in kinds
    status = next(one for one in schema.fields if one.kind is FieldKind.STATUS)
    assert [(one.name, one.category) for one in status.choices][:2] == [
        ("To Do", "new"),
        ("In Progress", "indeterminate"),
    ]
    assert "Noor Haddad" in {one.name for one in schema.people}


async def test_who_may_not_create_still_works_on_what_is_there(bench: JiraBench) -> None:
    item = await made(bench)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/createmeta/", status=404, times=9, body=GONE))
    tracker = bench.connected(INTEGRATION)
    await tracker.write(item.remote_id, {"summary": "Cards fail"}, "", "op")
    schema = await tracker.describe("PAY", "Bug")
    assert schema.field(ROOT_CAUSE) is not None


async def test_the_way_through_the_workflow_is_learned_from_issues_that_stand_there(bench: JiraBench) -> None:
    one, other = await made(bench), await made(bench, "inc-2")
    await bench.person_does("POST", f"issue/{other.remote_id}/transitions", json={"transition": {"id": "11"}})
    known = (await bench.tracker.describe("PAY", "Bug")).transitions
    allowed = await bench.tracker.transitions(one.remote_id)
    move = next_move("10000", "10002", allowed, known=known, fill={"resolution": "10000"})
    assert isinstance(move, Move)
    assert (move.transition.to, move.final) == ("3", False)
    await bench.tracker.transition(one.remote_id, move.transition, move.fields, "", "op-1")
    move = next_move("3", "10002", await bench.tracker.transitions(one.remote_id), fill={"resolution": "10000"})
    assert isinstance(move, Move)
    assert [field.id for field in move.transition.required] == ["resolution"]
    await bench.tracker.transition(one.remote_id, move.transition, move.fields, "", "op-2")
    item = await read(bench, one.remote_id)
    assert (item.raw("status"), item.raw("resolution")) == ("10002", "10000")
    assert [step.op for step in item.history if step.field == "status"] == ["op-1", "op-2"]


async def test_a_suggestion_makes_the_choice_that_a_step_wants(bench: JiraBench) -> None:
    item = await made(bench)
    [step] = await bench.tracker.transitions(item.remote_id)
    await bench.tracker.transition(item.remote_id, step, {}, "", "op")
    there = await bench.tracker.describe("PAY", "Bug")
    words = ("triage", "active", "resolved", "cancelled", "closed")
    status = RemoteField(
        id="status", name="Status", kind=FieldKind.STATUS, choices=tuple(Choice(id=one, name=one) for one in words)
    )
    here = Schema(project="rallypoint", type="incident", fields=(status,))
    made_of = suggest(here, there, bench.tracker.capabilities).mapping.status
    assert made_of is not None
    fills = {one.hub: dict(one.fill) for one in made_of.out}
    assert fills["resolved"] == fills["closed"] == {"resolution": "10000"}
    assert fills["cancelled"] == {"resolution": "10001"}, "Won't Do"
    assert fills["active"] == fills["triage"] == {}


async def test_a_status_is_not_written_and_a_step_may_be_gone(bench: JiraBench) -> None:
    item = await made(bench, status="10002")
    assert (await read(bench, item.remote_id)).raw("status") == "10000", "it begins where its workflow begins"
    with pytest.raises(ValidationFailed):
        await bench.tracker.write(item.remote_id, {"status": "3"}, "", "op")
    [step] = await bench.tracker.transitions(item.remote_id)
    await bench.tracker.transition(item.remote_id, step, {}, "", "op")
    with pytest.raises(WorkflowRefused, match="not valid"):
        await bench.tracker.transition(item.remote_id, step, {}, "", "op")
    done = next(one for one in await bench.tracker.transitions(item.remote_id) if one.to == "10002")
    with pytest.raises(WorkflowRefused) as no:
        await bench.tracker.transition(item.remote_id, done, {}, "", "op")
    assert no.value.missing == ("resolution",)


# Reading.


async def test_an_issue_is_read_by_its_key_and_address_too(bench: JiraBench) -> None:
    item = await made(bench)
    for said in ("PAY-1", "pay-1", f"{bench.served.url}/browse/PAY-1", f"{bench.served.url}/browse/PAY-1?focus=x"):
        assert (await read(bench, said)).id == item.remote_id
    with pytest.raises(ValidationFailed):
        await bench.tracker.write("PAY-1", {"summary": "x"}, "", "op")


@pytest.mark.parametrize("id", ["", "0", "1/../2", "1?x=1", "-1", "abc", "9" * 20, "PAY-1/comment", "../PAY-1"])
async def test_ids_are_nothing_else_than_ids(bench: JiraBench, id: str) -> None:
    with pytest.raises(ValidationFailed):
        await bench.tracker.read(id)
    assert not bench.emulator.faults.seen


async def test_a_link_survives_moves_and_new_keys(bench: JiraBench) -> None:
    item = await made(bench)
    site = bench.emulator.site
    site.move(site.issues[int(item.remote_id)], bench.emulator.desk, site.users[LEAD])
    moved = await read(bench, item.remote_id)
    assert (moved.id, moved.key, moved.project, moved.type) == (
        item.remote_id,
        "HELP-1",
        bench.emulator.desk.id,
        "Incident",
    )
    site.rename(bench.emulator.desk, "CARE")
    renamed = await read(bench, item.remote_id)
    assert (renamed.key, renamed.project) == ("CARE-1", moved.project)
    assert isinstance(await bench.tracker.read("99999"), Gone)


async def test_the_history_speaks_of_values_as_the_issue_does(bench: JiraBench) -> None:
    item = await made(bench, components=("Checkout",), **{SEVERITY: "10100"})
    changed = {
        "summary": "Cards fail", "components": [{"name": "Ledger"}, {"name": "Checkout"}], "labels": ["a", "b"],
        "priority": {"id": "1"}, "assignee": {"accountId" if bench.served.cloud else "name": bench.somebody.remote_id},
        SEVERITY: {"id": "10102"}, MINUTES: 5, "description": bench.said("Queue full"),
    }  # fmt: skip
    await bench.person_does("PUT", f"issue/{item.remote_id}", json={"fields": changed})
    bench.clock.advance(timedelta(seconds=1))
    await bench.person_does("PUT", f"issue/{item.remote_id}", json={"fields": {"components": [{"name": "Ledger"}]}})
    now = await read(bench, item.remote_id)
    last = {one.field: one for one in now.history}
    for field in ("summary", "components", "priority", "assignee", SEVERITY, MINUTES, "description"):
        assert last[field].new == now.raw(field), field
    assert (last[TAGS].old, last[TAGS].new) == ((), now.tags)
    steps = [(one.old, one.new) for one in now.history if one.field == "components"]
    assert steps == [(("Checkout",), ("Checkout", "Ledger")), (("Checkout", "Ledger"), ("Ledger",))]
    assert {one.by.name for one in now.history if one.by} == {"Noor Haddad"}
    assert last["summary"].at == datetime(2026, 6, 1, 8, tzinfo=UTC), "whatever zone it is told in"


async def test_a_change_in_between_is_told_although_ours_won(bench: JiraBench) -> None:
    item = await made(bench)
    before = await read(bench, item.remote_id)
    await bench.person_sets(item.remote_id, "summary", "A person's")
    await bench.tracker.write(item.remote_id, {"summary": "Ours"}, before.revision, "op-9")
    steps = [(one.new, one.op) for one in (await read(bench, item.remote_id)).history if one.field == "summary"]
    assert steps == [("A person's", ""), ("Ours", "op-9")]


async def test_long_histories_and_many_comments_are_read_whole(cloud: Served, clock: ManualClock, way: Egress) -> None:
    bench = JiraBench(cloud, clock, way, desk=True)
    item = await made(bench)
    for number in range(130):
        await bench.person_sets(item.remote_id, "summary", f"Title {number}")
    for number in range(30):
        await bench.person_does("POST", f"issue/{item.remote_id}/comment", json={"body": document(f"Number {number}")})
    now = await read(bench, item.remote_id)
    assert [one.new for one in now.history if one.field == "summary"] == [f"Title {number}" for number in range(130)]
    assert now.comments_complete
    assert [bench.words(one.body) for one in now.comments] == [f"Number {number}" for number in range(30)]


async def test_relations(bench: JiraBench) -> None:
    one, other = await made(bench), await made(bench, "inc-2")
    for type in ("Blocks", "Duplicate", "Relates"):
        link = {"type": {"name": type}, "inwardIssue": {"id": one.remote_id}, "outwardIssue": {"id": other.remote_id}}
        await bench.person_does("POST", "issueLink", json=link)
    below = {
        "project": {"key": "PAY"},
        "issuetype": {"name": "Sub-task"},
        "summary": "x",
        "parent": {"id": one.remote_id},
    }
    child = await bench.person_does("POST", "issue", json={"fields": below})
    kinds = [(each.kind, each.remote_id) for each in (await read(bench, one.remote_id)).relations]
    assert kinds == [
        (RelationKind.CHILD, child["id"]), (RelationKind.BLOCKS, other.remote_id),
        (RelationKind.DUPLICATE_OF, other.remote_id), (RelationKind.RELATED, other.remote_id),
    ]  # fmt: skip
    assert (await read(bench, other.remote_id)).relations[0].kind is RelationKind.BLOCKED_BY
    assert (await read(bench, child["id"])).relations[0].kind is RelationKind.PARENT
    told_there = {each.kind for each in (await read(bench, other.remote_id)).relations}
    assert RelationKind.DUPLICATE_OF not in told_there, "it is the other one that is a duplicate"


async def test_what_is_related_already_is_not_related_once_more_from_the_other_end(bench: JiraBench) -> None:
    one, other = await made(bench), await made(bench, "inc-2")
    for here, there in ((one, other), (other, one)):
        relation = Relation(kind=RelationKind.RELATED, remote_id=there.remote_id)
        await bench.tracker.relate(here.remote_id, relation, "op")
    assert len(bench.emulator.site.links) == 1
    await bench.tracker.unrelate(other.remote_id, Relation(kind=RelationKind.RELATED, remote_id=one.remote_id), "op")
    assert not bench.emulator.site.links


async def test_what_the_site_hides_is_unknown_and_not_gone(bench: JiraBench) -> None:
    item = await made(bench)
    await bench.person_comments(item.remote_id, "Hello", Visibility.PUBLIC)
    for field, name in (("comment", "comments"), ("attachment", "attachments"), ("issuelinks", "relations")):
        bench.emulator.site.fields[field].hidden = True
        now = await read(bench, item.remote_id)
        assert name in now.unreadable
        assert now.comments_complete is False


async def test_a_link_type_that_the_site_has_not(bench: JiraBench, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = await made(bench), await made(bench, "inc-2")
    relation = Relation(kind=RelationKind.BLOCKS, remote_id=other.remote_id)
    monkeypatch.setattr(definitions, "LINK_TYPES", {"10003": ("Relates", "relates to", "relates to")})
    with pytest.raises(MappingBroken, match="no type of link"):
        await bench.tracker.relate(one.remote_id, relation, "op")


async def test_documents_are_read_alike_and_kept_whole(cloud: Served, clock: ManualClock, way: Egress) -> None:
    bench = JiraBench(cloud, clock, way, desk=False)
    item = await made(bench)
    card = {"type": "paragraph", "content": [{"type": "inlineCard", "attrs": {"url": "https://x.example"}}]}
    expand = {"type": "expand", "attrs": {"title": "More"}, "content": [{"type": "paragraph", "content": []}]}
    body = {"type": "doc", "version": 1, "content": [card, expand]}
    await bench.person_does("PUT", f"issue/{item.remote_id}", json={"fields": {"description": body}})
    raw = (await read(bench, item.remote_id)).raw("description")
    assert json.loads(str(raw)) == body
    await bench.tracker.write(item.remote_id, {"description": raw}, "", "op")
    assert (await read(bench, item.remote_id)).raw("description") == raw
    await bench.tracker.write(item.remote_id, {"description": "Plain words\nof a default"}, "", "op")
    assert bench.words((await read(bench, item.remote_id)).raw("description")) == "Plain wordsof a default"


# Writing.


async def test_people_are_found_by_mail_or_left_alone(bench: JiraBench) -> None:
    item = await made(bench)
    bench.emulator.site.users[ENGINEER].shows_mail = False
    await bench.tracker.write(item.remote_id, {"assignee": Person(email="noor@lantern.example")}, "", "op")
    found = (await read(bench, item.remote_id)).raw("assignee")
    assert isinstance(found, Person)
    assert (found.name, found.email) == ("Noor Haddad", "")
    with pytest.raises(ValidationFailed, match="nobody who is known"):
        await bench.tracker.write(item.remote_id, {"assignee": Person(email="who@x.example")}, "", "op")


async def test_what_a_field_cannot_hold_is_refused_before_it_is_sent(bench: JiraBench) -> None:
    item = await made(bench)
    await bench.tracker.read(item.remote_id)
    bench.emulator.faults.seen.clear()
    for field, value in (
        (TAGS, ("on call",)),
        ("summary", "x" * 256),
        (MINUTES, "many"),
        ("description", "x" * 40_000),
    ):
        with pytest.raises(ValidationFailed) as no:
            await bench.tracker.write(item.remote_id, {field: value}, "", "op")
        assert field in no.value.fields
    assert all(one.method == "GET" for one in bench.emulator.faults.seen)
    with pytest.raises(ValidationFailed, match="is not valid"):
        await bench.tracker.write(item.remote_id, {"components": ("Nowhere",)}, "", "op")
    with pytest.raises(MappingBroken):
        await bench.tracker.write(item.remote_id, {"resolution": "10000"}, "", "op")


async def test_a_field_that_left_its_screen_is_told_by_name(bench: JiraBench) -> None:
    item = await made(bench)
    await read(bench, item.remote_id)
    kind = bench.emulator.project.types[0]
    kind.edit = tuple(one for one in kind.edit if one != SEVERITY)
    with pytest.raises(ValidationFailed) as no:
        await bench.tracker.write(item.remote_id, {SEVERITY: "10100"}, "", "op")
    assert SEVERITY in no.value.fields
    assert "screen" in no.value.help


async def test_a_choice_may_be_said_by_its_name(bench: JiraBench) -> None:
    item = await made(bench, priority="Highest")
    assert (await read(bench, item.remote_id)).raw("priority") == "1"


async def test_an_issue_that_search_does_not_know_yet_is_found_later(bench: JiraBench) -> None:
    bench.emulator.site.lag = 20.0
    item = await made(bench)
    assert await bench.tracker.find("inc-1") is None
    assert bench.tracker.capabilities.search_lag_seconds >= 20.0, "so long nobody creates it again"
    bench.clock.advance(timedelta(seconds=21))
    assert await bench.tracker.find("inc-1") == item.remote_id
    assert await bench.tracker.find('inc-1" OR key = PAY-1 OR "') is None


# The panel.


async def test_the_panel_is_one_link_and_quiet_when_nothing_is_new(bench: JiraBench) -> None:
    item = await made(bench)
    panel = Panel(url=URL, title="INC-1 Payments\nfail", status="Investigating", lines=("P1",))
    await bench.tracker.show_panel(item.remote_id, panel)
    before = await read(bench, item.remote_id)
    bench.emulator.faults.seen.clear()
    await bench.tracker.show_panel(item.remote_id, panel)
    assert [one.method for one in bench.emulator.faults.seen] == ["GET"]
    assert (await read(bench, item.remote_id)).revision == before.revision
    elsewhere = Panel(url="https://new.example/i/1", title="INC-1 Payments fail", status="Resolved", resolved=True)
    await bench.tracker.show_panel(item.remote_id, elsewhere)
    [link] = bench.emulator.site.issues[int(item.remote_id)].remote
    assert link["object"]["url"] == "https://new.example/i/1"
    assert link["object"]["status"] == {"resolved": True}


# Files.


async def test_bytes_at_another_host_are_fetched_as_a_stranger(cloud: Served, clock: ManualClock, way: Egress) -> None:
    bench = JiraBench(cloud, clock, way, desk=False)
    item = await made(bench)
    id = await bench.tracker.attach(item.remote_id, upload("a.bin", b"\x00\x01"), "op")
    answer = await bench.engineer.get(f"{bench.api}/attachment/content/{id}")
    where = answer.headers["location"]
    cloud.emulator.faults.plan(
        Fault(kind=FaultKind.REFUSE, path="/attachment/content/", status=303, headers={"location": where})
    )
    sent: list[tuple[str, Any]] = []
    stream = way.stream

    def watched(method: str, url: str, content: Any = b"", headers: Any = None, **given: Any) -> Any:
        sent.append((url, headers))
        return stream(method, url, content, headers, **given)

    way.stream = watched  # type: ignore[method-assign]
    assert b"".join([one async for one in bench.tracker.download(item.remote_id, id)]) == b"\x00\x01"
    assert [("localhost" in url, bool(headers)) for url, headers in sent] == [(False, True), (True, False)]


async def test_a_file_that_is_not_what_was_announced_is_taken_away(bench: JiraBench) -> None:
    item = await made(bench)
    good = upload("a.bin", b"12345")
    false = type(good)(name=good.name, content_type=good.content_type, size=5, sha256="0" * 64, chunks=good.chunks)
    with pytest.raises(ValidationFailed, match="taken away"):
        await bench.tracker.attach(item.remote_id, false, "op")
    assert (await read(bench, item.remote_id)).attachments == ()
    nasty = 'a"b\\c\r\nX: y.txt'
    await bench.tracker.attach(item.remote_id, upload(nasty, b"x"), "op")
    [file] = (await read(bench, item.remote_id)).attachments
    assert file.name == 'a"b_c  X: y.txt'


# The tool.


def test_the_tool_says_what_it_needs(way: Egress) -> None:
    base = "https://example.atlassian.net"
    for settings, secrets in (
        ({"user": "a@b.example"}, {"token": "t"}),
        ({}, {"token": "pat"}),
        ({"client_id": "c"}, {"client_secret": "s"}),
    ):
        made = TOOL.make(Access(key="jira", base_url=base, settings=settings, secrets=secrets), way)
        assert made.capabilities.transitions
    for settings, secrets in (({"user": "a@b.example"}, {}), ({"client_id": "c"}, {}), ({}, {"client_secret": "s"})):
        with pytest.raises(Invalid):
            TOOL.make(Access(key="jira", base_url=base, settings=settings, secrets=secrets), way)
    assert {one.name for one in TOOL.asked if one.secret} == {"token", "client_secret", "refresh_token"}


async def test_who_may_not_create_is_told_so(bench: JiraBench) -> None:
    await bench.tracker.describe(bench.project, bench.type)
    await bench.forbid_writing()
    with pytest.raises(PermissionDenied, match="permission to create"):
        await made(bench)


async def test_a_comment_of_the_other_edition_is_not_mixed_up(bench: JiraBench) -> None:
    """Plain words are no document, and are taken as words all the same."""
    item = await made(bench)
    markup = bench.tracker.capabilities.comment_markup
    said = CommentDraft(body='{"type": "doc"} is how it begins', markup=markup, visibility=Visibility.PUBLIC)
    await bench.tracker.comment(item.remote_id, said, "op")
    [comment] = (await read(bench, item.remote_id)).comments
    assert bench.words(comment.body) == said.body
