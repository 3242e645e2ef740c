"""Ingest: alerts a second through the real HTTP endpoint into committed rows, beside Debian's Alertmanager.

After each run the rows and their counts are read back and must equal what was answered with 2xx.
"""

import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from tests.live.processes import PROGRAM, scratch

from benchmarks import figures, machine
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
    "batch", "labels", "system", "alerts/s", "range", "alerts per CPU-s", "p50 ms", "p99 ms", "server cores",
    "database cores", "sender cores", "alerts/s x peer", "per CPU-s x peer",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Run:
    """What one run measured. Cores: CPU seconds used in each second."""

    rate: float
    """Alerts a second, by the sender's clock."""
    p50: float
    p99: float
    server: float
    database: float | None
    sender: float

    @property
    def per_cpu_second(self) -> float:
        """Alerts for each CPU second of the system, its database included and the sender not."""
        return self.rate / max(0.01, self.server + (self.database or 0.0))


@dataclass
class Target:
    """Something that takes alerts at a port; `fresh` readies it for a run, `committed` says (rows, messages) it holds.

    Rows is None where the system does not say.
    """

    name: str
    port: int
    path: str
    server: int
    database: int | None
    fresh: Callable[[], None]
    committed: Callable[[], tuple[int | None, int]]


def bench(
    *, batches: Sequence[int] = (1, 64, 1000), rounds: int = 3, seconds: float = SECONDS, peer: bool = True
) -> Table:
    """One table; runs of at most `seconds` each. Each round runs both systems, by turns one or the other first."""
    table = Table("Ingest: HTTP request to committed row", COLUMNS)
    beside = peer and shutil.which(PEER) is not None
    with scratch() as data:
        folder = data.parent
        with rallypoint(folder, data) as ours:
            for batch in batches:
                for distinct in (True, False):
                    runs: dict[str, list[Run]] = {"alertmanager": [], "rallypoint": []}
                    for round_ in range(rounds):
                        for name in list(runs)[:: -1 if round_ % 2 else 1]:
                            if name == "rallypoint":
                                runs[name].append(_run(ours, batch, distinct, seconds))
                            elif beside:
                                runs[name].append(_run_peer(folder, batch, distinct, seconds))
                    _rows(table, batch, distinct, runs)
    table.notes += _notes(beside=beside, wanted=peer, rounds=rounds)
    return table


def _rows(table: Table, batch: int, distinct: bool, runs: dict[str, list[Run]]) -> None:
    peer = _middle(runs["alertmanager"]) if runs["alertmanager"] else None
    for name, rounds in runs.items():
        if rounds:
            found = _middle(rounds)
            against = peer if name != "alertmanager" else None
            table.add(
                batch, "distinct" if distinct else "repeated", name, int(found.rate),
                figures.lowest_and_highest([run.rate for run in rounds]), int(found.per_cpu_second), found.p50,
                found.p99, found.server, found.database, found.sender,
                figures.ratio(found.rate, against and against.rate),
                figures.ratio(found.per_cpu_second, against and against.per_cpu_second),
            )  # fmt: skip


def _middle(runs: list[Run]) -> Run:
    """The round whose rate is the median: its other figures belong to that rate."""
    middle = figures.median([run.rate for run in runs])
    return next(run for run in runs if run.rate == middle)


def _notes(*, beside: bool, wanted: bool, rounds: int) -> list[str]:
    notes = [
        f"Batch: alerts in a request. Medians of {rounds} round(s); per CPU-second, the sender left out. Of ours, "
        "rows and counts were read back after each run and equal what was answered with 2xx.",
        "The sender shares the cores with both systems; where its cores are not small beside the server's, the "
        "figure says as much about the sender. Our engine does not run here: see `latency` for the whole.",
    ]
    if beside:
        notes.append(
            "alertmanager keeps alerts in memory only and has a receiver without integrations; its own counter of "
            "received alerts was compared as well. It starts afresh for each run."
        )
    elif wanted:
        notes.append(f"NOTHING TO COMPARE WITH: {PEER} is not installed. On Debian: apt-get install {PEER}")
    return notes


def _run(target: Target, batch: int, distinct: bool, seconds: float) -> Run:
    """One run: fresh tables, for repeats the alerts sent once before, then the clock."""
    target.fresh()
    order = {
        "port": target.port, "path": target.path, "batch": batch, "connections": CONNECTIONS[batch],
        "requests": REQUESTS[batch] * (1 if distinct else 2), "distinct": distinct, "pool": POOL, "seconds": seconds,
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
    rows, messages = target.committed()
    expected = found["alerts"] if distinct else POOL, found["alerts"] + warm
    if (expected[0] if rows is None else rows, messages) != expected:
        raise RuntimeError(f"{target.name} holds {(rows, messages)} (rows, counted), but answered for {expected}")
    return Run(
        rate=found["alerts"] / found["seconds"],
        p50=found["p50"],
        p99=found["p99"],
        server=(after[0] - before[0]) / found["seconds"],
        database=(after[1] - before[1]) / found["seconds"] if database else None,
        sender=found["cpu"] / found["seconds"],
    )


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
def rallypoint(folder: Path, data: Path) -> Iterator[Target]:
    """Our web process, as the supervisor would start it, on an embedded PostgreSQL. `scratch` removes the data."""
    embedded = EmbeddedPostgres(data)
    dsn = embedded.start()
    database = embedded.pid
    key = asyncio.run(_set_up(dsn))
    port = machine.free_port()
    command = [sys.executable, "-P", "-m", PROGRAM, "serve", "--role", "web", "--port", str(port)]
    environment = {"RALLYPOINT_DATA": str(data), "RALLYPOINT_DATABASE_URL": dsn, "RALLYPOINT_LOG_LEVEL": "error"}
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


def _run_peer(folder: Path, batch: int, distinct: bool, seconds: float) -> Run:
    """A fresh Alertmanager for each run, in its most favourable setting: a receiver that sends nowhere."""
    route = "route:\n  receiver: none\n  group_by: [alertname]\nreceivers:\n  - name: none\n"
    with alertmanager(folder, route) as (port, pid):
        target = Target(
            "alertmanager", port, "/api/v2/alerts", pid, None, lambda: None, lambda: (None, _received(port))
        )
        return _run(target, batch, distinct, seconds)


@contextmanager
def alertmanager(folder: Path, route: str) -> Iterator[tuple[int, int]]:
    """The peer with this configuration; its port and its process number."""
    storage = Path(tempfile.mkdtemp(dir=folder))
    config = storage / "alertmanager.yml"
    config.write_text(route)
    port = machine.free_port()
    command = [
        PEER, f"--config.file={config}", f"--storage.path={storage}", f"--web.listen-address=127.0.0.1:{port}",
        "--cluster.listen-address=", "--log.level=error",
    ]  # fmt: skip
    with machine.process(command, log=folder / "peer.log") as server:
        machine.wait_for(f"http://127.0.0.1:{port}/-/ready", server)
        yield port, server.pid


def _received(port: int) -> int:
    """How many alerts the peer says it received."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return int(sum(float(line.split()[-1]) for line in lines if line.startswith("alertmanager_alerts_received_total{")))
