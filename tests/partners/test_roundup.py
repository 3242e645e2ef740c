"""Support works here, engineers in Roundup, the real program: one incident, one issue, and nobody copies anything."""

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
from rallypoint.connectors.roundup.tracker import OPENING
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
    LinkRule,
    Mapping,
    StatusMap,
    StatusRead,
    StatusWrite,
    TagSet,
    Text,
)
from rallypoint.sync.model import TAGS
from rallypoint.sync.texts import Texts
from tests.connectors.roundup.server import BETH, PASSWORDS, SYNC, Roundup
from tests.store.incidents.people import Company, company

NEW, WORKED_ON, DONE = "1", "5", "8"


def mapping(id: int, connection: int) -> Mapping:
    active, done = ("triage", "active", "restored"), ("resolved", "review", "closed")
    return Mapping(
        id=id, version=1, connection=connection, name="Issues",
        create=CreateRule(project="issue", type="issue"),
        fields=(
            FieldRule(hub="title", remote="title", transform=Text(max_length=200, single_line=True)),
            FieldRule(hub="description", remote="description", transform=Text(max_length=4000)),
            FieldRule(hub="tags", remote=TAGS, transform=TagSet()),
        ),
        links=LinkRule(parents=True, related=True),
        status=StatusMap(
            field="status",
            out=(*(StatusWrite(hub=one, remote=WORKED_ON) for one in active),
                 *(StatusWrite(hub=one, remote=DONE) for one in done)),
            into=(StatusRead(remote=WORKED_ON, hub="active"), StatusRead(remote=DONE, hub="resolved")),
        ),
        comments=CommentRule(name_author=False),
    )  # fmt: skip


@dataclass
class Floor:
    """The desk here, the engineers' Roundup, and the lanes between them. `told` is what people were alarmed of."""

    db: Database
    them: Company
    there: Roundup
    lanes: Lanes
    clock: ManualClock
    mapping: int
    told: list[str]

    async def sync(self, rounds: int = 3) -> None:
        for _ in range(rounds):
            self.clock.advance(timedelta(seconds=61))
            await self.lanes.poll()
            await sync_due(self.lanes)

    async def do(self, verb: str, *arguments: Any, **more: Any) -> Any:
        async with self.db.transaction(self.them.responder) as tx:
            return await getattr(incidents, verb)(tx, *arguments, **more)

    async def escalated(self, title: str) -> tuple[int, str]:
        """(number of a new incident that somebody works on, the issue created for it)"""
        made = await self.do("open_incident", title=title, description="Since noon.", reporter_name="Rae")
        await self.do("acknowledge", made.number)
        async with self.db.transaction(self.them.responder) as tx:
            await linking.create_remote(tx, made.number, mapping_id=self.mapping)
        await self.sync(2)
        [issue] = self.there.ask(BETH, "GET", "issue")["collection"]
        return made.number, str(issue["id"])

    def said(self, issue: str, words: str) -> list[str]:
        """Messages there with these words in them, but for the one that leads back to the incident."""
        return [one for one in self.there.said(issue) if words in one and OPENING not in one]

    async def status(self, number: int) -> Any:
        async with self.db.transaction(SYSTEM) as tx:
            return await incidents.incident(tx, number)

    async def entries(self, number: int) -> list[Any]:
        async with self.db.transaction(SYSTEM) as tx:
            return list((await incidents.timeline(tx, number))[0])


@pytest.fixture(scope="module")
def server_there() -> Iterator[Roundup]:
    roundup = Roundup()
    try:
        yield roundup.start().with_people()
    finally:
        roundup.close()


@pytest.fixture
async def floor(db: Database, clock: ManualClock, tmp_path: Path, server_there: Roundup) -> AsyncIterator[Floor]:
    server_there.wipe()
    them, told = await company(db), list[str]()
    settings = Settings(data=tmp_path, allow_private_targets=True)
    vault, egress = Vault.open(settings), Egress(settings)

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        told.append(f"{subject}: {what}")

    async with db.transaction(them.manager) as tx:
        made = await connecting.connect(
            tx, TOOLS, vault, key="roundup", tool="roundup", base_url=server_there.url, name="Roundup",
            settings={"user": SYNC, "audience": "team"}, secrets_={"password": PASSWORDS[SYNC]},
        )  # fmt: skip
        id = await store.new_mapping_id(tx)
        await store.save_mapping(tx, mapping(id, made.connection.id), by="Mia")
    lanes = Lanes(db, TOOLS, vault, egress, base_url="https://rp.example", texts=Texts(), alarm=alarm)
    try:
        yield Floor(db, them, server_there, lanes, clock, id, told)
    finally:
        await lanes.drain()
        await egress.close()


async def test_an_incident_becomes_an_issue_is_talked_about_and_resolved_there(floor: Floor) -> None:
    await floor.sync(1)
    number, issue = await floor.escalated("Card payments fail")
    there = floor.there.attributes(issue)
    assert (there["title"], there["description"]) == ("Card payments fail", "Since noon.")
    assert there["status"]["id"] == WORKED_ON

    await floor.do("note", number, text="The pool is exhausted.")
    floor.there.say(BETH, issue, "I look at the pool.")
    floor.there.change(BETH, issue, title="Card payments fail: pool exhausted")
    await floor.sync()
    assert floor.said(issue, "exhausted") == ["The pool is exhausted."]
    assert floor.said(issue, "look at") == ["I look at the pool."]
    texts = [one.text for one in await floor.entries(number)]
    assert sum("I look at the pool." in one for one in texts) == 1
    assert sum("The pool is exhausted." in one for one in texts) == 1
    assert (await floor.status(number)).title == "Card payments fail: pool exhausted"

    floor.there.change(BETH, issue, status=DONE)
    await floor.sync()
    record = await floor.status(number)
    assert record.status_category is StatusCategory.RESOLVED
    assert record.confirmed_at is None, "done there never closes here: the reporter confirms"
    told = next(one for one in await floor.entries(number) if one.data.get("category") == "resolved")
    assert told.actor_name == "Beth Anglin in Roundup"

    before = floor.there.ask(BETH, "GET", f"issue/{issue}")["@etag"]
    await floor.sync(4)
    assert floor.there.ask(BETH, "GET", f"issue/{issue}")["@etag"] == before, "in step: nothing more is written"
    assert floor.told == []


async def test_what_happens_while_roundup_is_killed_is_caught_up_on_both_sides(floor: Floor) -> None:
    await floor.sync(1)
    number, issue = await floor.escalated("Printer does not print")
    floor.there.change(BETH, issue, title="Printer on floor 2 does not print")
    floor.there.say(BETH, issue, "It is out of toner.")
    floor.there.kill()
    await floor.do("note", number, text="Rae waits beside it.")
    await floor.do("resolve", number, resolution="New toner.")
    await floor.sync(4)
    assert (await floor.status(number)).title == "Printer does not print", "nothing can be known of it yet"

    floor.there.start()
    await floor.sync(12)
    there = floor.there.attributes(issue)
    assert there["status"]["id"] == DONE
    assert (await floor.status(number)).title == there["title"] == "Printer on floor 2 does not print"
    assert floor.said(issue, "waits") == ["Rae waits beside it."]
    texts = [one.text for one in await floor.entries(number)]
    assert sum("It is out of toner." in one for one in texts) == 1
    assert len(floor.there.ask(BETH, "GET", "issue")["collection"]) == 1, "an issue is created once"


async def test_files_tags_and_duplicates_travel_and_come_to_rest(floor: Floor) -> None:
    await floor.sync(1)
    number, issue = await floor.escalated("Card payments fail")
    log = b"connection refused\n" * 50_000

    async def chunks() -> AsyncIterator[bytes]:
        yield log

    async with incidents.held(chunks(), largest=10**7) as whole:
        sha256 = await incidents.keep(floor.db, whole)
    await floor.do("attach", number, sha256=sha256, name="pool.log")
    await floor.do("change_tags", number, add=["payments"])
    made = floor.there.ask(
        BETH, "POST", "file", data={"name": "shot.png", "type": "image/png"}, files={"content": b"PNG"}
    )
    floor.there.ask(BETH, "PATCH", f"issue/{issue}", json={"@op": "add", "files": [made["id"]]})
    other = await floor.do("open_incident", title="Cards do not work", reporter_name="Rae")
    async with floor.db.transaction(floor.them.responder) as tx:
        await linking.create_remote(tx, other.number, mapping_id=floor.mapping)
        await incidents.relate(tx, other.number, to=number, tie="duplicate of")
    await floor.sync(5)

    async with floor.db.transaction(SYSTEM) as tx:
        here = {one.name: one for one in await incidents.files(tx, number)}
    assert set(here) == {"pool.log", "shot.png"}
    assert (here["shot.png"].visibility, here["shot.png"].origin) == ("internal", "sync:roundup")
    there = floor.there.attributes(issue)
    assert sorted(one["name"] for one in there["files"]) == ["pool.log", "shot.png"]
    assert [one["name"] for one in there["keyword"]] == ["payments"]
    [twin] = [one for one in floor.there.ask(BETH, "GET", "issue")["collection"] if str(one["id"]) != issue]
    assert [str(one["id"]) for one in floor.there.attributes(str(twin["id"]))["superseder"]] == [issue]
    etags = [floor.there.ask(BETH, "GET", f"issue/{one}")["@etag"] for one in (issue, twin["id"])]
    await floor.sync(4)
    assert [floor.there.ask(BETH, "GET", f"issue/{one}")["@etag"] for one in (issue, twin["id"])] == etags
    assert floor.told == []
