"""Engineers work here, the service desk in Request Tracker, the real program: one incident, one ticket, no copying."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rallypoint import incidents
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.catalog.model import StatusCategory
from rallypoint.clock import ManualClock
from rallypoint.connectors.request_tracker.shape import CUSTOM
from rallypoint.connectors.trackers import TOOLS
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.settings import Settings
from rallypoint.sync import connecting, linking, store
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
)
from rallypoint.sync.texts import Texts
from tests.connectors.request_tracker.server import BETH, RAE, REPORT, SYNC, RequestTrackerServer
from tests.store.incidents.people import Company, company


def mapping(id: int, connection: int) -> Mapping:
    active, done = ("triage", "active", "restored"), ("resolved", "review", "closed")
    return Mapping(
        id=id, version=1, connection=connection, name="Tickets",
        create=CreateRule(project="1", type="ticket"),
        fields=(
            FieldRule(hub="title", remote="Subject", transform=Text(max_length=200, single_line=True)),
            FieldRule(hub="description", remote=CUSTOM + REPORT, transform=Text(max_length=4000)),
        ),
        status=StatusMap(
            field="Status",
            out=(*(StatusWrite(hub=one, remote="open") for one in active),
                 *(StatusWrite(hub=one, remote="resolved") for one in done)),
            into=(StatusRead(remote="open", hub="active"), StatusRead(remote="resolved", hub="resolved")),
        ),
        comments=CommentRule(name_author=False),
    )  # fmt: skip


@dataclass
class Floor:
    """The engineers here, the desk's Request Tracker, and the lanes between them. `told` is what people heard of."""

    db: Database
    them: Company
    there: RequestTrackerServer
    lanes: Lanes
    clock: ManualClock
    mapping: int
    told: list[str]

    async def sync(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            self.clock.advance(timedelta(seconds=61))
            await self.lanes.poll()
            await sync_due(self.lanes)

    async def do(self, name: str, *arguments: Any, **more: Any) -> Any:
        async with self.db.transaction(self.them.responder) as tx:
            return await getattr(incidents, name)(tx, *arguments, **more)

    async def escalated(self, title: str) -> tuple[int, str]:
        """(number of a new incident that somebody works on, the ticket created for it)"""
        made = await self.do("open_incident", title=title, description="Since noon.", reporter_name="Rae")
        await self.do("acknowledge", made.number)
        async with self.db.transaction(self.them.responder) as tx:
            await linking.create_remote(tx, made.number, mapping_id=self.mapping)
        await self.sync(2)
        [ticket] = self.there.tickets()
        return made.number, ticket

    async def status(self, number: int) -> Any:
        async with self.db.transaction(SYSTEM) as tx:
            return await incidents.incident(tx, number)

    async def entries(self, number: int) -> list[Any]:
        async with self.db.transaction(SYSTEM) as tx:
            return list((await incidents.timeline(tx, number))[0])


@pytest.fixture(scope="module")
def server_there() -> Iterator[RequestTrackerServer]:
    server = RequestTrackerServer()
    try:
        yield server.start()
    finally:
        server.close()


@pytest.fixture
async def floor(
    db: Database, clock: ManualClock, tmp_path: Path, server_there: RequestTrackerServer
) -> AsyncIterator[Floor]:
    server_there.wipe()
    them, told = await company(db), list[str]()
    settings = Settings(data=tmp_path, allow_private_targets=True)
    vault, egress = Vault.open(settings), Egress(settings)

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        told.append(f"{subject}: {what}")

    async with db.transaction(them.manager) as tx:
        made = await connecting.connect(
            tx, TOOLS, vault, key="rt", tool="request_tracker", base_url=server_there.url, name="Request Tracker",
            settings={"user": SYNC}, secrets_={"token": server_there.token},
        )  # fmt: skip
        id = await store.new_mapping_id(tx)
        await store.save_mapping(tx, mapping(id, made.connection.id), by="Mia")
    lanes = Lanes(db, TOOLS, vault, egress, base_url="https://rp.example", texts=Texts(), alarm=alarm)
    try:
        yield Floor(db, them, server_there, lanes, clock, id, told)
    finally:
        await lanes.drain()
        await egress.close()


async def test_an_incident_becomes_a_ticket_is_talked_about_and_resolved_there(floor: Floor) -> None:
    await floor.sync(1)
    number, ticket = await floor.escalated("Card payments fail")
    there = floor.there.shows(ticket)
    assert (there["Subject"], there["Status"], there["Report"]) == ("Card payments fail", "open", ["Since noon."])

    await floor.do("note", number, text="The **pool** is exhausted.")
    floor.there.change(BETH, ticket, Requestor=[f"{RAE}@example.invalid"])
    floor.there.say(BETH, ticket, "I look at the pool.")
    floor.there.say(BETH, ticket, "Rae, we are at it.", public=True)
    floor.there.change(BETH, ticket, Subject="Card payments fail: pool exhausted")
    await floor.sync()
    assert sum("<strong>pool</strong> is exhausted" in one for one in floor.there.said(ticket)) == 1
    assert not [one for one in floor.there.said(ticket, RAE) if "exhausted" in one], (
        "a note is nothing for the reporter"
    )
    entries = await floor.entries(number)
    for words in ("I look at the pool.", "Rae, we are at it.", "pool** is exhausted"):
        assert sum(words in one.text for one in entries) == 1, words
    assert (await floor.status(number)).title == "Card payments fail: pool exhausted"

    floor.there.change(BETH, ticket, Status="resolved")
    await floor.sync()
    record = await floor.status(number)
    assert record.status_category is StatusCategory.RESOLVED
    assert record.confirmed_at is None, "done there never closes here: the reporter confirms"
    told = next(one for one in await floor.entries(number) if one.data.get("category") == "resolved")
    assert told.actor_name == "Beth Anglin in Request Tracker"

    before = floor.there.last(ticket)
    await floor.sync(4)
    assert floor.there.last(ticket) == before, "in step: nothing more is written"
    assert floor.told == []


async def test_what_happens_while_request_tracker_is_killed_is_caught_up_on_both_sides(floor: Floor) -> None:
    await floor.sync(1)
    number, ticket = await floor.escalated("Printer does not print")
    floor.there.change(BETH, ticket, Subject="Printer on floor 2 does not print")
    floor.there.say(BETH, ticket, "It is out of toner.")
    floor.there.kill()
    await floor.do("note", number, text="Rae waits beside it.")
    await floor.do("resolve", number, resolution="New toner.")
    await floor.sync(4)
    assert (await floor.status(number)).title == "Printer does not print", "nothing can be known of it yet"

    floor.there.start()
    await floor.sync(12)
    there = floor.there.shows(ticket)
    assert there["Status"] == "resolved"
    assert (await floor.status(number)).title == there["Subject"] == "Printer on floor 2 does not print"
    assert sum("Rae waits beside it." in one for one in floor.there.said(ticket)) == 1
    texts = [one.text for one in await floor.entries(number)]
    assert sum("It is out of toner." in one for one in texts) == 1
    assert len(floor.there.tickets()) == 1, "a ticket is created once"
