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

from benchmarks import figures, machine
from benchmarks.tables import Table
from rallypoint.db.embedded import EmbeddedPostgres

COLUMNS = ("start", "ready after s (median)", "best s", "worst s", "CPU seconds (median)", "rounds")

COLD, WARM, KILLED = "cold: empty folder", "warm: data is there", "after kill -9 of everything"
KINDS = (COLD, WARM, KILLED)


def bench(*, rounds: int = 3) -> Table:
    table = Table("Start: command to ready", COLUMNS)
    starts: dict[str, list[tuple[float, float]]] = {name: [] for name in KINDS}
    stops: list[float] = []
    for _ in range(rounds):
        with scratch() as data:
            for kind in KINDS:
                process, took, cpu = _start(data)
                starts[kind].append((took, cpu))
                if kind == WARM:
                    _kill_everything(process, data)
                else:
                    stops.append(_stop(process))
    for kind, found in starts.items():
        times, cpu_seconds = [took for took, _ in found], [cpu for _, cpu in found]
        table.add(kind, figures.median(times), min(times), max(times), figures.median(cpu_seconds), len(found))
    table.notes.append(f"SIGTERM to the end of everything: {max(stops):.1f} s at worst, of {len(stops)}.")
    table.notes.append(
        "Cold: makes the database cluster, starts PostgreSQL, migrates, starts web and engine; ready is what /readyz "
        "means by it: a page would go out. Packages are installed already. CPU: of all processes, until ready."
    )
    return table


def _start(data: Path) -> tuple[Process, float, float]:
    """The process that is ready, after how many seconds, and the CPU seconds that all of it took until then."""
    log, began = data.parent / "serve.log", time.monotonic()
    process = serve(data, "--port", "0", log=log)
    assert process.stdout is not None
    said = process.stdout.readline()
    took = time.monotonic() - began
    if not said:
        process.wait(10)
        process.stdout.close()
        raise RuntimeError(f"serve ended before it was ready:\n{log.read_text()[-2000:]}")
    postmaster = EmbeddedPostgres(data).pid
    cpu = machine.cpu_seconds(process.pid) + (machine.cpu_seconds(postmaster) if postmaster else 0.0)
    with urllib.request.urlopen(json.loads(said)["url"] + "/readyz", timeout=5) as answer:
        if answer.status != 200:
            raise RuntimeError("it said that it is ready, and is not")
    return process, took, cpu


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
