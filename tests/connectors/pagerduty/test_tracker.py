"""What only PagerDuty does to a tracker, one trap after the other."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import pytest

from rallypoint.connectors.pagerduty import TOOL
from rallypoint.connectors.pagerduty.api import interface_of
from rallypoint.connectors.pagerduty.listing import STRETCH
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.pagerduty import ENGINEER, INTEGRATION, LEAD
from rallypoint.emulators.pagerduty.account import CustomField
from rallypoint.sync.model import FieldKind, Gone, GoneReason, Markup, Person, RemoteItem, Value, Visibility
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
    WorkflowRefused,
)
from rallypoint.sync.tools import Access
from rallypoint.sync.values import suggest_status
from tests.connectors.kit import upload
from tests.connectors.pagerduty.bench import PagerDutyBench

URL = "https://rp.example/i/1"
HTML = {"content-type": "text/html"}
PAGE = "<html><body>Down</body></html>"


async def made(bench: PagerDutyBench, key: str = "inc-1", /, **fields: Any) -> Created:
    draft = Draft(
        project=bench.project, type="incident", fields={"title": "Fault", **fields}, natural_key=key, url=URL
    )  # fmt: skip
    return await bench.tracker.create(draft, "op")


async def read(bench: PagerDutyBench, remote_id: str, tracker: Tracker | None = None) -> RemoteItem:
    item = await (tracker or bench.tracker).read(remote_id)
    assert isinstance(item, RemoteItem), item
    return item


async def write(bench: PagerDutyBench, item: Created, /, **changes: Value) -> None:
    given = {name.replace("__", "."): value for name, value in changes.items()}
    await bench.tracker.write(item.remote_id, given, item.revision, "op")


def note(body: str, visibility: Visibility = Visibility.PRIVATE) -> CommentDraft:
    return CommentDraft(body=body, markup=Markup.PLAIN, visibility=visibility)


def said(code: int, message: str = "Something", *errors: str) -> dict[str, Any]:
    return {"error": {"message": message, "code": code} | ({"errors": list(errors)} if errors else {})}


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (401, {}, said(2006), AuthFailed),
        (401, HTML, PAGE, AuthFailed),
        (402, {}, said(2014, "Missing Account Ability"), PermissionDenied),
        (403, {}, said(2010, "Access Denied"), PermissionDenied),
        (404, {}, said(2100, "Not Found"), Stale),
        (400, {}, said(1001, "Incident Already Resolved"), Stale),
        (400, {}, said(1005, "Data Updated Since Last Request"), Stale),
        (400, {}, said(1003, "Invalid Status Provided"), WorkflowRefused),
        (400, {}, said(1019, "Incident Already Merged"), WorkflowRefused),
        (400, {}, said(1007, "Assigned To User Not Found"), ValidationFailed),
        (400, {}, said(1008, "Requester User Not Found"), PermissionDenied),
        (400, {}, said(1020, "Invalid Priority"), MappingBroken),
        (400, {}, said(1014, "Escalation Policy Not Found"), MappingBroken),
        (400, {}, said(2001, "Invalid Input Provided", "Service cannot be found."), MappingBroken),
        (400, {}, said(2001, "Invalid Input Provided", "Title is too long."), ValidationFailed),
        (400, {}, {"error": "only words"}, ValidationFailed),
        (413, {}, said(2001, "Too large"), ValidationFailed),
        (429, {"ratelimit-reset": "20"}, said(2020), RateLimited),
        (429, HTML, "", RateLimited),
        (408, {}, said(2016), Outage),
        (500, {}, said(2000), Outage),
        (502, HTML, PAGE, Outage),
        (404, HTML, PAGE, Outage),
        (302, {**HTML, "location": "https://login.example"}, "", Outage),
    ],
)
async def test_what_a_refusal_means(
    bench: PagerDutyBench, status: int, headers: dict[str, str], body: Any, expected: type[TrackerError]
) -> None:
    item = await made(bench)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, method="PUT", status=status, headers=headers, body=body))
    with pytest.raises(TrackerError) as no:
        await write(bench, item, title="x")
    assert type(no.value) is expected
    assert (await read(bench, item.remote_id)).raw("title") == "Fault"


async def test_how_long_to_wait_is_told_or_known(bench: PagerDutyBench) -> None:
    item = await made(bench)
    bench.emulator.limit.per_minute = 1
    with pytest.raises(RateLimited) as spent:
        await bench.tracker.read(item.remote_id)
    assert spent.value.retry_after is not None
    assert 1 <= spent.value.retry_after <= 60
    [kept] = bench.tracker.rate_notes()
    assert (kept.limit, kept.remaining, kept.retry_after) == (1, 0, spent.value.retry_after)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, status=429, body=""))
    with pytest.raises(RateLimited) as wordless:
        await bench.tracker.read(item.remote_id)
    assert wordless.value.retry_after == 30.0


# In whose name.


async def test_the_accounts_key_needs_a_name(bench: PagerDutyBench) -> None:
    key = bench.emulator.account_key.secret
    [nameless] = (await bench.connected(key).check()).findings
    assert (nameless.level, nameless.about, "e-mail" in nameless.help) == (Level.ERROR, "identity", True)
    [unknown] = (await bench.connected(key, "nobody@x.example").check()).findings
    assert (unknown.level, unknown.about) == (Level.ERROR, "identity")
    checked = await bench.connected(key, LEAD.upper()).check()
    assert checked.ok
    assert checked.identity is not None
    assert checked.identity.email == LEAD


async def test_a_users_key_says_it_and_every_write_carries_it(bench: PagerDutyBench) -> None:
    item = await made(bench)
    await write(bench, item, title="x")
    await bench.tracker.comment(item.remote_id, note("Seen"), "op")
    incident = bench.emulator.account.incidents[item.remote_id]
    assert {one.by.name for one in incident.log} == {"Rallypoint Sync"}


async def test_a_check_tells_what_somebody_should_know(bench: PagerDutyBench) -> None:
    before = len(bench.emulator.account.incidents)
    assert (await bench.tracker.check()).ok
    assert len(bench.emulator.account.incidents) == before  # asking whether we may write wrote nothing
    assert not (await bench.connected(services=("Nothing",)).check()).ok
    bench.emulator.keys[INTEGRATION].read_only = True
    [error] = [one for one in (await bench.tracker.check()).findings if one.level is Level.ERROR]
    assert error.about == "permission"
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, status=200, headers=HTML, body=PAGE))
    assert [one.about for one in (await bench.connected().check()).findings] == ["address"]


# Fields.


async def test_what_is_not_told_is_not_cleared(bench: PagerDutyBench) -> None:
    """The assignee is not told once it is resolved, the description by the first line of the log only."""
    item = await made(bench, details="Cards fail\r\n\r\nsince ten")
    now = await read(bench, item.remote_id)
    assert now.raw("details") == "Cards fail\n\nsince ten"
    assert now.raw("assignee") is not None
    await write(bench, item, status="resolved")
    incident = bench.emulator.account.incidents[item.remote_id]
    incident.log[0].channel["details"] = {"host": "db1", "disk": 97}
    after = await read(bench, item.remote_id)
    assert after.raw("details") == "disk: 97\nhost: db1"
    assert not after.knows("assignee")
    del incident.log[0]
    assert not (await read(bench, item.remote_id)).knows("details")


async def test_a_description_stays_as_it_was_made(bench: PagerDutyBench) -> None:
    item = await made(bench, details="Cards fail")
    with pytest.raises(ValidationFailed) as no:
        await write(bench, item, details="All fail", title="New")
    assert set(no.value.fields) == {"details"}
    assert (await read(bench, item.remote_id)).raw("title") == "Fault"


async def test_statuses_and_what_is_not_allowed(bench: PagerDutyBench) -> None:
    item = await made(bench, status="acknowledged")
    assert (await read(bench, item.remote_id)).raw("status") == "triggered"  # incidents begin so
    await write(bench, item, status="acknowledged")
    with pytest.raises(WorkflowRefused):
        await write(bench, item, status="triggered")
    await write(bench, item, status="resolved")
    with pytest.raises(Stale):
        await write(bench, item, status="resolved")
    await write(bench, item, status="acknowledged")
    assert (await read(bench, item.remote_id)).raw("status") == "acknowledged"


async def test_the_suggested_mapping_sends_every_status(bench: PagerDutyBench) -> None:
    schema = await bench.tracker.describe(bench.project, "incident")
    made_of = suggest_status(next(one for one in schema.fields if one.kind is FieldKind.STATUS))
    out = {one.hub: one.remote for one in made_of.out}
    assert (out["triage"], out["active"], out["cancelled"]) == ("triggered", "acknowledged", "resolved")
    assert {one.remote: one.hub for one in made_of.into} == {
        "triggered": "triage", "acknowledged": "active", "resolved": "resolved",
    }  # fmt: skip


async def test_custom_fields_of_every_kind(bench: PagerDutyBench) -> None:
    for name, kind in (("shops", "integer"), ("share", "float"), ("known", "boolean"), ("since", "datetime")):
        field = CustomField(bench.emulator.account.new_id(), name, name.capitalize(), data_type=kind)
        bench.emulator.account.fields[field.id] = field
    item = await made(bench)
    changes: dict[str, Value] = {
        "custom__shops": 3, "custom__share": 0.5, "custom__known": True, "custom__environment": "staging",
        "custom__since": "2026-07-01T10:00:00+02:00", "custom__customer_impact": "Shops",
    }  # fmt: skip
    await write(bench, item, title="Both at once", **changes)
    now = await read(bench, item.remote_id)
    assert (now.raw("title"), now.raw("custom.shops"), now.raw("custom.share"), now.raw("custom.known")) == (
        "Both at once", 3, 0.5, True,
    )  # fmt: skip
    assert now.raw("custom.since") == "2026-07-01T08:00:00+00:00"
    await write(bench, item, **dict.fromkeys(changes))
    cleared = await read(bench, item.remote_id)
    assert {cleared.raw(name.replace("__", ".")) for name in changes} == {None}
    for wrong in (
        {"custom__shops": "many"},
        {"custom__shops": 1.5},
        {"custom__known": "perhaps"},
        {"custom__since": "x"},
    ):
        with pytest.raises(ValidationFailed):
            await write(bench, item, **wrong)
    with pytest.raises(MappingBroken):
        await write(bench, item, custom__environment="moon")


async def test_an_account_without_priorities_and_custom_fields(bench: PagerDutyBench) -> None:
    for path in ("/priorities", "/incidents/custom_fields"):
        fault = Fault(kind=FaultKind.REFUSE, path=path, status=402, times=9, body=said(2014, "Missing Account Ability"))
        bench.emulator.faults.plan(fault)
    schema = await bench.tracker.describe(bench.project, "incident")
    assert schema.field("priority") is None
    assert [one for one in schema.fields if one.custom] == []
    assert (await read(bench, (await made(bench)).remote_id)).raw("title") == "Fault"


async def test_people_are_known_by_mail_and_by_nothing_less(bench: PagerDutyBench) -> None:
    item = await made(bench, assignee=Person(email=LEAD))
    assert (await read(bench, item.remote_id)).raw("assignee") == Person(
        remote_id=bench.emulator.user(LEAD).id, name="Sam Ortiz", email=LEAD
    )
    assert ENGINEER in {one.email for one in (await bench.tracker.describe(bench.project, "incident")).people}
    for who in (Person(email="x@y.example"), Person(name="Nobody")):
        with pytest.raises(ValidationFailed) as no:
            await write(bench, item, assignee=who)
        assert "assignee" in no.value.fields


async def test_an_incident_that_moves_on_by_itself(bench: PagerDutyBench) -> None:
    service = bench.emulator.service("Payments")
    service.ack_timeout, service.auto_resolve = 600, 3600
    item = await made(bench)
    await write(bench, item, status="acknowledged")
    begun = await bench.tracker.list_changes(None)
    await bench.advance(700)
    page = await bench.tracker.list_changes(begun.cursor)
    assert [one.remote_id for one in page.hints] == [item.remote_id]
    now = await read(bench, item.remote_id)
    last = now.history[-1]
    assert (now.raw("status"), last.field, last.old, last.new) == ("triggered", "status", "acknowledged", "triggered")
    assert last.by is not None
    assert last.by.name == "Payments"


async def test_history_is_worked_out_from_the_log(bench: PagerDutyBench) -> None:
    item = await made(bench)
    await bench.advance(10)
    await bench.engineer(item.remote_id, status="acknowledged", urgency="low")
    await bench.advance(10)
    lead = {"assignee": {"id": bench.emulator.user(LEAD).id, "type": "user_reference"}}
    await bench.engineer(item.remote_id, assignments=[lead])
    await bench.advance(10)
    await write(bench, item, priority=bench.choices[0], custom__environment="staging")
    item_now = await read(bench, item.remote_id)
    engineer, other = bench.somebody, Person(
        remote_id=bench.emulator.user(LEAD).id, name="Sam Ortiz", email=LEAD
    )  # fmt: skip
    assert [(one.field, one.old, one.new) for one in item_now.history] == [
        ("urgency", "high", "low"),
        ("status", "triggered", "acknowledged"),
        ("assignee", engineer, other),
        ("custom.environment", None, "staging"),
        ("priority", None, bench.choices[0]),
    ]
    assert [one.by.name for one in item_now.history if one.by] == ["Noor Haddad"] * 3 + ["Rallypoint Sync"] * 2


# Where incidents are.


async def test_a_key_is_found_again_and_compared(bench: PagerDutyBench) -> None:
    item = await made(bench)
    await write(bench, item, status="resolved")
    again = await made(bench)  # the key is free again once it is resolved
    assert again.remote_id != item.remote_id
    assert await bench.tracker.find("inc-1") == again.remote_id
    assert await bench.tracker.find("") is None
    await bench.advance(200 * 86400)
    assert await bench.tracker.find("inc-1") == again.remote_id  # also long after the list of a month
    other = bench.emulator.service("Storefront").id
    assert await bench.connected(services=(other,)).find("inc-1") is None
    neighbour = {"id": "QNEIGHBOUR", "incident_number": 9, "incident_key": "another", "service": {"id": bench.project}}
    answer = {"incidents": [neighbour], "more": False}  # whose alert has the key, as PagerDuty answers too
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/incidents", status=200, body=answer))
    assert await bench.tracker.find("inc-1") is None


async def test_gone_has_several_meanings(bench: PagerDutyBench) -> None:
    one, two, three = [await made(bench, f"inc-{number}") for number in range(3)]
    account = bench.emulator.account
    account.merge(account.incidents[one.remote_id], [account.incidents[two.remote_id]], bench.emulator.user(LEAD))
    account.hidden.add(three.remote_id)
    merged, hidden = await bench.tracker.read(two.remote_id), await bench.tracker.read(three.remote_id)
    assert isinstance(merged, Gone)
    assert isinstance(hidden, Gone)
    assert (merged.reason, merged.moved_to) == (GoneReason.MOVED, one.remote_id)
    assert hidden.reason is GoneReason.UNREADABLE
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/incidents/Q", status=403, body=said(2018)))
    lost = await bench.tracker.read(one.remote_id)
    assert isinstance(lost, Gone)
    assert lost.reason is GoneReason.UNREADABLE


async def test_an_address_is_as_good_as_an_id(bench: PagerDutyBench) -> None:
    item = await made(bench)
    for text in (item.url, f" {item.remote_id} ", f"https://lantern.pagerduty.com/incidents/{item.remote_id}/timeline"):
        assert (await read(bench, text)).id == item.remote_id


@pytest.mark.parametrize("id", ["", "#12", "Q1/../users", "Q1?x=1", "q1abcdef", "Q" * 40, "https://x.example/Q12345"])
async def test_ids_are_nothing_else_than_ids(bench: PagerDutyBench, id: str) -> None:
    with pytest.raises(ValidationFailed):
        await bench.tracker.read(id)
    with pytest.raises(ValidationFailed):
        await bench.tracker.write(id, {"title": "x"}, "", "op")
    assert not [one for one in bench.emulator.faults.seen if "incidents" in one.path]


async def test_services_limit_what_is_followed(bench: PagerDutyBench) -> None:
    tracker = bench.connected(services=("storefront",))
    other = bench.emulator.service("Storefront").id
    assert [one.id for one in await tracker.projects()] == [other]
    begun = await tracker.list_changes(None)
    await made(bench)
    draft = Draft(project=other, type="incident", fields={"title": "There"}, natural_key="inc-5", url=URL)
    there = await tracker.create(draft, "op")
    assert {one.remote_id for one in (await tracker.list_changes(begun.cursor)).hints} == {there.remote_id}
    with pytest.raises(MappingBroken):
        await tracker.describe(bench.project, "incident")


# Changes.


async def until_the_end(tracker: Tracker, cursor: str) -> tuple[set[str], str]:
    """(what was told, the cursor after it)"""
    seen = set[str]()
    for _ in range(20):
        page = await tracker.list_changes(cursor)
        seen |= {one.remote_id for one in page.hints}
        cursor = page.cursor
        if not page.more:
            break
    return seen, cursor


async def test_a_flood_is_read_to_its_end(bench: PagerDutyBench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Further than pages reach, the stretch is cut off and asked for anew; a crowded second cannot be cut."""
    monkeypatch.setattr("rallypoint.connectors.pagerduty.changes.REACH", 300)
    monkeypatch.setattr("rallypoint.emulators.pagerduty.api.REACH", 300)
    begun = await bench.tracker.list_changes(None)
    lead, service = bench.emulator.user(LEAD), {"id": bench.project}
    ids = set()
    for number in range(300):
        await bench.advance(1)
        ids.add(bench.emulator.account.trigger({"title": f"Fault {number}", "service": service}, lead).id)
    seen, cursor = await until_the_end(bench.tracker, begun.cursor)
    assert seen == ids
    assert (await bench.tracker.list_changes(cursor)).hints == ()
    for number in range(400):
        bench.emulator.account.trigger({"title": f"At once {number}", "service": service}, lead)
    with pytest.raises(ValidationFailed, match="one second"):
        await until_the_end(bench.tracker, cursor)


@pytest.mark.parametrize("cursor", ["", "[]", "{}", "null", '{"since":"x"}', '{"since":"2026-01-01","offset":-1}'])
async def test_only_our_own_cursors_are_taken(bench: PagerDutyBench, cursor: str) -> None:
    with pytest.raises(ValidationFailed):
        await bench.tracker.list_changes(cursor)


async def test_a_list_goes_over_years(bench: PagerDutyBench) -> None:
    ids = []
    for number in range(3):
        ids.append((await made(bench, f"inc-{number}")).remote_id)
        await bench.advance((STRETCH + timedelta(days=20)).total_seconds())
    tracker, cursor, found = bench.connected(), None, []
    for _ in range(10):
        page = await tracker.list_items(bench.project, "incident", None, cursor)
        found += [one.remote_id for one in page.items]
        cursor = page.cursor
        if not page.more:
            break
    assert found == ids
    with pytest.raises(ValidationFailed):
        await tracker.list_items(bench.project, "incident", None, "x")


# Notes, files, the panel.


async def test_notes_are_private_and_in_order(bench: PagerDutyBench) -> None:
    item = await made(bench)
    for text in ("one", "two", "three"):
        await bench.tracker.comment(item.remote_id, note(text, Visibility.UNKNOWN), "op")
    now = await read(bench, item.remote_id)
    assert [(one.body, one.visibility) for one in now.comments] == [
        (text, Visibility.PRIVATE) for text in ("one", "two", "three")
    ]  # fmt: skip
    with pytest.raises(ValidationFailed):
        await bench.tracker.comment(item.remote_id, note("For all", Visibility.PUBLIC), "op")
    await bench.advance(5)
    await bench.tracker.edit_comment(item.remote_id, now.comments[0].id, note("uno"), "op")
    after = await read(bench, item.remote_id)
    assert (after.comments[0].body, after.comments[0].edited_at is not None) == ("uno", True)
    assert after.revision != now.revision


async def test_files_are_refused_and_nothing_is_asked(bench: PagerDutyBench) -> None:
    item = await made(bench)
    asked = len(bench.emulator.faults.seen)
    with pytest.raises(ValidationFailed):
        await bench.tracker.attach(item.remote_id, upload("a.txt", b"a"), "op")
    with pytest.raises(ValidationFailed):
        [chunk async for chunk in bench.tracker.download(item.remote_id, "1")]
    assert len(bench.emulator.faults.seen) == asked


async def test_the_panel_is_one_note_that_nobody_takes_for_one(bench: PagerDutyBench) -> None:
    item = await made(bench)
    for status in ("investigating", "resolved", "resolved"):
        await bench.tracker.show_panel(item.remote_id, Panel(url=URL, title="RP-1 Payments\nfail", status=status))
    [shown] = bench.emulator.account.incidents[item.remote_id].notes
    assert shown.content == f"Rallypoint · RP-1 Payments fail\nStatus: resolved\n{URL}"
    await bench.tracker.show_panel(item.remote_id, Panel(url="https://rp.example/i/2", title="RP-2"))
    await bench.tracker.show_panel(item.remote_id, Panel(url="https://moved.example/i/1", title="RP-1"))
    assert len(bench.emulator.account.incidents[item.remote_id].notes) == 2
    assert (await read(bench, item.remote_id)).comments == ()
    await bench.person_comments(item.remote_id, shown.content, Visibility.PRIVATE)
    assert len((await read(bench, item.remote_id)).comments) == 1  # what somebody else wrote is a note


# Webhooks.


def sign(secret: str, body: bytes) -> dict[str, str]:
    return {"x-pagerduty-signature": "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


async def test_one_of_several_signatures_and_one_of_several_secrets(bench: PagerDutyBench) -> None:
    item = await made(bench)
    tracker = bench.connected(services=("Payments", "Storefront"))
    bench.emulator.deliveries.hold = True
    registered = await tracker.register_webhook("https://rp.example/in/key", "ours")
    assert len(registered.id.split(",")) == len(registered.secret.split(",")) == 2
    one = next(each for each in bench.emulator.hooks.subscriptions.values() if each.of == bench.project)
    bench.emulator.hooks.rotate(one)
    await bench.engineer(item.remote_id, status="acknowledged")
    [heard] = await bench.heard()
    assert heard.headers["x-pagerduty-signature"].count("v1=") == 2
    [hint] = tracker.verify_webhook(heard.body, heard.headers, registered.secret).hints
    assert (hint.remote_id, hint.project) == (item.remote_id, bench.project)
    for wrong in ("", "ours", ",", "v1"):
        with pytest.raises(Unverified):
            tracker.verify_webhook(heard.body, heard.headers, wrong)
    older = {"x-pagerduty-signature": heard.headers["x-pagerduty-signature"].replace("v1=", "v0=")}
    with pytest.raises(Unverified):
        tracker.verify_webhook(heard.body, older, registered.secret)


async def test_a_note_names_its_incident_and_other_things_nothing(bench: PagerDutyBench) -> None:
    item = await made(bench)
    await bench.listen()
    await bench.person_comments(item.remote_id, "Seen", Visibility.PRIVATE)
    [heard] = await bench.heard()
    told = bench.tracker.verify_webhook(heard.body, heard.headers, bench.secret)
    assert [one.remote_id for one in told.hints] == [item.remote_id]
    assert told.delivery == json.loads(heard.body)["event"]["id"]
    bench.emulator.hooks.ping(next(iter(bench.emulator.hooks.subscriptions.values())))
    bench.emulator.hooks.pump()
    [ping] = await bench.heard()
    assert bench.tracker.verify_webhook(ping.body, ping.headers, bench.secret).hints == ()


@pytest.mark.parametrize("body", [b"", b"[]", b"null", b'{"event":[]}', b"payload=x"])
async def test_what_is_signed_but_no_event_is_refused(bench: PagerDutyBench, body: bytes) -> None:
    with pytest.raises(Unverified):
        bench.tracker.verify_webhook(body, sign("s", body), "s")


async def test_webhooks_are_replaced_and_their_troubles_told(bench: PagerDutyBench) -> None:
    bench.emulator.deliveries.hold = True
    neighbour = await bench.connected(services=("Storefront",)).register_webhook("https://rp.example/in/other", "")
    first = await bench.tracker.register_webhook("https://rp.example/in/key", "")
    second = await bench.tracker.register_webhook("https://rp.example/in/newer", "")
    assert set(bench.emulator.hooks.subscriptions) == {neighbour.id, second.id}
    one = bench.emulator.hooks.subscriptions[second.id]
    assert second.secret == one.secrets[0]
    assert (await bench.tracker.webhook_state(first)).state is WebhookState.MISSING
    one.rests_until = bench.clock.now() + timedelta(hours=1)
    assert (await bench.tracker.webhook_state(second)).state is WebhookState.DISABLED
    one.rests_until, one.active = None, False
    assert (await bench.tracker.webhook_state(second)).state is WebhookState.DISABLED


async def test_an_account_that_knows_fewer_events_is_asked_for_fewer(bench: PagerDutyBench) -> None:
    fault = Fault(
        kind=FaultKind.REFUSE, method="POST", path="/webhook_subscriptions", status=400,
        body=said(2001, "Invalid Input Provided", "Events is invalid."),
    )  # fmt: skip
    bench.emulator.faults.plan(fault)
    await bench.tracker.register_webhook("https://rp.example/in/key", "")
    [one] = bench.emulator.hooks.subscriptions.values()
    assert "incident.custom_field_values.updated" not in one.events


async def test_who_may_not_subscribe_is_told_what_an_administrator_does(bench: PagerDutyBench) -> None:
    bench.emulator.keys[INTEGRATION].read_only = True
    told = await bench.tracker.register_webhook("https://rp.example/in/key", "s3cr3t")
    assert told.state is WebhookState.BY_HAND
    assert "https://rp.example/in/key" in told.instructions
    assert "s3cr3t" not in told.instructions


# Connecting.


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("https://api.pagerduty.com", "https://api.pagerduty.com"),
        ("https://lantern.pagerduty.com/", "https://api.pagerduty.com"),
        ("https://lantern.eu.pagerduty.com", "https://api.eu.pagerduty.com"),
        ("https://api.eu.pagerduty.com", "https://api.eu.pagerduty.com"),
        ("http://127.0.0.1:8080/", "http://127.0.0.1:8080"),
        ("https://notpagerduty.com", "https://notpagerduty.com"),
    ],
)
def test_the_interface_is_found_from_the_address_people_know(given: str, expected: str) -> None:
    assert interface_of(given) == expected


def test_the_tool_makes_a_tracker(way: Egress) -> None:
    given = Access(
        key="pd", base_url="https://lantern.pagerduty.com", settings={"service": " Payments ,, Storefront"},
        secrets={"key": "k"},
    )  # fmt: skip
    able = TOOL.make(given, way).capabilities
    assert (able.conditional_write, able.private_comments, able.public_comments) == (False, True, False)
    assert {one.name for one in TOOL.asked if one.secret} == {"key"}
