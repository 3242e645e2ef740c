"""A team that can be paged about an incident that is only a number."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from rallypoint import access, catalog, notify, oncall
from rallypoint.access import Role
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import fire_timers
from rallypoint.engine.store import next_due
from rallypoint.events import Bus, Fact
from rallypoint.notify.events import PageFailed
from rallypoint.notify.model import Outgoing, Receipt
from rallypoint.oncall import events, reactions, runs
from rallypoint.oncall.model import About, EscalationPolicy

FACTS = (
    events.RunTouched, events.PersonPaged, events.StepSkipped, events.PersonLeftOut, events.RunExhausted,
    events.FallbackAlarmed, events.NobodyToPage, events.RunRearmed,
)  # fmt: skip
ABOUT = About(title="Card payments fail", priority="P1", urgency="high", service="payments", summary="38 % fail")


@dataclass
class Phone:
    """A channel that remembers what it sent, and can be told to fail for some people."""

    kind: str
    received: list[Outgoing] = field(default_factory=list)
    broken: dict[str, Exception] = field(default_factory=dict)

    async def send(self, message: Outgoing) -> Receipt:
        if problem := self.broken.get(message.person_name):
            raise problem
        self.received.append(message)
        return Receipt(delivered=True)


class Crew:
    """Vocabulary of these tests."""

    def __init__(self, db: Database, clock: ManualClock, heard: list[Fact]) -> None:
        self.db, self.clock, self.heard = db, clock, heard
        self.phones = {kind: Phone(kind) for kind in ("sandbox", "email")}
        self.people: dict[str, access.Person] = {}

    async def person(self, name: str, *roles: Role) -> access.Person:
        if name not in self.people:
            async with self.db.transaction(SYSTEM) as tx:
                self.people[name] = await access.create_person(
                    tx, name=name, email=f"{name.lower()}@example.org", roles=list(roles or (Role.RESPONDER,))
                )
                await notify.add_contact_method(tx, person_id=self.people[name].id, kind="sandbox", address=name)
        return self.people[name]

    def actor(self, name: str) -> Actor:
        person = self.people[name]
        return Actor(
            kind=ActorKind.PERSON, name=name, origin="web", person_id=person.id,
            roles=frozenset(str(role) for role in person.roles),
        )  # fmt: skip

    async def policy(self, *steps: tuple[int, str], key: str = "main", **words: Any) -> EscalationPolicy:
        """Steps are (minutes before it, names): "Bob Bea" is one step with two people, "@night" a schedule."""
        made = []
        for minutes, names in steps:
            targets: list[tuple[str, Any]] = []
            for name in names.split():
                if name.startswith("@"):
                    targets.append(("schedule", name[1:]))
                else:
                    targets.append(("person", (await self.person(name)).id))
            made.append({"after_minutes": minutes, "targets": targets})
        async with self.db.transaction(SYSTEM) as tx:
            found = await oncall.create_policy(tx, key=key, name=key, steps=made, **words)
            if key == "main":
                service = await catalog.create_service(tx, key="payments", name="payments", domain="production")
                await oncall.assign_policy(tx, service.key, key)
        return found

    async def start(self, incident: int = 1, **changes: Any) -> oncall.PagingRun | None:
        async with self.db.transaction(SYSTEM) as tx:
            found = [s.id for s in await catalog.services(tx) if s.key == "payments"]
            service_id = found[0] if found else None
            return await runs.begin(tx, incident, service_id=service_id, about=ABOUT, **changes)

    async def stop(self, name: str | None = None, incident: int = 1) -> None:
        async with self.db.transaction(self.actor(name) if name else SYSTEM) as tx:
            await oncall.answered(tx, incident)

    async def run(self, incident: int = 1) -> oncall.PagingRun:
        async with self.db.transaction(SYSTEM) as tx:
            return (await oncall.runs_of(tx, incident))[-1]

    async def orphans(self) -> list[int]:
        async with self.db.transaction(SYSTEM) as tx:
            return await oncall.orphans(tx)

    async def settle(self) -> None:
        """Everything that is due now."""

        async def alarm(tx: Transaction, subject: str, what: str) -> None:
            raise AssertionError(f"{subject}: {what}")

        while True:
            done = await fire_timers(self.db, {"paging.step": reactions.step_due}, alarm)
            done += await notify.send_due(self.db, self.phones)
            if not done:
                return

    async def pass_minutes(self, minutes: float) -> None:
        """Live through the time, stopping at each timer."""
        until = self.clock.now() + timedelta(minutes=minutes)
        while True:
            await self.settle()
            async with self.db.transaction(SYSTEM) as tx:
                at = [t for t in (await next_due(tx), *(await self._deliveries(tx))) if t is not None]
            if not at or min(at) > until:
                break
            self.clock.set(max(min(at), self.clock.now()))
        self.clock.set(until)
        await self.settle()

    async def _deliveries(self, tx: Transaction) -> list[Any]:
        return [await lane.next_due(tx) for lane in notify.lanes(self.db, self.phones)]

    def paged(self) -> list[str]:
        """Who was told by phone since the last look, in order."""
        names = [m.person_name for m in self.phones["sandbox"].received]
        self.phones["sandbox"].received.clear()
        return names

    def said(self, *kinds: type[Fact]) -> list[Any]:
        return [fact for fact in self.heard if isinstance(fact, kinds)]


@pytest.fixture
def heard() -> list[Fact]:
    return []


@pytest.fixture
async def db(dsn: str, clock: ManualClock, heard: list[Fact]) -> AsyncIterator[Database]:
    """Only paging listens here: incidents are numbers without a record."""

    async def hear(tx: Transaction, fact: Fact) -> None:
        heard.append(fact)

    table = {**{fact: [hear] for fact in FACTS}, PageFailed: [reactions.page_failed]}
    database = await Database.connect(dsn, clock=clock, bus=Bus(table, {}), size=6)
    try:
        yield database
    finally:
        await database.close()


@pytest.fixture
async def crew(db: Database, clock: ManualClock, heard: list[Fact]) -> Crew:
    return Crew(db, clock, heard)
