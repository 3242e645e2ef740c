"""A small company to act in: one person of each kind, two services, their policies."""

from dataclasses import dataclass
from typing import Any

from rallypoint import access, catalog, oncall
from rallypoint.access import Role
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.db import Database


@dataclass(frozen=True, slots=True)
class Company:
    admin: Actor
    manager: Actor
    desk: Actor
    responder: Actor
    other: Actor
    reporter: Actor
    viewer: Actor


def acting(person: access.Person, origin: str = "web") -> Actor:
    return Actor(
        kind=ActorKind.PERSON, name=person.name, origin=origin, person_id=person.id,
        roles=frozenset(str(role) for role in person.roles),
    )  # fmt: skip


async def company(db: Database) -> Company:
    async with db.transaction(SYSTEM) as tx:
        people = {
            name: acting(await access.create_person(tx, name=name.capitalize(), email=f"{name}@example.org", roles=[r]))
            for name, r in (
                ("ada", Role.ADMIN), ("mia", Role.MANAGER), ("dana", Role.DESK1), ("bob", Role.RESPONDER),
                ("bea", Role.RESPONDER), ("wanda", Role.REPORTER), ("vic", Role.VIEWER),
            )
        }  # fmt: skip
        await catalog.create_service(tx, key="checkout", name="Checkout", domain="production", tier=1)
        await catalog.create_service(tx, key="mail", name="Mail", domain="it-service", tier=3)
        steps: list[dict[str, Any]] = [{"after_minutes": 0, "targets": [("person", "bob@example.org")]}]
        await oncall.create_policy(tx, key="first", name="First", steps=steps)
        for key in ("checkout", "mail"):
            await oncall.assign_policy(tx, key, "first")
    return Company(*(people[name] for name in ("ada", "mia", "dana", "bob", "bea", "wanda", "vic")))
