"""What only Zendesk does to a connector, one trap after the other."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

import pytest

from rallypoint.connectors.oauth import Grant
from rallypoint.connectors.zendesk import TOOL, ZendeskTracker
from rallypoint.connectors.zendesk.api import Credentials
from rallypoint.egress import Egress
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.zendesk import AGENT, CLIENT, CUSTOMER, INTEGRATION, LEAD
from rallypoint.emulators.zendesk import definitions as d
from rallypoint.errors import Invalid
from rallypoint.sync.lenses import TagsLens
from rallypoint.sync.mapping import TagSet
from rallypoint.sync.model import (
    TAGS,
    FieldKind,
    Gone,
    GoneReason,
    Person,
    RelationKind,
    RemoteItem,
    Shadow,
    Value,
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
    TrackerError,
    Unverified,
    ValidationFailed,
    WebhookState,
    WorkflowRefused,
)
from rallypoint.sync.tags import merge
from rallypoint.sync.tools import Access
from rallypoint.sync.values import suggest_status
from tests.connectors.kit import upload
from tests.connectors.zendesk.bench import ZendeskBench

HTML = {"content-type": "text/html"}
PANEL = Panel(url="https://rp.example/i/1", title="RP-1 Payments fail", status="investigating")


async def made(bench: ZendeskBench, title: str = "Fault", key: str = "inc-1", **fields: Value) -> Created:
    draft = Draft(
        project="tickets",
        type="ticket",
        fields={"subject": title, **fields},
        natural_key=key,
        url="https://rp.example/1",
    )
    return await bench.tracker.create(draft, f"op-{key}")


async def read(bench: ZendeskBench, remote_id: str) -> RemoteItem:
    item = await bench.tracker.read(remote_id)
    assert isinstance(item, RemoteItem), item
    return item


async def shown(bench: ZendeskBench, remote_id: str) -> dict[str, Any]:
    found: dict[str, Any] = (await bench.people[AGENT].get(f"tickets/{remote_id}")).json()["ticket"]
    return found


def said(error: str, status: int = 422, **details: str) -> dict[str, Any]:
    rows = {name: [{"description": text}] for name, text in details.items()}
    return {"error": error, "description": f"{error} {status}", **({"details": rows} if rows else {})}


def id_of(bench: ZendeskBench, title: str) -> str:
    return str(bench.emulator.desk.field_named(title).id)


# Refusals.


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (401, {}, {"error": "Couldn't authenticate you"}, AuthFailed),
        (401, {}, {"error": "invalid_token", "error_description": "It is expired."}, AuthFailed),
        (401, HTML, "", AuthFailed),
        (403, {}, {"error": {"title": "Forbidden", "message": "No access"}}, PermissionDenied),
        (403, {}, {"errors": [{"code": "Forbidden", "title": "No access"}]}, PermissionDenied),
        (404, {}, said("RecordNotFound", 404), Stale),
        (404, {}, {"error": {"title": "No help desk at this address", "message": "x"}}, Outage),
        (404, HTML, "<html>", Outage),
        (409, {}, said("UpdateConflict", 409), Stale),
        (409, {}, said("DatabaseConflict", 409), Stale),
        (413, HTML, "", ValidationFailed),
        (422, {}, said("RecordInvalid", status="Status: closed prevents ticket update"), ValidationFailed),
        (400, {}, said("InvalidValue", 400), ValidationFailed),
        (429, {"retry-after": "30"}, said("APIRateLimitExceeded", 429), RateLimited),
        (503, {}, said("ServiceUnavailable", 503), Outage),
        (500, HTML, "<html>", Outage),
        (302, {"location": "https://login.example/"}, "", Outage),
    ],
)
async def test_what_a_refusal_means(
    bench: ZendeskBench, status: int, headers: dict[str, str], body: Any, expected: type[TrackerError]
) -> None:
    item = await made(bench)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, method="PUT", status=status, headers=headers, body=body))
    with pytest.raises(TrackerError) as no:
        await bench.tracker.write(item.remote_id, {"subject": "x"}, item.revision, "op")
    assert type(no.value) is expected
    assert no.value.said
    assert (await read(bench, item.remote_id)).raw("subject") == "Fault"


async def test_a_spent_ticket_holds_up_no_other(bench: ZendeskBench) -> None:
    item, other = await made(bench), await made(bench, "Other", "inc-2")
    for number in range(30):
        await bench.updated(item.remote_id, who=INTEGRATION, subject=f"Number {number}")
    revision = (await read(bench, item.remote_id)).revision
    bench.tracker.rate_notes()
    with pytest.raises(RateLimited) as no:
        await bench.tracker.write(item.remote_id, {"subject": "x"}, revision, "op")
    assert (no.value.bucket, no.value.retry_after) == (item.remote_id, 600.0)
    notes = {one.bucket: one for one in bench.tracker.rate_notes()}
    assert notes[item.remote_id].retry_after == 600.0
    assert notes[item.remote_id].remaining is None, "what the account has left is another budget"
    await bench.tracker.write(other.remote_id, {"subject": "x"}, other.revision, "op")


async def test_budgets_are_noted_from_every_answer(bench: ZendeskBench) -> None:
    begun = await bench.tracker.list_changes(None)
    await bench.tracker.list_changes(begun.cursor)
    notes = {one.bucket: one for one in bench.tracker.rate_notes()}
    assert notes[""].limit == 700
    assert notes["zendesk-ratelimit-incremental-exports-cursor"].limit == 10
    for _ in range(9):
        bench.emulator.limits.exports.take("account", bench.emulator.clock.now())
    with pytest.raises(RateLimited) as no:
        await ZendeskTracker.list_changes(bench.connected(), begun.cursor)
    assert no.value.retry_after is not None


# Signing in.


def granted(bench: ZendeskBench, **more: str) -> Credentials:
    grant = Grant(
        client_id=CLIENT, client_secret=bench.emulator.client_secret, token_url=f"{bench.url}/oauth/tokens",
        scope=more.pop("scope", "read write"), as_json=True, **more,
    )  # fmt: skip
    return Credentials(grant=grant)


async def test_an_oauth_client_signs_in_and_its_tokens_are_renewed(bench: ZendeskBench, way: Egress) -> None:
    def fetched() -> int:
        return sum(one.path == "/oauth/tokens" for one in bench.emulator.faults.seen)

    tracker = ZendeskTracker(way, base_url=bench.url + "/", credentials=granted(bench), now=bench.clock.now)
    checked = await tracker.check()
    assert (checked.ok, checked.identity and checked.identity.email) == (True, INTEGRATION)
    item = await made(bench)
    await tracker.write(item.remote_id, {"subject": "x"}, item.revision, "op")
    assert fetched() == 1
    bench.clock.advance(timedelta(minutes=30))
    await tracker.read(item.remote_id)
    assert fetched() == 2, "it had ended"
    bench.emulator.desk.tokens.clear()
    await tracker.read(item.remote_id)
    assert fetched() == 3, "it was refused, so another was fetched, once"
    id = await tracker.attach(item.remote_id, upload("a.txt", b"abc"), "op-2")
    bench.emulator.desk.tokens.clear()
    with pytest.raises(Outage) as no:
        await tracker.attach(item.remote_id, upload("b.txt", b"abc"), "op-3")
    assert (no.value.retry, no.value.unknown) == (True, False), "nothing was taken; there is another token now"
    assert b"".join([chunk async for chunk in tracker.download(item.remote_id, id)]) == b"abc"


async def test_what_an_oauth_client_may_not(bench: ZendeskBench, way: Egress) -> None:
    def connected(credentials: Credentials) -> ZendeskTracker:
        return ZendeskTracker(way, base_url=bench.url, credentials=credentials, now=bench.clock.now)

    item = await made(bench)
    with pytest.raises(PermissionDenied, match="scopes"):
        await connected(granted(bench, scope="read")).write(item.remote_id, {"subject": "x"}, item.revision, "op")
    with pytest.raises(AuthFailed):
        await connected(granted(bench, scope="everything")).read(item.remote_id)
    refresh = bench.emulator.oauth.refresh_for(bench.emulator.person(LEAD), CLIENT)
    consented = granted(bench, refresh_token=refresh)
    checked = await connected(consented).check()
    assert checked.identity is not None
    assert checked.identity.email == LEAD, "in the name of who gave consent"
    with pytest.raises(AuthFailed, match="refresh token"):
        await connected(consented).read(item.remote_id)
    bench.emulator.client_secret = "another"
    finding = (await connected(granted(bench)).check()).findings[0]
    assert (finding.level, finding.about) == (Level.ERROR, "credentials")


async def test_check_says_what_an_account_lacks(bench: ZendeskBench, way: Egress) -> None:
    async def findings(mail: str) -> list[tuple[Level, str]]:
        credentials = Credentials(email=mail, api_token=bench.emulator.api_token)
        checked = await ZendeskTracker(way, base_url=bench.url, credentials=credentials, now=bench.clock.now).check()
        return [(one.level, one.text) for one in checked.findings if one.level is not Level.OK]

    assert await findings(INTEGRATION) == []
    [follow, hook] = await findings(AGENT)
    assert follow[0] is Level.ERROR
    assert "followed" in follow[1]
    assert hook[0] is Level.WARNING
    assert "by hand" in hook[1]
    [customer] = await findings(CUSTOMER)
    assert (customer[0], "no agent" in customer[1]) == (Level.ERROR, True)


async def test_nobody_in_particular_is_not_signed_in(bench: ZendeskBench) -> None:
    nobody = {"user": {"id": None, "name": "Anonymous user"}}
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="users/me", status=200, body=nobody))
    checked = await bench.tracker.check()
    assert [one.about for one in checked.findings] == ["credentials"]


async def test_another_site_is_told_from_zendesk(bench: ZendeskBench) -> None:
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="users/me", status=200, headers=HTML, body="<html>"))
    [finding] = (await bench.tracker.check()).findings
    assert (finding.about, "zendesk.com" in finding.help) == ("address", True)


@pytest.mark.parametrize(
    ("settings", "secrets", "good"),
    [
        ({"email": "a@b.example"}, {"api_token": "x"}, True),
        ({"client_id": "x"}, {"client_secret": "y"}, True),
        ({"client_id": "x"}, {}, False),
        ({}, {"api_token": "x"}, False),
        ({"email": "a@b.example"}, {}, False),
        ({"email": "a@b.example", "description": "public"}, {"api_token": "x"}, True),
        ({"email": "a@b.example", "description": "perhaps"}, {"api_token": "x"}, False),
    ],
)
async def test_what_a_connection_must_have(
    way: Egress, settings: Mapping[str, str], secrets: Mapping[str, str], good: bool
) -> None:
    access = Access(key="lantern", base_url="https://x.zendesk.com", settings=settings, secrets=secrets)
    if good:
        assert isinstance(TOOL.make(access, way), ZendeskTracker)
    else:
        with pytest.raises(Invalid):
            TOOL.make(access, way)


# Writing.


async def test_a_change_within_the_same_second_is_noticed_before_the_write(bench: ZendeskBench) -> None:
    """The times of both are equal there, so that a safe update alone would go through."""
    item = await made(bench)
    before = await read(bench, item.remote_id)
    await bench.person_sets(item.remote_id, "priority", "high")
    assert (await shown(bench, item.remote_id))["updated_at"] == before.revision.split("/")[0]
    with pytest.raises(Stale):
        await bench.tracker.write(item.remote_id, {"subject": "Ours"}, before.revision, "op-2")


async def test_a_change_between_the_look_and_the_write_is_refused_by_zendesk(bench: ZendeskBench) -> None:
    item = await made(bench)
    before = await read(bench, item.remote_id)
    bench.clock.advance(timedelta(seconds=2))
    looked = bench.emulator.desk.tickets[int(item.remote_id)]

    class Meddling(Egress):
        """Somebody else comes in between."""

        def __init__(self, inner: Egress) -> None:
            self.inner = inner

        async def send(self, method: str, url: str, content: Any = b"", headers: Any = None, **given: Any) -> Any:
            if method == "PUT":
                bench.emulator.desk.update(
                    looked, {"subject": "Theirs"}, bench.emulator.desk.users[bench.emulator.person(AGENT)]
                )
            return await self.inner.send(method, url, content, headers, **given)

    bench.way = Meddling(bench.way)
    with pytest.raises(Stale):
        await bench.connected().write(item.remote_id, {"subject": "Ours"}, before.revision, "op-2")
    assert (await read(bench, item.remote_id)).raw("subject") == "Theirs"


async def test_a_comment_does_not_stand_in_the_way_of_a_write(bench: ZendeskBench) -> None:
    item = await made(bench)
    before = await read(bench, item.remote_id)
    await bench.person_comments(item.remote_id, "Meanwhile", Visibility.PRIVATE)
    await bench.tracker.write(item.remote_id, {"subject": "Ours"}, before.revision, "op-2")
    with pytest.raises(ValidationFailed):
        await bench.tracker.write(item.remote_id, {"subject": "x"}, "not a revision", "op-3")


async def test_writing_what_is_there_already_changes_nothing(bench: ZendeskBench) -> None:
    item = await made(bench)
    before = await read(bench, item.remote_id)
    written = await bench.tracker.write(item.remote_id, {"subject": "Fault"}, before.revision, "op-2")
    assert written.revision == ""
    assert (await read(bench, item.remote_id)).revision == before.revision


async def test_what_is_written_comes_back_with_our_operation_and_our_name(bench: ZendeskBench) -> None:
    item = await made(bench)
    written = await bench.tracker.write(item.remote_id, {"subject": "Ours", TAGS: ("a",)}, item.revision, "op-2")
    after = await read(bench, item.remote_id)
    assert written.revision == after.revision
    ours = [one for one in after.history if one.op == "op-2"]
    assert {one.field for one in ours} == {"subject", TAGS}
    assert {one.by and one.by.email for one in ours} == {INTEGRATION}
    assert after.changed_by is not None
    assert after.changed_by.email == INTEGRATION


async def test_the_description_is_written_once_and_never_again(bench: ZendeskBench) -> None:
    item = await made(bench, description="<p>Since <strong>nine</strong></p>")
    before = await read(bench, item.remote_id)
    assert before.raw("description") == "<p>Since <strong>nine</strong></p>"
    assert before.comments == (), "it is no comment"
    with pytest.raises(ValidationFailed) as no:
        await bench.tracker.write(item.remote_id, {"description": "Other", "subject": "x"}, before.revision, "op-2")
    assert list(no.value.fields) == ["description"]
    assert (await read(bench, item.remote_id)).raw("subject") == "Fault", "nothing of it was written"
    bare = await made(bench, "a < b", "inc-2")
    assert (await read(bench, bare.remote_id)).raw("description") == "<p>a &lt; b</p>", "for want of another"


@pytest.mark.parametrize("public", [False, True])
async def test_a_new_ticket_begins_as_private_as_the_connection_says(bench: ZendeskBench, public: bool) -> None:
    bench.tracker = bench.connected(description=Visibility.PUBLIC if public else Visibility.PRIVATE)
    item = await made(bench, requester_id=Person(email=CUSTOMER))
    assert (await shown(bench, item.remote_id))["is_public"] is public
    assert bool(await bench.outsider_sees(item.remote_id)) is public


async def test_creating_again_with_other_words_finds_the_first(bench: ZendeskBench) -> None:
    item = await made(bench)
    with pytest.raises(Outage) as no:
        await made(bench, "Other words")
    assert no.value.unknown, "the caller looks for the key then"
    assert await bench.tracker.find("inc-1") == item.remote_id
    assert len(bench.emulator.desk.tickets) == 1


async def test_of_several_tickets_with_our_key_the_first_counts(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.people[AGENT].post("tickets", json={"ticket": {"comment": {"body": "x"}, "external_id": "inc-1"}})
    assert await bench.tracker.find("inc-1") == item.remote_id


async def test_an_answer_to_another_question_is_not_believed(bench: ZendeskBench) -> None:
    item = await made(bench)
    rows = (await bench.people[AGENT].get("tickets")).json()
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, method="GET", path="/tickets", status=200, body=rows))
    assert await bench.tracker.find("inc-9") is None, "a list that did not look for the key"
    everybody = (await bench.people[AGENT].get("users")).json()
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/users/search", status=200, body=everybody))
    with pytest.raises(ValidationFailed):
        await bench.tracker.write(item.remote_id, {"assignee_id": Person(email="a@b.example")}, item.revision, "op-2")
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/users/search", status=200, body=everybody))
    await bench.tracker.write(item.remote_id, {"assignee_id": Person(email=LEAD)}, item.revision, "op-3")
    assert (await shown(bench, item.remote_id))["assignee_id"] == bench.emulator.person(LEAD)


async def test_every_kind_of_field_there_and_back(bench: ZendeskBench) -> None:
    values: dict[str, Value] = {
        id_of(bench, "Regions"): ("region_eu", "region_us"),
        id_of(bench, "Escalated to engineering"): True,
        id_of(bench, "Customers affected"): 12,
        id_of(bench, "Lost revenue"): 3.5,
        id_of(bench, "Promised by"): "2026-06-04T00:00:00+00:00",
        id_of(bench, "Root cause"): "Queue",
        "priority": "high",
        "type": "incident",
        "group_id": str(next(iter(bench.emulator.desk.groups))),
    }
    item = await made(bench)
    await bench.tracker.write(item.remote_id, values, item.revision, "op-2")
    after = await read(bench, item.remote_id)
    assert {name: after.raw(name) for name in values} == values
    assert after.tags == (), "tags of fields are no tags of ours"
    cleared: dict[str, Value] = dict.fromkeys(values)
    await bench.tracker.write(item.remote_id, cleared, after.revision, "op-3")
    emptied = await read(bench, item.remote_id)
    expected = {**dict.fromkeys(values), id_of(bench, "Regions"): (), id_of(bench, "Escalated to engineering"): False}
    assert {name: emptied.raw(name) for name in values} == expected
    for name, value in (("Customers affected", "many"), ("Customers affected", 1.5), ("Promised by", "soon")):
        with pytest.raises(ValidationFailed):
            await bench.tracker.write(item.remote_id, {id_of(bench, name): value}, emptied.revision, "op-4")
    with pytest.raises(MappingBroken):
        await bench.tracker.write(item.remote_id, {"priority": "brewing"}, emptied.revision, "op-5")


async def test_tags_leave_choices_alone_and_choices_leave_tags_alone(bench: ZendeskBench) -> None:
    item = await made(bench, **{TAGS: ("vip",), bench.choice: "sev_1"})
    before = await read(bench, item.remote_id)
    assert (before.tags, before.raw(bench.choice)) == (("vip",), "sev_1")
    await bench.tracker.write(item.remote_id, {TAGS: ("big",)}, before.revision, "op-2")
    after = await read(bench, item.remote_id)
    assert (after.tags, after.raw(bench.choice)) == (("big",), "sev_1")
    await bench.tracker.write(item.remote_id, {TAGS: ("big", "x"), bench.choice: "sev_2"}, after.revision, "op-3")
    last = await read(bench, item.remote_id)
    assert (last.tags, last.raw(bench.choice)) == (("big", "x"), "sev_2")
    assert [one.new for one in last.history if one.field == TAGS] == [("vip",), ("big",), ("big", "x")]
    for bad in ("a,b", "sev_3", "Sev 3"):
        with pytest.raises(ValidationFailed):
            await bench.tracker.write(item.remote_id, {TAGS: (bad,)}, last.revision, "op-4")


async def test_a_tag_of_two_words_is_one_tag_on_both_sides(bench: ZendeskBench) -> None:
    item = await made(bench, **{TAGS: ("Two words", "vip")})
    after = await read(bench, item.remote_id)
    assert after.tags == ("two_words", "vip")
    lens = TagsLens(TagSet())
    assert lens.agrees(("Two words", "vip"), after.tags, None)
    agreed = Shadow(field="tags", raw=after.tags, hub_value=("Two words", "vip"), hub_version=1)
    merged = merge(lens, ("Two words", "vip", "new"), ("two_words",), agreed)
    assert (merged.hub, merged.remote) == (("Two words", "new"), ("new", "two_words"))


async def test_people_by_number_and_by_mail_and_nobody_is_made(bench: ZendeskBench) -> None:
    item = await made(bench, requester_id=Person(email=CUSTOMER.upper()))
    before = await read(bench, item.remote_id)
    requester = before.raw("requester_id")
    assert isinstance(requester, Person)
    assert (requester.email, requester.name) == (CUSTOMER, "Mira Kovač")
    count = len(bench.emulator.desk.users)
    for nobody in (Person(email="nobody@customer.example"), Person(name="Mira")):
        with pytest.raises(ValidationFailed) as no:
            await bench.tracker.write(item.remote_id, {"requester_id": nobody}, before.revision, "op-2")
        assert list(no.value.fields) == ["requester_id"]
    assert len(bench.emulator.desk.users) == count
    assert {one.email for one in (await bench.tracker.describe("tickets", "ticket")).people} == {
        INTEGRATION, AGENT, LEAD,
    }  # fmt: skip


# Status.


async def test_what_lacks_for_a_status_is_named(bench: ZendeskBench) -> None:
    item = await made(bench)
    with pytest.raises(WorkflowRefused) as no:
        await bench.tracker.write(item.remote_id, {"status": "solved"}, item.revision, "op-2")
    assert no.value.missing == (id_of(bench, "Root cause"),)
    await bench.tracker.write(item.remote_id, {"status": "open"}, item.revision, "op-3")
    now = await read(bench, item.remote_id)
    with pytest.raises(WorkflowRefused) as no:
        await bench.tracker.write(item.remote_id, {"status": "new"}, now.revision, "op-4")
    assert no.value.missing == ()


async def test_who_assigns_a_new_ticket_opens_it(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.tracker.write(item.remote_id, {"assignee_id": bench.somebody}, item.revision, "op-2")
    after = await read(bench, item.remote_id)
    assert after.raw("status") == "open"
    assert [(one.old, one.new, one.op) for one in after.history if one.field == "status"][-1] == ("new", "open", "op-2")


async def test_statuses_of_the_account_take_the_place_of_the_six(bench: ZendeskBench) -> None:
    desk = bench.emulator.desk
    desk.statuses[42] = d.Status(42, "open", "Waiting for engineering", desk.now())
    schema = await bench.tracker.describe("tickets", "ticket")
    [status] = [one for one in schema.fields if one.kind is FieldKind.STATUS]
    assert status.id == "custom_status_id"
    assert ("42", "Waiting for engineering", "open") in [(one.id, one.name, one.category) for one in status.choices]
    item = await made(bench)
    await bench.tracker.write(item.remote_id, {"custom_status_id": "42"}, item.revision, "op-2")
    after = await read(bench, item.remote_id)
    assert after.raw("custom_status_id") == "42"
    assert not after.knows("status"), "there is one field for it"
    desk.statuses[42].active = False
    desk.statuses[43] = d.Status(43, "open", "Waiting for the bank", desk.now())
    with pytest.raises(MappingBroken):
        await bench.tracker.write(item.remote_id, {"custom_status_id": "44"}, after.revision, "op-3")


async def test_closed_is_final(bench: ZendeskBench) -> None:
    item = await made(bench, **bench.fill)
    await bench.updated(item.remote_id, status="solved")
    bench.clock.advance(timedelta(days=5))
    bench.emulator.desk.close_solved(timedelta(days=4))
    closed = await read(bench, item.remote_id)
    assert closed.closed_for_writing
    with pytest.raises(WorkflowRefused):
        await bench.tracker.write(item.remote_id, {"subject": "x"}, closed.revision, "op-2")
    draft = CommentDraft(body="x", markup=bench.tracker.capabilities.comment_markup, visibility=Visibility.PRIVATE)
    with pytest.raises(ValidationFailed, match="closed"):
        await bench.tracker.comment(item.remote_id, draft, "op-3")
    await bench.tracker.show_panel(item.remote_id, PANEL)
    assert (await read(bench, item.remote_id)).revision == closed.revision


async def test_forms_are_types_with_fields_of_their_own(bench: ZendeskBench) -> None:
    desk = bench.emulator.desk
    [first] = desk.forms.values()
    cause = desk.field_named("Root cause").id
    desk.forms[77] = d.Form(77, "Incident", [one for one in first.fields if one != cause], desk.now())
    [place] = await bench.tracker.projects()
    assert place.types == ("Default Ticket Form", "Incident")
    schema = await bench.tracker.describe("tickets", "Incident")
    assert schema.field(str(cause)) is None
    assert schema.field("subject") is not None
    draft = Draft(
        project="tickets", type="Incident", fields={"subject": "x"}, natural_key="k", url="https://rp.example"
    )
    item = await bench.tracker.create(draft, "op-1")
    assert (await shown(bench, item.remote_id))["ticket_form_id"] == 77
    assert (await read(bench, item.remote_id)).type == "Incident"
    desk.forms[78] = d.Form(78, "Incident", list(first.fields), desk.now())
    assert (await bench.tracker.projects())[0].types == ("Default Ticket Form", "Incident (77)", "Incident (78)")
    with pytest.raises(MappingBroken):
        await bench.tracker.describe("tickets", "Incident")


# Comments and files.


async def test_redacted_and_hidden_comments_arrive(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.person_comments(item.remote_id, "Card 4242", Visibility.PUBLIC)
    [before] = (await read(bench, item.remote_id)).comments
    where = f"tickets/{item.remote_id}/comments/{before.id}"
    bench.clock.advance(timedelta(seconds=5))
    await bench.people[AGENT].put(f"{where}/redact", json={"text": "4242"})
    await bench.people[AGENT].put(f"{where}/make_private")
    [after] = (await read(bench, item.remote_id)).comments
    assert (after.id, "4242" in after.body, after.visibility) == (before.id, False, Visibility.PRIVATE)
    assert (before.edited_at, after.edited_at) == (None, bench.clock.now())


async def test_a_comment_without_a_word_of_its_visibility_is_of_unknown_visibility(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.person_comments(item.remote_id, "Seen", Visibility.PUBLIC)
    rows = (await bench.people[AGENT].get(f"tickets/{item.remote_id}/comments")).json()
    for one in rows["comments"]:
        del one["public"]
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/comments", status=200, body=rows))
    [comment] = (await read(bench, item.remote_id)).comments
    assert comment.visibility is Visibility.UNKNOWN


async def test_files_are_as_public_as_they_may_be_and_their_carriers_are_no_comments(bench: ZendeskBench) -> None:
    item = await made(bench)
    secret = await bench.tracker.attach(item.remote_id, upload("a.txt", b"a", "text/plain"), "op-2")
    public = upload("b.txt", b"b", "text/plain")
    public = type(public)(
        **{name: getattr(public, name) for name in public.__slots__} | {"visibility": Visibility.PUBLIC}
    )
    open_one = await bench.tracker.attach(item.remote_id, public, "op-3")
    await bench.person_attaches(item.remote_id, "c.txt", b"c")
    after = await read(bench, item.remote_id)
    files = {one.id: one for one in after.attachments}
    assert (files[secret].visibility, files[secret].op) == (Visibility.PRIVATE, "op-2")
    assert (files[open_one].visibility, files[open_one].op) == (Visibility.PUBLIC, "op-3")
    assert files[secret].content_type == "text/plain"
    assert [one.body for one in after.comments] == ['<p dir="auto">Look</p>'], "only what a person said"
    assert next(one.op for one in after.attachments if one.name == "c.txt") == ""


async def test_a_file_that_is_not_what_was_announced_is_not_attached(bench: ZendeskBench) -> None:
    item = await made(bench)
    file = upload("a.txt", b"abc")
    wrong = type(file)(**{name: getattr(file, name) for name in file.__slots__} | {"sha256": "0" * 64})
    with pytest.raises(ValidationFailed):
        await bench.tracker.attach(item.remote_id, wrong, "op-2")
    assert bench.emulator.desk.uploads == {}, "nothing is left lying about"
    assert (await read(bench, item.remote_id)).attachments == ()
    for name, size in (("", 3), ("x" * 256, 3), ("big.bin", 51 * 1024 * 1024)):
        refused = type(file)(**{one: getattr(file, one) for one in file.__slots__} | {"name": name, "size": size})
        with pytest.raises(ValidationFailed):
            await bench.tracker.attach(item.remote_id, refused, "op-3")


async def test_a_file_whose_comment_was_lost_is_attached_once(bench: ZendeskBench) -> None:
    item = await made(bench)
    bench.emulator.faults.plan(Fault(kind=FaultKind.AFTER, method="PUT"))
    with pytest.raises(Outage) as lost:
        await bench.tracker.attach(item.remote_id, upload("a.txt", b"a"), "op-2")
    assert lost.value.unknown
    [file] = (await read(bench, item.remote_id)).attachments
    assert file.op == "op-2"


async def test_credentials_do_not_go_where_files_lie(bench: ZendeskBench, way: Egress) -> None:
    item = await made(bench)
    id = await bench.tracker.attach(item.remote_id, upload("a.txt", b"abc"), "op-2")
    calls: list[tuple[str, bool]] = []

    class Watching(Egress):
        def __init__(self, inner: Egress) -> None:
            self.inner = inner

        async def send(self, *given: Any, **named: Any) -> Any:
            return await self.inner.send(*given, **named)

        def stream(self, method: str, url: str, content: Any = b"", headers: Any = None, **given: Any) -> Any:
            calls.append((url.split("/")[2].partition(":")[0], "authorization" in headers))
            return self.inner.stream(method, url, content, headers, **given)

    bench.way = Watching(way)
    assert b"".join([chunk async for chunk in bench.connected().download(item.remote_id, id)]) == b"abc"
    assert calls == [("127.0.0.1", True), ("localhost", False)]
    elsewhere = {"attachment": {"id": int(id), "content_url": bench.url.replace("127.0.0.1", "localhost") + "/cdn/x"}}
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/attachments/", status=200, body=elsewhere))
    with pytest.raises(Outage):
        assert [chunk async for chunk in bench.connected().download(item.remote_id, id)]
    assert calls[-1] == ("localhost", False), "not even the first time, where another host is named"


# Gone.


async def test_a_merged_ticket_leads_to_the_other(bench: ZendeskBench) -> None:
    one, two, three = await made(bench), await made(bench, "Other", "inc-2"), await made(bench, "Third", "inc-3")
    merge = {"ids": [int(one.remote_id)], "source_comment": f"Not #{three.remote_id} but #{two.remote_id}"}
    assert (await bench.people[AGENT].post(f"tickets/{two.remote_id}/merge", json=merge)).status_code == 200
    gone = await bench.tracker.read(one.remote_id)
    assert isinstance(gone, Gone)
    assert (gone.reason, gone.moved_to) == (GoneReason.MOVED, two.remote_id)


async def test_a_merge_that_nobody_confirms_is_a_closed_ticket(bench: ZendeskBench) -> None:
    one, two = await made(bench), await made(bench, "Other", "inc-2")
    told = CommentDraft(body="See #2", markup=bench.tracker.capabilities.comment_markup, visibility=Visibility.PRIVATE)
    await bench.tracker.comment(one.remote_id, told, "op-2")
    await bench.updated(one.remote_id, status="solved", tags=["closed_by_merge"], custom_fields=[
        {"id": int(name), "value": value} for name, value in bench.fill.items()
    ])  # fmt: skip
    await bench.updated(one.remote_id, status="closed")
    assert two.remote_id == "2"
    found = await read(bench, one.remote_id)
    assert found.closed_for_writing


async def test_deleted_restored_and_erased(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.person_deletes(item.remote_id)
    gone = await bench.tracker.read(item.remote_id)
    assert isinstance(gone, Gone)
    assert gone.reason is GoneReason.DELETED
    assert await bench.tracker.find("inc-1") is None
    await bench.people[AGENT].put(f"deleted_tickets/{item.remote_id}/restore")
    await read(bench, item.remote_id)
    await bench.person_deletes(item.remote_id)
    await bench.people[AGENT].delete(f"deleted_tickets/{item.remote_id}")
    gone = await bench.tracker.read(item.remote_id)
    assert isinstance(gone, Gone)
    assert gone.reason is GoneReason.UNREADABLE


async def test_a_ticket_is_named_as_people_name_it(bench: ZendeskBench) -> None:
    item = await made(bench)
    for name in (item.remote_id, f"#{item.remote_id}", item.url, f"{bench.url}/agent/tickets/{item.remote_id}/events"):
        assert (await read(bench, name)).id == item.remote_id
    for name in ("", "abc", "../users/me", "1/../2", "0"):
        with pytest.raises(ValidationFailed):
            await bench.tracker.read(name)


async def test_relations(bench: ZendeskBench) -> None:
    problem = await made(bench, type="problem")
    item = await made(bench, "Incident", "inc-2", type="incident")
    await bench.updated(item.remote_id, problem_id=int(problem.remote_id))
    [relation] = (await read(bench, item.remote_id)).relations
    assert (relation.kind, relation.remote_id) == (RelationKind.PARENT, problem.remote_id)


# Changes.


async def test_the_system_touches_tickets_and_the_export_tells(bench: ZendeskBench) -> None:
    item = await made(bench)
    begun = await bench.tracker.list_changes(None)
    await bench.advance(300)
    page = await bench.tracker.list_changes(begun.cursor)
    bench.emulator.desk.touch(bench.emulator.desk.tickets[int(item.remote_id)])
    again = await bench.tracker.list_changes(page.cursor)
    assert [(one.remote_id, one.revision, one.deleted) for one in again.hints] == [(item.remote_id, "", False)]
    assert (await bench.tracker.list_changes(again.cursor)).hints == ()


async def test_many_changes_come_in_pages(bench: ZendeskBench) -> None:
    begun = await bench.tracker.list_changes(None)
    bench.emulator.interface.tickets.export_page = 2
    ids = [(await made(bench, f"Fault {n}", f"inc-{n}")).remote_id for n in range(5)]
    cursor, seen, more = begun.cursor, [], True
    while more:
        page = await bench.tracker.list_changes(cursor)
        seen += [one.remote_id for one in page.hints]
        cursor, more = page.cursor, page.more
    assert seen == ids


async def test_what_was_there_is_listed_to_the_last_moment_by_form(bench: ZendeskBench) -> None:
    desk = bench.emulator.desk
    old = await made(bench, "Old")
    gone = await made(bench, "Gone", "inc-2")
    await bench.person_deletes(gone.remote_id)
    desk.forms[77] = d.Form(77, "Incident", list(desk.fields), desk.now())
    bench.tracker = tracker = bench.connected()
    bench.emulator.interface.tickets.export_page = 1
    await bench.advance(7200)
    new = await tracker.create(
        Draft(project="tickets", type="Incident", fields={"subject": "New"}, natural_key="k", url="https://rp.example"),
        "op",
    )

    async def listed(type: str, since: datetime | None = None) -> list[str]:
        found: list[str] = []
        cursor, more = None, True
        while more:
            page = await tracker.list_items("tickets", type, since, cursor)
            found += [one.remote_id for one in page.items]
            cursor, more = page.cursor, page.more
        return found

    assert await listed("Incident") == [new.remote_id], "though the export does not have it yet"
    assert await listed("Default Ticket Form") == [old.remote_id]
    assert await listed("Default Ticket Form", bench.clock.now() - timedelta(hours=1)) == []
    for cursor in ("nonsense", "recent=1", "recent=x/1"):
        with pytest.raises(ValidationFailed):
            await tracker.list_items("tickets", "Incident", None, cursor)


# The panel.


async def test_the_panel_is_one_private_note_and_a_field_where_there_is_one(bench: ZendeskBench) -> None:
    desk = bench.emulator.desk
    item = await made(bench)
    await bench.tracker.show_panel(item.remote_id, PANEL)
    await bench.tracker.show_panel(item.remote_id, Panel(url=PANEL.url, title=PANEL.title, status="resolved"))
    rows = (await bench.people[AGENT].get(f"tickets/{item.remote_id}/comments")).json()["comments"]
    assert [(one["public"], one["body"]) for one in rows[1:]] == [
        (False, "This ticket is also worked on in Rallypoint: https://rp.example/i/1")
    ]
    desk.fields[88] = d.Field(88, "text", "Rallypoint", desk.now())
    bench.tracker = bench.connected()
    for status in ("investigating", "resolved", "resolved"):
        await bench.tracker.show_panel(item.remote_id, Panel(url=PANEL.url, title=PANEL.title, status=status))
    ticket = desk.tickets[int(item.remote_id)]
    assert (ticket.state.custom[88], len(ticket.comments)) == ("RP-1 Payments fail · resolved", 2)
    after = await read(bench, item.remote_id)
    assert "88" not in after.fields
    assert after.comments == ()
    assert all(one.field != "88" for one in after.history)


# Webhooks.


async def test_webhook_and_trigger_are_made_once_and_renewed(bench: ZendeskBench) -> None:
    hooks = bench.emulator.webhooks
    bench.emulator.deliveries.hold = True
    first = await bench.tracker.register_webhook("https://rp.example/told/one", "ours")
    again = await bench.tracker.register_webhook("https://rp.example/told/two", "ours")
    assert (first.state, first.id, first.secret) == (WebhookState.ACTIVE, again.id, again.secret)
    assert first.secret != "ours"
    [webhook], [trigger] = hooks.all.values(), hooks.triggers.values()
    assert (webhook.name, webhook.endpoint, trigger.title) == (
        "Rallypoint lantern", "https://rp.example/told/two", "Rallypoint lantern",
    )  # fmt: skip
    other = ZendeskTracker(
        bench.way, base_url=bench.url, now=bench.clock.now, name="other",
        credentials=Credentials(email=INTEGRATION, api_token=bench.emulator.api_token),
    )  # fmt: skip
    await other.register_webhook("https://other.example/told/x", "ours")
    assert len(hooks.all) == 2, "another connection has its own"
    webhook.name = trigger.title = "Rallypoint lantern two"
    await bench.tracker.register_webhook("https://rp.example/told/three", "ours")
    assert webhook.endpoint == "https://rp.example/told/two", "a name that only begins like ours is not ours"
    assert (len(hooks.all), len(hooks.triggers)) == (3, 3)


async def test_our_own_updates_are_not_told(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.listen()
    await bench.tracker.write(item.remote_id, {"subject": "Ours"}, item.revision, "op-2")
    assert await bench.heard() == []
    await bench.person_sets(item.remote_id, "subject", "Theirs")
    [told] = await bench.heard()
    [hint] = bench.tracker.verify_webhook(told.body, told.headers, bench.secret).hints
    assert (hint.remote_id, hint.at) == (item.remote_id, bench.clock.now())


async def test_the_health_of_a_webhook(bench: ZendeskBench) -> None:
    hooks = bench.emulator.webhooks
    made = await bench.tracker.register_webhook("http://127.0.0.1:1/told", "ours")
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.ACTIVE
    item = await bench.tracker.create(
        Draft(project="tickets", type="ticket", fields={"subject": "x"}, natural_key="k", url="https://rp.example"),
        "op",
    )
    await bench.person_sets(item.remote_id, "subject", "Theirs")
    await bench.emulator.deliveries.settle()
    [invocation] = hooks.invocations.values()
    invocation.status = "failed"
    assert (await bench.tracker.webhook_state(made)).detail == "The last delivery: failed."
    [webhook], [trigger] = hooks.all.values(), hooks.triggers.values()
    trigger.active = False
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.DISABLED
    trigger.active, webhook.status = True, "inactive"
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.DISABLED
    hooks.triggers.clear()
    assert (await bench.tracker.webhook_state(made)).state is WebhookState.MISSING
    healed = await bench.tracker.register_webhook("http://127.0.0.1:1/told", "ours")
    assert (await bench.tracker.webhook_state(healed)).state is WebhookState.ACTIVE
    assert webhook.status == "active"


async def test_who_may_not_make_webhooks_is_told_what_to_enter(bench: ZendeskBench, way: Egress) -> None:
    credentials = Credentials(email=AGENT, api_token=bench.emulator.api_token)
    tracker = ZendeskTracker(way, base_url=bench.url, credentials=credentials, now=bench.clock.now, name="lantern")
    made = await tracker.register_webhook("https://rp.example/told/key", "ours")
    assert (made.state, made.secret) == (WebhookState.BY_HAND, "ours")
    assert "https://rp.example/told/key" in made.instructions
    assert "{{ticket.id}}" in made.instructions
    assert (await tracker.webhook_state(made)).state is WebhookState.BY_HAND
    body = json.dumps({"ticket": "7"}).encode()
    headers = {"authorization": "Bearer ours", "x-zendesk-webhook-signature": "AAAA"}
    [hint] = tracker.verify_webhook(body, headers, "ours").hints
    assert hint.remote_id == "7"
    for wrong in ({"authorization": "Bearer other"}, {"authorization": "Basic ours"}, {"authorization": "ours"}, {}):
        with pytest.raises(Unverified):
            tracker.verify_webhook(body, wrong, "ours")


async def test_a_condition_that_is_not_known_there_is_done_without(bench: ZendeskBench) -> None:
    bench.emulator.faults.plan(
        Fault(kind=FaultKind.REFUSE, method="POST", path="/triggers", status=422, body=said("RecordInvalid", base="No"))
    )
    made = await bench.tracker.register_webhook("https://rp.example/told", "ours")
    [trigger] = bench.emulator.webhooks.triggers.values()
    assert (made.state, trigger.conditions["all"]) == (WebhookState.ACTIVE, [])


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"ticket": "../1"}', b'{"ticket": "{{ticket.id}}"}'])
def test_a_signed_delivery_that_says_nothing_of_use(bench: ZendeskBench, body: bytes) -> None:
    signature = base64.b64encode(hmac.new(b"key", b"now" + body, hashlib.sha256).digest()).decode()
    headers = {"x-zendesk-webhook-signature": signature, "x-zendesk-webhook-signature-timestamp": "now"}
    if body.startswith(b'{"'):
        told = bench.tracker.verify_webhook(body, headers, "key")
        assert told.hints == ()
        assert told.delivery
    else:
        with pytest.raises(Unverified):
            bench.tracker.verify_webhook(body, headers, "key")


async def test_a_suggested_mapping_says_what_zendesk_means(bench: ZendeskBench) -> None:
    """New is new, open is being worked on; closed is final there, so closing here is left to Zendesk."""
    schema = await bench.tracker.describe("tickets", "ticket")
    status = schema.field("status")
    assert status is not None
    found = suggest_status(status)
    out = {one.hub: one.remote for one in found.out}
    assert {name: out[name] for name in ("triage", "active", "on_hold", "restored", "resolved", "closed")} == {
        "triage": "new", "active": "open", "on_hold": "pending", "restored": "open", "resolved": "solved",
        "closed": "solved",
    }  # fmt: skip
    assert {one.remote: one.hub for one in found.into} == {
        "new": "triage", "open": "active", "pending": "on_hold", "hold": "on_hold", "solved": "resolved",
        "closed": "resolved",
    }  # fmt: skip
    description = schema.field("description")
    assert description is not None
    assert description.kind is FieldKind.RICH_TEXT, "which has lines"


async def test_what_nobody_did_is_done_by_zendesk(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.person_sets(item.remote_id, "subject", "By a rule")
    bench.emulator.desk.tickets[int(item.remote_id)].audits[-1].author = -1
    after = await read(bench, item.remote_id)
    last = [one for one in after.history if one.field == "subject"][-1]
    assert (last.by, after.changed_by) == (Person(remote_id="-1", name="Zendesk"),) * 2


async def test_what_is_said_while_we_read_comes_with_the_next_read(bench: ZendeskBench) -> None:
    item = await made(bench)
    await bench.person_comments(item.remote_id, "First", Visibility.PUBLIC)
    ticket = bench.emulator.desk.tickets[int(item.remote_id)]
    rows = (await bench.people[AGENT].get(f"tickets/{item.remote_id}/audits")).json()
    await bench.person_comments(item.remote_id, "Second", Visibility.PUBLIC)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/audits", status=200, body=rows))
    early = await read(bench, item.remote_id)
    assert [one.body for one in early.comments] == ['<p dir="auto">First</p>']
    late = await read(bench, item.remote_id)
    assert (len(late.comments), late.revision != early.revision) == (2, True)
    rows["audits"] = [one for one in rows["audits"] if one["id"] != ticket.comments[1].audit]
    rows["audits"].append({**rows["audits"][-1], "id": ticket.audits[-1].id, "events": []})
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, path="/audits", status=200, body=rows))
    lacking = await read(bench, item.remote_id)
    assert len(lacking.comments) == 2, "one whose audit is not shown is shown all the same"
