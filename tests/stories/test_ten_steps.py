"""Ten steps of mail and copy-paste that nobody takes: the desk in ServiceNow, the engineers in Azure DevOps."""

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from rallypoint import incidents
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.catalog.model import StatusCategory
from rallypoint.clock import ManualClock
from rallypoint.connectors.trackers import TOOLS
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import ENGINEER, INTEGRATION, ORGANIZATION, PROJECT, AzureDevOps
from rallypoint.emulators.base import Fault, FaultKind, serving
from rallypoint.emulators.servicenow import INTEGRATION_USER, ServiceNow
from rallypoint.settings import Settings
from rallypoint.sync import connecting, store
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.mapping import (
    CommentRule,
    CreateRule,
    FieldRule,
    Mapping,
    StatusMap,
    StatusRead,
    StatusWrite,
    Text,
    Trigger,
)
from rallypoint.sync.model import Markup
from rallypoint.sync.texts import Texts
from tests.store.incidents.people import company
from tests.stories.test_service_desk_elsewhere import Desk, mapping


def engineers(id: int, connection: int) -> Mapping:
    return Mapping(
        id=id, version=1, connection=connection, name="Bugs", trigger=Trigger(send=True),
        create=CreateRule(project=PROJECT, type="Bug"),
        fields=(
            FieldRule(hub="title", remote="System.Title", transform=Text(max_length=255, single_line=True)),
            FieldRule(hub="description", remote="System.Description", transform=Text(markup=Markup.HTML)),
        ),
        status=StatusMap(
            field="System.State",
            out=(
                StatusWrite(hub="triage", remote="New"), StatusWrite(hub="active", remote="Active"),
                StatusWrite(hub="restored", remote="Active"), StatusWrite(hub="resolved", remote="Resolved"),
                StatusWrite(hub="review", remote="Resolved"), StatusWrite(hub="closed", remote="Closed"),
            ),
            into=(
                StatusRead(remote="New", hub="triage"), StatusRead(remote="Active", hub="active"),
                StatusRead(remote="Resolved", hub="resolved"), StatusRead(remote="Closed", hub="resolved"),
            ),
        ),
        comments=CommentRule(private_to_open_tool=True),
    )  # fmt: skip


@pytest.fixture
async def both(db: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[tuple[Desk, AzureDevOps]]:
    them, desk, works = await company(db), ServiceNow(clock), AzureDevOps(clock)
    settings = Settings(data=tmp_path, allow_private_targets=True)
    vault, egress = Vault.open(settings), Egress(settings)

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        raise AssertionError(f"nobody should have to be told: {subject}: {what}")

    async with serving(desk) as desk_url, serving(works) as works_url:
        async with db.transaction(them.manager) as tx:
            there = await connecting.connect(
                tx, TOOLS, vault, key="servicenow", tool="servicenow", base_url=desk_url, name="ServiceNow",
                settings={"user": INTEGRATION_USER}, secrets_={"password": desk.passwords[INTEGRATION_USER]},
            )  # fmt: skip
            other = await connecting.connect(
                tx, TOOLS, vault, key="azure", tool="azure_devops", base_url=f"{works_url}/{ORGANIZATION}",
                name="Azure DevOps", secrets_={"token": works.tokens[INTEGRATION]},
            )  # fmt: skip
            ours = mapping(await store.new_mapping_id(tx), there.connection.id)
            await store.save_mapping(tx, ours, by="Mia")
            await store.save_mapping(tx, engineers(await store.new_mapping_id(tx), other.connection.id), by="Mia")
        lanes = Lanes(db, TOOLS, vault, egress, base_url="https://rp.example", texts=Texts(), alarm=alarm)
        try:
            yield Desk(db, them, desk, lanes, clock), works
        finally:
            await lanes.drain()
            await egress.close()


async def test_logged_there_fixed_elsewhere_and_nobody_copies_anything(both: tuple[Desk, AzureDevOps]) -> None:
    desk, works = both
    await desk.sync(1)
    logged = desk.log(short_description="Card payments fail", description="Since **noon**.", impact="1", urgency="1")
    await desk.sync()

    async with desk.db.transaction(SYSTEM) as tx:
        [ranked], _ = await incidents.board(tx, limit=5)
    number = ranked.incident.number
    [item] = works.organization.items.values()
    assert item.last.fields["System.Title"] == "Card payments fail"
    assert "<strong>noon</strong>" in str(item.last.fields["System.Description"])

    engineer = works.organization.users[ENGINEER]
    works.organization.update(item, [{"op": "add", "path": "/fields/System.State", "value": "Active"}], engineer)
    works.organization.comment(item, "<div>A pool that is too small. The customer must not read this.</div>", engineer)
    await desk.sync()
    assert desk.row(logged["sys_id"])["state"] == "2", "taken up by the engineers, so in progress for the desk"
    journal = desk.there.instance.tables["sys_journal_field"].values()
    assert {entry["element"] for entry in journal if "too small" in entry["value"]} == {"work_notes"}

    await desk.do(desk.them.responder, "note", number, text="The **pool** has 500 places.")
    await desk.sync()
    assert any("500 places" in one.versions[0].text for one in item.comments), "the rule lets notes go to the engineers"
    notes = [entry["value"] for entry in journal if "500 places" in entry["value"]]
    assert [one.partition(":")[0].strip("*") for one in notes] == [desk.them.responder.name]
    assert not any(one.startswith("**") for one in notes), "no marks of a markup where there is none"

    works.organization.update(item, [{"op": "add", "path": "/fields/System.State", "value": "Resolved"}], engineer)
    await desk.sync()
    async with desk.db.transaction(SYSTEM) as tx:
        record = await incidents.incident(tx, number)
        entries, _ = await incidents.timeline(tx, number)
    assert (record.status_category, record.confirmed_at) == (StatusCategory.RESOLVED, None)
    assert desk.row(logged["sys_id"])["state"] == "6"
    assert any(entry.origin == "sync:azure" and "in Azure DevOps" in entry.actor_name for entry in entries)

    await desk.do(desk.them.desk, "confirm", number, note="She says it works.")
    await desk.do(desk.them.desk, "close", number)
    await desk.sync()
    async with desk.db.transaction(SYSTEM) as tx:
        assert (await incidents.incident(tx, number)).status_category is StatusCategory.CLOSED
    before = desk.row(logged["sys_id"])["sys_mod_count"], item.last.rev
    await desk.sync(4)
    assert (desk.row(logged["sys_id"])["sys_mod_count"], item.last.rev) == before, "everything is in step and at rest"


async def test_an_answer_that_is_lost_makes_no_second_bug_though_the_query_shows_it_late(
    both: tuple[Desk, AzureDevOps],
) -> None:
    desk, works = both
    works.organization.query_lag = 40.0
    works.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="POST", path="/workitems/$Bug"))
    async with desk.db.transaction(desk.them.responder) as tx:
        number = (await incidents.open_incident(tx, title="Card payments fail", service="checkout")).number
    for _ in range(20):
        desk.clock.advance(timedelta(seconds=10))
        await sync_due(desk.lanes)
    posted = [one for one in works.faults.seen if one.method == "POST" and "/workitems/$Bug" in one.path]
    assert [one.status for one in posted] == [None], "it was made, and we were not told"
    [item] = works.organization.items.values()
    async with desk.db.transaction(SYSTEM) as tx:
        [link] = await store.links_of(tx, number)
    assert (link["remote_key"], link["state"], link["error"]) == (f"#{item.id}", "active", None)
