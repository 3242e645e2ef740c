"""Two-way sync: how soon a change in one tool stands in the other, with how many writes, and what a backlog takes.

A ServiceNow and an Azure DevOps are processes of their own; Rallypoint between them is `rallypoint serve` as it is
shipped. Times are read where they are kept: the delivery's arrival in our inbox, the revision's date in the other tool.
The planner is measured by itself, in this process.
"""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg
import httpx2
from tests.live import Furniture, Live, furnish, scratch

from benchmarks import elsewhere, figures, machine
from benchmarks.elsewhere import PROJECT, Desk, Works
from benchmarks.planner import fields_a_second
from benchmarks.tables import Table
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.demo.elsewhere import desk_rules, engineers_rules

COLUMNS = ("what", "count", "p50 ms", "p95 ms", "worst ms", "writes each", "a second", "seconds", "requests", "CPU s")
APART_SECONDS = 0.35
"""Between two changes that are timed: each is worked on by itself, as on a calm day."""

SETTLE_SECONDS = 4.0
ALLOWED = 15_000
PATIENCE_SECONDS = 1200.0


def bench(
    *, probes: int = 300, links: int = 100, edits: int = 100, allowed: int | None = ALLOWED, idle: int = 100_000,
    seconds: float = 125.0,
) -> Table:  # fmt: skip
    """One table. The backlog is `edits` comments on each of `links` incidents, worked off at `allowed` requests in five
    minutes; idle links are watched for `seconds`."""
    table = Table("Two-way sync: ServiceNow, Rallypoint, Azure DevOps", COLUMNS)
    with scratch() as data, elsewhere.desk() as desk, elsewhere.works() as works:
        given = furnish(data, Furniture(steps=((0, "Ada", "http://127.0.0.1:9/ada"),)))
        live = Live(data, given, RALLYPOINT_LOG_LEVEL="error")
        try:
            live.start()
            house = House(live, desk, works, EmbeddedPostgres(data).start())
            house.connect()
            ids = house.linked(links)
            _probes(table, house, ids, probes)
            _backlog(table, house, edits, allowed)
            _idle(table, house, idle, seconds)
        finally:
            live.close()
    for name, rate in fields_a_second().items():
        table.add(f"planner: {name}", None, None, None, None, None, int(rate), None, None, None)
    table.notes.append(
        "A change: somebody in ServiceNow comments on, retitles or moves an incident. Timed from the arrival of the "
        "webhook in our inbox to the date of the revision in Azure DevOps. Writes each: all of ours in both tools."
    )
    rate = f"{allowed:,} requests in five minutes" if allowed else "no limit"
    table.notes.append(
        f"Backlog: comments made here while Azure DevOps refused everything, then let in again at {rate}; each was "
        "looked for there afterwards and stood there once."
    )
    table.notes.append(
        "At rest: both connections poll once a minute, whatever there is. CPU: web, engine and database. Planner: "
        "fields decided in a second of one process, by CPU time."
    )
    return table


@dataclass
class House:
    """Rallypoint between the two, used by its API."""

    live: Live
    desk: Desk
    works: Works
    dsn: str

    def api(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        headers = {"authorization": f"Bearer {self.live.given.api_key}"}
        answer = httpx2.request(
            method, f"{self.live.url}/api/v1{path}", json=body, headers=headers, timeout=60, trust_env=False
        )
        answer.raise_for_status()
        return answer.json()

    def connect(self) -> None:
        """Both tools connected, mapped, and telling us of changes at once."""
        account = self.desk.said["user"]
        desk = {"key": "desk", "tool": "servicenow", "base_url": self.desk.said["url"], "settings": {"user": account},
                "secrets": {"password": self.desk.said["accounts"][account]}}  # fmt: skip
        token = self.works.said["accounts"][self.works.said["user"]]
        works = {"key": "works", "tool": "azure_devops", "base_url": self.works.said["url"],
                 "settings": {"project": PROJECT}, "secrets": {"token": token}}  # fmt: skip
        for connection, rules in ((desk, _desk_rules()), (works, _works_rules())):
            self.api("POST", "/connections", connection)
            self.api("POST", "/mappings", {"connection": connection["key"], "rules": rules})
            hook = self.api("POST", f"/connections/{connection['key']}/webhook")
            if hook["state"] == "by hand":
                self.desk.control("telling", url=hook["url"], secret=hook["secret"])

    def linked(self, count: int) -> list[str]:
        """So many incidents of the desk, each with its bug: the way there is sync's own. Their ids at the desk."""
        ids = [self.desk.log(f"Fault {n}")["sys_id"] for n in range(count)]
        self.until(lambda: len(self.works.items()) >= count, "every incident of the desk has its bug")
        self.rest()
        return ids

    def rest(self) -> None:
        """Until nothing is on its way."""
        self.until(
            lambda: (
                not self.value(
                    "select count(*) from sync_link where due_at is not null and due_at <= now() + interval '1 minute'"
                )
                and not self.value("select count(*) from sync_offer")
            ),
            "all links are in step",
        )

    def until(self, done: Callable[[], Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not done():
            if time.monotonic() > deadline:
                raise RuntimeError(f"it did not happen that {what}")
            time.sleep(0.1)

    def value(self, sql: str, *given: Any) -> Any:
        return asyncio.run(self._value(sql, *given))

    async def _value(self, sql: str, *given: Any) -> Any:
        connection = await asyncpg.connect(self.dsn)
        try:
            return await connection.fetchval(sql, *given)
        finally:
            await connection.close()

    def rows(self, sql: str) -> list[Any]:
        async def read() -> list[Any]:
            connection = await asyncpg.connect(self.dsn)
            try:
                return list(await connection.fetch(sql))
            finally:
                await connection.close()

        return asyncio.run(read())

    def asked(self) -> tuple[int, int]:
        """(requests, writes) of both tools so far."""
        one, other = self.desk.asked(), self.works.asked()
        return one[0] + other[0], one[1] + other[1]

    @property
    def cpu(self) -> float:
        """CPU seconds of web, engine and database so far."""
        postmaster = self.live.postmaster
        pids = [self.live.child("web"), self.live.child("engine"), *([postmaster] if postmaster else [])]
        return sum(machine.cpu_seconds(pid) for pid in pids)


# A change on a calm day.

KINDS = ("comment", "title", "state")


def _probes(table: Table, house: House, ids: list[str], count: int) -> None:
    for kind in KINDS:
        house.rest()
        before, began = house.asked(), house.cpu
        made: dict[tuple[str, str], str] = {}
        for n in range(count // len(KINDS)):
            sys_id, mark = ids[n % len(ids)], f"{kind} {time.monotonic_ns()}"
            match kind:
                case "comment":
                    row = house.desk.change(sys_id, comments=mark)
                case "title":
                    row = house.desk.change(sys_id, short_description=mark)
                case _:
                    row = house.desk.change(sys_id, **STEPS[n // len(ids) % 2])
                    mark = row["state"]
            made[sys_id, row["sys_mod_count"]] = mark
            time.sleep(APART_SECONDS)
        house.rest()
        time.sleep(1.0)
        after = house.asked()
        late = _latencies(house, made, kind)
        writes = (after[1] - before[1] - len(made)) / len(made)
        table.add(
            f"a {kind}", len(late), figures.median(late), figures.percentile(late, 0.95), max(late), writes, None, None,
            after[0] - before[0] - len(made), house.cpu - began,
        )  # fmt: skip


def _latencies(house: House, made: Mapping[tuple[str, str], str], kind: str) -> list[float]:
    """Milliseconds from the webhook's arrival to the write there, of each change. Raises if one is missing."""
    arrived: dict[tuple[str, str], datetime] = {}
    for row in house.rows("select raw, received_at from sync_inbox order by received_at"):
        said = json.loads(bytes(row["raw"]))
        if "sys_id" in said:
            arrived.setdefault((said["sys_id"], str(said["sys_mod_count"])), row["received_at"])
    items = dict(house.rows(
        "select d.remote_id, w.remote_id from sync_link d join sync_link w on w.incident = d.incident and w.id <> d.id"
        " join sync_connection c on c.id = d.connection_id where c.key = 'desk'"
    ))  # fmt: skip
    written: dict[str, list[tuple[str, datetime]]] = {}
    late = []
    for (sys_id, count), mark in made.items():
        item = items[sys_id]
        if item not in written:
            written[item] = _written(house.works, int(item), kind)
        found = [at for text, at in written[item] if mark in text and at >= arrived[sys_id, count]]
        if not found:
            raise RuntimeError(f"{mark} never came to {item}")
        late.append((min(found) - arrived[sys_id, count]).total_seconds() * 1000)
    return late


STATES = {"Resolved": "6", "Active": "2"}
STEPS = ({"state": "6", "close_code": "Solution provided", "close_notes": "Restarted."}, {"state": "2"})
"""Back and forth, as far as both tools go: resolved, and open again."""


def _written(works: Works, item: int, kind: str) -> list[tuple[str, datetime]]:
    if kind == "comment":
        return [(one["text"], elsewhere.moment(one["createdDate"])) for one in works.comments(item)]
    field = "System.Title" if kind == "title" else "System.State"
    found = []
    for one in works.updates(item):
        new = one.get("fields", {}).get(field, {}).get("newValue")
        at = one.get("fields", {}).get("System.ChangedDate", {}).get("newValue")
        if new and at:
            found.append((STATES.get(new, new), elsewhere.moment(at)))
    return found


# After an outage.


def _backlog(table: Table, house: House, each: int, allowed: int | None) -> None:
    """Comments made here while the other tool was away. Afterwards each stands there once."""
    house.works.plan({"kind": "refuse", "path": "/_apis/", "times": 10**9, "status": 503})
    numbers = [row["incident"] for row in house.rows("select distinct incident from sync_link")]
    total = asyncio.run(_note_all(house, numbers, each))
    time.sleep(SETTLE_SECONDS)
    house.works.control("limit", requests=allowed)
    house.works.plan()
    house.value("update sync_connection set closed_until = null, failures = 0 returning 1")
    house.value(
        "with x as (update sync_link set due_at = now() where due_at is not null returning 1) select count(*) from x"
    )
    before, cpu, began = house.asked(), house.cpu, time.monotonic()
    house.rest()
    took = time.monotonic() - began
    after = house.asked()
    house.works.control("limit", requests=None)
    seen: dict[str, int] = {}
    for item in house.works.items():
        for one in house.works.comments(item):
            if "backlog " in one["text"]:
                mark = one["text"].partition("backlog ")[2].partition("<")[0]
                seen[mark] = seen.get(mark, 0) + 1
    if len(seen) != total or set(seen.values()) != {1}:
        raise RuntimeError(
            f"{total} comments were made, {len(seen)} arrived, at most {max(seen.values(), default=0)} times"
        )
    writes, requests = after[1] - before[1], after[0] - before[0]
    table.add(
        f"backlog of {total:,} comments", len(seen), None, None, None, writes / total, total / took, took, requests,
        house.cpu - cpu,
    )  # fmt: skip


async def _note_all(house: House, numbers: list[int], each: int) -> int:
    """Notes by the ordinary action, many in a transaction."""
    from rallypoint import incidents, wiring
    from rallypoint.access import Role
    from rallypoint.actors import Actor, ActorKind
    from rallypoint.clock import DatabaseClock
    from rallypoint.db import Database

    somebody = Actor(kind=ActorKind.PERSON, name="Bench", origin="bench", roles=frozenset({Role.RESPONDER.value}))
    db = await Database.connect(house.dsn, clock=DatabaseClock(), bus=wiring.bus(), size=2, name="rallypoint-bench")
    try:
        for number in numbers:
            async with db.transaction(somebody) as tx:
                for n in range(each):
                    await incidents.note(tx, number, text=f"backlog {number}-{n}")
    finally:
        await db.close()
    return len(numbers) * each


# At rest.


def _idle(table: Table, house: House, count: int, seconds: float) -> None:
    """The same rest twice: with the links there are, and with many more to which nothing happens."""
    _rest(table, house, "at rest", seconds)
    house.value(
        """
        with made as (
            insert into sync_link (incident, connection_id, mapping_id, mapping_version, remote_id, state, agreed_at,
                                   revision, created_at)
            select l.incident, l.connection_id, l.mapping_id, l.mapping_version, md5(n::text), 'active', now(), '1',
                   now()
              from (select * from sync_link order by id limit 1) l, generate_series(1, $1) n returning 1)
        select count(*) from made""",
        count,
    )
    _rest(table, house, f"at rest, {count:,} links more", seconds)


def _rest(table: Table, house: House, what: str, seconds: float) -> None:
    house.rest()
    time.sleep(SETTLE_SECONDS)
    before, cpu = house.asked(), house.cpu
    time.sleep(seconds)
    links = int(house.value("select count(*) from sync_link"))
    asked = house.asked()[0] - before[0]
    table.add(what, links, None, None, None, None, None, seconds, asked, house.cpu - cpu)


# What goes across.


def _desk_rules() -> dict[str, Any]:
    """As the demo has them, but for everything and not only the most pressing."""
    return desk_rules() | {"scope": {}, "trigger": {"receive": True}}


def _works_rules() -> dict[str, Any]:
    return engineers_rules() | {"scope": {}, "trigger": {"send": True}}
