"""PagerDuty's own client, pagerduty, works against the emulator: else nothing the emulator says would count."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pagerduty import HttpError, RestApiV2Client

from rallypoint.clock import ManualClock
from rallypoint.emulators.pagerduty import ENGINEER, INTEGRATION, LEAD, PagerDuty
from tests.connectors.pagerduty.conftest import Secure

Work = Callable[[RestApiV2Client], Any]


async def with_client(secure: Secure, key: str, work: Work, mail: str | None = None) -> Any:
    """Runs blocking work with the client in a thread, the server staying on this loop."""

    def act() -> Any:
        client = RestApiV2Client(key, default_from=mail, base_url=secure.url, verify=secure.trusted, trust_env=False)
        try:
            return work(client)
        finally:
            client.close()

    return await asyncio.to_thread(act)


def said(no: HttpError) -> Any:
    """The answer behind an error of the client's."""
    return no.response


def opened(client: RestApiV2Client, emulator: PagerDuty, title: str = "Payments fail", **more: Any) -> Any:
    service = {"id": emulator.service("Payments").id, "type": "service_reference"}
    return client.rpost("incidents", json={"type": "incident", "title": title, "service": service, **more})


async def test_incidents_are_opened_taken_and_resolved(emulator: PagerDuty, secure: Secure) -> None:
    def work(client: RestApiV2Client) -> None:
        assert client.api_key_access == "user"
        made = opened(client, emulator, priority={"id": emulator.priority("P1").id, "type": "priority"})
        assert (made["status"], made["priority"]["name"]) == ("triggered", "P1")
        taken = client.rput(f"incidents/{made['id']}", json={"type": "incident", "status": "acknowledged"})
        assert taken["acknowledgements"][0]["acknowledger"]["summary"] == "Noor Haddad"
        client.rput(
            f"incidents/{made['id']}", json={"type": "incident", "status": "resolved", "resolution": "Restarted"}
        )
        assert client.rget(f"incidents/{made['id']}")["status"] == "resolved"
        [row] = client.rput("incidents", json=[{"id": made["id"], "type": "incident", "status": "acknowledged"}])
        assert row["status"] == "acknowledged"

    await with_client(secure, emulator.keys[ENGINEER].secret, work)


async def test_an_accounts_key_writes_in_somebodys_name(emulator: PagerDuty, secure: Secure) -> None:
    def work(client: RestApiV2Client) -> None:
        made = opened(client, emulator)
        assert made["last_status_change_by"]["summary"] == "Sam Ortiz"

    await with_client(secure, emulator.account_key.secret, work, LEAD)

    def nameless(client: RestApiV2Client) -> None:
        with pytest.raises(HttpError) as no:
            opened(client, emulator)
        assert said(no.value).json()["error"]["code"] == 1008

    await with_client(secure, emulator.account_key.secret, nameless)


async def test_notes_and_the_log(emulator: PagerDuty, secure: Secure) -> None:
    def work(client: RestApiV2Client) -> None:
        made = opened(client, emulator)
        where = f"incidents/{made['id']}/notes"
        note = client.rpost(where, json={"content": "frist"})
        client.rput(f"{where}/{note['id']}", json={"content": "first"})
        assert [one["content"] for one in client.rget(where)] == ["first"]
        entries = list(client.iter_all(f"incidents/{made['id']}/log_entries"))
        assert sorted(one["type"] for one in entries) == [
            "annotate_log_entry", "assign_log_entry", "trigger_log_entry",
        ]  # fmt: skip
        assert len(list(client.iter_incident_notes(made["id"]))) == 1
        client.rdelete(f"{where}/{note['id']}")
        assert client.rget(where) == []

    await with_client(secure, emulator.keys[ENGINEER].secret, work)


async def test_lists_and_history_are_followed_to_their_end(
    emulator: PagerDuty, secure: Secure, clock: ManualClock
) -> None:
    def work(client: RestApiV2Client) -> None:
        for number in range(7):
            opened(client, emulator, f"Fault {number}", incident_key=f"inc-{number}")
        found = list(client.iter_all("incidents", page_size=3, params={"date_range": "all"}))
        assert [one["title"] for one in found] == [f"Fault {number}" for number in range(7)]
        since, until = clock.now() - timedelta(hours=1), clock.now() + timedelta(hours=1)
        assert since > datetime(2020, 1, 1, tzinfo=UTC)
        entries = list(client.iter_history("log_entries", since, until))
        assert sum(one["type"] == "trigger_log_entry" for one in entries) == 7
        assert (client.find("users", ENGINEER, attribute="email") or {})["name"] == "Noor Haddad"
        assert [one["name"] for one in client.iter_all("priorities")] == ["P1", "P2", "P3", "P4", "P5"]
        assert {one["name"] for one in client.list_all("services")} == {"Payments", "Storefront"}
        assert len(client.list_all("escalation_policies")) == 1

    await with_client(secure, emulator.keys[ENGINEER].secret, work)


async def test_webhook_subscriptions(emulator: PagerDuty, secure: Secure) -> None:
    emulator.deliveries.hold = True

    def work(client: RestApiV2Client) -> None:
        made = client.rpost(
            "webhook_subscriptions",
            json={
                "type": "webhook_subscription", "events": ["incident.triggered"],
                "delivery_method": {"type": "http_delivery_method", "url": "https://rp.example/in"},
                "filter": {"type": "service_reference", "id": emulator.service("Payments").id},
            },
        )  # fmt: skip
        assert made["delivery_method"]["secret"]
        [listed] = client.list_all("webhook_subscriptions")
        assert listed["delivery_method"]["secret"] is None
        client.rput(f"webhook_subscriptions/{made['id']}", json={"events": ["incident.resolved"]})
        assert client.rget(f"webhook_subscriptions/{made['id']}")["events"] == ["incident.resolved"]
        client.rdelete(f"webhook_subscriptions/{made['id']}")
        assert client.list_all("webhook_subscriptions") == []

    await with_client(secure, emulator.keys[INTEGRATION].secret, work)


async def test_refusals_are_the_clients_own_errors(emulator: PagerDuty, secure: Secure) -> None:
    def refused(client: RestApiV2Client) -> None:
        with pytest.raises(HttpError) as no:
            client.rget("users/me")
        assert said(no.value).status_code == 401

    await with_client(secure, "wrong", refused)

    def work(client: RestApiV2Client) -> None:
        with pytest.raises(HttpError) as missing:
            client.rget("incidents/QNOTTHERE")
        assert said(missing.value).status_code == 404
        made = opened(client, emulator, incident_key="inc-1")
        with pytest.raises(HttpError) as twice:
            opened(client, emulator, incident_key="inc-1")
        assert "dedup key" in said(twice.value).text
        assert client.rget("incidents", params={"incident_key": "inc-1"})[0]["id"] == made["id"]

    await with_client(secure, emulator.keys[ENGINEER].secret, work)
