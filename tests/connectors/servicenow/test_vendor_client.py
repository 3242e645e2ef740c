"""ServiceNow's own client, pysnc, works against the emulator: else nothing the emulator says would count."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pysnc
import pytest
from pysnc.exceptions import AuthenticationException, RestException, RoleException

from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.servicenow import ADMIN, CLIENT, INTEGRATION_USER, ServiceNow
from tests.connectors.servicenow.conftest import Secure

Work = Callable[[pysnc.ServiceNowClient], Any]


async def with_client(emulator: ServiceNow, secure: Secure, work: Work, user: str = INTEGRATION_USER) -> Any:
    """Runs blocking work with a client in a thread, the server staying on this loop."""

    def act() -> Any:
        client = pysnc.ServiceNowClient(secure.url, (user, emulator.passwords[user]), verify=secure.authority)
        try:
            return work(client)
        finally:
            client.session.close()

    return await asyncio.to_thread(act)


def opened(client: pysnc.ServiceNowClient, **fields: str) -> pysnc.GlideRecord:
    record = client.GlideRecord("incident")
    record.initialize()
    for name, value in {"short_description": "Payments fail", **fields}.items():
        record.set_value(name, value)
    assert record.insert() is not None
    return record


async def test_insert_and_get(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        made = opened(client, impact="1", urgency="2", correlation_id="inc-42")
        again = client.GlideRecord("incident")
        assert again.get(made.sys_id)
        assert again.number == "INC0010001"
        assert (again.get_value("priority"), again.get_display_value("priority")) == ("2", "2 - High")
        assert again.get_value("sys_mod_count") == "0"
        assert again.sys_created_on.date_value().isoformat() == "2026-06-01T08:00:00+00:00"
        assert client.GlideRecord("incident").get("correlation_id", "inc-42")
        assert not client.GlideRecord("incident").get("0" * 32)

    await with_client(emulator, secure, work)


async def test_query_sorts_pages_and_counts(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        for number in range(7):
            opened(client, short_description=f"Fault {number}", urgency="1" if number % 2 else "3")
        found = client.GlideRecord("incident", batch_size=2)
        found.add_query("short_description", "STARTSWITH", "Fault")
        found.add_query("urgency", "1").add_or_condition("urgency", "3")
        found.order_by_desc("number")
        found.query()
        assert found.get_row_count() == 7
        assert [one.get_value("short_description") for one in found] == [f"Fault {n}" for n in range(6, -1, -1)]
        urgent = client.GlideRecord("incident")
        urgent.add_active_query()
        urgent.add_query("urgency", "<", "2")
        urgent.query()
        assert len(urgent) == 3

    await with_client(emulator, secure, work)


async def test_update_changes_only_what_was_set(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        made = opened(client)
        made.urgency = "1"
        assert made.update() is not None
        assert made.get_value("sys_mod_count") == "1"
        assert made.get_value("short_description") == "Payments fail"

    await with_client(emulator, secure, work)


async def test_references_are_followed(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        caller = client.GlideRecord("sys_user")
        assert caller.get("user_name", "abel.tuter")
        made = opened(client, caller_id=caller.get_value("sys_id"))
        again = client.GlideRecord("incident")
        again.fields = "number,caller_id,caller_id.email"
        assert again.get(made.sys_id)
        assert again.get_display_value("caller_id") == "Abel Tuter"
        assert again.get_value("caller_id.email") == "abel.tuter@example.com"
        assert again.caller_id.email == "abel.tuter@example.com"

    await with_client(emulator, secure, work)


async def test_journal_entries_are_rows_of_their_own(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        made = opened(client)
        made.comments = "Looking into it"
        made.update()
        made.work_notes = "Queue is full"
        made.update()
        again = client.GlideRecord("incident")
        assert again.get(made.sys_id)
        assert again.get_value("comments") == ""
        shown = again.get_display_value("comments_and_work_notes")
        assert shown.index("Queue is full") < shown.index("Looking into it")
        journal = client.GlideRecord("sys_journal_field")
        journal.add_query("element_id", str(made.sys_id))
        journal.order_by("sys_created_on")
        journal.query()
        assert {(one.get_value("element"), one.get_value("value")) for one in journal} == {
            ("comments", "Looking into it"), ("work_notes", "Queue is full"),
        }  # fmt: skip

    await with_client(emulator, secure, work)


async def test_attachments_go_up_and_come_down(emulator: ServiceNow, secure: Secure, tmp_path: Path) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        made = opened(client)
        where = made.add_attachment("log.bin", bytes(range(256)), content_type="application/x-log")
        assert where.startswith(f"{secure.url}/api/now/")
        files = made.get_attachments()
        assert [(one.file_name, one.size_bytes, one.content_type) for one in files] == [
            ("log.bin", "256", "application/x-log")
        ]
        files = made.get_attachments()
        assert files.next()
        assert files.read() == bytes(range(256))
        assert files.write_to(str(tmp_path)).read_bytes() == bytes(range(256))
        files.delete()
        assert len(made.get_attachments()) == 0

    await with_client(emulator, secure, work)


async def test_many_by_one_batch(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        for number in range(3):
            opened(client, short_description=f"Fault {number}")
        found = client.GlideRecord("incident")
        found.query()
        for one in found:
            one.urgency = "1"
        found.update_multiple()
        assert {row["urgency"] for row in emulator.instance.tables["incident"].values()} == {"1"}
        gone = client.GlideRecord("incident")
        gone.query()
        assert gone.delete_multiple()

    await with_client(emulator, secure, work, ADMIN)
    assert emulator.instance.tables["incident"] == {}


async def test_deleting_needs_an_administrator(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        with pytest.raises(RoleException, match="ACL Exception Delete Failed"):
            opened(client).delete()

    await with_client(emulator, secure, work)


async def test_resolving_without_a_code_is_refused(emulator: ServiceNow, secure: Secure) -> None:
    def work(client: pysnc.ServiceNowClient) -> None:
        made = opened(client)
        made.state = "6"
        with pytest.raises(RoleException, match="Data Policy Exception"):
            made.update()

    await with_client(emulator, secure, work)


async def test_a_wrong_password(emulator: ServiceNow, secure: Secure) -> None:
    def work() -> None:
        client = pysnc.ServiceNowClient(secure.url, ("admin", "wrong"), verify=secure.authority)
        with pytest.raises(AuthenticationException, match="User Not Authenticated"):
            client.GlideRecord("incident").get("0" * 32)
        client.session.close()

    await asyncio.to_thread(work)


async def test_client_credentials(emulator: ServiceNow, secure: Secure) -> None:
    def work() -> str:
        flow = pysnc.ServiceNowClientCredentialsFlow(CLIENT, emulator.client_secret)
        client = pysnc.ServiceNowClient(secure.url, flow, verify=secure.authority)
        try:
            return str(opened(client).get_value("sys_created_by"))
        finally:
            client.session.close()

    assert await asyncio.to_thread(work) == INTEGRATION_USER


async def test_its_retries_see_a_passing_outage(emulator: ServiceNow, secure: Secure) -> None:
    emulator.faults.plan(Fault(kind=FaultKind.REFUSE, method="GET", status=503, times=2))

    def work(client: pysnc.ServiceNowClient) -> int:
        found = client.GlideRecord("incident")
        found.query()
        return found.get_row_count()

    assert await with_client(emulator, secure, work) == 0
    assert [one.status for one in emulator.faults.seen] == [503, 503, 200]


async def test_an_insert_that_is_refused(emulator: ServiceNow, secure: Secure) -> None:
    emulator.instance.properties.mandatory_on_insert = ("caller_id",)

    def work(client: pysnc.ServiceNowClient) -> None:
        with pytest.raises((RestException, RoleException), match="Caller is mandatory"):
            opened(client)

    await with_client(emulator, secure, work)
