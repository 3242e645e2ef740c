"""Rallypoint as it is shipped, for partners that are programs of their own. One server serves all tests of this folder.

What is pasted into a partner is what the setup page shows, never a text written for the test.
"""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from rallypoint.connectors.signals import SOURCES
from tests.live import Furniture, LedgerAtHand, Live, Receipt, furnish, scratch, until

PAGED_WITHIN = 20.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.partner)
            item.add_marker(pytest.mark.timeout(90))


@dataclass(frozen=True)
class Place:
    """A running server, the ledger of its pages, and what one sees of alerts from outside."""

    live: Live
    ledger: LedgerAtHand
    folder: Path

    def key(self, kind: str) -> str:
        return self.live.given.integrations[kind]

    def new_key(self, kind: str, name: str) -> str:
        """The key of a new integration, as somebody makes it who connects a sender."""
        answer = self.live.api("POST", "/integrations", {"name": name, "kind": kind, "service": "shop"})
        assert answer.status_code == 201, answer.text
        return str(answer.json()["key"])

    def pasted(self, kind: str) -> str:
        """What the setup page tells to paste for this kind."""
        about = SOURCES[kind].about
        return about.for_key(about.config, base=self.live.url, key=self.key(kind))

    def alerts(self, name: str) -> list[dict[str, Any]]:
        """Alerts with this alertname, the oldest first."""
        found = [a for a in self.live.everything("/alerts") if a["labels"].get("alertname") == name]
        return sorted(found, key=lambda alert: int(alert["id"]))

    def states(self, name: str, label: str) -> dict[str, str]:
        """Label -> status of the alerts with this alertname."""
        return {alert["labels"].get(label, ""): alert["status"] for alert in self.alerts(name)}

    def until_states(self, name: str, label: str, wanted: dict[str, str], *, within: float = 20.0) -> None:
        look = functools.partial(self._are, name, label, wanted)
        try:
            until(look, within=within, what=f"{name} by {label}: {wanted}", every=0.1)
        except AssertionError as late:
            raise AssertionError(f"{late}, but {self.states(name, label)}\n{self.live.tail(15)}") from None

    def _are(self, name: str, label: str, wanted: dict[str, str]) -> bool:
        return self.states(name, label) == wanted

    def incidents(self, name: str) -> list[dict[str, Any]]:
        """Incidents that alerts with this alertname are joined to."""
        return [
            incident
            for incident in self.live.everything("/incidents")
            if any(a["labels"].get("alertname") == name for a in self._joined(incident["number"]))
        ]

    def _joined(self, number: int) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = self.live.get(f"/incidents/{number}/alerts")["items"]
        return items

    def incident(self, name: str) -> dict[str, Any]:
        """The one incident of an alertname, once it is there."""
        found = until(lambda: self.incidents(name), within=PAGED_WITHIN, what=f"an incident of {name}", every=0.1)
        assert len(found) == 1
        return found[0]

    def paged(self, number: int) -> list[Receipt]:
        """Pages about an incident that really arrived, once there is one."""

        def look() -> list[Receipt]:
            return [receipt for receipt in self.ledger.receipts("ada") if receipt.incident == number]

        return until(look, within=PAGED_WITHIN, what=f"a page about incident {number}", every=0.1)


@pytest.fixture(scope="session")
def place() -> Iterator[Place]:
    with scratch() as data:
        ledger = LedgerAtHand(data.parent / "ledger")
        given = furnish(data, Furniture(steps=((0, "Ada", ledger.address("ada")),)))
        live = Live(data, given)
        try:
            live.start()
            yield Place(live, ledger, data.parent)
        finally:
            live.close()
            ledger.close()
