"""What only ServiceNow has: journals, dictionaries, policies, rights that look like empty answers, short pages."""

import asyncio
from datetime import timedelta

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.servicenow import TOOL, Credentials, changes
from rallypoint.connectors.servicenow.tracker import PANEL_NOTE, ServiceNowTracker
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.servicenow import ADMIN, AGENT, CALLER, CLIENT, INTEGRATION_USER, Hook, ServiceNow
from rallypoint.emulators.servicenow.definitions import Column
from rallypoint.errors import Invalid
from rallypoint.settings import Settings
from rallypoint.sync.model import FieldKind, Gone, GoneReason, Markup, Person, RemoteItem, Visibility
from rallypoint.sync.ports import (
    AuthFailed,
    Changes,
    CommentDraft,
    Draft,
    Level,
    MappingBroken,
    Outage,
    Panel,
    PermissionDenied,
    RateLimited,
    Unverified,
    ValidationFailed,
    WorkflowRefused,
)
from rallypoint.sync.tools import Access
from tests.connectors.kit import upload
from tests.connectors.servicenow.bench import ServiceNowBench


async def made(bench: ServiceNowBench, key: str = "inc-1", title: str = "Payments fail") -> str:
    draft = Draft(project="incident", type="incident", fields=bench.fields(title), natural_key=key)
    return (await bench.tracker.create(draft, "op-1")).remote_id


async def item(bench: ServiceNowBench, remote_id: str) -> RemoteItem:
    found = await bench.tracker.read(remote_id)
    assert isinstance(found, RemoteItem)
    return found


async def test_a_record_is_read_by_its_number_and_by_the_address_of_its_page(bench: ServiceNowBench) -> None:
    id = await made(bench)
    number = (await item(bench, id)).key
    for said in (number, number.lower(), f"https://example.service-now.com/nav_to.do?uri=incident.do%3Fsys_id%3D{id}"):
        assert (await item(bench, said)).id == id
    gone = await bench.tracker.read("INC9999999")
    assert isinstance(gone, Gone)
    assert "this number" in gone.detail
    with pytest.raises(ValidationFailed):
        await bench.tracker.read("the payments one")


# What the dictionary tells.


async def test_fields_come_from_the_dictionary_of_the_table_and_of_what_it_extends(bench: ServiceNowBench) -> None:
    bench.emulator.instance.add_column("incident", Column("u_region", "Region", length=30))
    schema = await bench.tracker.describe("incident", "incident")
    kinds = {one.id: one.kind for one in schema.fields}
    assert kinds["short_description"] is FieldKind.TEXT
    assert (kinds["state"], kinds["urgency"], kinds["close_code"]) == (
        FieldKind.STATUS, FieldKind.CHOICE, FieldKind.CHOICE,
    )  # fmt: skip
    assert (kinds["caller_id"], kinds["assignment_group"]) == (FieldKind.PERSON, FieldKind.CHOICE)
    assert (kinds["u_vip"], kinds["u_affected_seats"]) == (FieldKind.BOOLEAN, FieldKind.NUMBER)
    region, letter, priority = schema.field("u_region"), schema.field("u_customer_letter"), schema.field("priority")
    assert region is not None
    assert (region.custom, region.max_length) == (True, 30)
    assert letter is not None
    assert letter.markup is Markup.HTML
    assert priority is not None
    assert not priority.writable
    assert not {"comments", "work_notes", "sys_id", "correlation_id"} & set(kinds)


async def test_states_and_codes_are_those_of_this_instance(bench: ServiceNowBench) -> None:
    instance = bench.emulator.instance
    instance.store(
        "sys_choice", {"name": "incident", "element": "state", "value": "12", "label": "Parked", "sequence": "90"}
    )
    instance.store(
        "sys_choice",
        {"name": "incident", "element": "state", "value": "1", "label": "Neu", "language": "de", "sequence": "0"},
    )
    state = (await bench.tracker.describe("incident", "incident")).field("state")
    assert state is not None
    assert [(one.id, one.name) for one in state.choices][:2] == [("1", "New"), ("2", "In Progress")]
    assert ("12", "Parked") in [(one.id, one.name) for one in state.choices]
    assert "Work in Progress" not in [one.name for one in state.choices]


async def test_values_have_their_kinds_and_people_their_mail(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    await bench.tracker.write(
        remote_id,
        {
            "u_vip": True,
            "u_affected_seats": 12,
            "due_date": "2026-06-02T10:00:00+02:00",
            "assigned_to": Person(remote_id=bench.emulator.sys_id(AGENT)),
        },
        "0",
        "op-2",
    )
    read = await item(bench, remote_id)
    assert (read.raw("u_vip"), read.raw("u_affected_seats")) == (True, 12)
    assert read.raw("due_date") == "2026-06-02T08:00:00+00:00"
    assert read.raw("assigned_to") == Person(
        remote_id=bench.emulator.sys_id(AGENT), name="Beth Anglin", email="beth.anglin@example.com"
    )
    assert read.changed_by == Person(
        remote_id=bench.emulator.sys_id(INTEGRATION_USER),
        name="Rallypoint Sync",
        email="rallypoint.sync@example.com",
    )
    await bench.tracker.write(remote_id, {"assigned_to": None, "u_affected_seats": None}, "1", "op-3")
    read = await item(bench, remote_id)
    assert (read.raw("assigned_to"), read.raw("u_affected_seats")) == (None, None)
    with pytest.raises(ValidationFailed) as no:
        await bench.tracker.write(remote_id, {"assigned_to": Person(email="who@example.com")}, "2", "op-4")
    assert "assigned_to" in no.value.fields


async def test_a_parent_is_a_relation(bench: ServiceNowBench) -> None:
    parent, child = await made(bench), await made(bench, "inc-2")
    await bench.person_sets(child, "parent_incident", parent)
    assert [one.remote_id for one in (await item(bench, child)).relations] == [parent]


# What the process demands.


async def test_resolving_without_its_fields_says_which_are_missing(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    with pytest.raises(WorkflowRefused) as no:
        await bench.tracker.write(remote_id, {"state": "6"}, "0", "op-2")
    assert set(no.value.missing) == {"close_code", "close_notes"}
    fill = {"state": "6", "close_code": "Solution provided", "close_notes": "Restarted."}
    await bench.tracker.write(remote_id, fill, "0", "op-3")
    assert (await item(bench, remote_id)).raw("state") == "6"
    with pytest.raises(WorkflowRefused, match="Business Rule"):
        await bench.tracker.write(remote_id, {"state": "1"}, "1", "op-4")


async def test_waiting_for_the_caller_takes_its_comment_along(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    waiting = {"state": "3", "hold_reason": "1"}
    with pytest.raises(WorkflowRefused) as no:
        await bench.tracker.write(remote_id, waiting, "0", "op-2")
    assert no.value.missing == ("comments",)
    await bench.tracker.write(remote_id, {**waiting, "comments": "Which card?"}, "0", "op-3")
    read = await item(bench, remote_id)
    assert (read.raw("hold_reason"), [one.body for one in read.comments]) == ("1", ["Which card?"])


async def test_closed_is_closed_for_writing(bench: ServiceNowBench, clock: ManualClock) -> None:
    remote_id = await made(bench)
    fill = {"state": "6", "close_code": "Solution provided", "close_notes": "Restarted."}
    await bench.tracker.write(remote_id, fill, "0", "op-2")
    assert not (await item(bench, remote_id)).closed_for_writing
    clock.advance(timedelta(days=8))
    bench.emulator.instance.close_resolved()
    read = await item(bench, remote_id)
    assert (read.closed_for_writing, read.raw("state")) == (True, "7")


# Journal.


async def test_comments_are_entries_and_not_what_is_shown_of_them(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    await bench.person_comments(remote_id, "first", Visibility.PUBLIC)
    await bench.person_comments(
        remote_id, "2026-06-01 08:00:00 - Someone (Work notes)\nnot an entry", Visibility.PRIVATE
    )
    comments = (await item(bench, remote_id)).comments
    assert [(one.body, one.visibility) for one in comments] == [
        ("first", Visibility.PUBLIC),
        ("2026-06-01 08:00:00 - Someone (Work notes)\nnot an entry", Visibility.PRIVATE),
    ]
    assert comments[0].author is not None
    assert comments[0].author.email == "beth.anglin@example.com"


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_a_comment_stands_even_if_its_name_cannot_be_asked(bench: ServiceNowBench, status: int) -> None:
    remote_id = await made(bench)
    await item(bench, remote_id)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/table/sys_journal_field", status=status))
    draft = CommentDraft(body="Seen", markup=Markup.PLAIN, visibility=Visibility.PRIVATE)
    with pytest.raises(Outage) as no:
        await bench.tracker.comment(remote_id, draft, "op-2")
    assert (no.value.retry, no.value.unknown) == (True, True)
    assert [one.body for one in (await item(bench, remote_id)).comments] == ["Seen"]


async def test_text_cannot_smuggle_html_in(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    for element in (Visibility.PUBLIC, Visibility.PRIVATE):
        draft = CommentDraft(body="[CODE]<img src=x>[/code]", markup=Markup.PLAIN, visibility=element)
        await bench.tracker.comment(remote_id, draft, "op-2")
    for row in bench.emulator.instance.tables["sys_journal_field"].values():
        assert "[code]" not in row["value"].lower()
        assert "<img src=x>" in row["value"]


async def test_the_panel_writes_one_note(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    for status in ("investigating", "resolved"):
        panel = Panel(url="https://rp.example/i/1", title="RP-1 " + "Payments fail " * 20, status=status)
        await bench.tracker.show_panel(remote_id, panel)
    row = bench.emulator.instance.tables["incident"][remote_id]
    assert row["correlation_display"].startswith("Rallypoint · RP-1 Payments fail")
    assert len(row["correlation_display"]) == 100
    notes = [one["value"] for one in bench.emulator.instance.tables["sys_journal_field"].values()]
    assert notes == [f"{PANEL_NOTE}\nhttps://rp.example/i/1"]
    count = row["sys_mod_count"]
    await bench.tracker.show_panel(remote_id, panel)
    assert row["sys_mod_count"] == count
    await bench.person_comments(remote_id, f"{PANEL_NOTE}\nhttps://rp.example/i/1\nSee there!", Visibility.PRIVATE)
    assert len((await item(bench, remote_id)).comments) == 1


# Rights.


@pytest.mark.parametrize("empty", [True, False])
async def test_a_table_that_is_closed_is_found_by_the_check(bench: ServiceNowBench, empty: bool) -> None:
    remote_id = await made(bench)
    await bench.person_comments(remote_id, "first", Visibility.PUBLIC)
    assert (await bench.tracker.check()).ok
    access = bench.emulator.instance.access
    access.denied_is_empty = empty
    access.denied_tables.add("sys_journal_field")
    checked = await bench.tracker.check()
    found = next(one for one in checked.findings if "sys_journal_field" in one.help and one.level is not Level.OK)
    assert found.level is (Level.WARNING if empty else Level.ERROR)


@pytest.mark.parametrize("empty", [True, False])
async def test_a_closed_journal_is_not_an_empty_one(bench: ServiceNowBench, empty: bool) -> None:
    remote_id = await made(bench)
    assert "comments" not in (await item(bench, remote_id)).unreadable
    await bench.person_comments(remote_id, "first", Visibility.PUBLIC)
    access = bench.emulator.instance.access
    access.denied_is_empty = empty
    access.denied_tables |= {"sys_journal_field", "sys_attachment"} if not empty else {"sys_journal_field"}
    read = await item(bench, remote_id)
    assert "comments" in read.unreadable
    assert read.raw("short_description") == "Payments fail"
    draft = CommentDraft(body="Seen", markup=Markup.PLAIN, visibility=Visibility.PRIVATE)
    with pytest.raises(PermissionDenied) as no:
        await bench.tracker.comment(remote_id, draft, "op-2")
    assert (no.value.retry, no.value.unknown, "sys_journal_field" in no.value.help) == (False, True, True)


async def test_a_closed_history_is_none(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    await bench.person_sets(remote_id, "urgency", "1")
    bench.emulator.instance.access.denied_is_empty = False
    bench.emulator.instance.access.denied_tables |= {"sys_audit", "sys_audit_delete"}
    read = await item(bench, remote_id)
    assert (read.history, read.raw("urgency")) == ((), "1")
    assert await bench.tracker.read("0" * 32) == Gone(
        reason=GoneReason.UNREADABLE, detail="The record does not exist, or our account may not see it."
    )


async def test_without_the_dictionary_it_says_what_to_open(bench: ServiceNowBench) -> None:
    bench.emulator.instance.access.denied_tables.add("sys_dictionary")
    checked = await bench.tracker.check()
    assert not checked.ok
    assert any("sys_dictionary" in one.help for one in checked.findings)


async def test_a_field_that_always_holds_something_and_reads_empty_is_hidden(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    bench.emulator.instance.access.hidden_fields |= {"task.short_description", "task.state"}
    read = await item(bench, remote_id)
    assert {"short_description", "state"} <= read.unreadable


async def test_a_hidden_field_that_was_never_cleared_is_told_by_the_history(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    await bench.person_sets(remote_id, "category", "network")
    bench.emulator.instance.access.hidden_fields.add("incident.category")
    assert "category" in (await item(bench, remote_id)).unreadable
    bench.emulator.instance.access.hidden_fields.clear()
    await bench.person_sets(remote_id, "category", "")
    read = await item(bench, remote_id)
    assert read.knows("category")
    assert read.raw("category") == ""


async def test_find_is_not_fooled_by_a_query_that_was_left_out(bench: ServiceNowBench) -> None:
    """Where correlation_id is no field of the table, an instance would answer with every record."""
    await made(bench)
    for columns in bench.emulator.instance.columns.values():
        columns.pop("correlation_id", None)
    assert await bench.tracker.find("inc-77") is None


# Changes.


async def everything(bench: ServiceNowBench, cursor: str) -> tuple[list[str], str]:
    told: list[str] = []
    for _ in range(100):
        page: Changes = await bench.tracker.list_changes(cursor)
        told += [one.remote_id for one in page.hints]
        cursor = page.cursor
        if not page.more:
            return told, cursor
    raise AssertionError("There is no end to the changes.")


async def test_small_pages_hidden_rows_and_changes_between_leave_none_out(
    bench: ServiceNowBench, monkeypatch: pytest.MonkeyPatch, clock: ManualClock
) -> None:
    monkeypatch.setattr(changes, "PAGE", 3)
    begun = await bench.tracker.list_changes(None)
    ids = []
    for number in range(20):
        ids.append(await made(bench, f"inc-{number}", f"Fault {number}"))
        clock.advance(timedelta(seconds=number % 2))
    hidden = set(ids[4:13])
    bench.emulator.instance.access.hidden_records |= hidden
    cursor, told, turn = begun.cursor, set[str](), 0
    more = True
    while more and turn < 60:
        page = await bench.tracker.list_changes(cursor)
        told |= {one.remote_id for one in page.hints}
        cursor, more, turn = page.cursor, page.more, turn + 1
        if turn < 4:
            await bench.person_sets(ids[turn - 1], "short_description", f"Moved {turn}")
            clock.advance(timedelta(seconds=1))
    assert turn > 4
    assert told == set(ids) - hidden


async def test_what_was_told_is_not_told_again(bench: ServiceNowBench, clock: ManualClock) -> None:
    cursor = (await bench.tracker.list_changes(None)).cursor
    clock.advance(timedelta(seconds=1))
    remote_id = await made(bench)
    told, cursor = await everything(bench, cursor)
    assert told == [remote_id]
    for _ in range(3):
        clock.advance(timedelta(seconds=5))
        told, cursor = await everything(bench, cursor)
        assert told == []
    clock.advance(timedelta(minutes=10))
    for _ in range(2):  # the first moves the place on, so that an idle instance is asked for nothing old
        told, cursor = await everything(bench, cursor)
    bench.emulator.faults.seen.clear()
    await everything(bench, cursor)
    assert "08%3A00" not in "".join(one.query for one in bench.emulator.faults.seen)


async def test_a_record_stored_late_under_an_earlier_time_is_told(bench: ServiceNowBench, clock: ManualClock) -> None:
    cursor = (await bench.tracker.list_changes(None)).cursor
    clock.advance(timedelta(seconds=60))
    late = await made(bench)
    row = bench.emulator.instance.tables["incident"].pop(late)
    clock.advance(timedelta(seconds=10))
    other = await made(bench, "inc-2")
    told, cursor = await everything(bench, cursor)
    assert told == [other]
    bench.emulator.instance.tables["incident"][late] = row
    assert (await everything(bench, cursor))[0] == [late]


async def test_an_update_past_all_rules_is_still_found(bench: ServiceNowBench, clock: ManualClock) -> None:
    remote_id = await made(bench)
    cursor = (await everything(bench, (await bench.tracker.list_changes(None)).cursor))[1]
    clock.advance(timedelta(seconds=5))
    instance = bench.emulator.instance
    instance.update(
        "incident", instance.tables["incident"][remote_id], {"urgency": "1"}, instance.users[ADMIN], workflow=False
    )
    assert (await everything(bench, cursor))[0] == [remote_id]


async def test_an_instance_that_leaves_our_query_out_is_noticed(bench: ServiceNowBench, clock: ManualClock) -> None:
    await made(bench)
    clock.advance(timedelta(hours=1))
    cursor = (await bench.tracker.list_changes(None)).cursor
    bench.emulator.instance.columns["incident"].pop("sys_updated_on")
    with pytest.raises(MappingBroken, match="did not keep to our query"):
        await bench.tracker.list_changes(cursor)


# Addresses, tokens, limits.


async def test_the_guard_is_asked(emulator: ServiceNow, url: str, clock: ManualClock) -> None:
    shut = Egress(Settings(allow_private_targets=False))
    tracker = ServiceNowTracker(shut, base_url=url, credentials=Credentials(user="a", password="b"), now=clock.now)
    checked = await tracker.check()
    assert [one.about for one in checked.findings] == ["address"]
    assert "this machine" in checked.findings[0].text
    assert not emulator.faults.seen
    await shut.close()


@pytest.mark.parametrize(
    "fault",
    [
        Fault(kind=FaultKind.REFUSE, status=200, headers={"content-type": "text/html"}, body="<h1>Hibernating</h1>"),
        Fault(kind=FaultKind.REFUSE, status=302, headers={"location": "https://elsewhere.example/login"}, body=""),
        Fault(kind=FaultKind.REFUSE, status=404, headers={"content-type": "text/html"}, body="<h1>nginx</h1>"),
    ],
)
async def test_what_is_no_instance_is_called_so(bench: ServiceNowBench, fault: Fault) -> None:
    bench.emulator.faults.plan(fault)
    checked = await bench.tracker.check()
    assert [(one.level, one.about) for one in checked.findings] == [(Level.ERROR, "address")]
    assert "service-now.com" in checked.findings[0].help


async def test_a_token_is_renewed_before_and_after_it_expires(bench: ServiceNowBench, clock: ManualClock) -> None:
    bench.tracker = bench.connected(Credentials(grant=bench.grant()))
    remote_id = await made(bench)
    clock.advance(timedelta(hours=1))
    await item(bench, remote_id)
    bench.emulator.tokens.revoke()
    await item(bench, remote_id)
    bench.emulator.tokens.revoke()
    with pytest.raises(Outage) as again:
        await bench.tracker.attach(remote_id, upload("a", b"a"), "op")
    assert (again.value.retry, again.value.unknown) == (True, False)
    await bench.tracker.attach(remote_id, upload("a", b"a"), "op")
    bench.emulator.tokens.clients.clear()
    bench.emulator.tokens.revoke()
    with pytest.raises(AuthFailed) as no:
        await bench.tracker.read(remote_id)
    assert bench.emulator.client_secret not in repr(no.value.exchange)


async def test_a_refresh_token_is_enough(bench: ServiceNowBench, url: str) -> None:
    app = {"client_id": CLIENT, "client_secret": bench.emulator.client_secret}
    form = {"grant_type": "password", "username": AGENT, "password": bench.emulator.passwords[AGENT], **app}
    async with httpx2.AsyncClient(trust_env=False) as client:
        said = (await client.post(f"{url}/oauth_token.do", data=form)).json()
    bench.tracker = bench.connected(Credentials(grant=bench.grant(refresh_token=said["refresh_token"])))
    identity = (await bench.tracker.check()).identity
    assert identity is not None
    assert identity.name == "Beth Anglin"


async def test_the_limit_of_the_instance_is_passed_on(bench: ServiceNowBench, clock: ManualClock) -> None:
    remote_id = await made(bench)
    bench.emulator.limit.per_hour = 5
    await item(bench, remote_id)
    note = bench.tracker.rate_notes()[-1]
    assert (note.limit, note.reset_seconds) == (5, 3600.0)
    clock.advance(timedelta(seconds=31))
    with pytest.raises(RateLimited) as no:
        await bench.tracker.read(remote_id)
    assert no.value.retry_after is not None
    assert 3000 < no.value.retry_after < 3600
    assert no.value.bucket


async def test_ids_are_nothing_but_ids(bench: ServiceNowBench) -> None:
    for id in ("", "../sys_user", "1^ORsys_idISNOTEMPTY", "A" * 32):
        with pytest.raises(ValidationFailed):
            await bench.tracker.read(id)
    assert not bench.emulator.faults.seen


# Files.


async def test_a_file_other_than_announced_is_taken_away_again(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    announced = upload("a.txt", b"what was announced")
    other = upload("a.txt", b"something else came")
    lying = type(announced)(
        name="a.txt", content_type="", size=other.size, sha256=announced.sha256, chunks=other.chunks
    )
    with pytest.raises(ValidationFailed, match="taken away"):
        await bench.tracker.attach(remote_id, lying, "op")
    assert bench.emulator.instance.files == {}


async def test_a_file_that_is_too_large_there_is_refused(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    bench.emulator.instance.properties.attachment_max_bytes = 10
    with pytest.raises(ValidationFailed, match="larger"):
        await bench.tracker.attach(remote_id, upload("a.bin", b"x" * 11), "op")


@pytest.mark.parametrize(("kind", "stored"), [(FaultKind.RESET, 0), (FaultKind.RESET_AFTER, 1), (FaultKind.AFTER, 1)])
async def test_a_file_whose_sending_broke_off_is_unknown(bench: ServiceNowBench, kind: FaultKind, stored: int) -> None:
    remote_id = await made(bench)
    bench.emulator.faults.plan(Fault(kind=kind, method="POST", path="/attachment/file"))
    with pytest.raises(Outage) as no:
        await bench.tracker.attach(remote_id, upload("a.bin", b"x" * 300_000), "op")
    assert no.value.unknown
    assert len((await item(bench, remote_id)).attachments) == stored


async def test_html_fields_are_raw_as_the_instance_keeps_them(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    await bench.tracker.write(remote_id, {"u_customer_letter": "<p onclick='x'>Dear</p>"}, "0", "op")
    assert (await item(bench, remote_id)).raw("u_customer_letter") == "<p>Dear</p>"
    assert bench.tracker.capabilities.markups["u_customer_letter"] is Markup.HTML


async def test_who_we_are_is_known_where_queries_may_not_hold_scripts(bench: ServiceNowBench) -> None:
    bench.emulator.instance.users[INTEGRATION_USER].sys_id = (
        "0" * 32
    )  # as if the script gave nothing that is in the table
    identity = (await bench.tracker.check()).identity
    assert identity is not None
    assert identity.name == "Rallypoint Sync"


async def test_credentials_do_not_follow_a_file_elsewhere(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    id = await bench.tracker.attach(remote_id, upload("a.bin", b"x"), "op")
    heard: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1") as elsewhere:
        target = f"http://127.0.0.1:{elsewhere.sockets[0].getsockname()[1]}/a.bin"
        bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/file", status=302, headers={"location": target}))
        with pytest.raises(Outage):
            async for _ in bench.tracker.download(remote_id, id):
                pass
    assert heard == []


# Webhooks.


async def test_the_plain_secret_in_a_header_is_believed_too(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    bench.emulator.deliveries.hold = True
    bench.emulator.rule.hook = Hook("http://127.0.0.1:9/in", bench.secret, signed=False)
    await bench.person_sets(remote_id, "urgency", "1")
    await bench.person_attaches(remote_id, "a.txt", b"a")
    await bench.person_deletes(remote_id)
    updated, attached, deleted = await bench.heard()
    hints = [
        bench.tracker.verify_webhook(one.body, one.headers, bench.secret).hints[0]
        for one in (updated, attached, deleted)
    ]
    assert [(one.revision, one.deleted) for one in hints] == [("1", False), ("", False), ("", True)]
    with pytest.raises(Unverified):
        bench.tracker.verify_webhook(updated.body, {**updated.headers, "x-rallypoint-token": "no"}, bench.secret)


async def test_the_business_rule_names_both_tables_and_signs_with_a_property(bench: ServiceNowBench) -> None:
    said = (await bench.tracker.register_webhook("https://rp.example/in/key", "s3cret")).instructions
    assert "sys_attachment" in said
    assert said.count("generateMac(key, 'HmacSHA256', body)") == 2
    assert "gs.getProperty('rallypoint.webhook.secret')" in said
    assert "{" in said
    assert "{{" not in said


# What a connection asks for.


async def test_a_connection_needs_a_user_or_a_client(way: Egress) -> None:
    for settings, secrets in (
        ({}, {}),
        ({"user": "a"}, {}),
        ({"client_id": "a"}, {}),
        ({"user": "a"}, {"password": "b", "client_secret": "c"}),
    ):
        with pytest.raises(Invalid):
            TOOL.make(Access(key="sn", base_url="https://x.example", settings=settings, secrets=secrets), way)
    made = TOOL.make(
        Access(key="sn", base_url="https://x.example", settings={"user": "a"}, secrets={"password": "b"}), way
    )
    assert (await made.projects())[0].id == "incident"


async def test_callers_do_not_learn_what_agents_say(bench: ServiceNowBench) -> None:
    remote_id = await made(bench)
    draft = CommentDraft(body="The card fraud team is on it", markup=Markup.PLAIN, visibility=Visibility.PRIVATE)
    await bench.tracker.comment(remote_id, draft, "op-2")
    shown = await bench.people[CALLER].get(f"/table/incident/{remote_id}?sysparm_display_value=all")
    assert "fraud" not in shown.text
    assert await bench.outsider_sees(remote_id) == []
