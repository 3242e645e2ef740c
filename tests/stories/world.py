"""The whole program on a real PostgreSQL, a ManualClock and a recording channel, with the words a story needs.

A story says what happens and what is expected; a page that no one expected fails it.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from rallypoint import access, alerts, catalog, incidents, notify, oncall
from rallypoint.access import Role
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.alerts import Batch, Signal
from rallypoint.clock import ManualClock
from rallypoint.errors import OutsideFailure
from rallypoint.house import House
from rallypoint.notify.ports import Outgoing, Receipt
from rallypoint.simulation import Simulation

Step = tuple[str, Any]


def page(*people: str) -> Step:
    """A policy step: page these people at once."""
    return ("page", people)


def page_schedule(key: str) -> Step:
    return ("schedule", (key,))


def wait(*, minutes: int) -> Step:
    """Wait this long for an acknowledgement before the next step."""
    return ("wait", minutes)


@dataclass
class Phone:
    """Implements the channel port and remembers what was sent. It can be told to fail."""

    kind: str
    received: deque[Outgoing] = field(default_factory=deque)
    everything: list[Outgoing] = field(default_factory=list)
    failing: OutsideFailure | None = None

    async def send(self, message: Outgoing) -> Receipt:
        if self.failing is not None:
            raise self.failing
        self.received.append(message)
        self.everything.append(message)
        return Receipt(delivered=True, provider_reference=message.reference)


class World:
    """Vocabulary of the stories. People are made when first named; services come with their policy."""

    def __init__(self, house: House, clock: ManualClock, phones: dict[str, Phone]) -> None:
        self.house, self.clock, self.phones = house, clock, phones
        self.simulation = Simulation(house, clock)
        self._people: dict[str, access.Person] = {}
        self._integration: alerts.Integration | None = None
        self.incident = 0

    # -- who and what

    async def person(self, name: str, *, roles: tuple[Role, ...] = (Role.RESPONDER,)) -> access.Person:
        if name not in self._people:
            async with self.house.db.transaction(SYSTEM) as tx:
                person = await access.create_person(
                    tx, name=name.capitalize(), email=f"{name}@example.org", roles=list(roles)
                )
                await notify.add_contact_method(tx, person_id=person.id, kind="sandbox", address=name, label="phone")
            self._people[name] = person
        return self._people[name]

    async def actor(self, name: str) -> Actor:
        person = await self.person(name)
        return Actor(
            kind=ActorKind.PERSON,
            name=person.name,
            origin="web",
            person_id=person.id,
            roles=frozenset(str(role) for role in person.roles),
        )

    async def schedule(self, key: str, *, zone: str, kind: str, starts_on: Any, at: Any, people: list[str]) -> None:
        ids = [(await self.person(name)).id for name in people]
        async with self.house.db.transaction(SYSTEM) as tx:
            await oncall.create_schedule(tx, key=key, name=key, time_zone=zone)
            await oncall.add_rotation(
                tx, key, name="turns", kind=kind, starts_on=starts_on, hands_over_at=at, people=ids
            )

    async def service(self, key: str, *, policy: list[Step], domain: str = "production", repeat: int = 1) -> None:
        steps, after = [], 0
        for verb, what in policy:
            if verb == "wait":
                after += what
                continue
            kind = "person" if verb == "page" else "schedule"
            targets = [(kind, (await self.person(n)).email if kind == "person" else n) for n in what]
            steps.append({"after_minutes": after, "targets": targets})
            after = 0
        async with self.house.db.transaction(SYSTEM) as tx:
            await catalog.create_service(tx, key=key, name=key, domain=domain)
            await oncall.create_policy(tx, key=f"{key}-policy", name=f"{key} policy", steps=steps, repeat=repeat)
            await oncall.assign_policy(tx, key, f"{key}-policy")

    async def fallback(self, name: str) -> None:
        person = await self.person(name)
        async with self.house.db.transaction(SYSTEM) as tx:
            await oncall.set_fallback(tx, person_id=person.id)

    # -- what happens

    async def alert(
        self, service: str, name: str, *, severity: str = "critical", status: str = "firing", **labels: str
    ) -> None:
        """A monitor says something about a service."""
        if self._integration is None:
            async with self.house.db.transaction(SYSTEM) as tx:
                self._integration = (await alerts.create_integration(tx, name="monitor", kind="generic")).integration
        signal = Signal(
            dedup_key=f"{service}/{name}",
            status=status,
            severity=severity,
            summary=name,
            details="",
            source="test",
            service=service,
            labels={"alertname": name, "service": service, **labels},
            links=[],
            starts_at=None,
            ends_at=None,
            payload=b"{}",
        )
        await self.house.batcher.accept(self._integration, Batch(signals=[signal], unreadable=[]), b"{}")
        await self.simulation.settle()
        async with self.house.db.transaction(SYSTEM) as tx:
            self.incident = int(await tx.value("select coalesce(max(number), 0) from incident"))

    async def clears(self, service: str, name: str) -> None:
        await self.alert(service, name, status="resolved")

    async def acknowledge(self, *, by: str) -> None:
        async with self.house.db.transaction(await self.actor(by)) as tx:
            await incidents.acknowledge(tx, self.incident)
        await self.simulation.settle()

    async def acts(self, by: str, verb: str, **words: Any) -> Any:
        """Any other act on the incident: `await world.acts("bea", "resolve", resolution="...")`."""
        async with self.house.db.transaction(await self.actor(by)) as tx:
            result = await getattr(incidents, verb)(tx, self.incident, **words)
        await self.simulation.settle()
        return result

    async def pass_time(self, *, expecting_silence: bool = False, **length: float) -> None:
        await self.simulation.pass_time(**length)
        if expecting_silence:
            await self.expect_silence()

    # -- what is expected

    @property
    def pages(self) -> deque[Outgoing]:
        return self.phones["sandbox"].received

    async def expect_page(self, name: str, *, says: str = "", because: str = "") -> Outgoing:
        """The next page goes to this person. Fails if it goes to another one, or if there is none."""
        assert self.pages, f"nobody was paged; expected {name}"
        message = self.pages.popleft()
        assert message.address == name, f"{message.address} was paged ({message.title!r}); expected {name}"
        assert says in f"{message.title}\n{message.text}", f"{message.title!r} / {message.text!r} does not say {says!r}"
        if because:
            async with self.house.db.transaction(SYSTEM) as tx:
                views = await notify.pages_of(tx, self.incident)
                mine = [v.page for v in views if v.page.person_id == self._people[name].id]
            assert any(because in p.why for p in mine), f"{name} was paged because of {[p.why for p in mine]}"
        return message

    async def expect_silence(self) -> None:
        """Nobody has been paged beyond what was expected."""
        assert not self.pages, f"unexpected pages: {[(m.address, m.title) for m in self.pages]}"

    async def expect_timeline(self, *texts: str) -> None:
        """Each text occurs in some entry of the incident's timeline."""
        said = await self.timeline()
        for text in texts:
            assert any(text in line for line in said), f"{text!r} is not in the timeline: {said}"

    async def timeline(self) -> list[str]:
        async with self.house.db.transaction(SYSTEM) as tx:
            entries = await incidents.timeline(tx, self.incident)
        items = entries[0] if isinstance(entries, tuple) else entries
        return [f"{e.text} {e.reason}".strip() for e in items]

    async def state(self) -> incidents.Incident:
        async with self.house.db.transaction(SYSTEM) as tx:
            return await incidents.incident(tx, self.incident)

    async def expect_no_orphans(self) -> None:
        """Invariant I3: every un-acknowledged run has one live timer, or is exhausted and has raised the fallback."""
        async with self.house.db.transaction(SYSTEM) as tx:
            assert await oncall.orphans(tx) == []
