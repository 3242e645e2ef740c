"""A small company in an empty folder, so that a test can send an alert at once."""

import asyncio
from dataclasses import dataclass
from pathlib import Path

from rallypoint import access, alerts, catalog, notify, oncall
from rallypoint.actors import Actor, ActorKind
from rallypoint.db import Transaction
from rallypoint.db.migrate import migrate
from rallypoint.house import House, open_house, prepare
from rallypoint.serve.database_use import database
from rallypoint.settings import Settings

FOUNDER = Actor(kind=ActorKind.SYSTEM, name="test bench", origin="test")


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a furnished house hands out: an API key, and the key of each integration by its kind."""

    api_key: str
    integrations: dict[str, str]


@dataclass(frozen=True, kw_only=True)
class Furniture:
    """Who is paged how, and which alerts form one incident."""

    steps: tuple[tuple[int, str, str], ...]
    """(minutes to wait before, a person's name, their webhook's address)"""
    group_by: tuple[str, ...] = ("alertname",)
    last_wait_minutes: int = 600
    kinds: tuple[str, ...] = ("generic", "prometheus", "alertmanager", "pagerduty")
    service: str = "shop"


def furnish(data: Path, furniture: Furniture) -> Given:
    """One service, one policy, one integration of each kind, one API key that may do everything."""
    mine = Settings(data=data, allow_private_targets=True)
    with database(mine) as dsn:
        return asyncio.run(_furnish(mine, dsn, furniture))


async def _furnish(mine: Settings, dsn: str, furniture: Furniture) -> Given:
    await migrate(dsn)
    await prepare(dsn)
    async with open_house(mine, dsn=dsn, role="cli") as house, house.db.transaction(FOUNDER) as tx:
        await catalog.create_service(tx, key=furniture.service, name=furniture.service.title(), domain="production")
        await _policy(tx, house, furniture)
        await oncall.assign_policy(tx, furniture.service, "everyone")
        keys = {}
        for kind in furniture.kinds:
            made = await alerts.create_integration(
                tx, name=f"{kind} sender", kind=kind, service=furniture.service, group_by=furniture.group_by
            )
            keys[kind] = made.key
        token = (await access.create_key(tx, name="Bench", roles=(access.Role.ADMIN,))).token
        return Given(api_key=token, integrations=keys)


async def _policy(tx: Transaction, house: House, furniture: Furniture) -> None:
    steps = []
    for after, name, address in furniture.steps:
        email = f"{name.lower()}@example.org"
        person = await access.create_person(tx, name=name, email=email, roles=[access.Role.RESPONDER])
        await notify.add_contact_method(
            tx, person_id=person.id, kind="webhook", address=address, vault=house.vault, verified=True
        )
        steps.append({"after_minutes": after, "targets": [("person", email)]})
    await oncall.create_policy(
        tx, key="everyone", name="Everyone", steps=steps, last_wait_minutes=furniture.last_wait_minutes
    )
