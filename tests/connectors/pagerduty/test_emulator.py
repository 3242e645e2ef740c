"""The emulator does what the vendor documents, line by line of our checklist, before a connector is judged by it."""

import hashlib
import hmac
import json
from datetime import timedelta
from typing import Any

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.emulators.pagerduty import ENGINEER, INTEGRATION, LEAD, PagerDuty
from rallypoint.emulators.pagerduty.hooks import WAITS

People = dict[str, httpx2.AsyncClient]


@pytest.fixture
def sync(people: People) -> httpx2.AsyncClient:
    return people[INTEGRATION]


@pytest.fixture
def service(emulator: PagerDuty) -> dict[str, str]:
    return {"id": emulator.service("Payments").id, "type": "service_reference"}


async def opened(who: httpx2.AsyncClient, service: dict[str, str], **said: Any) -> dict[str, Any]:
    body = {"incident": {"type": "incident", "title": "Payments fail", "service": service, **said}}
    answer = await who.post("incidents", json=body)
    assert answer.status_code == 201, answer.text
    incident: dict[str, Any] = answer.json()["incident"]
    return incident


async def put(who: httpx2.AsyncClient, id: str, **said: Any) -> httpx2.Response:
    return await who.put(f"incidents/{id}", json={"incident": {"type": "incident", **said}})


def code(answer: httpx2.Response) -> tuple[int, int]:
    return answer.status_code, answer.json()["error"]["code"]


# Who may what.


async def test_a_wrong_key_is_told(url: str) -> None:
    async with httpx2.AsyncClient(trust_env=False, base_url=f"{url}/") as nobody:
        for headers in ({}, {"authorization": "Token token=wrong"}, {"authorization": "Basic x"}):
            assert code(await nobody.get("users", headers=headers)) == (401, 2006)


async def test_an_accounts_key_must_say_in_whose_name(people: People, service: dict[str, str]) -> None:
    account = people["account"]
    assert (await account.get("users/me")).status_code == 400
    body = {"incident": {"type": "incident", "title": "x", "service": service}}
    assert code(await account.post("incidents", json=body)) == (400, 1008)
    assert code(await account.post("incidents", json=body, headers={"from": "nobody@x.example"})) == (400, 1008)
    made = (await account.post("incidents", json=body, headers={"from": LEAD})).json()["incident"]
    assert made["last_status_change_by"]["summary"] == "Sam Ortiz"
    assert (await people[ENGINEER].get("users/me")).json()["user"]["email"] == ENGINEER


async def test_a_key_for_reading_writes_nothing(people: People, emulator: PagerDuty, service: dict[str, str]) -> None:
    made = await opened(people[INTEGRATION], service)
    emulator.keys[INTEGRATION].read_only = True
    assert code(await put(people[INTEGRATION], made["id"], title="x")) == (403, 2010)
    assert code(await people[INTEGRATION].post("webhook_subscriptions", json={})) == (403, 2010)
    assert (await people[INTEGRATION].get(f"incidents/{made['id']}")).json()["incident"]["title"] == "Payments fail"


async def test_what_is_hidden_looks_like_what_is_not_there(
    people: People, emulator: PagerDuty, service: dict[str, str]
) -> None:
    made = await opened(people[INTEGRATION], service)
    emulator.account.hidden.add(made["id"])
    for id in (made["id"], "Q00000000000000"):
        assert code(await people[INTEGRATION].get(f"incidents/{id}")) == (404, 2100)


# Incidents.


async def test_a_key_makes_one_open_incident(sync: httpx2.AsyncClient, service: dict[str, str]) -> None:
    made = await opened(sync, service, incident_key="inc-1")
    body = {"incident": {"type": "incident", "title": "again", "service": service, "incident_key": "inc-1"}}
    no = await sync.post("incidents", json=body)
    assert code(no) == (400, 2002)
    assert "dedup key" in no.json()["error"]["errors"][0]
    await put(sync, made["id"], status="resolved")
    assert (await sync.post("incidents", json=body)).status_code == 201
    listed = (await sync.get("incidents", params={"incident_key": "inc-1", "date_range": "all"})).json()
    assert len(listed["incidents"]) == 2


async def test_an_empty_key_fits_everything(sync: httpx2.AsyncClient, service: dict[str, str]) -> None:
    await opened(sync, service, incident_key="inc-1")
    assert len((await sync.get("incidents", params={"incident_key": ""})).json()["incidents"]) == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"title": " "}, 2001),
        ({"title": "x" * 1025}, 2001),
        ({"urgency": "medium"}, 2001),
        ({"status": "closed"}, 1003),
        ({"priority": {"id": "PNONE", "type": "priority"}}, 1020),
        ({"assignments": [{"assignee": {"id": "PNOBODY", "type": "user_reference"}}]}, 1007),
        ({"escalation_policy": {"id": "PNONE", "type": "escalation_policy_reference"}}, 1014),
    ],
)
async def test_what_cannot_be_is_refused_whole(
    sync: httpx2.AsyncClient, service: dict[str, str], said: dict[str, Any], expected: int
) -> None:
    made = await opened(sync, service)
    assert code(await put(sync, made["id"], **{"title": "Changed", **said})) == (400, expected)
    assert (await sync.get(f"incidents/{made['id']}")).json()["incident"]["title"] == "Payments fail"


async def test_statuses_and_the_way_back(sync: httpx2.AsyncClient, service: dict[str, str]) -> None:
    made = await opened(sync, service)
    assert (made["status"], made["assigned_via"]) == ("triggered", "escalation_policy")
    taken = (await put(sync, made["id"], status="acknowledged")).json()["incident"]
    assert [one["acknowledger"]["summary"] for one in taken["acknowledgements"]] == ["Rallypoint Sync"]
    assert code(await put(sync, made["id"], status="triggered")) == (400, 1003)
    done = (await put(sync, made["id"], status="resolved", resolution="Restarted")).json()["incident"]
    assert (done["status"], done["assignments"], done["acknowledgements"]) == ("resolved", [], [])
    assert done["resolved_at"]
    assert code(await put(sync, made["id"], status="resolved")) == (400, 1001)
    again = (await put(sync, made["id"], status="acknowledged")).json()["incident"]
    assert (again["status"], len(again["assignments"]), again["resolved_at"]) == ("acknowledged", 1, None)
    log = (await sync.get(f"incidents/{made['id']}/log_entries")).json()["log_entries"]
    assert [one["type"] for one in log if "note" in one] == ["resolve_log_entry"]


async def test_the_log_is_the_history_newest_first(
    people: People, emulator: PagerDuty, service: dict[str, str]
) -> None:
    made = await opened(people[INTEGRATION], service)
    one, two = emulator.priority("P1"), emulator.user(LEAD)
    assigned = [{"assignee": {"id": two.id, "type": "user_reference"}}]
    await put(people[ENGINEER], made["id"], title="Cards fail", urgency="low", assignments=assigned)
    await put(people[ENGINEER], made["id"], priority={"id": one.id, "type": "priority_reference"})
    await people[LEAD].post(f"incidents/{made['id']}/notes", json={"note": {"content": "Seen"}})
    asked = {"include[]": "channels"}
    log = (await people[LEAD].get(f"incidents/{made['id']}/log_entries", params=asked)).json()["log_entries"]
    assert {one["type"] for one in log} == {
        "trigger_log_entry", "assign_log_entry", "field_value_change_log_entry", "urgency_change_log_entry",
        "annotate_log_entry",
    }  # fmt: skip
    changes = [row for one in log for row in one["channel"].get("changeset", {}).get("application_fields", ())]
    assert {(row["name"], row["old_value"], row["value"]) for row in changes} == {
        ("title", "Payments fail", "Cards fail"), ("priority", None, one.id),
    }  # fmt: skip
    bare = (await people[LEAD].get(f"incidents/{made['id']}/log_entries")).json()["log_entries"]
    assert all(set(one["channel"]) == {"type"} for one in bare)


async def test_notes_are_changed_and_taken_back_without_a_word(people: People, service: dict[str, str]) -> None:
    made = await opened(people[INTEGRATION], service)
    where = f"incidents/{made['id']}/notes"
    assert code(await people[ENGINEER].post(where, json={"note": {"content": " "}})) == (400, 2001)
    note = (await people[ENGINEER].post(where, json={"note": {"content": "frist"}})).json()["note"]
    log = (await people[LEAD].get(f"incidents/{made['id']}/log_entries")).json()["log_entries"]
    await people[ENGINEER].put(f"{where}/{note['id']}", json={"note": {"content": "first"}})
    assert [one["content"] for one in (await people[LEAD].get(where)).json()["notes"]] == ["first"]
    assert (await people[ENGINEER].delete(f"{where}/{note['id']}")).status_code == 204
    assert (await people[LEAD].get(where)).json()["notes"] == []
    after = (await people[LEAD].get(f"incidents/{made['id']}/log_entries")).json()["log_entries"]
    assert [one["id"] for one in after] == [one["id"] for one in log]


async def test_custom_fields_have_kinds_and_options(sync: httpx2.AsyncClient, service: dict[str, str]) -> None:
    made = await opened(sync, service)
    where = f"incidents/{made['id']}/custom_fields/values"
    good = {
        "custom_fields": [{"name": "customer_impact", "value": "Shops"}, {"name": "environment", "value": "staging"}]
    }
    assert (await sync.put(where, json=good)).status_code == 201
    for wrong in (
        {"name": "environment", "value": "moon"},
        {"name": "customer_impact", "value": "x" * 201},
        {"name": "no"},
    ):
        given = [{"name": "customer_impact", "value": "Bad"}, wrong]
        assert code(await sync.put(where, json={"custom_fields": given})) == (400, 2001)
    asked = {"include[]": "custom_fields"}
    values = (await sync.get(f"incidents/{made['id']}", params=asked)).json()["incident"]["custom_fields"]
    assert [one["value"] for one in values] == ["Shops", "staging"]
    assert "custom_fields" not in (await sync.get(f"incidents/{made['id']}")).json()["incident"]


async def test_what_goes_by_itself(
    sync: httpx2.AsyncClient, emulator: PagerDuty, clock: ManualClock, service: dict[str, str]
) -> None:
    emulator.service("Payments").ack_timeout, emulator.service("Payments").auto_resolve = 600, 3600
    made = await opened(sync, service)
    await put(sync, made["id"], status="acknowledged")
    seen = []
    for minutes in (5, 6, 50):
        clock.advance(timedelta(minutes=minutes))
        one = (await sync.get(f"incidents/{made['id']}")).json()["incident"]
        seen.append((one["status"], one["last_status_change_by"]["type"]))
    assert seen == [
        ("acknowledged", "user_reference"), ("triggered", "service_reference"), ("resolved", "service_reference"),
    ]  # fmt: skip


async def test_what_is_merged_leads_to_where_it_went(sync: httpx2.AsyncClient, service: dict[str, str]) -> None:
    one, two = await opened(sync, service), await opened(sync, service)
    body = {"source_incidents": [{"id": two["id"], "type": "incident_reference"}]}
    assert (await sync.put(f"incidents/{one['id']}/merge", json=body)).status_code == 200
    merged = (await sync.get(f"incidents/{two['id']}")).json()["incident"]
    assert (merged["status"], merged["resolve_reason"]["incident"]["id"]) == ("resolved", one["id"])
    assert code(await put(sync, two["id"], status="acknowledged")) == (400, 1019)


# Pages and limits.


async def test_pages_have_a_reach(sync: httpx2.AsyncClient, service: dict[str, str]) -> None:
    for _ in range(3):
        await opened(sync, service)
    first = (await sync.get("incidents", params={"limit": "2", "total": "true"})).json()
    assert (len(first["incidents"]), first["more"], first["total"]) == (2, True, 3)
    last = (await sync.get("incidents", params={"limit": "2", "offset": "2"})).json()
    assert (len(last["incidents"]), last["more"], last["total"]) == (1, False, None)
    assert (await sync.get("incidents", params={"limit": "500"})).json()["limit"] == 100
    assert code(await sync.get("log_entries", params={"limit": "100", "offset": "9950"})) == (400, 2001)
    assert code(await sync.get("log_entries", params={"limit": "many"})) == (400, 2001)


async def test_incidents_are_of_the_last_month_unless_asked(
    sync: httpx2.AsyncClient, clock: ManualClock, service: dict[str, str]
) -> None:
    await opened(sync, service)
    clock.advance(timedelta(days=40))
    assert (await sync.get("incidents")).json()["incidents"] == []
    assert len((await sync.get("incidents", params={"date_range": "all"})).json()["incidents"]) == 1
    old = (clock.now() - timedelta(days=300)).isoformat()
    assert code(await sync.get("incidents", params={"since": old})) == (400, 2005)
    assert code(await sync.get("incidents", params={"since": "yesterday"})) == (400, 2004)


async def test_the_minutes_budget_is_told_and_ends(
    sync: httpx2.AsyncClient, emulator: PagerDuty, clock: ManualClock
) -> None:
    emulator.limit.per_minute = 2
    answers = [await sync.get("users") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in answers] == ["1", "0", "0"]
    assert code(answers[-1]) == (429, 2020)
    clock.advance(timedelta(seconds=int(answers[-1].headers["ratelimit-reset"])))
    assert (await sync.get("users")).status_code == 200


# Webhooks.


async def subscribed(who: httpx2.AsyncClient, *events: str, **said: Any) -> dict[str, Any]:
    body = {
        "type": "webhook_subscription", "events": list(events or ("incident.triggered", "incident.annotated")),
        "delivery_method": {"type": "http_delivery_method", "url": "http://127.0.0.1:9/in"},
        "filter": {"type": "account_reference"}, **said,
    }  # fmt: skip
    answer = await who.post("webhook_subscriptions", json={"webhook_subscription": body})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()["webhook_subscription"]
    return made


def sign(secret: str, body: bytes) -> str:
    return "v1=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


async def test_the_secret_is_told_once_and_two_sign_while_one_replaces_the_other(
    sync: httpx2.AsyncClient, emulator: PagerDuty, service: dict[str, str]
) -> None:
    emulator.deliveries.hold = True
    made = await subscribed(sync)
    secret = made["delivery_method"]["secret"]
    shown = (await sync.get(f"webhook_subscriptions/{made['id']}")).json()["webhook_subscription"]
    assert (bool(secret), shown["delivery_method"]["secret"]) == (True, None)
    newer = emulator.hooks.rotate(emulator.hooks.subscriptions[made["id"]])
    await opened(sync, service)
    [told] = emulator.deliveries.held
    assert told.headers["X-PagerDuty-Signature"] == f"{sign(newer, told.body)},{sign(secret, told.body)}"
    assert json.loads(told.body)["event"]["data"]["type"] == "incident"


async def test_only_what_was_asked_for_of_the_service_asked_for(
    sync: httpx2.AsyncClient, emulator: PagerDuty, service: dict[str, str]
) -> None:
    emulator.deliveries.hold = True
    other = {"type": "service_reference", "id": emulator.service("Storefront").id}
    await subscribed(sync, "incident.triggered", filter=other)
    made = await opened(sync, service)
    assert emulator.deliveries.held == []
    await subscribed(sync, "incident.annotated")
    await put(sync, made["id"], status="acknowledged")
    await sync.post(f"incidents/{made['id']}/notes", json={"note": {"content": "Seen"}})
    [told] = emulator.deliveries.held
    event = json.loads(told.body)["event"]
    assert (event["event_type"], event["data"]["type"], event["data"]["content"]) == (
        "incident.annotated", "incident_note", "Seen",
    )  # fmt: skip
    assert event["data"]["incident"]["id"] == made["id"]


async def test_what_is_not_taken_is_sent_again_under_the_same_name(
    sync: httpx2.AsyncClient, emulator: PagerDuty, clock: ManualClock, service: dict[str, str]
) -> None:
    """A server's trouble is waited for, and later events with it; a refusal drops the event at once."""
    emulator.deliveries.hold = True
    await subscribed(sync)
    await opened(sync, service)
    names: list[str] = []
    for wait in (*WAITS, None):
        [told] = emulator.deliveries.held
        emulator.deliveries.held = []
        names.append(told.headers["X-Webhook-Id"])
        emulator.hooks.answered(told.number, 503)  # type: ignore[attr-defined]
        await opened(sync, service, title="Later")
        assert emulator.deliveries.held == [] or wait is None
        clock.advance(timedelta(seconds=wait or 0))
        emulator.hooks.pump()
        emulator.deliveries.held = emulator.deliveries.held[:1]
    assert len(set(names)) == 1
    assert json.loads(emulator.deliveries.held[0].body)["event"]["data"]["title"] == "Later"


async def test_who_refuses_three_events_is_left_alone_for_a_day(
    sync: httpx2.AsyncClient, emulator: PagerDuty, clock: ManualClock, service: dict[str, str]
) -> None:
    emulator.deliveries.hold = True
    made = await subscribed(sync)
    where = f"webhook_subscriptions/{made['id']}"

    async def rests() -> bool:
        shown = (await sync.get(where)).json()["webhook_subscription"]
        return bool(shown["delivery_method"]["temporarily_disabled"])

    for _ in range(3):
        assert not await rests()
        await opened(sync, service)
        emulator.hooks.answered(emulator.deliveries.held.pop().number, 404)  # type: ignore[attr-defined]
    assert await rests()
    await opened(sync, service)
    assert emulator.deliveries.held == []
    assert (await sync.post(f"{where}/enable")).status_code == 200
    assert not await rests()
    await opened(sync, service)
    assert len(emulator.deliveries.held) == 1
