"""What only Azure DevOps does to a connector, one trap after the other."""

import json
from typing import Any

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.azure_devops import TOOL
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import ENGINEER, INTEGRATION, PROJECT, AzureDevOps
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.sync.model import TAGS, Gone, GoneReason, RemoteItem, Visibility
from rallypoint.sync.ports import (
    AuthFailed,
    CommentDraft,
    Created,
    Draft,
    MappingBroken,
    Outage,
    Panel,
    PermissionDenied,
    RateLimited,
    Stale,
    TrackerError,
    ValidationFailed,
    WebhookState,
    WorkflowRefused,
)
from rallypoint.sync.tools import Access
from tests.connectors.azure_devops.test_conformance import PATCH, AzureDevOpsBench
from tests.connectors.kit import upload

HTML = {"content-type": "text/html"}
PAGE = "<html><body>Sign in</body></html>"
URL = "https://rp.example/i/1"


@pytest.fixture
def bench(
    emulator: AzureDevOps, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
) -> AzureDevOpsBench:
    return AzureDevOpsBench(emulator, url, people, clock, way)


async def made(bench: AzureDevOpsBench, key: str = "inc-1", url: str = URL, **fields: Any) -> Created:
    draft = Draft(project=PROJECT, type="Bug", fields={bench.title: "Fault", **fields}, natural_key=key, url=url)
    return await bench.tracker.create(draft, "op")


async def read(bench: AzureDevOpsBench, remote_id: str) -> RemoteItem:
    item = await bench.tracker.read(remote_id)
    assert isinstance(item, RemoteItem)
    return item


def said(code: str, key: str = "VssServiceException") -> dict[str, Any]:
    return {"$id": "1", "message": f"{code}: something.", "typeKey": key}


@pytest.mark.parametrize(
    ("status", "headers", "body", "expected"),
    [
        (203, HTML, PAGE, AuthFailed),
        (200, HTML, PAGE, AuthFailed),
        (302, {**HTML, "location": "https://login.example/_signin"}, PAGE, AuthFailed),
        (401, HTML, "", AuthFailed),
        (401, {}, said("TF400813"), AuthFailed),
        (403, {}, said("TF401289"), PermissionDenied),
        (404, {}, said("TF401232"), Stale),
        (409, {}, said("TF26071"), Stale),
        (412, {}, said("VS000000"), Stale),
        (404, {}, said("TF200016"), MappingBroken),
        (400, {}, said("TF51535"), MappingBroken),
        (400, {}, said("TF401347"), MappingBroken),
        (400, {}, said("VS403691"), ValidationFailed),
        (413, HTML, "", ValidationFailed),
        (429, {"retry-after": "30"}, said("TF400733"), RateLimited),
        (503, {}, said("TF400733"), RateLimited),
        (503, HTML, PAGE, Outage),
        (500, {}, said("VS800000"), Outage),
        (404, HTML, PAGE, Outage),
    ],
)
async def test_what_a_refusal_means(
    bench: AzureDevOpsBench, status: int, headers: dict[str, str], body: Any, expected: type[TrackerError]
) -> None:
    item = await made(bench)
    bench.emulator.faults.plan(Fault(kind=FaultKind.REFUSE, method="PATCH", status=status, headers=headers, body=body))
    with pytest.raises(TrackerError) as no:
        await bench.tracker.write(item.remote_id, {bench.title: "x"}, item.revision, "op")
    assert type(no.value) is expected
    assert (await read(bench, item.remote_id)).raw(bench.title) == "Fault"


async def test_a_token_that_ran_out_is_told(bench: AzureDevOpsBench) -> None:
    bench.emulator.organization.users[INTEGRATION].expires = bench.clock.now()
    with pytest.raises(AuthFailed) as no:
        await bench.tracker.list_changes(None)
    assert "token" in no.value.help


async def test_retry_after_on_a_good_answer_is_noted(bench: AzureDevOpsBench) -> None:
    bench.emulator.limit.most = 1
    await bench.tracker.list_changes(None)
    [note] = bench.tracker.rate_notes()
    assert (note.bucket, note.limit, note.remaining, note.retry_after is not None) == ("WorkItemTracking", 1, 0, True)


async def test_comments_and_links_count_as_revisions(bench: AzureDevOpsBench) -> None:
    item = await made(bench)
    await bench.person_comments(item.remote_id, "Seen", Visibility.PUBLIC)
    with pytest.raises(Stale):
        await bench.tracker.write(item.remote_id, {bench.title: "x"}, item.revision, "op")


async def test_a_refused_state_says_what_is_missing(bench: AzureDevOpsBench) -> None:
    item = await made(bench)
    with pytest.raises(WorkflowRefused) as no:
        await bench.tracker.write(item.remote_id, {"System.State": "Resolved"}, item.revision, "op")
    assert no.value.missing == ("Custom.RootCause",)
    closed = {"System.State": "Resolved", "Custom.RootCause": "Queue", "System.Reason": "No such reason"}
    with pytest.raises(WorkflowRefused):
        await bench.tracker.write(item.remote_id, closed, item.revision, "op")


async def test_items_begin_where_they_can(bench: AzureDevOpsBench) -> None:
    item = await made(bench, **{"System.State": "Active"})
    assert (await read(bench, item.remote_id)).raw("System.State") == "New"


async def test_tags_that_are_taken_away_go(bench: AzureDevOpsBench) -> None:
    item = await made(bench, **{TAGS: ("b", "a")})
    assert (await read(bench, item.remote_id)).tags == ("a", "b")
    await bench.tracker.write(item.remote_id, {TAGS: ("a",)}, item.revision, "op")
    after = await read(bench, item.remote_id)
    assert after.tags == ("a",)
    assert [one.new for one in after.history if one.field == TAGS] == [("a", "b"), ("a",)]


async def test_kinds_of_values(bench: AzureDevOpsBench) -> None:
    item = await made(bench)
    changes = {
        "Microsoft.VSTS.Common.Priority": "1",
        "Microsoft.VSTS.Scheduling.RemainingWork": 2.5,
        "Microsoft.VSTS.Scheduling.DueDate": "2026-07-01T10:00:00+02:00",
        "Custom.CustomerImpact": True,
    }
    await bench.tracker.write(item.remote_id, changes, item.revision, "op")
    now = await read(bench, item.remote_id)
    assert {name: now.raw(name) for name in changes} == changes | {
        "Microsoft.VSTS.Scheduling.DueDate": "2026-07-01T08:00:00+00:00"
    }
    await bench.tracker.write(item.remote_id, dict.fromkeys(list(changes)[1:]), now.revision, "op")
    cleared = await read(bench, item.remote_id)
    assert [cleared.raw(name) for name in list(changes)[1:]] == [None, None, None]


async def test_a_text_that_was_switched_to_markdown_is_read_as_html(bench: AzureDevOpsBench) -> None:
    item = await made(bench)
    operations = [
        {"op": "add", "path": f"/multilineFieldsFormat/{bench.text}", "value": "Markdown"},
        {"op": "add", "path": f"/fields/{bench.text}", "value": "**It** fails"},
    ]
    where = f"_apis/wit/workitems/{item.remote_id}"
    assert (await bench.people[ENGINEER].patch(where, json=operations, headers=PATCH)).status_code == 200
    first = await read(bench, item.remote_id)
    assert first.raw(bench.text) == "<p><strong>It</strong> fails</p>"
    await bench.tracker.write(item.remote_id, {bench.text: first.raw(bench.text)}, first.revision, "op")
    assert (await read(bench, item.remote_id)).raw(bench.text) == first.raw(bench.text)


async def test_deleted_lies_in_the_bin_and_destroyed_looks_hidden(bench: AzureDevOpsBench) -> None:
    item, other = await made(bench), await made(bench, "inc-2")
    await bench.person_deletes(item.remote_id)
    gone = await bench.tracker.read(item.remote_id)
    assert isinstance(gone, Gone)
    assert gone.reason is GoneReason.DELETED
    where = f"_apis/wit/workitems/{other.remote_id}"
    await bench.people[ENGINEER].delete(where, params={"destroy": "true"})
    lost = await bench.tracker.read(other.remote_id)
    assert isinstance(lost, Gone)
    assert lost.reason is GoneReason.UNREADABLE


async def test_a_private_comment_is_never_sent(bench: AzureDevOpsBench) -> None:
    item = await made(bench)
    for visibility in (Visibility.PRIVATE, Visibility.UNKNOWN):
        draft = CommentDraft(body="Secret", markup=bench.tracker.capabilities.comment_markup, visibility=visibility)
        with pytest.raises(ValidationFailed):
            await bench.tracker.comment(item.remote_id, draft, "op")
    assert not [one for one in bench.emulator.faults.seen if one.path.endswith("/comments") and one.method == "POST"]


async def test_a_file_tells_which_write_of_ours_it_was(bench: AzureDevOpsBench) -> None:
    item = await made(bench)
    await bench.tracker.attach(item.remote_id, upload("a.txt", b"abc"), "op-9")
    assert [one.op for one in (await read(bench, item.remote_id)).attachments] == ["op-9"]


async def test_two_incidents_have_a_link_each_and_a_new_address_replaces_the_old(bench: AzureDevOpsBench) -> None:
    item = await made(bench)
    value = {"rel": "Hyperlink", "url": "https://wiki.example", "attributes": {"comment": "Rallypoint handbook"}}
    operation = {"op": "add", "path": "/relations/-", "value": value}
    await bench.people[ENGINEER].patch(f"_apis/wit/workitems/{item.remote_id}", json=[operation], headers=PATCH)
    for url, title in ((URL, "RP-1"), ("https://rp.example/i/2", "RP-2"), ("https://new.example/i/1", "RP-1")):
        await bench.tracker.show_panel(item.remote_id, Panel(url=url, title=title, status="resolved"))
    rows = bench.emulator.organization.items[int(item.remote_id)].last.relations
    assert {row["url"]: row["attributes"]["comment"] for row in rows} == {
        "https://wiki.example": "Rallypoint handbook",
        "https://rp.example/i/2": "Rallypoint incident [] RP-2 · resolved",
        "https://new.example/i/1": "Rallypoint incident [inc-1] RP-1 · resolved",
    }
    assert await bench.tracker.find("inc-1") == item.remote_id
    assert [one.url for one in (await read(bench, item.remote_id)).relations] == ["https://wiki.example"]


async def test_hooks_are_renewed_in_place_and_their_troubles_told(bench: AzureDevOpsBench) -> None:
    first = await bench.tracker.register_webhook("https://rp.example/in/key", "one")
    assert (await bench.tracker.register_webhook("https://rp.example/in/newer", "two")).id == first.id
    subscriptions = bench.emulator.hooks.subscriptions
    assert len(subscriptions) == 5
    assert {one.consumer_inputs["basicAuthPassword"] for one in subscriptions.values()} == {"two"}
    ids = list(subscriptions)
    subscriptions[ids[1]].status = "onProbation"
    assert (await bench.tracker.webhook_state(first)).state is WebhookState.DISABLED
    renewed = await bench.tracker.register_webhook("https://rp.example/in/key", "two")
    assert (await bench.tracker.webhook_state(renewed)).state is WebhookState.ACTIVE
    del subscriptions[ids[2]]
    assert (await bench.tracker.webhook_state(first)).state is WebhookState.MISSING


async def test_who_may_not_subscribe_is_told_what_an_administrator_does(bench: AzureDevOpsBench) -> None:
    bench.emulator.organization.users[INTEGRATION].hooks = False
    told = await bench.tracker.register_webhook("https://rp.example/in/key", "s3cr3t")
    assert told.state is WebhookState.BY_HAND
    assert "https://rp.example/in/key" in told.instructions
    assert "s3cr3t" not in told.instructions


async def test_an_update_is_about_its_item_and_not_about_its_own_number(bench: AzureDevOpsBench) -> None:
    await made(bench, "inc-1")
    await made(bench, "inc-2")
    item = await made(bench, "inc-3")
    await bench.listen()
    await bench.person_sets(item.remote_id, bench.title, "Changed")
    [heard] = await bench.heard()
    assert json.loads(heard.body)["resource"]["id"] == 2
    [hint] = bench.tracker.verify_webhook(heard.body, heard.headers, bench.secret).hints
    assert (hint.remote_id, hint.revision, hint.type) == (item.remote_id, "2", "Bug")
    by_hand = {"x-rallypoint-token": bench.secret}
    assert bench.tracker.verify_webhook(heard.body, by_hand, bench.secret).hints == (hint,)


@pytest.mark.parametrize("id", ["", "0", "1/../2", "1?x=1", "-1", "abc", "9" * 20])
async def test_ids_are_nothing_else_than_ids(bench: AzureDevOpsBench, id: str) -> None:
    with pytest.raises(ValidationFailed):
        await bench.tracker.read(id)
    assert not bench.emulator.faults.seen


async def test_without_a_project_every_project_is_followed(bench: AzureDevOpsBench) -> None:
    bench.emulator.organization.add_project("Ledger & Co")
    tracker = bench.connected(bench.emulator.tokens[INTEGRATION], project="")
    assert (await tracker.check()).ok
    assert [one.id for one in await tracker.projects()] == ["Ledger & Co", PROJECT]
    begun = await tracker.list_changes(None)
    draft = Draft(project="Ledger & Co", type="Task", fields={bench.title: "x"}, natural_key="inc-5", url=URL)
    there = await tracker.create(draft, "op")
    assert [one.remote_id for one in (await tracker.list_changes(begun.cursor)).hints] == [there.remote_id]
    assert await tracker.find("inc-5") == there.remote_id


def test_the_tool_makes_a_tracker(way: Egress) -> None:
    given = Access(key="ado", base_url="https://dev.azure.com/x", settings={"project": PROJECT}, secrets={"token": "t"})
    assert TOOL.make(given, way).capabilities.conditional_write
    assert {one.name for one in TOOL.asked if one.secret} == {"token", "client_secret", "refresh_token"}
