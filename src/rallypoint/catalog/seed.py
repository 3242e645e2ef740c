"""Puts the seeded domains into a database that lacks them. What an admin has changed since stays as it is."""

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.catalog import domain_store
from rallypoint.catalog.it_service import IT_SERVICE
from rallypoint.catalog.model import Impact, Urgency
from rallypoint.catalog.production import PRODUCTION
from rallypoint.catalog.seeds import Leaf, Seed
from rallypoint.db import Transaction

SEEDS = (IT_SERVICE, PRODUCTION)


async def seed(tx: Transaction) -> None:
    """Idempotent: a domain that is there is left alone, whatever it looks like by now."""
    access.require(tx.actor, Permission.CONFIGURE)
    known = {domain.key for domain in await domain_store.domains(tx)}
    for wanted in SEEDS:
        if wanted.key not in known:
            await _plant(tx, wanted)


async def _plant(tx: Transaction, wanted: Seed) -> None:
    domain = await domain_store.save_domain(
        tx, key=wanted.key, name=wanted.name, workflow=wanted.workflow, closure_policy=wanted.closure_policy,
        description=wanted.description, settings=wanted.settings,
    )  # fmt: skip
    for position, (key, name, category) in enumerate(wanted.statuses):
        await domain_store.save_status(
            tx, domain_id=domain.id, key=key, name=name, category=category, position=position
        )
    for rank, level in enumerate(wanted.levels, start=1):
        await domain_store.save_level(
            tx, domain_id=domain.id, key=level.key, name=level.name, rank=rank, definition=level.definition,
            response_minutes=level.response, resolution_minutes=level.resolution, update_minutes=level.update,
            urgency="high" if level.loud else "low", tells=list(level.tells), common=level.common,
        )  # fmt: skip
    await domain_store.save_matrix(tx, domain.id, matrix_of(wanted))
    for position, leaf in enumerate(wanted.categories):
        await _grow(tx, domain.id, leaf, None, "", position)
    await access.record(tx, "domain seeded", f"domain:{wanted.key}", {"name": wanted.name})


async def _grow(tx: Transaction, domain_id: int, leaf: Leaf, parent_id: int | None, prefix: str, position: int) -> None:
    category = await domain_store.save_category(
        tx, domain_id=domain_id, parent_id=parent_id, key=prefix + leaf.key, name=leaf.name,
        type_class=leaf.type_class, default_impact=leaf.impact, default_urgency=leaf.urgency,
        route_team_id=None, position=position,
    )  # fmt: skip
    for place, below in enumerate(leaf.below):
        await _grow(tx, domain_id, below, category.id, f"{prefix}{leaf.key}-", place)


def matrix_of(wanted: Seed) -> dict[tuple[Impact, Urgency], str]:
    """The matrix a seed's rows of digits stand for."""
    return {
        (impact, urgency): f"P{digit}"
        for impact, row in zip(Impact, wanted.matrix, strict=True)
        for urgency, digit in zip(Urgency, row, strict=True)
    }
