"""Support logs in ServiceNow, engineers work here: one incident, one record, nobody copies anything."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
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
from rallypoint.emulators.base import serving
from rallypoint.emulators.servicenow import AGENT, CALLER, INTEGRATION_USER, ServiceNow
from rallypoint.settings import Settings
from rallypoint.sync import connecting, store
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.mapping import (
    CreateRule,
    FieldRule,
    Mapping,
    Pair,
    StatusMap,
    StatusRead,
    StatusWrite,
    Text,
    Trigger,
    ValueMap,
)
from rallypoint.sync.texts import Texts
from tests.store.incidents.people import Company, company

LEVELS = (("extensive", "1"), ("significant", "2"), ("moderate", "3"), ("minor", "3"))
URGENCIES = (("critical", "1"), ("high", "1"), ("medium", "2"), ("low", "3"))
CLOSE = {"close_code": "Solution provided", "close_notes": "Resolved by the engineers; see Rallypoint."}


def mapping(id: int, connection: int) -> Mapping:
    return Mapping(
        id=id, version=1, connection=connection, name="Incidents", trigger=Trigger(receive=True),
        create=CreateRule(project="incident", type="incident"),
        fields=(
            FieldRule(hub="title", remote="short_description", transform=Text(max_length=160, single_line=True)),
            FieldRule(hub="description", remote="description", transform=Text(max_length=4000)),
            FieldRule(hub="impact", remote="impact",
                      transform=ValueMap(pairs=tuple(Pair(hub=h, remote=r) for h, r in LEVELS))),
            FieldRule(hub="urgency", remote="urgency",
                      transform=ValueMap(pairs=tuple(Pair(hub=h, remote=r) for h, r in URGENCIES))),
        ),
        status=StatusMap(
            field="state",
            out=(
                StatusWrite(hub="triage", remote="1"), StatusWrite(hub="active", remote="2"),
                StatusWrite(hub="restored", remote="2"), StatusWrite(hub="resolved", remote="6", fill=CLOSE),
                StatusWrite(hub="review", remote="6", fill=CLOSE), StatusWrite(hub="closed", remote="6", fill=CLOSE),
            ),
            into=(
                StatusRead(remote="1", hub="triage"), StatusRead(remote="2", hub="active"),
                StatusRead(remote="3", hub="on_hold"), StatusRead(remote="6", hub="resolved"),
                StatusRead(remote="7", hub="resolved"), StatusRead(remote="8", hub="cancelled"),
            ),
        ),
    )  # fmt: skip


@dataclass
class Desk:
    """The desk's instance there, the house here, and the lanes between them."""

    db: Database
    them: Company
    there: ServiceNow
    lanes: Lanes
    clock: ManualClock

    def log(self, **values: str) -> dict[str, str]:
        """The agent logs an incident for the caller."""
        users = self.there.instance.users
        return self.there.instance.insert("incident", {"caller_id": self.there.sys_id(CALLER), **values}, users[AGENT])

    def row(self, sys_id: str) -> dict[str, str]:
        return dict(self.there.instance.tables["incident"][sys_id])

    async def sync(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            self.clock.advance(timedelta(seconds=61))
            await self.lanes.poll()
            await sync_due(self.lanes)

    async def do(self, actor: object, name: str, *arguments: object, **more: object) -> None:
        async with self.db.transaction(actor) as tx:  # type: ignore[arg-type]
            await getattr(incidents, name)(tx, *arguments, **more)


@pytest.fixture
async def desk(db: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Desk]:
    them, there = await company(db), ServiceNow(clock)
    settings = Settings(data=tmp_path, allow_private_targets=True)
    vault, egress = Vault.open(settings), Egress(settings)

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        raise AssertionError(f"nobody should have to be told: {subject}: {what}")

    async with serving(there) as url:
        async with db.transaction(them.manager) as tx:
            made = await connecting.connect(
                tx, TOOLS, vault, key="servicenow", tool="servicenow", base_url=url, name="ServiceNow",
                settings={"user": INTEGRATION_USER}, secrets_={"password": there.passwords[INTEGRATION_USER]},
            )  # fmt: skip
            await store.save_mapping(tx, mapping(await store.new_mapping_id(tx), made.connection.id), by="Mia")
        lanes = Lanes(db, TOOLS, vault, egress, base_url="https://rp.example", texts=Texts(), alarm=alarm)
        try:
            yield Desk(db, them, there, lanes, clock)
        finally:
            await lanes.drain()
            await egress.close()


async def test_an_incident_of_the_desk_is_worked_on_here_and_resolved_there(desk: Desk) -> None:
    await desk.sync(1)
    logged = desk.log(short_description="Card payments fail", description="Since noon.", impact="1", urgency="1")
    await desk.sync()
    async with desk.db.transaction(SYSTEM) as tx:
        [ranked], _ = await incidents.board(tx, limit=5)
    number = ranked.incident.number
    assert (ranked.incident.title, ranked.incident.priority) == ("Card payments fail", "P1")
    assert ranked.incident.origin == "sync:servicenow"

    await desk.do(desk.them.responder, "acknowledge", number)
    await desk.do(desk.them.responder, "note", number, text="The pool is exhausted.")
    await desk.sync()
    row = desk.row(logged["sys_id"])
    assert row["state"] == "2"
    journal = desk.there.instance.tables["sys_journal_field"].values()
    notes = {entry["element"]: entry["value"] for entry in journal if "exhausted" in entry["value"]}
    assert list(notes) == ["work_notes"], "what is internal here is a work note there, which the caller does not read"

    await desk.do(desk.them.responder, "resolve", number, resolution="Rolled back.")
    await desk.sync()
    row = desk.row(logged["sys_id"])
    assert (row["state"], row["close_code"]) == ("6", "Solution provided")
    async with desk.db.transaction(SYSTEM) as tx:
        record = await incidents.incident(tx, number)
    assert record.status_category is StatusCategory.RESOLVED
    before = row["sys_mod_count"]
    await desk.sync(5)
    assert desk.row(logged["sys_id"])["sys_mod_count"] == before, "in step: nothing more is written"


async def test_resolved_there_waits_here_for_the_reporter(desk: Desk) -> None:
    await desk.sync(1)
    logged = desk.log(short_description="Printer does not print", impact="3", urgency="3")
    await desk.sync()
    async with desk.db.transaction(SYSTEM) as tx:
        [ranked], _ = await incidents.board(tx, limit=5)
    users = desk.there.instance.users
    row = desk.there.instance.tables["incident"][logged["sys_id"]]
    desk.there.instance.update(
        "incident", row, {"state": "6", "close_code": "Solution provided", "close_notes": "New toner."}, users[AGENT]
    )
    await desk.sync()
    async with desk.db.transaction(SYSTEM) as tx:
        record = await incidents.incident(tx, ranked.incident.number)
        entries, _ = await incidents.timeline(tx, ranked.incident.number)
    assert record.status_category is StatusCategory.RESOLVED
    assert record.confirmed_at is None, "a remote done never closes"
    told = next(entry for entry in entries if entry.data.get("category") == "resolved")
    assert told.actor_name == "Beth Anglin in ServiceNow"
