"""The engine is killed between every two effects of a pass, while a ServiceNow outside keeps the books.

Each place is tried on a pair of its own, by a process of its own, and the next process takes up what that one left.
Afterwards nothing is there twice and nothing is missing, here or there.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import asyncpg
import httpx2
import pytest

from rallypoint import incidents, wiring
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock, monotonic, sleep
from rallypoint.connectors.trackers import TOOLS
from rallypoint.db import Database
from rallypoint.emulators.servicenow import AGENT, INTEGRATION_USER
from rallypoint.settings import Settings
from rallypoint.sync import conflict_store, connecting, linking, store
from rallypoint.sync.mapping import Mapping, Trigger
from tests.live.outside import SHIFTED_CLOCK
from tests.store.incidents.people import Company, company
from tests.stories.test_service_desk_elsewhere import mapping

pytestmark = [pytest.mark.crash, pytest.mark.timeout(150)]

LEASE = 150.0
"""Seconds: longer than any lease, and than a search may lag after a call whose end nobody saw."""

MOST_PLACES = 40
WITHIN = 20.0
ADMIN = "admin"


@dataclass
class Rig:
    """The words of these tests. `there` is the ServiceNow, which nothing here can kill."""

    db: Database
    them: Company
    rules: Mapping
    there: httpx2.AsyncClient
    agent: httpx2.AsyncClient
    nursery: asyncio.subprocess.Process
    log: Path
    born: int = 0
    ended: "asyncio.Task[bytes] | None" = None
    links: dict[int, int] = field(default_factory=dict)

    # Processes.

    async def start(self, place: str = "") -> None:
        """Another engine, which dies at this place."""
        assert self.nursery.stdin is not None
        assert self.nursery.stdout is not None
        self.nursery.stdin.write(f"{place}\n".encode())
        await self.nursery.stdin.drain()
        self.born = int(await asyncio.wait_for(self.nursery.stdout.readline(), WITHIN))
        self.ended = asyncio.create_task(self.nursery.stdout.readline())

    async def kill(self) -> None:
        """What still lives ends here."""
        assert self.ended is not None
        if not self.ended.done():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.born, signal.SIGKILL)
            await asyncio.wait_for(self.ended, WITHIN)

    async def dies_or_finishes(self, number: int) -> bool:
        """Whether the engine died; else this incident's link has come to rest, and the engine goes on living."""
        assert self.ended is not None
        deadline = monotonic() + WITHIN
        while not self.ended.done():
            if await self.rests([number]):
                await asyncio.wait({self.ended}, timeout=0.7)  # the last place lies behind the rest
                break
            assert monotonic() < deadline, f"neither dead nor done\n{self.tail()}"
            await sleep(0.02)
        if not self.ended.done():
            return False
        assert self.ended.result().strip() == str(int(signal.SIGKILL)).encode(), self.tail()
        return True

    def tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])

    async def time_passes(self) -> None:
        """Instead of waiting: leases run out."""
        async with self.db.transaction(SYSTEM) as tx:
            await tx.execute("update public.clock_shift set seconds = seconds + :more", more=LEASE)

    # Here.

    async def act(self, verb: str, *given: Any, **more: Any) -> Any:
        async with self.db.transaction(self.them.responder) as tx:
            return await getattr(incidents, verb)(tx, *given, **more)

    async def attach(self, number: int, name: str, body: bytes) -> None:
        async def chunks() -> AsyncIterator[bytes]:
            yield body

        async with incidents.held(chunks(), largest=1000) as whole:
            await incidents.keep(self.db, whole)
            async with self.db.transaction(self.them.manager) as tx:
                await incidents.attach(tx, number, sha256=whole.sha256, name=name, visibility="public")

    async def new_pair(self, title: str) -> int:
        """An incident with a note and a file, for which an item is ordered."""
        number = (await self.act("open_incident", title=title, service="checkout")).number
        await self.act("note", number, text=f"Said here about {title}.")
        await self.attach(number, f"{title}.txt", title.encode())
        async with self.db.transaction(self.them.responder) as tx:
            self.links[number] = (await linking.create_remote(tx, number, mapping_id=self.rules.id)).id
        return number

    async def rests(self, numbers: list[int]) -> bool:
        async with self.db.transaction(SYSTEM) as tx:
            busy: int = await tx.value(
                """
                select count(*) from sync_link
                 where incident = any(:numbers) and (due_at is not null or lease_until is not null or state <> 'active'
                       or agreed_at is null)""",
                numbers=numbers,
            )  # fmt: skip
        return not busy

    async def settles(self, numbers: list[int]) -> None:
        """A last engine brings all to an end; then two more rounds of asking find nothing to do."""
        await self.start()
        deadline = monotonic() + WITHIN
        for _ in range(3):
            while not await self.rests(numbers):
                assert monotonic() < deadline, f"it does not come to rest: {await self.trouble()}\n{self.tail()}"
                await sleep(0.05)
            before = await self.books()
            await self.time_passes()
            await sleep(0.3)
        while not await self.rests(numbers):
            await sleep(0.05)
        assert await self.books() == before, "in step: nothing more is written"
        await self.kill()

    async def trouble(self) -> list[Any]:
        async with self.db.transaction(SYSTEM) as tx:
            rows = await tx.rows("select id, state, due_at, lease_until, error, attempts from sync_link")
            return [dict(row) for row in rows if row["due_at"] or row["error"] or row["lease_until"]]

    # There.

    async def rows(self, table: str, query: str) -> list[dict[str, str]]:
        path = "/api/now/attachment" if table == "sys_attachment" else f"/api/now/v2/table/{table}"
        asked = {"sysparm_query": query, "sysparm_limit": "500", "sysparm_exclude_reference_link": "true"}
        answer = await self.there.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        rows: list[dict[str, str]] = answer.json()["result"]
        return rows

    async def item(self, number: int) -> dict[str, str]:
        """The one item of an incident: it carries our key."""
        [row] = [one for one in await self.rows("incident", "") if one["correlation_id"].startswith(f"INC-{number}/")]
        return row

    async def words(self, sys_id: str) -> list[str]:
        return [one["value"] for one in await self.rows("sys_journal_field", f"element_id={sys_id}")]

    async def books(self) -> dict[str, str]:
        """How often each item was written."""
        return {one["sys_id"]: one["sys_mod_count"] for one in await self.rows("incident", "")}

    async def edited_there(self, number: int, title: str) -> None:
        """The agent changes a field, says something, and attaches a file."""
        row = await self.item(number)
        changes = {"urgency": "1", "work_notes": f"Said there about {title}."}
        answer = await self.agent.patch(f"/api/now/v2/table/incident/{row['sys_id']}", json=changes)
        assert answer.status_code == 200, answer.text
        place = {"table_name": "incident", "table_sys_id": row["sys_id"], "file_name": f"there {title}.txt"}
        sent = await self.agent.post(
            "/api/now/attachment/file", params=place, content=b"there", headers={"content-type": "text/plain"}
        )
        assert sent.status_code == 201, sent.text

    # Both.

    async def nothing_lost_or_doubled(self, number: int, title: str) -> None:
        row = await self.item(number)
        said = [one for one in await self.words(row["sys_id"]) if f"Said here about {title}." in one]
        files = [one["file_name"] for one in await self.rows("sys_attachment", f"table_sys_id={row['sys_id']}")]
        assert (row["short_description"], len(said), files.count(f"{title}.txt")) == (title, 1, 1), (files, said)
        async with self.db.transaction(SYSTEM) as tx:
            [link] = await store.links_of(tx, number)
            assert await conflict_store.conflicts(tx, incident=number) == []
            entries, _ = await incidents.timeline(tx, number, limit=200)
            files = [one.name for one in await incidents.files(tx, number)]
        assert (link["state"], link["error"], link["remote_key"]) == ("active", None, row["number"])
        spoken = [one.text for one in entries if one.kind == "note" and "Said" in one.text]
        assert len(spoken) == len(set(spoken)), "nothing is said twice here"
        assert len(files) == len(set(files))

    async def came_here(self, number: int, title: str) -> None:
        record = await self.act("incident", number)
        assert record.urgency in ("high", "critical")
        async with self.db.transaction(SYSTEM) as tx:
            entries, _ = await incidents.timeline(tx, number, limit=200)
            files = [one.name for one in await incidents.files(tx, number)]
        said = [one for one in entries if one.kind == "note" and one.text == f"Said there about {title}."]
        assert (len(said), files.count(f"there {title}.txt")) == (1, 1)


@pytest.fixture
async def rig(dsn: str, tmp_path: Path) -> AsyncIterator[Rig]:
    raw = await asyncpg.connect(dsn)
    await raw.execute(SHIFTED_CLOCK)
    await raw.close()
    log = tmp_path / "engine.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RALLYPOINT_")}
    ours = {
        "RALLYPOINT_DATABASE_URL": dsn,
        "RALLYPOINT_DATA": str(tmp_path),
        "RALLYPOINT_ALLOW_PRIVATE_TARGETS": "true",
    }
    with log.open("wb") as file:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-m", module, *more, env=clean | ours, stderr=file,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            )
            for module, more in (("rallypoint.emulators.servicenow", ("--port", "0")), ("tests.crash.nursery", ()))
        ]  # fmt: skip
    desk, nursery = processes
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=2)
    try:
        assert desk.stdout is not None
        said = json.loads(await asyncio.wait_for(desk.stdout.readline(), WITHIN))
        them = await company(db)
        vault = Vault.open(Settings(data=tmp_path))
        async with db.transaction(them.manager) as tx:
            made = await connecting.connect(
                tx, TOOLS, vault, key="servicenow", tool="servicenow", base_url=said["url"], name="ServiceNow",
                settings={"user": INTEGRATION_USER}, secrets_={"password": said["accounts"][INTEGRATION_USER]},
            )  # fmt: skip
            rules = replace(mapping(await store.new_mapping_id(tx), made.connection.id), trigger=Trigger())
            await store.save_mapping(tx, rules, by="Mia")
        clients = [
            httpx2.AsyncClient(base_url=said["url"], auth=(name, said["accounts"][name]), trust_env=False)
            for name in (ADMIN, AGENT)
        ]
        rig = Rig(db, them, rules, clients[0], clients[1], nursery, log)
        try:
            yield rig
        finally:
            if rig.ended is not None:
                await rig.kill()
            for client in clients:
                await client.aclose()
    finally:
        for process in processes:
            if process.returncode is None:
                process.kill()
            await process.wait()
        await db.close()


async def test_killed_between_every_two_effects_of_making_an_item(rig: Rig) -> None:
    made: dict[int, str] = {}
    for place in range(1, MOST_PLACES):
        title = f"Case {place}"
        number = await rig.new_pair(title)
        made[number] = title
        await rig.start(f"sync_effect.{rig.links[number]}:{place}")
        if not await rig.dies_or_finishes(number):
            break
        await rig.time_passes()
    else:
        raise AssertionError("a pass does not end")
    await rig.kill()
    print(f"{len(made) - 1} places")
    assert len(made) > 8, "journal, answer, item, reads, settlings, comment, file, end: each was a place to die at"
    await rig.settles(list(made))
    for number, title in made.items():
        await rig.nothing_lost_or_doubled(number, title)


async def test_killed_between_every_two_effects_of_bringing_news_both_ways(rig: Rig) -> None:
    pairs = {await rig.new_pair(f"Pair {count}"): f"Pair {count}" for count in range(1, 25)}
    await rig.start()
    while not await rig.rests(list(pairs)):
        await sleep(0.05)
    await rig.kill()
    edited: dict[int, str] = {}
    for place, number in enumerate(pairs, 1):
        title = edited[number] = f"News {place}"
        await rig.act("describe", number, title=title)
        await rig.act("note", number, text=f"Said here about {title}.")
        await rig.attach(number, f"{title}.txt", title.encode())
        await rig.edited_there(number, title)
        await rig.start(f"sync_effect.{rig.links[number]}:{place}")
        if not await rig.dies_or_finishes(number):
            break
        await rig.time_passes()
    else:
        raise AssertionError("there are more places than pairs")
    await rig.kill()
    print(f"{len(edited) - 1} places")
    assert len(edited) > 8
    await rig.settles(list(pairs))
    for number, title in edited.items():
        await rig.nothing_lost_or_doubled(number, title)
        await rig.came_here(number, title)
