"""A server whose processes may be killed, on a clock that may be moved, and a ledger outside it."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rallypoint.crashpoints import HITS
from tests.live import Furniture, LedgerAtHand, Receipt, Roles, furnish, scratch, until

LEASE = 16.0
"""A little more than any lease: what a dead process held is free after it."""


@dataclass
class Rig:
    """The words of a crash test."""

    server: Roles
    ledger: LedgerAtHand
    cases: int = 0

    def new_case(self) -> str:
        self.cases += 1
        return f"c{self.cases}"

    def engine_that_dies_at(self, place: str) -> None:
        self.server.again("engine", RALLYPOINT_CRASHPOINT=place)

    def web_that_dies_at(self, place: str) -> None:
        self.server.again("web", RALLYPOINT_CRASHPOINT=place)
        until(self.server.ready, within=20, what="a web process that answers")

    def leases_run_out(self) -> None:
        """Instead of waiting 15 seconds: the database's time jumps."""
        self.server.move_clock(LEASE)

    def paged(self, case: str, *, times: int = 1, within: float = 20.0) -> list[Receipt]:
        """Receipts of one case, once there are so many."""

        def look() -> list[Receipt] | None:
            found = self.ledger.of(case)
            return found if len(found) >= times else None

        try:
            return until(look, within=within, what=f"{times} pages about {case}")
        except AssertionError:
            print(self.server.tail())
            raise

    def settled(self, case: str) -> dict[str, object]:
        """The delivery of a case, once it is over."""

        def look() -> dict[str, object] | None:
            incident = self.server.incident_of(case)
            pages = self.server.get(f"/incidents/{incident['number']}/pages")["items"] if incident else []
            deliveries = [d for page in pages for d in page["deliveries"]]
            over = bool(deliveries) and all(d["state"] not in ("pending", "sending") for d in deliveries)
            return deliveries[0] if over else None

        return until(look, within=20, what=f"the page about {case} is over")


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with scratch() as data:
        ledger = LedgerAtHand(data.parent / "ledger")
        given = furnish(data, Furniture(steps=((0, "Ada", ledger.address("ada")),)))
        server = Roles(data, given)
        try:
            server.make_clock_movable()
            server.start("web")
            server.start("engine")
            until(server.ready, within=40, what="a server that is ready")
            yield Rig(server, ledger)
        finally:
            server.close()
            ledger.close()


def hits(plan: Path) -> list[str]:
    """The places of a plan at which a process really died."""
    file = Path(f"{plan}{HITS}")
    return file.read_text().split("\n")[:-1] if file.exists() else []
