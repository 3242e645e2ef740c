"""The client zenpy works against the emulator: else nothing the emulator says would count."""

import asyncio
import importlib
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rallypoint.clock import ManualClock
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.emulators.zendesk import AGENT, CUSTOMER, INTEGRATION, Zendesk

# The client leaves its connections to the collector.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")

Work = Callable[[Any], Any]
Run = Callable[..., Any]


@pytest.fixture
def objects() -> Any:
    return importlib.import_module("zenpy.lib.api_objects")


@pytest.fixture
def run(emulator: Zendesk, url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs blocking work with a client in a thread, the server staying on this loop."""
    monkeypatch.setenv("ZENPY_FORCE_SCHEME", "http")
    monkeypatch.setenv("ZENPY_FORCE_NETLOC", url.removeprefix("http://"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")

    async def with_client(work: Work, email: str = INTEGRATION, **given: Any) -> Any:
        def act() -> Any:
            if given:
                client = importlib.import_module("zenpy").Zenpy(subdomain="lantern", disable_cache=True, **given)
            else:
                client = importlib.import_module("zenpy").Zenpy(
                    subdomain="lantern", email=email, token=emulator.api_token, disable_cache=True
                )
            try:
                return work(client)
            finally:
                client.tickets.session.close()

        return await asyncio.to_thread(act)

    return with_client


def opened(client: Any, objects: Any, subject: str = "Payments fail", **more: Any) -> Any:
    made = objects.Ticket(subject=subject, comment=objects.Comment(body="Since nine o'clock"), **more)
    return client.tickets.create(made).ticket


async def test_signing_in_with_both_kinds_of_token(run: Run, emulator: Zendesk) -> None:
    errors = importlib.import_module("zenpy.lib.exception")
    assert await run(lambda client: client.users.me().email) == INTEGRATION
    assert await run(lambda client: client.users.me().email, oauth_token=emulator.bearers[AGENT]) == AGENT

    def refused(client: Any) -> None:
        with pytest.raises(errors.APIException, match="authenticate"):
            client.tickets(id=1)

    await run(refused, email=AGENT, token="wrong")


async def test_a_ticket_is_made_read_changed_and_deleted(run: Run, objects: Any) -> None:
    errors = importlib.import_module("zenpy.lib.exception")

    def work(client: Any) -> None:
        made = opened(client, objects, priority="high", tags=["vip"], external_id="inc-1")
        assert (made.status, made.priority, made.tags, made.external_id) == ("new", "high", ["vip"], "inc-1")
        made.subject, made.status = "Cards fail", "open"
        told = client.tickets.update(made)
        assert told.ticket.subject == "Cards fail"
        assert {one["field_name"] for one in told.audit.events} == {"subject", "status", "custom_status_id"}
        again = client.tickets(id=made.id)
        assert (again.subject, again.requester.email, again.description) == (
            "Cards fail", INTEGRATION, "Since nine o'clock",
        )  # fmt: skip
        assert [one.id for one in client.tickets(external_id="inc-1")] == [made.id]
        assert [one.id for one in client.tickets(ids=[made.id])] == [made.id]
        client.tickets.delete(again)
        with pytest.raises(errors.RecordNotFoundException):
            client.tickets(id=made.id)
        assert [one.id for one in client.tickets.deleted()] == [made.id]
        client.tickets.restore(made.id)
        assert client.tickets(id=made.id).subject == "Cards fail"

    await run(work)


async def test_comments_audits_and_a_safe_update(run: Run, objects: Any, clock: ManualClock) -> None:
    errors = importlib.import_module("zenpy.lib.exception")

    def work(client: Any) -> None:
        made = opened(client, objects)
        clock.advance(timedelta(seconds=1))
        client.tickets.update(
            objects.Ticket(
                id=made.id,
                comment=objects.Comment(html_body="<p>Between us</p>", public=False),
                metadata={"op": "op-1"},
            )
        )
        first, second = client.tickets.comments(made.id)
        assert (first.public, second.public, second.plain_body) == (True, False, "Between us")
        audits = list(client.tickets.audits(made.id))
        assert audits[-1].metadata.custom["op"] == "op-1"
        assert audits[-1].events[0]["type"] == "Comment"
        stale = objects.Ticket(id=made.id, subject="Late", safe_update=True, updated_stamp=made.updated_at)
        with pytest.raises(errors.APIException, match="UpdateConflict"):
            client.tickets.update(stale)
        client.tickets.comment_redact(made.id, second.id, "us")
        assert list(client.tickets.comments(made.id))[1].plain_body == "Between ▇▇"

    await run(work)


async def test_files_go_up_and_come_down_from_another_host(run: Run, objects: Any, tmp_path: Path) -> None:
    def work(client: Any) -> None:
        made = opened(client, objects)
        upload = client.attachments.upload(io.BytesIO(b"bytes"), target_name="log.txt", content_type="text/plain")
        said = objects.Comment(body="Look", uploads=[upload.token])
        client.tickets.update(objects.Ticket(id=made.id, comment=said))
        [file] = list(client.tickets.comments(made.id))[-1].attachments
        assert (file.file_name, file.size) == ("log.txt", 5)
        path = client.attachments.download(file.id, str(tmp_path))
        assert Path(path).read_bytes() == b"bytes"
        unused = client.attachments.upload(io.BytesIO(b"x"), target_name="x.txt")
        client.attachments.delete(unused.token)

    await run(work)


async def test_tags_pages_and_many_at_once(run: Run, objects: Any) -> None:
    def work(client: Any) -> None:
        jobs = client.tickets.create(
            [objects.Ticket(subject=f"Fault {n}", comment=objects.Comment(body="x")) for n in range(3)]
        )
        assert client.job_status(id=jobs.id).status == "completed"
        tickets = list(client.tickets(cursor_pagination=2))
        assert [one.subject for one in tickets] == ["Fault 0", "Fault 1", "Fault 2"]
        client.tickets.add_tags(tickets[0].id, ["a", "b"])
        client.tickets.delete_tags(tickets[0].id, ["a"])
        assert [str(one) for one in client.tickets.tags(tickets[0].id)] == ["b"]
        for one in tickets:
            one.priority = "low"
        client.tickets.update(tickets)
        assert {one.priority for one in client.tickets()} == {"low"}

    await run(work)


async def test_the_export_goes_on_by_its_cursor(run: Run, objects: Any, emulator: Zendesk, clock: ManualClock) -> None:
    emulator.interface.tickets.export_page = 2
    begun = int(clock.now().timestamp())

    def work(client: Any) -> None:
        ids = [opened(client, objects, f"Fault {n}").id for n in range(5)]
        clock.advance(timedelta(minutes=2))
        stream = client.tickets.incremental(start_time=begun)
        assert [one.id for one in stream] == ids
        ticket = client.tickets(id=ids[0])
        ticket.subject = "Changed"
        client.tickets.update(ticket)
        clock.advance(timedelta(minutes=2))
        assert [one.id for one in client.tickets.incremental(cursor=stream.after_cursor)] == [ids[0]]
        rows = [one for one in client.tickets.events(begun) if one.ticket_id == ids[0]]
        assert [one.event_type for one in rows] == ["Audit", "Audit"]

    await run(work)


async def test_search_users_groups_fields_forms_and_statuses(run: Run, objects: Any, emulator: Zendesk) -> None:
    emulator.interface.tickets.search_lag = timedelta()

    def work(client: Any) -> None:
        made = opened(client, objects, "Payments fail", requester_id=emulator.person(CUSTOMER))
        assert [one.id for one in client.search(type="ticket", status="new")] == [made.id]
        [found] = client.users.search(query=CUSTOMER)
        assert (found.name, found.organization.name) == ("Mira Kovač", "Kovač Books")
        assert [one.name for one in client.groups()] == ["Support", "Payments"]
        fields = {one.title: one for one in client.ticket_fields()}
        assert [one.value for one in fields["Severity"].custom_field_options] == ["sev_1", "sev_2", "sev_3"]
        assert [one.name for one in client.ticket_forms()] == ["Default Ticket Form"]
        assert [one.status_category for one in client.custom_statuses()] == ["new", "open", "pending", "hold", "solved"]

    await run(work)


async def test_tickets_are_merged(run: Run, objects: Any) -> None:
    def work(client: Any) -> None:
        one, two = opened(client, objects, "First"), opened(client, objects, "Second")
        job = client.tickets.merge(target=two.id, source=one.id, target_comment="Joined", source_comment="See there")
        assert client.job_status(id=job.id).status == "completed"
        assert client.tickets(id=one.id).status == "closed"
        assert list(client.tickets.comments(two.id))[-1].body == "Joined"

    await run(work)


async def test_webhooks_and_triggers(run: Run, objects: Any, emulator: Zendesk) -> None:
    emulator.deliveries.hold = True

    def work(client: Any) -> None:
        made = client.webhooks.create(
            objects.Webhook(
                name="Told", endpoint="https://rp.example/told", http_method="POST", request_format="json",
                status="active", subscriptions=["conditional_ticket_events"],
            )
        )  # fmt: skip
        trigger = objects.Trigger(
            title="Told",
            conditions={"all": [], "any": [{"field": "update_type", "operator": "is", "value": "Create"}]},
            actions=[{"field": "notification_webhook", "value": [made.id, '{"id": "{{ticket.id}}"}']}],
        )
        assert client.triggers.create(trigger).active
        opened(client, objects)
        assert client.webhooks.show_secret(made).secret == emulator.webhooks.all[made.id].secret
        assert [one.status for one in client.webhooks.invocations(made)] == ["sent"]
        client.webhooks.patch(objects.Webhook(id=made.id, status="inactive"))
        assert [one.status for one in client.webhooks.list()] == ["inactive"]

    await run(work)
    assert len(emulator.deliveries.held) == 1


async def test_refusals_and_limits_reach_the_caller(run: Run, objects: Any, emulator: Zendesk) -> None:
    errors = importlib.import_module("zenpy.lib.exception")

    def work(client: Any) -> None:
        made = opened(client, objects)
        with pytest.raises(errors.APIException, match="is not included in the list"):
            client.tickets.update(objects.Ticket(id=made.id, status="nonsense"))
        spent = Fault(kind=FaultKind.REFUSE, method="PUT", status=429, headers={"retry-after": "1"})
        emulator.faults.plan(spent)
        client.tickets.update(objects.Ticket(id=made.id, subject="After a wait"))
        assert client.tickets(id=made.id).subject == "After a wait"

    await run(work)
