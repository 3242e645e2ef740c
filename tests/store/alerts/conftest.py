"""A batcher on a real database, an integration, and a bus that remembers what it was told."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from rallypoint import alerts
from rallypoint.actors import SYSTEM
from rallypoint.alerts import Batch, Batcher, Integration, Signal
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.events import Bus, Fact


@dataclass
class Ear:
    """Hears facts about alerts. `refuse` may raise, as a handler with a bug would."""

    facts: list[Fact] = field(default_factory=list)
    refuse: Callable[[Fact], None] = lambda fact: None

    async def hear(self, tx: Transaction, fact: Fact) -> None:
        self.refuse(fact)
        self.facts.append(fact)

    def of(self, kind: type[Fact]) -> list[Any]:
        return [fact for fact in self.facts if isinstance(fact, kind)]


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
async def heard(dsn: str, clock: ManualClock, ear: Ear) -> AsyncIterator[Database]:
    """A database whose facts go to the ear instead of the other rooms."""
    kinds = (alerts.AlertsRouted, alerts.AlertsCleared, alerts.AlertAcknowledged)
    db = await Database.connect(dsn, clock=clock, bus=Bus({kind: [ear.hear] for kind in kinds}, {}), size=6)
    yield db
    await db.close()


@pytest.fixture
async def batcher(heard: Database) -> AsyncIterator[Batcher]:
    made = Batcher(heard)
    yield made
    await made.close()


@pytest.fixture
async def integration(heard: Database) -> Integration:
    async with heard.transaction(SYSTEM) as tx:
        return (await alerts.create_integration(tx, name="Prometheus", kind="any")).integration


Say = Callable[..., Awaitable[Any]]


@pytest.fixture
def say(batcher: Batcher, integration: Integration) -> Say:
    """One signal, committed; returns the alert's id."""

    async def one(name: str = "DatabaseDown", status: str = "firing", **words: Any) -> int | None:
        sender = words.pop("sender", integration)
        return (await batcher.accept(sender, Batch(signals=[signal(name, status, **words)]), b"{}")).ids[0]

    return one


def signal(name: str = "DatabaseDown", status: str = "firing", **words: Any) -> Signal:
    labels = {"alertname": name, **words.pop("labels", {})}
    values: dict[str, Any] = {"dedup_key": "", "severity": "critical", "summary": f"{name} is on", "labels": labels}
    return Signal(status=status, **{**values, **words})
