"""People who can be paged, and a phone that can be told to fail, hang or be cut off."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from rallypoint import access, notify
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.errors import OutsideFailure
from rallypoint.events import Bus, Fact
from rallypoint.notify import events
from rallypoint.notify.ports import Outgoing, Receipt


@dataclass
class Phone:
    """A channel of this test: remembers what arrived, and answers as it was told, message by message."""

    kind: str = "sandbox"
    received: list[Outgoing] = field(default_factory=list)
    failing: list[OutsideFailure | None] = field(default_factory=list)
    always: OutsideFailure | None = None
    delivered: bool = True
    hold: asyncio.Event | None = None

    async def send(self, message: Outgoing) -> Receipt:
        if self.hold is not None:
            await self.hold.wait()
        problem = self.failing.pop(0) if self.failing else self.always
        if problem is not None:
            if problem.unknown:
                self.received.append(message)
            raise problem
        self.received.append(message)
        return Receipt(delivered=self.delivered, provider_reference=f"p-{message.reference}")


FACTS = (
    events.DeliverySent, events.DeliveryDelivered, events.DeliveryResent, events.DeliveryFailed, events.PageFailed,
)  # fmt: skip


@pytest.fixture
def heard() -> list[Fact]:
    """What was announced. Incidents are only numbers here, so nobody else listens."""
    return []


@pytest.fixture
async def db(dsn: str, clock: ManualClock, heard: list[Fact]) -> AsyncIterator[Database]:
    async def hear(tx: Transaction, fact: Fact) -> None:
        heard.append(fact)

    database = await Database.connect(dsn, clock=clock, bus=Bus({fact: [hear] for fact in FACTS}, {}), size=6)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
def phone() -> Phone:
    return Phone()


@pytest.fixture
async def bob(db: Database) -> access.Person:
    async with db.transaction(SYSTEM) as tx:
        person = await access.create_person(tx, name="Bob", email="bob@example.org", roles=[Role.RESPONDER])
        await notify.add_contact_method(tx, person_id=person.id, kind="sandbox", address="bob")
    return person
