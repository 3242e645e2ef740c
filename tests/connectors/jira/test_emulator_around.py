"""What Atlassian documents of search, budgets and webhooks: the emulator does it."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.jira import CLIENT, DESK, ENGINEER, INTEGRATION, PROJECT
from rallypoint.emulators.jira.hooks import SECTION
from tests.connectors.jira.asking import api, ask, opened, read, refused, text
from tests.connectors.jira.conftest import Served

HOOK = "https://rp.example/told/key"
NO_CHECK = {"x-atlassian-token": "no-check"}


# Search.


async def search(served: Served, jql: str, **asked: str) -> Any:
    path = "search/jql" if served.cloud else "search"
    return await ask(served, "GET", path, params={"jql": jql, "fields": "updated", **asked})


async def test_the_index_is_behind_and_can_be_reconciled(jira: Served, clock: ManualClock) -> None:
    jira.emulator.site.lag = 30.0
    id = await opened(jira)
    assert (await search(jira, "project = PAY"))["issues"] == []
    assert (await read(jira, id))["key"] == "PAY-1", "a read is fresh"
    if jira.cloud:
        fresh = await search(jira, "project = PAY", reconcileIssues=id)
        assert [one["id"] for one in fresh["issues"]] == [id]
    clock.advance(timedelta(seconds=31))
    assert [one["id"] for one in (await search(jira, "project = PAY"))["issues"]] == [id]
    await ask(jira, "PUT", f"issue/{id}", {"fields": {"labels": ["new"]}})
    assert (await search(jira, "project = PAY AND labels = new"))["issues"] == []


async def test_pages_move_while_others_write(jira: Served, clock: ManualClock) -> None:
    ids = []
    for number in range(4):
        ids.append(await opened(jira, f"Fault {number}"))
        clock.advance(timedelta(seconds=1))
    first = await search(jira, "project = PAY ORDER BY updated ASC", maxResults="2")
    assert [one["id"] for one in first["issues"]] == ids[:2]
    await ask(jira, "PUT", f"issue/{ids[0]}", {"fields": {"summary": "Touched"}})
    onward = {"nextPageToken": first["nextPageToken"]} if jira.cloud else {"startAt": "2"}
    second = await search(jira, "project = PAY ORDER BY updated ASC", maxResults="2", **onward)
    assert [one["id"] for one in second["issues"]] == [ids[3], ids[0]], "one was left out"
    if jira.cloud:
        assert (second["isLast"], "total" in second) == (True, False)
        no = await refused(jira, "GET", "search/jql?jql=project=PAY&nextPageToken=x")
        assert "token is invalid" in no.text
    else:
        assert second["total"] == 4


async def test_the_language_of_search(jira: Served, clock: ManualClock) -> None:
    one = await opened(jira, 'Cards "fail"', labels=["p1"])
    two = await opened(jira, place=DESK)
    clock.advance(timedelta(minutes=10))
    three = await opened(jira, priority={"name": "Highest"})
    for jql, found in (
        ("project in (PAY, HELP) ORDER BY id", [one, two, three]),
        ("project = PAY AND NOT labels = p1", [three]),
        ("labels is EMPTY AND project = HELP", [two]),
        ('(labels = p1 OR priority = Highest) AND status != Done ORDER BY id DESC', [three, one]),
        ("updated >= -5m", [three]),
        ('updated >= "-15m" AND created < "-5m" ORDER BY key', [one, two]),
        ('created >= "2026-06-01 04:05"', [three]),
        ("statusCategory = 'To Do' AND summary ~ cards", [one]),
        ("key = PAY-1", [one]),
        ("issuetype not in (Bug)", [two]),
        ("creator = currentUser() AND resolution = Unresolved AND priority = 1", [three]),
    ):  # fmt: skip
        assert [each["id"] for each in (await search(jira, jql))["issues"]] == found, jql
    for jql in ("nonsense = 1", "status = Nowhere", "updated >= yesterday", "project PAY", "summary > 3", "key ="):
        assert (await refused(jira, "GET", f"{'search/jql' if jira.cloud else 'search'}?jql={jql}")).status_code == 400
    if jira.cloud:
        assert "Unbounded" in (await refused(jira, "GET", "search/jql?jql=ORDER BY created")).text


# Budgets.


async def test_budgets_are_told_and_kept(jira: Served, clock: ManualClock) -> None:
    jira.emulator.limits.per_issue = 2
    id, other = await opened(jira), await opened(jira)
    for _ in range(2):
        await ask(jira, "PUT", f"issue/{id}", {"fields": {"summary": "x"}})
    no = await refused(jira, "PUT", f"issue/{id}", {"fields": {"summary": "y"}})
    assert (no.status_code, no.headers["retry-after"]) == (429, "2")
    assert no.headers.get("ratelimit-reason") == ("jira-per-issue-on-write" if jira.cloud else None)
    await ask(jira, "PUT", f"issue/{other}", {"fields": {"summary": "y"}})
    clock.advance(timedelta(seconds=2))
    await ask(jira, "PUT", f"issue/{id}", {"fields": {"summary": "y"}})
    jira.emulator.limits.per_issue, jira.emulator.limits.burst = None, 3
    for _ in range(3):
        await ask(jira, "GET", f"issue/{id}")
    no = await refused(jira, "GET", f"issue/{id}")
    assert no.headers["retry-after"] == "1"
    await ask(jira, "GET", "myself")
    jira.emulator.limits.burst, jira.emulator.limits.hourly = None, 2
    good = await jira.people[ENGINEER].get(f"{api(jira)}/myself")
    assert (good.headers["x-ratelimit-limit"], good.headers["x-ratelimit-remaining"]) == ("2", "1")


async def test_faults_before_and_after_the_effect(jira: Served) -> None:
    id = await opened(jira)
    jira.emulator.faults.plan(
        Fault(kind=FaultKind.REFUSE, method="PUT", path="/issue/"),
        Fault(kind=FaultKind.AFTER, method="PUT", path="/issue/"),
    )
    for summary in ("before", "after"):
        assert (await refused(jira, "PUT", f"issue/{id}", {"fields": {"summary": summary}})).status_code == 503
        assert (await read(jira, id))["fields"]["summary"] == ("after" if summary == "after" else "Payments fail")


# Webhooks.


async def hooked(served: Served, **more: Any) -> Any:
    events = ["jira:issue_updated", "comment_created", "jira:issue_deleted"]
    said = {"name": "Rallypoint", "url": HOOK, "events": events, "secret": "s3cr3t"}
    said |= {"filters": {SECTION: f"project = {PROJECT}"}, **more}
    served.emulator.deliveries.hold = True
    return await ask(served, "POST", "/rest/webhooks/1.0/webhook", said, name=INTEGRATION)


def heard(served: Served) -> list[tuple[dict[str, str], Any]]:
    held, served.emulator.deliveries.held = served.emulator.deliveries.held, []
    return [({name.lower(): value for name, value in one.headers.items()}, json.loads(one.body)) for one in held]


async def test_webhooks_of_an_administrator(jira: Served) -> None:
    made = await hooked(jira)
    assert "secret" not in made
    id, beside = await opened(jira), await opened(jira, place=DESK)
    await ask(jira, "PUT", f"issue/{beside}", {"fields": {"summary": "x"}})
    await ask(jira, "PUT", f"issue/{id}", {"fields": {"summary": "x"}, "historyMetadata": {"type": "t"}})
    [(headers, body)] = heard(jira)
    assert (body["webhookEvent"], body["issue"]["id"]) == ("jira:issue_updated", id)
    assert body["changelog"]["items"][0]["toString"] == "x"
    assert body["changelog"]["historyMetadata"] == {"type": "t"}
    assert isinstance(body["timestamp"], int)
    assert ("x-hub-signature" in headers) is jira.cloud
    await ask(jira, "POST", f"issue/{id}/comment", {"body": text(jira, "Hello")})
    (_, comment), (_, updated) = heard(jira)
    assert (comment["webhookEvent"], updated["issue_event_type_name"]) == ("comment_created", "issue_commented")
    assert ("issue" in comment) is jira.cloud
    assert f"/issue/{id}/comment/" in comment["comment"]["self"]
    assert (await refused(jira, "GET", "/rest/webhooks/1.0/webhook")).status_code == 403


async def test_one_that_is_switched_off_sends_nothing_and_others_come_twice_and_backwards(jira: Served) -> None:
    nowhere = "http://127.0.0.1:9/told/key"
    made = await hooked(jira, filters={}, events=["jira:issue_updated"], url=nowhere)
    id = await opened(jira)
    for number in range(3):
        await ask(jira, "PUT", f"issue/{id}", {"fields": {"summary": f"Title {number}"}})
    deliveries = jira.emulator.deliveries
    deliveries.hold = False
    await deliveries.release(lambda held: list(held)[::-1], copies=2)
    assert deliveries.answers == [None] * 6, "nobody lives there"
    number = made["self"].rpartition("/")[2]
    off = {"name": "Rallypoint", "url": HOOK, "enabled": False}
    assert (await ask(jira, "PUT", f"/rest/webhooks/1.0/webhook/{number}", off, name=INTEGRATION))["enabled"] is False
    deliveries.hold = True
    await ask(jira, "PUT", f"issue/{id}", {"fields": {"summary": "Quiet"}})
    assert heard(jira) == []
    assert (await refused(jira, "PUT", "/rest/webhooks/1.0/webhook/99", off, name=INTEGRATION)).status_code == 404


async def test_the_signature_covers_the_body_and_the_name_stays(cloud: Served, clock: ManualClock) -> None:
    await hooked(cloud)
    id = await opened(cloud)
    await ask(cloud, "PUT", f"issue/{id}", {"fields": {"summary": "x"}})
    [held] = cloud.emulator.deliveries.held
    mac = hmac.new(b"s3cr3t", held.body, hashlib.sha256).hexdigest()
    assert held.headers["X-Hub-Signature"] == f"sha256={mac}"
    [(first, _)] = heard(cloud)
    number = max(cloud.emulator.hooks.sendings)
    for minutes, status in ((5, 503), (10, 429), (15, 408), (15, 409), (15, None)):
        cloud.emulator.hooks.answered(number, status)
        cloud.emulator.tick()
        assert heard(cloud) == [], "not before its time"
        clock.advance(timedelta(minutes=minutes))
        cloud.emulator.tick()
        [(again, _)] = heard(cloud)
        assert again["x-atlassian-webhook-identifier"] == first["x-atlassian-webhook-identifier"]
    assert again["x-atlassian-webhook-retry"] == "5"
    cloud.emulator.hooks.answered(number, 500)
    clock.advance(timedelta(hours=2))
    cloud.emulator.tick()
    assert heard(cloud) == [], "given up"


async def test_data_center_sends_once_with_what_the_address_says(data_center: Served, clock: ManualClock) -> None:
    await hooked(data_center, url="https://rallypoint:s3cr%40t@rp.example/told/key")
    id = await opened(data_center)
    await ask(data_center, "PUT", f"issue/{id}", {"fields": {"summary": "x"}})
    [held] = data_center.emulator.deliveries.held
    assert held.url == HOOK
    [(headers, _)] = heard(data_center)
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"rallypoint:s3cr@t"
    assert not any(name.startswith("x-atlassian-webhook") for name in headers)
    data_center.emulator.hooks.answered(max(data_center.emulator.hooks.sendings), 503)
    clock.advance(timedelta(hours=1))
    data_center.emulator.tick()
    assert heard(data_center) == []


async def test_a_deletion_takes_others_with_it(cloud: Served) -> None:
    await hooked(cloud, filters={}, events=["jira:issue_deleted", "issuelink_deleted"])
    one, other = await opened(cloud), await opened(cloud)
    await ask(
        cloud,
        "POST",
        "issueLink",
        {"type": {"name": "Blocks"}, "inwardIssue": {"id": one}, "outwardIssue": {"id": other}},
    )
    below = {"project": {"key": PROJECT}, "issuetype": {"name": "Sub-task"}, "summary": "x", "parent": {"id": one}}
    await ask(cloud, "POST", "issue", {"fields": below})
    await ask(cloud, "DELETE", f"issue/{one}?deleteSubtasks=true")
    told = [(body["webhookEvent"], headers["x-atlassian-webhook-flow"]) for headers, body in heard(cloud)]
    assert told == [
        ("jira:issue_deleted", "Primary"),
        ("issuelink_deleted", "Secondary"),
        ("jira:issue_deleted", "Secondary"),
    ]


async def test_webhooks_of_an_application_end_after_thirty_days(cloud: Served, clock: ManualClock) -> None:
    emulator = cloud.emulator
    form = {"client_id": CLIENT, "client_secret": emulator.client_secret, "grant_type": "client_credentials"}
    async with httpx2.AsyncClient(base_url=cloud.url) as app:

        async def call(method: str, path: str, **given: Any) -> Any:
            token = (await app.post("/oauth/token", json=form)).json()["access_token"]
            where = f"/ex/jira/{emulator.site.cloud_id}/rest/api/3/{path}"
            return (await app.request(method, where, headers={"authorization": f"Bearer {token}"}, **given)).json()

        wanted = [
            {"events": ["jira:issue_updated"], "jqlFilter": f"project = {PROJECT}", "fieldIdsFilter": ["summary"]},
            {"events": ["jira:issue_updated"], "jqlFilter": "labels = x"},
            {"events": ["jira:version_released"], "jqlFilter": "project is EMPTY"},
        ]  # fmt: skip
        results = (await call("POST", "webhook", json={"url": HOOK, "webhooks": wanted}))["webhookRegistrationResult"]
        number = results[0]["createdWebhookId"]
        assert "labels is unsupported" in results[1]["errors"][0]
        assert len(results[2]["errors"]) == 2
        [row] = (await call("GET", "webhook"))["values"]
        assert datetime.fromtimestamp(row["expirationDate"] / 1000, UTC) == clock.now() + timedelta(days=30)
        emulator.deliveries.hold = True
        id = await opened(cloud)
        await ask(cloud, "PUT", f"issue/{id}", {"fields": {"labels": ["y"]}})
        await ask(cloud, "PUT", f"issue/{id}", {"fields": {"summary": "x"}})
        [(headers, body)] = heard(cloud)
        assert body["matchedWebhookIds"] == [number]
        head, said, given = headers["authorization"].removeprefix("Bearer ").split(".")
        mac = hmac.new(emulator.client_secret.encode(), f"{head}.{said}".encode(), hashlib.sha256).digest()
        assert base64.urlsafe_b64decode(given + "=" * (-len(given) % 4)) == mac
        clock.advance(timedelta(days=29))
        await call("PUT", "webhook/refresh", json={"webhookIds": [number]})
        clock.advance(timedelta(days=29))
        await ask(cloud, "PUT", f"issue/{id}", {"fields": {"summary": "y"}})
        assert len(heard(cloud)) == 1
        emulator.hooks.answered(max(emulator.hooks.sendings), 404)
        assert len((await call("GET", "webhook/failed"))["values"]) == 1
        clock.advance(timedelta(days=2))
        assert (await call("GET", "webhook"))["values"] == []
        await ask(cloud, "PUT", f"issue/{id}", {"fields": {"summary": "z"}})
        assert heard(cloud) == []
    no = await refused(cloud, "GET", "webhook", name=INTEGRATION)
    assert (no.status_code, "not a Connect or OAuth" in no.text) == (403, True)


# Links and properties.


async def test_a_remote_link_with_a_global_id_is_replaced(jira: Served) -> None:
    id = await opened(jira)
    link = {"globalId": "rp=1", "object": {"url": "https://rp.example/1", "title": "One"}}
    assert (await jira.people[ENGINEER].post(f"{api(jira)}/issue/{id}/remotelink", json=link)).status_code == 201
    link["object"] = {"url": "https://rp.example/1", "title": "Two"}
    assert (await jira.people[ENGINEER].post(f"{api(jira)}/issue/{id}/remotelink", json=link)).status_code == 200
    assert [one["object"]["title"] for one in await ask(jira, "GET", f"issue/{id}/remotelink")] == ["Two"]
    no = await refused(jira, "POST", f"issue/{id}/remotelink", {"object": {"url": "https://x"}})
    assert no.json()["errors"] == {"title": "'title' is required."}


async def test_properties_come_with_the_issue_and_are_found(jira: Served) -> None:
    fields = {"project": {"key": PROJECT}, "issuetype": {"name": "Bug"}, "summary": "x"}
    made = await ask(
        jira, "POST", "issue", {"fields": fields, "properties": [{"key": "rp", "value": {"key": "inc-1"}}]}
    )
    assert (await ask(jira, "GET", f"issue/{made['id']}/properties/rp"))["value"] == {"key": "inc-1"}
    assert (await read(jira, made["id"], properties="rp"))["properties"] == {"rp": {"key": "inc-1"}}
    long = await refused(jira, "PUT", f"issue/{made['id']}/properties/rp", "x" * 32769)
    assert long.status_code == 400
    if jira.cloud:
        [found] = (await search(jira, "project = PAY", properties="rp"))["issues"]
        assert found["properties"] == {"rp": {"key": "inc-1"}}


@pytest.mark.parametrize("method", ["GET", "PUT"])
async def test_what_nobody_serves(jira: Served, method: str) -> None:
    assert (await refused(jira, method, "nothing/of/the/kind")).status_code == 404
    assert (await refused(jira, method, "/elsewhere")).status_code == 404
