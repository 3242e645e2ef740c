"""The clients of the kill loop: senders and a responder who do not give up, and who note every answer they got."""

import itertools
import random
import threading
from dataclasses import dataclass, field

import httpx2

from rallypoint.clock import monotonic, pause, process_time
from tests.live import LedgerAtHand, Outside

GIVE_UP = 60.0
SENDERS = 3


@dataclass
class Answers:
    """What the clients hold the program to."""

    accepted: dict[str, float] = field(default_factory=dict)
    """Case -> when it was answered with 2xx."""
    acknowledged: dict[int, float] = field(default_factory=dict)
    resolved: dict[int, float] = field(default_factory=dict)
    retries: int = 0
    problems: list[str] = field(default_factory=list)


class Clients:
    """Threads that work until told to stop; what they began they bring to an end."""

    def __init__(self, server: Outside, ledger: LedgerAtHand, seed: int, *, pause_seconds: float) -> None:
        self._server, self._ledger, self._pause = server, ledger, pause_seconds
        self._dice = random.Random(seed)
        self._numbers = itertools.count(1)
        self._stopping = threading.Event()
        self.answers = Answers()
        works = [self._send] * SENDERS + [self._respond]
        self._threads = [threading.Thread(target=self._guarded, args=(work,), daemon=True) for work in works]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(GIVE_UP)

    def _guarded(self, work) -> None:  # type: ignore[no-untyped-def]
        with httpx2.Client(timeout=5, trust_env=False) as client:
            try:
                work(client)
            except Exception as problem:
                self.answers.problems.append(repr(problem))

    def _send(self, client: httpx2.Client) -> None:
        """Distinct alerts, each an incident of its own."""
        while not self._stopping.wait(self._pause):
            case = f"c{next(self._numbers)}"
            body = {"summary": f"Case {case}", "dedup_key": case, "labels": {"alertname": case}, "severity": "critical"}
            self._until_taken(client, self._server.hook("generic"), body, {})
            self.answers.accepted[case] = process_time().timestamp()

    def _respond(self, client: httpx2.Client) -> None:
        """Acknowledges some of those who were paged, and resolves some of these."""
        looked_at: set[int] = set()
        while not self._stopping.wait(0.2):
            paged = [r.incident for r in self._ledger.receipts() if r.incident not in looked_at]
            for number in paged[:2]:
                looked_at.add(number)
                if self._dice.random() < 0.6:
                    self._act(client, number, "acknowledge", {})
                    self.answers.acknowledged[number] = process_time().timestamp()
                    if self._dice.random() < 0.4:
                        self._act(client, number, "resolve", {"resolution": "Put back."})
                        self.answers.resolved[number] = process_time().timestamp()

    def _act(self, client: httpx2.Client, number: int, verb: str, body: dict[str, str]) -> None:
        url = f"{self._server.url}/api/v1/incidents/{number}/{verb}"
        key = {"Authorization": f"Bearer {self._server.given.api_key}", "Idempotency-Key": f"{verb}-{number}"}
        self._until_taken(client, url, body, key)

    def _until_taken(self, client: httpx2.Client, url: str, body: dict[str, object], headers: dict[str, str]) -> None:
        """The same call, until it is answered with 2xx. Anything below 500 that is not 2xx or 429 is a failure."""
        deadline = monotonic() + GIVE_UP
        said = ""
        while monotonic() < deadline:
            try:
                answer = client.post(url, json=body, headers=headers)
                if answer.is_success:
                    return
                said = f"{answer.status_code} {answer.text[:300]}"
                if answer.status_code < 500 and answer.status_code not in (408, 409, 429):
                    break
            except httpx2.HTTPError as problem:
                said = repr(problem)
            self.answers.retries += 1
            pause(0.1)
        raise AssertionError(f"{url.rpartition('/')[2]} was not taken: {said}")
