"""The emulator does what the vendor documents, line by line of our checklist, before a connector is judged by it."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint.clock import ManualClock
from rallypoint.emulators.base import serving
from rallypoint.emulators.keeping import keep, take_up
from rallypoint.emulators.zendesk import AGENT, CLIENT, CUSTOMER, INTEGRATION, LEAD, Zendesk
from rallypoint.emulators.zendesk.webhooks import CONFLICTS, SILENCES

People = dict[str, httpx2.AsyncClient]


@pytest.fixture
def agent(people: People) -> httpx2.AsyncClient:
    return people[AGENT]


@pytest.fixture
def sync(people: People) -> httpx2.AsyncClient:
    return people[INTEGRATION]


async def opened(who: httpx2.AsyncClient, **more: Any) -> dict[str, Any]:
    said = {"subject": "Payments fail", "comment": {"body": "Since nine o'clock"}, **more}
    answer = await who.post("tickets", json={"ticket": said})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()["ticket"]
    return found


async def changed(who: httpx2.AsyncClient, id: int, **said: Any) -> httpx2.Response:
    return await who.put(f"tickets/{id}", json={"ticket": said})


async def audits(who: httpx2.AsyncClient, id: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await who.get(f"tickets/{id}/audits")).json()["audits"]
    return found


def custom(ticket: dict[str, Any], id: int) -> Any:
    return next(one["value"] for one in ticket["custom_fields"] if one["id"] == id)


def steps(audit: dict[str, Any], name: str) -> list[tuple[Any, Any]]:
    rows = [one for one in audit["events"] if one.get("field_name") == name]
    return [(one.get("previous_value"), one["value"]) for one in rows]


# Who asks, and how often.


async def test_who_is_not_known_and_who_is_nobody(url: str, emulator: Zendesk, clock: ManualClock) -> None:
    async with httpx2.AsyncClient(trust_env=False, base_url=f"{url}/api/v2/") as client:
        nobody = await client.get("users/me.json")
        assert (nobody.status_code, nobody.json()["user"]["id"]) == (200, None)
        assert (await client.get("tickets/1.json")).json() == {"error": "Couldn't authenticate you"}
        for auth in ((f"{INTEGRATION}/token", "wrong"), (INTEGRATION, emulator.api_token), ("x/token", "y")):
            assert (await client.get("users/me", auth=auth)).status_code == 401
        told = await client.get("users/me", headers={"authorization": f"Bearer {emulator.bearers[AGENT]}"})
        assert told.json()["user"]["email"] == AGENT
        token = emulator.desk.tokens[emulator.bearers[AGENT]]
        token.scopes = frozenset({"read"})
        no = await client.post("tickets", json={}, headers={"authorization": f"Bearer {token.value}"})
        assert (no.status_code, no.json()["error"]) == (403, "Forbidden")
        token.expires = clock.now()
        late = await client.get("users/me", headers={"authorization": f"Bearer {token.value}"})
        assert (late.status_code, late.json()["error"]) == (401, "invalid_token")


async def test_tokens_for_clients(url: str, emulator: Zendesk, clock: ManualClock) -> None:
    async with httpx2.AsyncClient(trust_env=False, base_url=url) as client:

        async def asked(**more: str) -> httpx2.Response:
            said = {"client_id": CLIENT, "client_secret": emulator.client_secret, "scope": "read write", **more}
            return await client.post("/oauth/tokens", json=said)

        given = (await asked(grant_type="client_credentials")).json()
        signed = {"authorization": f"Bearer {given['access_token']}"}
        assert (await client.get("/api/v2/users/me", headers=signed)).json()["user"]["email"] == INTEGRATION
        clock.advance(timedelta(seconds=given["expires_in"]))
        assert (await client.get("/api/v2/users/me", headers=signed)).status_code == 401
        refresh = emulator.oauth.refresh_for(emulator.person(LEAD), CLIENT)
        renewed = (await asked(grant_type="refresh_token", refresh_token=refresh)).json()
        assert renewed["refresh_token"] != refresh
        spent = await asked(grant_type="refresh_token", refresh_token=refresh)
        assert (spent.status_code, spent.json()["error"]) == (400, "invalid_grant")
        assert (await asked(grant_type="client_credentials", client_secret="x")).status_code == 401
        assert (await asked(grant_type="password")).json()["error"] == "unsupported_grant_type"
        assert (await asked(grant_type="client_credentials", scope="all")).json()["error"] == "invalid_scope"


async def test_every_answer_tells_the_budget_and_the_last_is_refused(
    agent: httpx2.AsyncClient, emulator: Zendesk
) -> None:
    emulator.limits.requests.most = 2
    first = await agent.get("users/me")
    assert (first.headers["x-rate-limit"], first.headers["ratelimit-remaining"]) == ("2", "1")
    await agent.get("users/me")
    no = await agent.get("users/me")
    assert (no.status_code, no.headers["retry-after"], no.headers["x-rate-limit-remaining"]) == (429, "60", "0")
    emulator.clock.advance(timedelta(minutes=1))
    assert (await agent.get("users/me")).status_code == 200


async def test_one_ticket_takes_thirty_updates_in_ten_minutes_of_each(people: People, emulator: Zendesk) -> None:
    made = await opened(people[AGENT])
    for number in range(30):
        assert (await changed(people[AGENT], made["id"], subject=f"Number {number}")).status_code == 200
    no = await changed(people[AGENT], made["id"], subject="Another")
    assert (no.status_code, no.headers["retry-after"]) == (429, "600")
    assert int(no.headers["x-rate-limit-remaining"]) > 0, "the account has requests left"
    assert (await changed(people[LEAD], made["id"], subject="By somebody else")).status_code == 200


# One ticket.


async def test_a_safe_update_is_refused_whole_when_the_ticket_has_another_time(
    agent: httpx2.AsyncClient, clock: ManualClock
) -> None:
    made = await opened(agent)
    clock.advance(timedelta(seconds=1))
    await changed(agent, made["id"], subject="Second")
    condition = {"safe_update": True, "updated_stamp": made["updated_at"]}
    no = await changed(agent, made["id"], subject="Third", priority="high", **condition)
    assert (no.status_code, no.json()["error"]) == (409, "UpdateConflict")
    now = (await agent.get(f"tickets/{made['id']}.json")).json()["ticket"]
    assert (now["subject"], now["priority"]) == ("Second", None)
    condition["updated_stamp"] = now["updated_at"]
    assert (await changed(agent, made["id"], subject="Third", **condition)).status_code == 200
    blind = await changed(agent, made["id"], subject="Fourth")
    assert blind.status_code == 200, "without a condition the last one wins"
    assert (await changed(agent, made["id"], subject="x", safe_update=True)).status_code == 422


async def test_two_updates_within_one_second_have_the_same_stamp(agent: httpx2.AsyncClient) -> None:
    made = await opened(agent)
    after = (await changed(agent, made["id"], subject="Second")).json()["ticket"]
    assert after["updated_at"] == made["updated_at"]
    condition = {"safe_update": True, "updated_stamp": made["updated_at"]}
    assert (await changed(agent, made["id"], subject="Third", **condition)).status_code == 200


async def test_each_update_is_one_audit_with_what_was_sent_along(people: People) -> None:
    made = await opened(people[AGENT], tags=["b", "a"])
    metadata = {"op": "op-7"}
    told = await changed(people[INTEGRATION], made["id"], subject="New", priority="high", metadata=metadata)
    first, second = await audits(people[AGENT], made["id"])
    assert second == told.json()["audit"]
    assert second["metadata"]["custom"] == {"op": "op-7"}
    assert steps(second, "subject") == [("Payments fail", "New")]
    assert steps(second, "priority") == [(None, "high")]
    assert steps(first, "tags") == [(None, ["a", "b"])]
    assert first["events"][0]["type"] == "Comment"
    same = await changed(people[AGENT], made["id"], subject="New")
    assert "audit" not in same.json(), "nothing was changed"
    assert len(await audits(people[AGENT], made["id"])) == 2


async def test_a_new_ticket_is_open_once_somebody_has_it_and_never_new_again(
    agent: httpx2.AsyncClient, emulator: Zendesk
) -> None:
    made = await opened(agent)
    assert made["status"] == "new"
    ticket = (await changed(agent, made["id"], assignee_id=emulator.person(AGENT))).json()["ticket"]
    assert (ticket["status"], ticket["group_id"]) == ("open", next(iter(emulator.desk.groups)))
    no = await changed(agent, made["id"], status="new")
    assert (no.status_code, list(no.json()["details"])) == (422, ["status"])


async def test_an_assignee_is_an_agent_of_the_group(agent: httpx2.AsyncClient, emulator: Zendesk) -> None:
    support, payments = emulator.desk.groups
    emulator.desk.users[emulator.person(LEAD)].groups = (payments,)
    made = await opened(agent)
    no = await changed(agent, made["id"], assignee_id=emulator.person(LEAD), group_id=support)
    assert no.json()["details"]["assignee"][0]["description"] == "Assignee: is not a member of the group"
    assert (await changed(agent, made["id"], assignee_id=emulator.person(CUSTOMER))).status_code == 422
    ticket = (await changed(agent, made["id"], assignee_email=LEAD)).json()["ticket"]
    assert ticket["group_id"] == payments
    ticket = (await changed(agent, made["id"], group_id=support)).json()["ticket"]
    assert ticket["assignee_id"] is None


async def test_what_is_required_is_asked_for_when_a_ticket_is_solved(
    agent: httpx2.AsyncClient, emulator: Zendesk
) -> None:
    cause = emulator.desk.field_named("Root cause")
    cause.required = True
    made = await opened(agent)
    no = await changed(agent, made["id"], status="solved", subject="Not kept")
    [told] = no.json()["details"]["base"]
    assert (no.status_code, told["ticket_field_id"]) == (422, cause.id)
    assert told["description"] == "Root cause: is required when solving a ticket"
    fill = [{"id": cause.id, "value": "Queue full"}]
    ticket = (await changed(agent, made["id"], status="solved", custom_fields=fill)).json()["ticket"]
    assert (ticket["status"], ticket["subject"]) == ("solved", "Payments fail")
    assert ticket["assignee_id"] == emulator.person(AGENT), "who solves what nobody had, has it"


async def test_a_closed_ticket_is_final_and_goes_on_as_another(
    agent: httpx2.AsyncClient, emulator: Zendesk, clock: ManualClock
) -> None:
    made = await opened(agent)
    await changed(agent, made["id"], status="solved")
    clock.advance(timedelta(days=4))
    emulator.desk.close_solved(timedelta(days=4))
    no = await changed(agent, made["id"], comment={"body": "Once more"})
    assert (no.status_code, no.json()["details"]["status"][0]["description"]) == (
        422, "Status: closed prevents ticket update",
    )  # fmt: skip
    after = await opened(agent, via_followup_source_id=made["id"])
    assert after["via"]["source"]["rel"] == "follow_up"
    assert (await agent.get(f"tickets/{made['id']}")).json()["ticket"]["followup_ids"] == [after["id"]]


async def test_statuses_of_the_account_lie_within_the_categories(agent: httpx2.AsyncClient, emulator: Zendesk) -> None:
    definitions = type(next(iter(emulator.desk.statuses.values())))
    waiting = definitions(42, "open", "Waiting for engineering", emulator.desk.now())
    emulator.desk.statuses[42] = waiting
    made = await opened(agent)
    ticket = (await changed(agent, made["id"], custom_status_id=42)).json()["ticket"]
    assert (ticket["status"], ticket["custom_status_id"]) == ("open", 42)
    ticket = (await changed(agent, made["id"], status="pending")).json()["ticket"]
    assert ticket["custom_status_id"] == emulator.desk.default_status("pending")
    waiting.active = False
    assert (await changed(agent, made["id"], custom_status_id=42)).status_code == 422
    rows = (await agent.get("custom_statuses?active=true")).json()["custom_statuses"]
    assert [one["agent_label"] for one in rows] == ["New", "Open", "Pending", "On-hold", "Solved"]


# Fields and tags.


async def test_a_choice_is_also_a_tag_and_a_tag_is_also_a_choice(agent: httpx2.AsyncClient, emulator: Zendesk) -> None:
    severity = emulator.desk.field_named("Severity").id
    made = await opened(agent, tags=["vip"])
    ticket = (await changed(agent, made["id"], custom_fields=[{"id": severity, "value": "sev_1"}])).json()["ticket"]
    assert ticket["tags"] == ["sev_1", "vip"]
    ticket = (await changed(agent, made["id"], custom_fields={str(severity): "sev_2"})).json()["ticket"]
    assert ticket["tags"] == ["sev_2", "vip"]
    ticket = (await changed(agent, made["id"], tags=["vip"])).json()["ticket"]
    assert custom(ticket, severity) is None, "to take the tag away clears the field"
    assert (await changed(agent, made["id"], custom_fields=[{"id": severity, "value": "sev_9"}])).status_code == 422


async def test_fields_keep_what_their_kind_can_hold(agent: httpx2.AsyncClient, emulator: Zendesk) -> None:
    named = {title: emulator.desk.field_named(title).id for title in (
        "Regions", "Escalated to engineering", "Customers affected", "Lost revenue", "Promised by", "Order number",
        "Impact on customers",
    )}  # fmt: skip
    good = {
        "Regions": (["region_us", "region_eu"], ["region_eu", "region_us"]),
        "Escalated to engineering": (True, True),
        "Customers affected": (12, "12"),
        "Lost revenue": ("3.50", "3.5"),
        "Promised by": ("2026-06-04", "2026-06-04"),
        "Order number": ("123456", "123456"),
        "Impact on customers": ("a\r\nb  \n", "a\nb"),
    }
    made = await opened(agent)
    given = [{"id": named[title], "value": value} for title, (value, _) in good.items()]
    ticket = (await changed(agent, made["id"], custom_fields=given)).json()["ticket"]
    assert {title: custom(ticket, named[title]) for title in good} == {title: kept for title, (_, kept) in good.items()}
    assert "escalated" in ticket["tags"]
    for title, value in (("Customers affected", "many"), ("Promised by", "soon"), ("Order number", "12")):
        no = await changed(agent, made["id"], custom_fields=[{"id": named[title], "value": value}])
        assert no.json()["details"]["base"][0]["ticket_field_id"] == named[title]
    assert (
        await changed(agent, made["id"], no_such_property=1, custom_fields=[{"id": 1, "value": 2}])
    ).status_code == 200


async def test_tags_are_set_added_and_taken_away(agent: httpx2.AsyncClient, clock: ManualClock) -> None:
    made = await opened(agent, tags="B a")
    assert made["tags"] == ["a", "b"]
    where = f"tickets/{made['id']}/tags"
    assert (await agent.put(where, json={"tags": ["c"]})).json() == {"tags": ["a", "b", "c"]}
    assert (await agent.request("DELETE", where, json={"tags": ["a"]})).json() == {"tags": ["b", "c"]}
    clock.advance(timedelta(seconds=5))
    await changed(agent, made["id"], subject="Changed")
    stale = {"tags": ["d"], "safe_update": "true", "updated_stamp": made["updated_at"]}
    assert (await agent.put(where, json=stale)).status_code == 409
    assert (await agent.post(where, json={"tags": ["x"]})).json() == {"tags": ["x"]}
    many = {"ticket": {"additional_tags": ["y"], "remove_tags": ["x"]}}
    job = (await agent.put("tickets/update_many", params={"ids": str(made["id"])}, json=many)).json()["job_status"]
    done = (await agent.get(f"job_statuses/{job['id']}")).json()["job_status"]
    assert (job["status"], done["status"], done["results"][0]["success"]) == ("queued", "completed", True)
    assert (await agent.get(where)).json() == {"tags": ["y"]}


# Comments and files.


async def test_comments_are_cleaned_wrapped_and_stay_as_they_are(agent: httpx2.AsyncClient) -> None:
    made = await opened(agent)
    html = '<p onclick="x()">One <script>two()</script><a href="https://a.example">three</a></p>'
    told = (await changed(agent, made["id"], comment={"html_body": html, "public": False})).json()
    [event] = [one for one in told["audit"]["events"] if one["type"] == "Comment"]
    assert event["html_body"] == (
        '<div class="zd-comment" dir="auto"><p>One <a href="https://a.example" rel="noreferrer">three</a></p></div>'
    )
    assert event["plain_body"] == "One three"
    first, second = (await agent.get(f"tickets/{made['id']}/comments")).json()["comments"]
    assert first["html_body"] == '<div class="zd-comment" dir="auto"><p dir="auto">Since nine o\'clock</p></div>'
    assert (second["public"], second["audit_id"]) == (False, told["audit"]["id"])
    assert (await agent.get(f"tickets/{made['id']}")).json()["ticket"]["description"] == "Since nine o'clock"
    await changed(agent, made["id"], description="Another", comment={"body": "x" * 65_536})
    assert len((await agent.get(f"tickets/{made['id']}/comments")).json()["comments"]) == 2
    newest = (await agent.get(f"tickets/{made['id']}/comments?sort=-created_at&page[size]=1")).json()
    assert (newest["comments"][0]["id"], newest["meta"]["has_more"]) == (second["id"], True)


async def test_a_comment_is_as_public_as_the_ticket_unless_it_says_so(agent: httpx2.AsyncClient) -> None:
    shown, kept = await opened(agent), await opened(agent, comment={"body": "Between us", "public": False})
    for ticket, expected in ((shown, True), (kept, False)):
        await changed(agent, ticket["id"], comment={"body": "More"})
        rows = (await agent.get(f"tickets/{ticket['id']}/comments")).json()["comments"]
        assert [one["public"] for one in rows] == [expected, expected]


async def test_a_customer_reads_what_is_public_and_wakes_what_was_solved(people: People, emulator: Zendesk) -> None:
    made = await opened(people[AGENT], requester_id=emulator.person(CUSTOMER))
    await changed(people[AGENT], made["id"], comment={"body": "Between us", "public": False}, status="solved")
    where = f"requests/{made['id']}"
    rows = (await people[CUSTOMER].get(f"{where}/comments")).json()["comments"]
    assert [one["body"] for one in rows] == ["Since nine o'clock"]
    assert (await people[CUSTOMER].get(f"tickets/{made['id']}")).status_code == 403
    await people[CUSTOMER].put(where, json={"request": {"comment": {"body": "Still broken"}}})
    assert (await people[AGENT].get(f"tickets/{made['id']}")).json()["ticket"]["status"] == "open"
    other = await opened(people[AGENT])
    assert (await people[CUSTOMER].get(f"requests/{other['id']}")).status_code == 404


async def test_comments_are_redacted_and_made_private_but_never_more(agent: httpx2.AsyncClient) -> None:
    made = await opened(agent)
    await changed(agent, made["id"], comment={"body": "Card 4242", "public": True})
    said = (await agent.get(f"tickets/{made['id']}/comments")).json()["comments"][1]
    where = f"tickets/{made['id']}/comments/{said['id']}"
    assert (await agent.put(f"{where}/redact", json={"text": "4242"})).json()["comment"]["body"] == "Card ▇▇▇▇"
    assert (await agent.put(f"{where}/make_private")).status_code == 200
    now = (await agent.get(f"tickets/{made['id']}/comments")).json()["comments"][1]
    assert (now["public"], now["plain_body"]) == (False, "Card ▇▇▇▇")
    kinds = [event["type"] for audit in await audits(agent, made["id"]) for event in audit["events"]]
    assert kinds[-2:] == ["CommentRedactionEvent", "CommentPrivacyChange"]
    assert (await agent.put(where, json={"comment": {"body": "Other"}})).status_code == 404


async def test_files_wait_for_a_comment_for_an_hour(agent: httpx2.AsyncClient, clock: ManualClock) -> None:
    made = await opened(agent)
    first = (await agent.post("uploads?filename=a.txt", content=b"a", headers={"content-type": "text/plain"})).json()
    token = first["upload"]["token"]
    more = (await agent.post(f"uploads?filename=b.txt&token={token}", content=b"bb")).json()["upload"]
    assert [one["size"] for one in more["attachments"]] == [1, 2]
    told = await changed(agent, made["id"], comment={"body": "Look", "uploads": [token]})
    files = next(one for one in told.json()["audit"]["events"] if one["type"] == "Comment")["attachments"]
    assert [(one["file_name"], one["content_type"]) for one in files] == [
        ("a.txt", "text/plain"), ("b.txt", "application/octet-stream"),
    ]  # fmt: skip
    assert (await changed(agent, made["id"], comment={"body": "x", "uploads": [token]})).status_code == 422, "used"
    late = (await agent.post("uploads?filename=c.txt", content=b"c")).json()["upload"]["token"]
    clock.advance(timedelta(hours=1))
    assert (await changed(agent, made["id"], comment={"body": "x", "uploads": [late]})).status_code == 422
    assert (await agent.post("uploads", content=b"c")).status_code == 400


async def test_bytes_lie_elsewhere_and_credentials_must_not_follow(agent: httpx2.AsyncClient, url: str) -> None:
    made = (await agent.post("uploads?filename=a.txt", content=b"bytes")).json()["upload"]["attachment"]
    away = await agent.get(made["content_url"])
    assert away.status_code == 302
    assert (await agent.get(away.headers["location"])).status_code == 400, "shown to a store that is not meant"
    async with httpx2.AsyncClient(trust_env=False) as nobody:
        assert (await nobody.get(away.headers["location"])).content == b"bytes"
        assert "unauthenticated" in (await nobody.get(made["content_url"])).headers["location"]


# Many tickets.


async def test_the_same_creation_is_done_once(agent: httpx2.AsyncClient, emulator: Zendesk, clock: ManualClock) -> None:
    body = {"ticket": {"subject": "Once", "comment": {"body": "x"}, "external_id": "inc-1"}}
    headers = {"Idempotency-Key": "key"}
    answers = [await agent.post("tickets", json=body, headers=headers) for _ in range(2)]
    assert [one.headers["x-idempotency-lookup"] for one in answers] == ["miss", "hit"]
    assert len(emulator.desk.tickets) == 1
    no = await agent.post("tickets", json={"ticket": {**body["ticket"], "subject": "Other"}}, headers=headers)
    assert (no.status_code, no.json()["error"]) == (400, "IdempotentRequestError")
    clock.advance(timedelta(hours=2))
    await agent.post("tickets", json=body, headers=headers)
    found = (await agent.get("tickets", params={"external_id": "inc-1"})).json()
    assert found["count"] == 2, "an external id is not unique"


async def test_pages_by_cursor_and_by_number(agent: httpx2.AsyncClient) -> None:
    ids = [(await opened(agent, subject=f"Fault {number}"))["id"] for number in range(5)]
    page = (await agent.get("tickets", params={"page[size]": "2"})).json()
    seen = [one["id"] for one in page["tickets"]]
    while page["meta"]["has_more"]:
        page = (await agent.get(page["links"]["next"])).json()
        seen += [one["id"] for one in page["tickets"]]
    assert seen == ids
    page = (await agent.get("tickets", params={"per_page": "2", "page": "3"})).json()
    assert ([one["id"] for one in page["tickets"]], page["next_page"], page["count"]) == (ids[4:], None, 5)
    assert (await agent.get("tickets", params={"page[size]": "101"})).status_code == 400
    assert (await agent.get("tickets", params={"page[size]": "2", "page[after]": "?"})).status_code == 400


async def test_the_export_is_a_minute_behind_and_for_administrators(
    people: People, emulator: Zendesk, clock: ManualClock
) -> None:
    sync, begun = people[INTEGRATION], int(clock.now().timestamp())
    emulator.interface.tickets.export_page = 2
    ids = [(await opened(sync, subject=f"Fault {number}"))["id"] for number in range(3)]
    path = "incremental/tickets/cursor.json"
    assert (await people[AGENT].get(path, params={"start_time": begun})).status_code == 403
    assert (await sync.get(path, params={"start_time": begun})).status_code == 422, "too young to begin with"
    clock.advance(timedelta(seconds=59))
    early = (await sync.get(path, params={"start_time": begun - 60})).json()
    assert (early["tickets"], early["end_of_stream"]) == ([], True)
    clock.advance(timedelta(seconds=1))
    page = (await sync.get(path, params={"start_time": begun})).json()
    assert ([one["id"] for one in page["tickets"]], page["end_of_stream"]) == (ids[:2], False)
    page = (await sync.get(path, params={"cursor": page["after_cursor"]})).json()
    assert ([one["id"] for one in page["tickets"]], page["end_of_stream"]) == (ids[2:], True)
    await people[AGENT].delete(f"tickets/{ids[0]}")
    emulator.desk.touch(emulator.desk.tickets[ids[1]])
    clock.advance(timedelta(seconds=60))
    page = (await sync.get(path, params={"cursor": page["after_cursor"]})).json()
    rows = {one["id"]: one for one in page["tickets"]}
    assert (rows[ids[0]]["status"], rows[ids[1]]["status"]) == ("deleted", "new")
    touched = rows[ids[1]]
    assert touched["generated_timestamp"] > begun, "the system touched it"
    assert touched["updated_at"] == touched["created_at"], "which is no update"
    assert (await sync.get(path, params={"cursor": "nonsense"})).status_code == 400
    refused = [(await sync.get(path, params={"start_time": begun})).status_code for _ in range(10)]
    assert refused[-1] == 429, "ten exports a minute"


async def test_events_are_exported_with_their_children(sync: httpx2.AsyncClient, clock: ManualClock) -> None:
    begun = int(clock.now().timestamp())
    made = await opened(sync)
    await changed(sync, made["id"], priority="high", metadata={"op": "op-1"})
    clock.advance(timedelta(minutes=2))
    page = (await sync.get("incremental/ticket_events.json", params={"start_time": begun})).json()
    last = page["ticket_events"][-1]
    assert (page["count"], page["end_of_stream"], last["ticket_id"]) == (2, True, made["id"])
    assert last["child_events"][0]["priority"] == "high"
    assert last["metadata"] == {"op": "op-1"}


async def test_searching_lags_behind(agent: httpx2.AsyncClient, clock: ManualClock) -> None:
    made = await opened(agent, external_id="inc-1", priority="high", tags=["vip"])
    query = {"query": 'type:ticket external_id:inc-1 priority>=normal tags:vip -status:solved "nine"'}
    assert (await agent.get("search", params=query)).json()["count"] == 0
    clock.advance(timedelta(minutes=2))
    found = (await agent.get("search", params=query)).json()
    assert [(one["id"], one["result_type"]) for one in found["results"]] == [(made["id"], "ticket")]
    assert (await agent.get("search/count", params={"query": "type:ticket status:solved"})).json() == {"count": 0}
    await changed(agent, made["id"], subject="Something else")
    assert (await agent.get("search", params=query)).json()["count"] == 0, "not yet indexed again"


async def test_merged_tickets_are_closed_and_the_other_is_told(agent: httpx2.AsyncClient) -> None:
    one, two = await opened(agent, subject="First"), await opened(agent, subject="Second")
    job = (await agent.post(f"tickets/{two['id']}/merge", json={"ids": [one["id"]]})).json()["job_status"]
    assert (await agent.get(f"job_statuses/{job['id']}")).json()["job_status"]["status"] == "completed"
    source = (await agent.get(f"tickets/{one['id']}")).json()["ticket"]
    assert (source["status"], source["tags"]) == ("closed", ["closed_by_merge"])
    last = (await agent.get(f"tickets/{one['id']}/comments")).json()["comments"][-1]
    assert (f"#{two['id']}" in last["body"], last["public"]) == (True, False)
    told = (await agent.get(f"tickets/{two['id']}/comments")).json()["comments"][-1]
    assert told["via"]["source"]["rel"] == "merge"
    assert told["via"]["source"]["from"]["ticket_ids"] == [one["id"]]
    assert (await agent.post(f"tickets/{two['id']}/merge", json={"ids": [one["id"]]})).status_code == 422


async def test_deleted_is_gone_and_can_come_back(agent: httpx2.AsyncClient, emulator: Zendesk) -> None:
    made, hidden = await opened(agent), await opened(agent)
    emulator.desk.hidden.add(hidden["id"])
    assert (await agent.delete(f"tickets/{made['id']}")).status_code == 204
    for id in (made["id"], hidden["id"], 99):
        no = await agent.get(f"tickets/{id}")
        assert (no.status_code, no.json()) == (404, {"error": "RecordNotFound", "description": "Not found"})
    rows = (await agent.get("deleted_tickets")).json()["deleted_tickets"]
    assert [(one["id"], one["previous_state"]) for one in rows] == [(made["id"], "new")]
    assert (await agent.put(f"deleted_tickets/{made['id']}/restore")).status_code == 200
    assert (await agent.get(f"tickets/{made['id']}")).status_code == 200


async def test_a_problem_and_its_incidents(agent: httpx2.AsyncClient) -> None:
    problem = await opened(agent, type="problem")
    incident = await opened(agent, type="incident", problem_id=problem["id"])
    rows = (await agent.get(f"tickets/{problem['id']}/incidents")).json()["tickets"]
    assert [one["id"] for one in rows] == [incident["id"]]
    assert (await agent.get(f"tickets/{problem['id']}/related")).json()["ticket_related"]["incidents"] == 1
    assert (await changed(agent, problem["id"], problem_id=incident["id"])).status_code == 422
    await changed(agent, problem["id"], status="solved")
    solved = (await agent.get(f"tickets/{incident['id']}")).json()["ticket"]
    assert solved["status"] == "solved", "its incidents are solved with it"
    assert (await audits(agent, incident["id"]))[-1]["via"]["source"]["rel"] == "problem"


async def test_people_groups_organisations_forms(people: People, emulator: Zendesk) -> None:
    agent = people[AGENT]
    found = (await agent.get("users/search", params={"query": CUSTOMER})).json()["users"]
    assert [(one["email"], one["role"]) for one in found] == [(CUSTOMER, "end-user")]
    agents = (await agent.get("users", params={"role": "agent"})).json()["users"]
    assert [one["email"] for one in agents] == [AGENT]
    organization = found[0]["organization_id"]
    assert (await agent.get(f"organizations/{organization}")).json()["organization"]["name"] == "Kovač Books"
    made = await opened(agent, requester={"name": "New Customer", "email": "new@customer.example"})
    assert (await agent.get(f"users/{made['requester_id']}")).json()["user"]["name"] == "New Customer"
    double = await agent.post("users", json={"user": {"name": "x", "email": CUSTOMER}})
    assert double.json()["details"]["email"][0]["error"] == "DuplicateValue"
    assert [one["name"] for one in (await agent.get("groups")).json()["groups"]] == ["Support", "Payments"]
    [form] = (await agent.get("ticket_forms")).json()["ticket_forms"]
    assert made["ticket_form_id"] == form["id"]
    assert (await agent.post("ticket_fields", json={"ticket_field": {"type": "text", "title": "x"}})).status_code == 403
    added = await people[LEAD].post("ticket_fields", json={"ticket_field": {"type": "text", "title": "x"}})
    assert added.status_code == 201
    assert (await agent.get("nothing/of/the/kind")).status_code == 404


# Webhooks.


async def told_by(sync: httpx2.AsyncClient, endpoint: str, **more: Any) -> tuple[dict[str, Any], int, str]:
    """A webhook and a trigger for every update; (webhook, trigger id, secret)"""
    said = {"name": "Told", "endpoint": endpoint, "http_method": "POST", "request_format": "json", "status": "active",
            "subscriptions": ["conditional_ticket_events"], **more}  # fmt: skip
    webhook = (await sync.post("webhooks", json={"webhook": said})).json()["webhook"]
    template = '{"id": "{{ticket.id}}", "t": "{{ticket.title}}"}'
    trigger = {
        "title": "Told",
        "conditions": {"all": [], "any": [{"field": "update_type", "operator": "is", "value": "Change"}]},
        "actions": [{"field": "notification_webhook", "value": [webhook["id"], template]}],
    }
    made = await sync.post("triggers", json={"trigger": trigger})
    assert made.status_code == 201, made.text
    secret = (await sync.get(f"webhooks/{webhook['id']}/signing_secret")).json()["signing_secret"]["secret"]
    return webhook, made.json()["trigger"]["id"], secret


async def test_a_trigger_fills_its_text_and_signs_it(people: People, emulator: Zendesk) -> None:
    sync = people[INTEGRATION]
    emulator.deliveries.hold = True
    webhook, trigger, secret = await told_by(sync, "https://rp.example/told")
    made = await opened(people[AGENT])
    assert emulator.deliveries.held == [], "only changes were asked for"
    await changed(people[AGENT], made["id"], subject='He said "no"')
    [sent] = emulator.deliveries.held
    assert json.loads(sent.body) == {"id": str(made["id"]), "t": 'He said "no"'}
    signed = sent.headers["X-Zendesk-Webhook-Signature-Timestamp"].encode() + sent.body
    expected = base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()
    assert sent.headers["X-Zendesk-Webhook-Signature"] == expected
    assert sent.headers["X-Zendesk-Webhook-Id"] == webhook["id"]
    no = await sync.delete(f"webhooks/{webhook['id']}")
    assert no.status_code == 422, "a trigger uses it"
    everybody_else = {
        "conditions": {"all": [{"field": "role", "operator": "is_not", "value": str(emulator.person(AGENT))}]}
    }
    await sync.put(f"triggers/{trigger}", json={"trigger": everybody_else})
    await changed(people[AGENT], made["id"], subject="Not told")
    assert len(emulator.deliveries.held) == 1
    assert (await people[AGENT].get("webhooks")).status_code == 403


class Receiver:
    """Somebody who answers as told."""

    def __init__(self, emulator: Zendesk) -> None:
        self.emulator = emulator
        self.statuses: list[tuple[int, dict[str, str]]] = []
        self.clock = emulator.clock
        self.faults, self.deliveries = type(emulator.faults)(), type(emulator.deliveries)()
        self.heard: list[str] = []

    @property
    def app(self) -> Starlette:
        return Starlette(routes=[Route("/told", self.told, methods=["POST"])])

    async def told(self, request: Request) -> Response:
        self.heard.append(request.headers["x-zendesk-webhook-invocation-id"])
        status, headers = self.statuses.pop(0) if self.statuses else (200, {})
        return Response(status_code=status, headers=headers)

    async def settle(self, seconds: int = 0) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.emulator.webhooks.pump()
        await self.emulator.deliveries.settle()


async def test_deliveries_are_tried_again_as_the_answer_asks(people: People, emulator: Zendesk) -> None:
    receiver = Receiver(emulator)
    async with serving(receiver) as there:
        webhook, _, _ = await told_by(people[INTEGRATION], f"{there}/told")
        made = await opened(people[AGENT])
        receiver.statuses = [(409, {})] * (CONFLICTS + 1)
        await changed(people[AGENT], made["id"], subject="One")
        for _ in range(6):
            await receiver.settle(30)
        assert len(receiver.heard) == CONFLICTS + 1
        assert len(set(receiver.heard)) == 1, "it is the same invocation"
        receiver.heard.clear()
        receiver.statuses = [(503, {"retry-after": "10"}), (503, {"retry-after": "600"})]
        await changed(people[AGENT], made["id"], subject="Two")
        await receiver.settle(5)
        assert len(receiver.heard) == 1
        await receiver.settle(5)
        await receiver.settle(900)
        assert len(receiver.heard) == 2, "a wait of ten minutes is not waited for"
        receiver.heard.clear()
        receiver.statuses = [(500, {})]
        await changed(people[AGENT], made["id"], subject="Three")
        await receiver.settle(30)
        assert len(receiver.heard) == 1
        rows = (await people[INTEGRATION].get(f"webhooks/{webhook['id']}/invocations")).json()["invocations"]
        assert [one["status"] for one in rows] == ["failed", "failed", "failed"]


async def test_nobody_there_is_tried_five_times_more(people: People, emulator: Zendesk) -> None:
    webhook, _, _ = await told_by(people[INTEGRATION], "http://127.0.0.1:1/told")
    made = await opened(people[AGENT])
    await changed(people[AGENT], made["id"], subject="One")
    for _ in range(SILENCES + 3):
        emulator.clock.advance(timedelta(seconds=60))
        emulator.webhooks.pump()
        await emulator.deliveries.settle()
    [invocation] = emulator.webhooks.invocations.values()
    assert (len(invocation.attempts), invocation.status) == (SILENCES + 1, "timeout")
    assert (await people[INTEGRATION].get(f"webhooks/{webhook['id']}")).json()["webhook"]["status"] == "active"


async def test_the_circuit_breaks_and_heals_and_a_webhook_can_be_off(people: People, emulator: Zendesk) -> None:
    receiver = Receiver(emulator)
    emulator.webhooks.least_answers = 3
    async with serving(receiver) as there:
        webhook, _, _ = await told_by(people[INTEGRATION], f"{there}/told")
        made = await opened(people[AGENT])
        receiver.statuses = [(500, {})] * 3
        for number in range(3):
            await changed(people[AGENT], made["id"], subject=f"Number {number}")
            await receiver.settle()
        await changed(people[AGENT], made["id"], subject="Lost")
        await receiver.settle()
        assert len(receiver.heard) == 3
        assert [*emulator.webhooks.invocations.values()][-1].status == "circuit broken"
        emulator.clock.advance(timedelta(seconds=5))
        await changed(people[AGENT], made["id"], subject="Told again")
        await receiver.settle()
        assert len(receiver.heard) == 4
        await people[INTEGRATION].patch(f"webhooks/{webhook['id']}", json={"webhook": {"status": "inactive"}})
        await changed(people[AGENT], made["id"], subject="Not told")
        await receiver.settle()
        assert len(receiver.heard) == 4


async def test_deliveries_come_late_twice_and_in_another_order(people: People, emulator: Zendesk) -> None:
    receiver = Receiver(emulator)
    async with serving(receiver) as there:
        await told_by(people[INTEGRATION], f"{there}/told")
        made = await opened(people[AGENT])
        emulator.deliveries.hold = True
        for number in range(3):
            await changed(people[AGENT], made["id"], subject=f"Number {number}")
        order = [one.headers["X-Zendesk-Webhook-Invocation-Id"] for one in emulator.deliveries.held]
        await emulator.deliveries.release(lambda held: held[::-1], copies=2)
        assert receiver.heard == [id for id in reversed(order) for _ in range(2)]
        emulator.deliveries.hold, emulator.deliveries.lose = False, 1
        await changed(people[AGENT], made["id"], subject="Lost")
        await receiver.settle()
        assert len(receiver.heard) == 6


async def test_what_is_asked_of_webhooks_and_triggers(sync: httpx2.AsyncClient) -> None:
    webhook, trigger, secret = await told_by(sync, "https://rp.example/told")
    where = f"webhooks/{webhook['id']}"
    for wrong in ({"endpoint": "ftp://x"}, {"http_method": "BREW"}, {"status": "maybe"}, {"subscriptions": ["zen:x"]}):
        assert (await sync.put(where, json={"webhook": wrong})).status_code == 400
    token = {"type": "bearer_token", "data": {"token": "ours"}, "add_position": "header"}
    assert (await sync.put(where, json={"webhook": {"authentication": token}})).status_code == 204
    assert "data" not in (await sync.get(where)).json()["webhook"]["authentication"], "secrets are not shown"
    assert (await sync.post(f"{where}/signing_secret")).json()["signing_secret"]["secret"] != secret
    named = (await sync.get("webhooks", params={"filter[name_contains]": "told"})).json()["webhooks"]
    assert [one["id"] for one in named] == [webhook["id"]]
    assert (await sync.get("webhooks/01NONE")).status_code == 404
    for bad in ({"title": ""}, {"conditions": {"all": []}}, {"conditions": {"all": [{"field": "weather"}]}}):
        assert (await sync.put(f"triggers/{trigger}", json={"trigger": bad})).status_code == 422
    assert (await sync.delete(f"triggers/{trigger}")).status_code == 204
    assert (await sync.delete(where)).status_code == 204


# The sandbox.


async def test_a_sandbox_has_pages_and_goes_on_where_it_was(
    people: People, emulator: Zendesk, clock: ManualClock, url: str, tmp_path: Any
) -> None:
    made = await opened(people[AGENT], subject="Cards <b>fail</b>", requester_id=emulator.person(CUSTOMER))
    token = (await people[AGENT].post("uploads?filename=a.txt", content=b"a")).json()["upload"]["token"]
    await changed(people[AGENT], made["id"], comment={"body": "Look", "uploads": [token]})
    await told_by(people[INTEGRATION], "https://rp.example/told")
    emulator.deliveries.hold = True
    async with httpx2.AsyncClient(trust_env=False, follow_redirects=True, base_url=url) as browser:
        page = await browser.get(f"/agent/tickets/{made['id']}")
        assert "Cards &lt;b&gt;fail" in page.text, "what people typed is text"
        said = {"who": AGENT, "status": "pending", "comment": "Which card?", "kind": "public"}
        assert "Which card?" in (await browser.post(f"/agent/tickets/{made['id']}", data=said)).text
        answered = await browser.post(f"/agent/tickets/{made['id']}", data={"who": CUSTOMER, "comment": "All of them"})
        assert "All of them" in answered.text
        assert emulator.desk.tickets[made["id"]]["status"] == "open"
        refused = await browser.post(f"/agent/tickets/{made['id']}", data={"who": "nobody", "comment": "x"})
        assert "Choose who you are" in refused.text
        opened_there = await browser.post("/", data={"who": CUSTOMER, "title": "Refund", "comment": "Please"})
        assert "Refund" in opened_there.text
        assert (await browser.get("/agent/tickets/99")).status_code == 404
    file = tmp_path / "kept"
    keep(emulator, file)
    again = Zendesk(clock)
    assert take_up(again, file)
    assert again.desk.tickets == emulator.desk.tickets
    assert again.desk.files == emulator.desk.files
    assert again.webhooks.all == emulator.webhooks.all
    ticket, _ = again.desk.create({"subject": "Next", "comment": "x"}, again.desk.users[again.person(AGENT)])
    assert ticket.id == max(emulator.desk.tickets) + 1
