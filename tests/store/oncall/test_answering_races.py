"""The whole product's own wiring: acknowledging while steps fire and messages are recorded is never the loser."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest

from rallypoint import access, incidents, notify, oncall
from rallypoint.access import Role
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.catalog import create_service
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import fire_timers
from rallypoint.errors import OutsideFailure
from rallypoint.notify.ports import Outgoing, Receipt
from rallypoint.wiring import TIMERS, bus

TRIALS = 40


@pytest.fixture
async def db(dsn: str, clock: ManualClock) -> AsyncIterator[Database]:
    """Everybody listens here, unlike in this folder's other tests."""
    database = await Database.connect(dsn, clock=clock, bus=bus(), size=8)
    try:
        yield database
    finally:
        await database.close()


class Flaky:
    """Every third message cannot be sent at all, so that pages fail and runs move on while people answer."""

    kind = "email"

    def __init__(self) -> None:
        self.count = 0

    async def send(self, message: Outgoing) -> Receipt:
        self.count += 1
        if self.count % 3 == 0:
            raise OutsideFailure("no such address", retry=False)
        return Receipt(delivered=False)


async def test_acknowledging_never_loses_against_timers_and_results(db: Database, clock: ManualClock) -> None:
    rng = random.Random(5)
    async with db.transaction(SYSTEM) as tx:
        people = [
            await access.create_person(tx, name=name, email=f"{name}@example.org", roles=[Role.RESPONDER])
            for name in ("bob", "bea", "cy")
        ]
        await create_service(tx, key="payments", name="payments", domain="production")
        steps = [{"after_minutes": n, "targets": [("person", p.id)]} for n, p in zip((0, 5, 5), people, strict=True)]
        await oncall.create_policy(tx, key="p", name="p", steps=steps, repeat=3)
        await oncall.assign_policy(tx, "payments", "p")
    bob = Actor(kind=ActorKind.PERSON, name="bob", origin="web", person_id=people[0].id, roles=frozenset({"responder"}))
    channel = Flaky()

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        raise AssertionError(f"{subject} was set aside: {what}")

    async def fire(pause: int) -> None:
        for _ in range(pause):
            await asyncio.sleep(0)
        await fire_timers(db, TIMERS, alarm)

    async def send() -> None:
        await notify.send_due(db, {"email": channel})

    async def answer(number: int, pause: int) -> None:
        for _ in range(pause):
            await asyncio.sleep(0)
        async with db.transaction(bob) as tx:  # once, without a second try: the answer may not be the victim
            await incidents.acknowledge(tx, number)

    for _ in range(TRIALS):
        async with db.transaction(SYSTEM) as tx:
            number = (await incidents.open_incident(tx, title="Card payments fail", service="payments")).number
        clock.set((await due(db)) or clock.now())
        await asyncio.gather(
            fire(rng.randrange(20)), fire(rng.randrange(20)), send(), answer(number, rng.randrange(60))
        )
        async with db.transaction(SYSTEM) as tx:
            runs = await oncall.runs_of(tx, number)
            views = await notify.pages_of(tx, number)
            assert await oncall.orphans(tx) == []
            assert (await incidents.verify_timeline(tx, number)).ok
        assert [run.live for run in runs] == [False]
        assert not any(view.page.live for view in views)
        sent_before = channel.count
        await send()
        assert channel.count == sent_before, "something was sent after the acknowledgement"


async def due(db: Database) -> object:
    async with db.transaction(SYSTEM) as tx:
        return await tx.value("select min(due_at) from timer where kind = 'paging.step' and due_at > :now")
