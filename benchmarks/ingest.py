"""Ingest: alerts a second through the real HTTP endpoint into committed rows, beside Debian's Alertmanager.

After each run the rows and their counts are read back and must equal what was answered with 2xx.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from benchmarks import machine
from benchmarks.tables import Table
from rallypoint import alerts, wiring
from rallypoint.actors import SYSTEM
from rallypoint.clock import DatabaseClock
from rallypoint.db import Database
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.db.migrate import migrate
from rallypoint.house import prepare

PEER = "prometheus-alertmanager"
CONNECTIONS = {1: 64, 64: 16, 1000: 4}
REQUESTS = {1: 90_000, 64: 3_500, 1000: 220}
POOL = 4000
"""Alerts that the duplicate runs repeat."""
SECONDS = 3.0
COLUMNS = (
    "batch", "alerts", "system", "alerts/s", "alerts/cpu-s", "p50 ms", "p99 ms", "server cores", "db cores", "x peer"
)  # fmt: skip


@dataclass
class Target:
    """Something that takes alerts at a port; `fresh` readies it for a run, `committed` says what it holds."""

    name: str
    port: int
    path: str
    server: int
    database: int | None
    fresh: Callable[[], None]
    committed: Callable[[], tuple[int, int] | None]


def bench(*, batches: tuple[int, ...] = (1, 64, 1000), rounds: int = 1, peer: bool = True) -> Table:
    """One table; cells of at most SECONDS each. With several rounds the median is shown."""
    table = Table("Ingest: HTTP request to committed row", COLUMNS)
    folder = Path(tempfile.mkdtemp(prefix="rallypoint-bench-"))
    folder.chmod(0o711)
    try:
        for batch in batches:
            for distinct in (True, False):
                rivals = {}
                if peer and shutil.which(PEER):
                    rivals["alertmanager"] = _median([_run_peer(folder, batch, distinct) for _ in range(rounds)])
                with rallypoint(folder) as target:
                    rivals["rallypoint"] = _median([_run(target, batch, distinct) for _ in range(rounds)])
                _rows(table, batch, distinct, rivals)
    finally:
        EmbeddedPostgres(folder).remove()
        shutil.rmtree(folder, ignore_errors=True)
    table.notes.append("rallypoint: every alert is in PostgreSQL before its 2xx; rows and counts were read back.")
    table.notes.append("alertmanager keeps alerts in memory only." if peer else "no peer was run.")
    if not shutil.which(PEER):
        table.notes.append(f"Install Debian's {PEER} for the figures beside it.")
    table.notes.append(f"{os.cpu_count()} cores shared with the sender; load average at the end {machine.load():.1f}.")
    return table


def _rows(table: Table, batch: int, distinct: bool, rivals: dict[str, dict[str, Any]]) -> None:
    peer = rivals.get("alertmanager")
    for name, found in rivals.items():
        cores = found["server"] + (found["database"] or 0.0)
        ratio = found["rate"] / peer["rate"] if peer and name != "alertmanager" else None
        table.add(
            batch, "distinct" if distinct else "repeated", name, int(found["rate"]),
            int(found["rate"] / max(cores, 0.01)), found["p50"], found["p99"], found["server"], found["database"],
            ratio,
        )  # fmt: skip


def _median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return sorted(runs, key=lambda run: run["rate"])[len(runs) // 2]


def _run(target: Target, batch: int, distinct: bool) -> dict[str, Any]:
    """One cell: fresh tables, for repeats the alerts sent once before, then the clock."""
    target.fresh()
    order = {
        "port": target.port, "path": target.path, "batch": batch, "connections": CONNECTIONS[batch],
        "requests": REQUESTS[batch] * (1 if distinct else 2), "distinct": distinct, "pool": POOL, "seconds": SECONDS,
    }  # fmt: skip
    warm = 0
    if not distinct:
        first = _send(
            {**order, "batch": 500, "connections": 2, "requests": POOL // 500, "distinct": True, "seconds": 60}
        )
        warm = first["alerts"]
    database = target.database
    before = machine.cpu_seconds(target.server), machine.cpu_seconds(database) if database else 0.0
    found = _send(order)
    after = machine.cpu_seconds(target.server), machine.cpu_seconds(database) if database else 0.0
    if found["bad"]:
        raise RuntimeError(f"{target.name}: {found['bad']} requests were not answered with 2xx")
    held = target.committed()
    expected = (found["alerts"] if distinct else POOL, found["alerts"] + warm)
    if held is not None and held != expected:
        raise RuntimeError(f"{target.name} holds {held} (rows, counted), but answered for {expected}")
    return {
        "rate": found["alerts"] / found["seconds"],
        "p50": found["p50"],
        "p99": found["p99"],
        "server": (after[0] - before[0]) / found["seconds"],
        "database": (after[1] - before[1]) / found["seconds"] if database else None,
    }


def _send(order: dict[str, Any]) -> dict[str, Any]:
    """Run the sender; its bodies are built before it is told to go."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load", json.dumps(order)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as sender:  # fmt: skip
        assert sender.stdin is not None
        assert sender.stdout is not None
        if sender.stdout.readline().strip() != "ready":
            raise RuntimeError("the sender did not start")
        sender.stdin.write("go\n")
        sender.stdin.flush()
        answer: dict[str, Any] = json.loads(sender.stdout.readline())
        return answer


@contextmanager
def rallypoint(folder: Path) -> Iterator[Target]:
    """Our web process on an embedded PostgreSQL, on a database of its own."""
    embedded = EmbeddedPostgres(folder)
    dsn = embedded.start()
    database = embedded.pid
    key = asyncio.run(_set_up(dsn))
    port = machine.free_port()
    command = [
        sys.executable, "-m", "uvicorn", "--factory", "rallypoint.edges.asgi:create", "--host", "127.0.0.1",
        "--port", str(port), "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning",
        "--backlog", "2048",
    ]  # fmt: skip
    environment = {
        "RALLYPOINT_DATABASE_URL": dsn,
        "RALLYPOINT_DATA": str(folder / "data"),
        "RALLYPOINT_LOG_LEVEL": "error",
    }
    with machine.process(command, environment=environment, log=folder / "web.log") as server:
        machine.wait_for(f"http://127.0.0.1:{port}/livez", server)
        yield Target(
            "rallypoint", port, f"/in/{key}/api/v2/alerts", server.pid, database,
            lambda: asyncio.run(_empty(dsn)), lambda: asyncio.run(_held(dsn)),
        )  # fmt: skip


async def _set_up(dsn: str) -> str:
    await migrate(dsn)
    await prepare(dsn)
    db = await Database.connect(dsn, clock=DatabaseClock(), bus=wiring.bus(), size=1)
    try:
        async with db.transaction(SYSTEM) as tx:
            for one in await alerts.integrations(tx):
                if one.name == "Benchmark":
                    return (await alerts.rotate_key(tx, one.id)).key
            return (await alerts.create_integration(tx, name="Benchmark", kind="prometheus")).key
    finally:
        await db.close()


async def _empty(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute("truncate alert, alert_pulse, alert_message")
    await connection.close()


async def _held(dsn: str) -> tuple[int, int]:
    connection = await asyncpg.connect(dsn)
    row = await connection.fetchrow(
        "select count(*), coalesce(sum(count), 0) + coalesce((select sum(repeats) from alert_pulse), 0) from alert"
    )
    await connection.close()
    return int(row[0]), int(row[1])


def _run_peer(folder: Path, batch: int, distinct: bool) -> dict[str, Any]:
    """A fresh Alertmanager for each run, in its most favourable setting: a receiver that sends nowhere."""
    config = folder / "alertmanager.yml"
    config.write_text("route:\n  receiver: none\n  group_by: [alertname]\nreceivers:\n  - name: none\n")
    port = machine.free_port()
    storage = Path(tempfile.mkdtemp(dir=folder))
    command = [
        PEER, f"--config.file={config}", f"--storage.path={storage}", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=", "--log.level=error",
    ]  # fmt: skip
    with machine.process(command, log=folder / "peer.log") as server:
        machine.wait_for(f"http://127.0.0.1:{port}/-/ready", server)
        target = Target("alertmanager", port, "/api/v2/alerts", server.pid, None, lambda: None, lambda: None)
        return _run(target, batch, distinct)
