"""Promises about the whole program: how it ends, how it comes back, and what a jump of the clock does not do."""

import itertools
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import pytest

from rallypoint.clock import monotonic
from tests.live import Furniture, LedgerAtHand, Live, Receipt, furnish, kill, scratch, until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]

ENDS_WITHIN = 15.0
BACK_WITHIN = 5.0
FROZEN_WITHIN = 25.0
"""One command and the clean-up after it, 10 seconds each. Senders give up earlier and come again."""


@dataclass
class Served:
    live: Live
    ledger: LedgerAtHand

    def paged(self, case: str, within: float = 20.0) -> list[Receipt]:
        return until(lambda: self.ledger.of(case), within=within, what=f"a page about {case}", every=0.02)


@pytest.fixture(scope="module")
def place() -> Iterator[Served]:
    with scratch() as data:
        ledger = LedgerAtHand(data.parent / "ledger")
        given = furnish(data, Furniture(steps=((0, "Ada", ledger.address("ada")), (30, "Bo", ledger.address("bo")))))
        live = Live(data, given)
        live.make_clock_movable()
        try:
            yield Served(live, ledger)
        finally:
            live.close()
            ledger.close()


@pytest.fixture
def served(place: Served) -> Served:
    """The same folder for all tests here; started again where a test has ended it."""
    if not place.live.running:
        until(place.live.starts, within=30, what="the server")
    return place


@dataclass
class Posting:
    """Clients that post alerts on kept-alive connections until the server is gone, and note what they were told."""

    live: Live
    accepted: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    def run(self, threads: int) -> list[threading.Thread]:
        numbers = itertools.count(1)
        started = [threading.Thread(target=self._post, args=(numbers,)) for _ in range(threads)]
        for thread in started:
            thread.start()
        return started

    def _post(self, numbers: Iterator[int]) -> None:
        with httpx2.Client(timeout=20, trust_env=False) as client:
            for number in numbers:
                case = f"t{number}"
                body = {"summary": f"Case {case}", "dedup_key": case, "labels": {"alertname": case}}
                try:
                    answer = client.post(self.live.hook("generic"), json=body)
                except httpx2.HTTPError:
                    return
                (self.accepted if answer.is_success else self.refused).append(case)


def test_sigterm_under_load_loses_nothing_and_ends_in_time(served: Served) -> None:
    posting = Posting(served.live)
    threads = posting.run(8)
    until(lambda: len(posting.accepted) > 200, within=30, what="200 accepted alerts")
    took = served.live.stop()
    for thread in threads:
        thread.join(30)
    assert took <= ENDS_WITHIN
    assert posting.refused == []
    served.live.start()
    kept = [a["dedup_key"] for a in served.live.everything("/alerts") if a["dedup_key"].startswith("t")]
    assert set(posting.accepted) <= set(kept)
    assert len(kept) == len(set(kept))
    for case in posting.accepted:
        served.paged(case, within=60)
    pages = [r for r in served.ledger.receipts("ada") if r.title.rpartition(" ")[2] in kept]
    assert len(pages) == len(kept), "each paged once: before the stop, or after the start"


def test_an_engine_that_is_killed_is_back_within_five_seconds_and_pages(served: Served) -> None:
    engine = served.live.child("engine")
    kill(engine)
    assert served.live.alert("engine").status_code == 202
    assert served.live.child("engine", other_than=engine, within=BACK_WITHIN)
    served.paged("engine")
    assert served.live.ready()


def test_a_web_process_that_is_killed_is_back_within_five_seconds_on_the_same_port(served: Served) -> None:
    web = served.live.child("web")
    kill(web)
    assert served.live.child("web", other_than=web, within=BACK_WITHIN)
    assert until(lambda: _answered(served.live), within=20, what="an answer") == 202


def _answered(live: Live) -> int | None:
    try:
        return live.alert("again").status_code
    except httpx2.HTTPError:  # what was connected to the dead process
        return None


def test_children_end_when_their_supervisor_was_killed(served: Served) -> None:
    children = [served.live.child("web"), served.live.child("engine")]
    served.live.kill_supervisor()
    until(lambda: not any(_lives(pid) for pid in children), within=ENDS_WITHIN, what="the end of both children")


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_killed_database_is_started_again_and_nothing_promised_is_lost(served: Served) -> None:
    assert served.live.alert("before").status_code == 202
    kill(served.live.postmaster)
    until(lambda: _taken(served.live, "after"), within=20, what="an alert accepted after the database's death")
    served.paged("before")
    served.paged("after")
    kept = {alert["dedup_key"] for alert in served.live.everything("/alerts")}
    assert {"before", "after"} <= kept


def _taken(live: Live, case: str) -> bool:
    try:
        answer = live.alert(case)
    except httpx2.HTTPError:
        return False
    assert answer.is_success or answer.status_code >= 500, f"not an answer that a sender retries: {answer.status_code}"
    return answer.is_success


def test_a_frozen_database_is_answered_with_503_and_not_with_silence(served: Served) -> None:
    database = served.live.postmaster
    assert database is not None
    frozen = [database, *_backends(database)]
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    try:
        before = monotonic()
        with httpx2.Client(timeout=30, trust_env=False) as client:
            answer = client.post(served.live.hook("generic"), json={"summary": "frozen", "dedup_key": "frozen"})
        assert answer.status_code in (502, 503)
        assert monotonic() - before <= FROZEN_WITHIN
        assert not served.live.ready()
    finally:
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
    until(lambda: _taken(served.live, "thawed"), within=30, what="an alert accepted after the thaw")
    served.paged("thawed", within=30)


def _backends(postmaster: int) -> list[int]:
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children")
    return [int(word) for word in children.read_text().split()]


def test_no_page_is_early_or_doubled_when_the_clock_jumps_back_and_forth(served: Served) -> None:
    """The second step waits 30 minutes. An hour back and forth again: not due, and nothing comes twice. Half an hour
    more: due, once."""
    live = served.live
    assert live.alert("jump").status_code == 202
    served.paged("jump")
    for seconds in (-3600, 3600):
        live.move_clock(seconds)
        _everyone_has_looked(live)
        assert live.alert(f"at{seconds}").status_code == 202
        served.paged(f"at{seconds}")
        assert [r.to for r in served.ledger.of("jump")] == ["/ada"]
    live.move_clock(1800)
    until(lambda: len(served.ledger.of("jump")) > 1, within=20, what="the second step")
    for seconds in (-1800, 1800):
        live.move_clock(seconds)
        _everyone_has_looked(live)
    assert [r.to for r in served.ledger.of("jump")] == ["/ada", "/bo"]


def _everyone_has_looked(live: Live) -> None:
    """Until web and engine have noticed a jump (they look every 5 s), by the time that they write down."""

    def agree() -> bool:
        live.ready()  # makes the web process write a heartbeat
        far = """select max(abs(extract(epoch from at - public.clock_timestamp()))) from heartbeat
                  where role = 'probe' or node like '%:' || $1::text"""
        return float(live.sql(far, str(live.child("engine")))) < 4

    until(agree, within=20, what="web and engine on the database's time", every=0.3)
