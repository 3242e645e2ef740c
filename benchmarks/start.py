"""Cold start: from `rallypoint serve --json` in an empty folder to the line that says it is ready."""

import contextlib
import json
import os
import signal
import subprocess
import time
import urllib.request
from pathlib import Path

from tests.live import kill, scratch
from tests.live.processes import Process, processes_of, serve

from benchmarks import figures
from benchmarks.tables import Table
from rallypoint.db.embedded import EmbeddedPostgres

COLUMNS = ("start", "seconds (median)", "best", "worst", "rounds", "stopped within s (SIGTERM)")


def bench(*, rounds: int = 3) -> Table:
    table = Table("Start: command to ready", COLUMNS)
    took: dict[str, list[float]] = {"cold": [], "warm": [], "killed": []}
    stops: dict[str, list[float]] = {"cold": [], "warm": [], "killed": []}
    for _ in range(rounds):
        with scratch() as data:
            log = data.parent / "serve.log"
            for kind in ("cold", "warm"):
                seconds, process = _start(data, log)
                took[kind].append(seconds)
                stops[kind].append(_stop(process))
            _, process = _start(data, log)
            _kill_everything(process, data)
            seconds, process = _start(data, log)
            took["killed"].append(seconds)
            stops["killed"].append(_stop(process))
    names = {"cold": "cold: empty folder", "warm": "warm: data is there", "killed": "after kill -9 of everything"}
    for kind, name in names.items():
        values = took[kind]
        table.add(name, figures.median(values), min(values), max(values), len(values), max(stops[kind]))
    table.notes.append(
        "Cold: makes the database cluster, starts PostgreSQL, migrates, starts web and engine; ready is what /readyz "
        "means by it: a page would go out. Without the installation of packages."
    )
    return table


def _start(data: Path, log: Path) -> tuple[float, Process]:
    began = time.monotonic()
    process = serve(data, "--port", "0", log=log)
    assert process.stdout is not None
    said = process.stdout.readline()
    took = time.monotonic() - began
    if not said:
        process.wait(10)
        process.stdout.close()
        raise RuntimeError(f"serve ended before it was ready:\n{log.read_text()[-2000:]}")
    with urllib.request.urlopen(json.loads(said)["url"] + "/readyz", timeout=5) as answer:
        if answer.status != 200:
            raise RuntimeError("it said that it is ready, and is not")
    return took, process


def _stop(process: Process) -> float:
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(30)
    assert process.stdout is not None
    process.stdout.close()
    return time.monotonic() - began


def _kill_everything(process: Process, data: Path) -> None:
    """Supervisor, children, PostgreSQL: all that is ours, at once, and wait until the numbers are free."""
    postmaster = EmbeddedPostgres(data).pid
    ours = [process.pid, *(pid for pid in processes_of(data) if pid != process.pid)]
    for pid in [*ours, postmaster]:
        kill(pid)
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()
    for pid in ours[1:]:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            deadline = time.monotonic() + 5
            while time.monotonic() < deadline:
                os.kill(pid, 0)
                time.sleep(0.01)
