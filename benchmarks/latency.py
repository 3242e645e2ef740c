"""Latency: from an alert's POST to the call of the channel, by the whole program as `rallypoint serve` runs it.

One responder has a webhook; a ledger, a process of its own on the same machine and so on the same clock, notes when
each page arrives. Each probe is an incident of its own: posted, committed, answered, routed, opened, paged, sent.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from tests.live import Furniture, LedgerAtHand, Live, furnish, scratch

from benchmarks import figures, machine
from benchmarks.ingest import PEER, alertmanager
from benchmarks.load import NAMES
from benchmarks.tables import Table

COLUMNS = (
    "system", "meanwhile", "probes", "answer p50 ms", "answer p99 ms", "page p50 ms", "page p99 ms", "page worst ms",
    "storm alerts/s", "web cores", "engine cores", "database cores",
)  # fmt: skip
PROBES_A_SECOND = 10
STEADY = {"batch": 10, "connections": 4, "rate": 100.0}
"""A storm of 1,000 alerts a second, which leaves the machine air to breathe."""
FLOOD: dict[str, Any] = {"batch": 64, "connections": 16, "again": True}
"""A storm that sends as fast as it is answered: whatever is left of the machine, it takes."""
FLOOD_REQUESTS_A_SECOND = 400
"""As many are built; a machine that takes more gets them again, as repeats."""
LATE_SECONDS = 30.0


def bench(*, seconds: float = 20.0, peer: bool = True) -> Table:
    """One table: idle, a steady storm, a flood; `seconds` each."""
    table = Table("Latency: POST of an alert to the call of a webhook", COLUMNS)
    with scratch() as data:
        if peer and shutil.which(PEER):
            _peer(table, data.parent, seconds)
        ledger = LedgerAtHand(data.parent / "ledger")
        given = furnish(data, Furniture(steps=((0, "Ada", ledger.address("ada")),)))
        live = Live(data, given, RALLYPOINT_LOG_LEVEL="error")
        try:
            live.start()
            _ours(table, "nothing", live, ledger, seconds)
            steady = STEADY | {"requests": int(STEADY["rate"] * seconds * 2)}
            with storm(live, seconds, steady) as sent:
                _ours(table, "1,000 alerts/s", live, ledger, seconds, sent)
            with storm(live, seconds, FLOOD | {"requests": int(FLOOD_REQUESTS_A_SECOND * seconds)}) as sent:
                _ours(table, "as many as are taken", live, ledger, seconds, sent)
        finally:
            live.close()
            ledger.close()
    table.notes.append(
        "Meanwhile: what another integration sends. Answer: from the POST until the sender has its 2xx, so the alert "
        "is committed. Page: from the POST until the webhook's receiver has the whole call."
    )
    table.notes.append(
        f"{PROBES_A_SECOND} probes a second, each an incident of its own. A storm's alerts form "
        f"{NAMES} incidents. Cores: CPU seconds used in each second; alertmanager's are its own."
    )
    if peer and not shutil.which(PEER):
        table.notes.append(f"NOTHING TO COMPARE WITH: {PEER} is not installed. On Debian: apt-get install {PEER}")
    return table


def _ours(
    table: Table,
    meanwhile: str,
    live: Live,
    ledger: LedgerAtHand,
    seconds: float,
    sent: Callable[[], float] | None = None,
) -> None:
    mark = f"p{time.monotonic_ns()}x"

    def body(case: str) -> Any:
        return {"summary": f"Case {case}", "dedup_key": case, "labels": {"alertname": case}, "severity": "critical"}

    postmaster = live.postmaster
    assert postmaster is not None
    with cores([live.child("web"), live.child("engine"), postmaster]) as used:
        posted = probe(live.hook("generic"), body, mark, int(seconds * PROBES_A_SECOND))
    arrived = _wait(lambda: {r.title.rpartition(" ")[2]: r.at for r in reversed(ledger.receipts())}, posted)
    _row(table, "rallypoint", meanwhile, posted, arrived, sent() if sent else None, used)


@contextmanager
def cores(pids: Sequence[int]) -> Iterator[list[float]]:
    """After the block, what each of these processes and its children used of a core meanwhile."""
    used: list[float] = []
    began, before = time.monotonic(), [machine.cpu_seconds(pid) for pid in pids]
    yield used
    took = time.monotonic() - began
    used += [(machine.cpu_seconds(pid) - was) / took for pid, was in zip(pids, before, strict=True)]


def probe(url: str, body: Callable[[str], Any], mark: str, count: int) -> dict[str, tuple[float, float]]:
    """Post one alert after another, at their times; case -> when it was sent and when it was answered (wall clock)."""
    posted = {}
    with httpx2.Client(timeout=30, trust_env=False) as client:
        began = time.monotonic()
        for n in range(count):
            time.sleep(max(0.0, began + n / PROBES_A_SECOND - time.monotonic()))
            case, at = f"{mark}{n}", time.time()
            client.post(url, json=body(case)).raise_for_status()
            posted[case] = (at, time.time())
    return posted


def _wait(look: Callable[[], dict[str, float]], posted: dict[str, tuple[float, float]]) -> dict[str, float]:
    """What arrived for each case, once all did; raises where a page is missing."""
    deadline = time.monotonic() + LATE_SECONDS
    while missing := posted.keys() - (arrived := look()).keys():
        if time.monotonic() > deadline:
            raise RuntimeError(f"{len(missing)} of {len(posted)} pages did not arrive within {LATE_SECONDS:.0f} s")
        time.sleep(0.2)
    return arrived


def _row(
    table: Table, system: str, meanwhile: str, posted: dict[str, tuple[float, float]], arrived: dict[str, float],
    storm_rate: float | None, used: Sequence[float],
) -> None:  # fmt: skip
    answer = figures.spread([(answered - sent) * 1000 for sent, answered in posted.values()])
    page = figures.spread([(arrived[case] - sent) * 1000 for case, (sent, _) in posted.items()])
    rate = None if storm_rate is None else int(storm_rate)
    web, engine, database = (*used, None, None)[:3]
    table.add(
        system, meanwhile, page.count, answer.p50, answer.p99, page.p50, page.p99, page.worst, rate, web, engine,
        database,
    )  # fmt: skip


@contextmanager
def storm(live: Live, seconds: float, order: dict[str, Any]) -> Iterator[Callable[[], float]]:
    """Somebody else's alerts, from before the first probe until after the last; says how many a second were taken."""
    path = f"/in/{live.given.integrations['prometheus']}/api/v2/alerts"
    whole = {"port": live.port, "path": path, "distinct": True, "pool": 1, "seconds": seconds + 1.0} | order
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.load", json.dumps(whole)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    ) as sender:  # fmt: skip
        assert sender.stdin is not None
        assert sender.stdout is not None
        sender.stdout.readline()  # it has built its alerts
        sender.stdin.write("go\n")
        sender.stdin.flush()
        time.sleep(0.5)
        said: list[dict[str, Any]] = []

        def rate() -> float:
            if not said:
                assert sender.stdout is not None
                said.append(json.loads(sender.stdout.readline()))
                if said[0]["bad"]:
                    raise RuntimeError(f"{said[0]['bad']} requests of the storm were not answered with 2xx")
                if said[0]["seconds"] < seconds:
                    raise RuntimeError("the storm was over before the probes were: it needs more requests")
            return float(said[0]["alerts"] / said[0]["seconds"])

        try:
            yield rate
        finally:
            sender.terminate()


def _peer(table: Table, folder: Path, seconds: float) -> None:
    """Alertmanager with no waiting for a group, so that it notifies as soon as it can."""
    ledger = LedgerAtHand(folder / "peer-ledger")
    route = (
        "route:\n  receiver: hook\n  group_by: [alertname]\n  group_wait: 0s\n"
        f"receivers:\n  - name: hook\n    webhook_configs:\n      - url: {ledger.address('peer')}\n"
    )
    try:
        with alertmanager(folder, route) as (port, pid):

            def body(case: str) -> Any:
                return [{"labels": {"alertname": case, "severity": "critical"}, "annotations": {"summary": case}}]

            with cores([pid]) as used:
                posted = probe(f"http://127.0.0.1:{port}/api/v2/alerts", body, "peer", int(seconds * PROBES_A_SECOND))
            _row(table, "alertmanager", "nothing", posted, _wait(lambda: _peers(ledger), posted), None, used)
    finally:
        ledger.close()


def _peers(ledger: LedgerAtHand) -> dict[str, float]:
    lines = [json.loads(line) for line in ledger.file.read_text().splitlines() if line.endswith("}")]
    return {alert["labels"]["alertname"]: line["at"] for line in reversed(lines) for alert in line["body"]["alerts"]}
