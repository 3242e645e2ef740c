"""Memory and CPU of the whole program while nothing happens: supervisor, web, engine and PostgreSQL together."""

import os
import time
from pathlib import Path

from tests.live import Furniture, Live, furnish, scratch

from benchmarks import machine
from benchmarks.tables import Table

COLUMNS = ("part", "processes", "PSS MB", "CPU, % of one core")
SETTLE_SECONDS = 5.0


def bench(*, seconds: float = 20.0) -> Table:
    """One table; CPU is measured over `seconds`."""
    table = Table("Idle: memory and CPU", COLUMNS)
    with scratch() as data:
        live = Live(data, furnish(data, Furniture(steps=((0, "Ada", "http://127.0.0.1:9/ada"),))))
        try:
            live.start()
            time.sleep(SETTLE_SECONDS)
            _measure(table, live, seconds)
        finally:
            live.close()
    table.notes.append(
        f"Soon after the start, nothing in it but a service and a policy; CPU over {seconds:.0f} s. PSS counts "
        "what processes share once, PostgreSQL's shared buffers as far as they were touched. 1 MB = 1,000,000 bytes."
    )
    return table


def _measure(table: Table, live: Live, seconds: float) -> None:
    postmaster = live.postmaster
    assert postmaster is not None
    parts = {
        "supervisor": [live.pid],
        "web": [live.child("web")],
        "engine": [live.child("engine")],
        "PostgreSQL": [postmaster, *machine.children(postmaster)],
    }
    before, began = _cpu(parts), time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    after = _cpu(parts)
    if not all(os.access(Path(f"/proc/{pid}/smaps_rollup"), os.R_OK) for pid in (live.pid, postmaster)):
        raise RuntimeError("the kernel does not let this account read the memory of these processes")
    percent = {part: (after[part] - before[part]) / took * 100 for part in parts}
    memory = {part: machine.pss_megabytes(pids) for part, pids in parts.items()}
    for part, pids in parts.items():
        table.add(part, len(pids), memory[part], percent[part])
    table.add("together", sum(map(len, parts.values())), sum(memory.values()), sum(percent.values()))


def _cpu(parts: dict[str, list[int]]) -> dict[str, float]:
    """CPU seconds so far; PostgreSQL's with those of its short-lived helpers."""
    return {part: machine.cpu_seconds(pids[0], with_children=part == "PostgreSQL") for part, pids in parts.items()}
