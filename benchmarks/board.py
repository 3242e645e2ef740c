"""Board and incident page at 100,000 incidents: how long the program takes to answer, beside a small house.

The house is the demo company's, first with its own six weeks, then with years of copies of them (crowd.py).
"""

import asyncio
import http.client
import random
import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
from tests.live import Given, Live, scratch

from benchmarks import crowd, figures
from benchmarks.tables import Table
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.db.migrate import migrate
from rallypoint.demo.seed import DemoAccess, seed
from rallypoint.house import prepare
from rallypoint.settings import Settings

COLUMNS = (
    "request", "small p50 ms", "small p99 ms", "large p50 ms", "large p99 ms", "large worst ms", "p50, large / small",
    "answer KB (large)",
)  # fmt: skip
WARM_UP = 10
BYTES_OF_AN_INCIDENT = 50_000
"""With its history, indexes and write-ahead log, on disk."""


def bench(*, incidents: int = 100_000, opened: int = 1_000, requests: int = 150) -> Table:
    """One table: so many requests of each kind, one after another, in the small and in the large house."""
    table = Table("Board and incident page", COLUMNS)
    with scratch() as data:
        if shutil.disk_usage(data.parent).free < incidents * BYTES_OF_AN_INCIDENT:
            room = incidents * BYTES_OF_AN_INCIDENT / 1e9
            raise RuntimeError(f"{data.parent.parent} needs {room:.0f} GB free for this; set TMPDIR to a larger place")
        dsn = EmbeddedPostgres(data).start()
        given = asyncio.run(_found(dsn, data))
        live = Live(data, Given(api_key=given.api_key, integrations=given.integrations), RALLYPOINT_LOG_LEVEL="error")
        try:
            live.start()
            cookie = _sign_in(live.url, given.login_token)
            small_size = asyncio.run(_sizes(dsn))
            small = _measure(dsn, live, cookie, requests)
            live.stop()
            began = time.monotonic()
            dsn = EmbeddedPostgres(data).start()
            large_size = asyncio.run(crowd.multiply(dsn, incidents=incidents, opened=opened))
            took = time.monotonic() - began
            live.start()
            large = _measure(dsn, live, cookie, requests)
            entries = asyncio.run(_value(dsn, "select count(*) from timeline_entry"))
        finally:
            live.close()
    table.title += f" at {large_size[0]:,} incidents, {large_size[1]:,} of them open"
    for name, (times, size) in large.items():
        before, after = figures.spread(small[name][0]), figures.spread(times)
        table.add(name, before.p50, before.p99, after.p50, after.p99, after.worst, after.p50 / before.p50, size / 1000)
    table.notes.append(
        f"Small: {small_size[0]:,} incidents, {small_size[1]:,} open. Large: {entries:,} lines of history; copied in "
        f"{took:.0f} s. {requests} requests of each kind, one after another on one connection of this machine, first "
        "byte asked to last byte read; nothing is cached between requests."
    )
    return table


async def _found(dsn: str, data: Path) -> DemoAccess:
    await migrate(dsn)
    await prepare(dsn)
    return await seed(dsn, Settings(data=data))


async def _value(dsn: str, sql: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def _sizes(dsn: str) -> tuple[int, int]:
    over = await _value(dsn, f"select count(*) from incident where {crowd.OVER}")
    whole = await _value(dsn, "select count(*) from incident")
    return whole, whole - over


def _sign_in(url: str, token: str) -> str:
    """The session cookie that the one-time link gives to whoever presses its button."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=30)
    try:
        connection.request("POST", f"/login/{token}", headers={"content-type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        cookies = [value.split(";")[0] for name, value in answer.getheaders() if name.lower() == "set-cookie"]
        if not (found := [cookie for cookie in cookies if cookie.startswith("rallypoint_session=")]):
            raise RuntimeError(f"signing in was answered with {answer.status}")
        return found[0]
    finally:
        connection.close()


def _measure(dsn: str, live: Live, cookie: str, requests: int) -> dict[str, tuple[list[float], int]]:
    """Request -> (ms of each, bytes of the last answer)."""
    dice = random.Random(1)
    still = asyncio.run(_value(dsn, f"select array_agg(number) from incident where not {crowd.OVER}"))
    over = asyncio.run(_value(dsn, f"select array_agg(number) from incident where {crowd.OVER}"))
    person, program = {"cookie": cookie}, {"authorization": f"Bearer {live.given.api_key}"}
    kinds: dict[str, tuple[Callable[[], str], Mapping[str, str]]] = {
        "GET /board": (lambda: "/board", person),
        "GET /board?service=checkout": (lambda: "/board?service=checkout", person),
        "GET /board?q=payments (search)": (lambda: "/board?q=payments", person),
        "GET / (now)": (lambda: "/", person),
        "GET /i/<n>, open": (lambda: f"/i/{dice.choice(still)}", person),
        "GET /i/<n>, closed": (lambda: f"/i/{dice.choice(over)}", person),
        "GET /api/v1/incidents": (lambda: "/api/v1/incidents", program),
        "GET /api/v1/incidents?open=true": (lambda: "/api/v1/incidents?open=true", program),
        "GET /api/v1/incidents?q=payments": (lambda: "/api/v1/incidents?q=payments", program),
        "GET /api/v1/incidents/<n>": (lambda: f"/api/v1/incidents/{dice.choice(still)}", program),
        "GET /api/v1/incidents/<n>/timeline": (lambda: f"/api/v1/incidents/{dice.choice(over)}/timeline", program),
    }
    connection = http.client.HTTPConnection(urlsplit(live.url).netloc, timeout=60)
    try:
        return {name: _times(connection, path, headers, requests) for name, (path, headers) in kinds.items()}
    finally:
        connection.close()


def _times(
    connection: http.client.HTTPConnection, path: Callable[[], str], headers: Mapping[str, str], requests: int
) -> tuple[list[float], int]:
    times, size = [], 0
    for n in range(WARM_UP + requests):
        asked = path()
        began = time.perf_counter()
        connection.request("GET", asked, headers=dict(headers))
        answer = connection.getresponse()
        size = len(answer.read())
        took = time.perf_counter() - began
        if answer.status != 200:
            raise RuntimeError(f"GET {asked} was answered with {answer.status}")
        if n >= WARM_UP:
            times.append(took * 1000)
    return times, size
