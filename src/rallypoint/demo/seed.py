"""Builds Lantern: founds the company, then lives through six weeks of it up to this minute."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta

from rallypoint import access, alerts, catalog, notify, oncall, statuspage
from rallypoint.actors import Actor, ActorKind
from rallypoint.clock import DatabaseClock, ManualClock
from rallypoint.db import Transaction
from rallypoint.demo import company
from rallypoint.demo.history import History
from rallypoint.errors import Refused
from rallypoint.house import House, open_house
from rallypoint.settings import Settings
from rallypoint.simulation import Simulation

WEEKS = 6
FOUNDER = Actor(kind=ActorKind.SYSTEM, name="Rallypoint demo", origin="demo")

INTEGRATIONS = (("Prometheus", "prometheus"), ("Alertmanager", "alertmanager"), ("PagerDuty events", "pagerduty"),
                ("Anything with JSON", "generic"))  # fmt: skip


IDLE = frozenset({"sync", "sync.poll", "sync.history", "learning.following", "forgetting", "alerts.tidy"})
"""Works of the engine that find nothing to do in these six weeks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAccess:
    """What a visitor of the demo is given: a one-time sign-in, an API key, and a key for each integration."""

    login_token: str
    api_key: str
    integrations: dict[str, str]
    incidents: int


async def seed(dsn: str, settings: Settings) -> DemoAccess:
    """Seed an empty, migrated database. On one that has the company already: only new keys and a new sign-in."""
    now = await _database_time(dsn)
    clock = ManualClock(now - timedelta(weeks=WEEKS))
    async with open_house(settings, dsn=dsn, clock=clock, durable=False) as house:
        async with house.db.transaction(FOUNDER) as tx:
            seeded = await access.person_by_email(tx, company.PEOPLE[0].email) is not None
            if not seeded and await access.people(tx):
                raise Refused(
                    "There is another house in this database; the demo company would mix with it.",
                    guard="demo",
                    help="Give the demo a folder of its own: RALLYPOINT_DATA=./demo rallypoint demo",
                )
        if seeded:
            clock.set(now)
            return await _hand_out(house, again=True)
        people = await found(house)
        given = await _hand_out(house, again=False)
        history = History(Simulation(house, clock, without=IDLE), people, ends_at=now)
        number = await history.live()
        # The sign-in link counts from now, not from six weeks ago.
        return DemoAccess(
            login_token=await _login_link(house, people["ines"].id),
            api_key=given.api_key,
            integrations=given.integrations,
            incidents=number,
        )


async def found(house: House) -> dict[str, access.Person]:
    """Lantern on its first day: people, teams, services, schedules, policies, the public page."""
    async with house.db.transaction(FOUNDER) as tx:
        people = await _people(tx)
        await _services(tx)
        await _schedules(tx, people)
        await _policies(tx, people)
        for service in company.SERVICES:
            if service.public:
                await statuspage.add_component(tx, key=service.key, name=service.public, service=service.key)
    return people


async def _people(tx: Transaction) -> dict[str, access.Person]:
    for key, name, zone in company.TEAMS:
        await access.create_team(tx, key=key, name=name, time_zone=zone, email=f"{key}@lantern.example")
    people = {}
    for member in company.PEOPLE:
        roles = [access.Role(role) for role in member.roles]
        person = await access.create_person(
            tx, name=member.name, email=member.email, roles=roles, time_zone=member.zone
        )
        people[member.key] = person
        if member.team:
            team = await access.team(tx, member.team)
            await access.add_member(tx, team.id, person.id, lead=member.lead)
        if member.team:
            await _reachable(tx, person, member.key)
    return people


async def _reachable(tx: Transaction, person: access.Person, key: str) -> None:
    """On the demo's phone at once, by mail after five minutes."""
    phone = await notify.add_contact_method(tx, person_id=person.id, kind="sandbox", address=key, label="Sandbox phone")
    mail = await notify.add_contact_method(
        tx, person_id=person.id, kind="email", address=person.email, label="Work mail"
    )
    await notify.set_rules(tx, person.id, "high", [(0, phone.id), (5, mail.id)])
    await notify.set_rules(tx, person.id, "low", [(0, phone.id), (10, mail.id)])


async def _services(tx: Transaction) -> None:
    for service in company.SERVICES:
        await catalog.create_service(
            tx,
            key=service.key,
            name=service.name,
            domain=service.domain,
            team=service.team,
            tier=service.tier,
            hosting=service.hosting,
            layer=service.layer,
            description=service.description,
            public=bool(service.public),
        )
    for service in company.SERVICES:
        for needed in service.needs:
            await catalog.add_dependency(tx, service.key, needed)
        if service.runbook:
            url = f"https://wiki.lantern.example/runbooks/{service.key}"
            await catalog.add_runbook(tx, service.key, service.runbook, url)


async def _schedules(tx: Transaction, people: dict[str, access.Person]) -> None:
    for key, name, team, zone, kind, hour, turn in company.SCHEDULES:
        await oncall.create_schedule(tx, key=key, name=name, team=team, time_zone=zone)
        start = tx.now.date() - timedelta(days=tx.now.weekday())
        await oncall.add_rotation(
            tx,
            key,
            name="Turns",
            kind=kind,
            starts_on=start,
            hands_over_at=time(hour),
            people=[people[who].id for who in turn],
        )


async def _policies(tx: Transaction, people: dict[str, access.Person]) -> None:
    for key, name, team, steps, repeat in company.POLICIES:
        await oncall.create_policy(
            tx,
            key=key,
            name=name,
            team=team,
            repeat=repeat,
            steps=[
                {"after_minutes": after, "targets": [_target(kind, who, people) for kind, who in targets]}
                for after, targets in steps
            ],
        )
    for service, policy in company.POLICY_OF.items():
        await oncall.assign_policy(tx, service, policy)
    await oncall.set_fallback(tx, person_id=people["dana"].id)


def _target(kind: str, who: str, people: dict[str, access.Person]) -> tuple[str, str]:
    return (kind, people[who].email if kind == "person" else who)


async def _hand_out(house: House, *, again: bool) -> DemoAccess:
    async with house.db.transaction(FOUNDER) as tx:
        keys = {}
        existing = {i.name: i for i in await alerts.integrations(tx)}
        for name, kind in INTEGRATIONS:
            if again and name in existing:
                keys[kind] = (await alerts.rotate_key(tx, existing[name].id)).key
            else:
                keys[kind] = (await alerts.create_integration(tx, name=name, kind=kind)).key
        person = await access.person_by_email(tx, company.PEOPLE[0].email)
        assert person is not None
        api_key = (await access.create_key(tx, name="Demo key", person_id=person.id)).token
        link = await access.make_login_link(tx, person.id, minutes=24 * 60)
        count = await incident_count(tx)
    return DemoAccess(login_token=link, api_key=api_key, integrations=keys, incidents=count)


async def incident_count(tx: Transaction) -> int:
    """How many incidents there are, by the board's own list."""
    from rallypoint import incidents

    found, _ = await incidents.board(tx, filter=incidents.BoardFilter(open_only=False), cursor=None, limit=1)
    return max((row.incident.number for row in found), default=0)


async def _login_link(house: House, person_id: int) -> str:
    async with house.db.transaction(FOUNDER) as tx:
        return await access.make_login_link(tx, person_id, minutes=24 * 60)


async def _database_time(dsn: str) -> datetime:
    import asyncpg

    connection = await asyncpg.connect(dsn)
    try:
        clock = DatabaseClock()
        await clock.watch(connection)
        return clock.now()
    finally:
        await connection.close()
