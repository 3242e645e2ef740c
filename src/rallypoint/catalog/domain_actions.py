"""Verbs about domains: statuses, categories, levels and the matrix. `save` adds, or changes what has the key."""

from collections.abc import Mapping
from typing import Any

from rallypoint import access
from rallypoint.access import Permission, Role
from rallypoint.access.check import Checks
from rallypoint.catalog import domain_settings, domain_store, lookup
from rallypoint.catalog.model import (
    Category,
    ClosurePolicy,
    Domain,
    Impact,
    PriorityLevel,
    Status,
    StatusCategory,
    TypeClass,
    Urgency,
    Workflow,
)
from rallypoint.db import Transaction

LOUDNESS = frozenset({"high", "low"})
MINUTES_MOST = 525_600
"""A year: longer than any target."""


async def save_domain(
    tx: Transaction,
    *,
    key: str,
    name: str,
    workflow: str,
    closure_policy: str,
    description: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Domain:
    access.require(tx.actor, Permission.CONFIGURE)
    checks = Checks()
    values = {
        "key": checks.key("key", key),
        "name": checks.name("name", name),
        "workflow": checks.choice("workflow", workflow, set(Workflow)),
        "closure_policy": checks.choice("closure_policy", closure_policy, set(ClosurePolicy)),
        "description": checks.text("description", description, longest=2000),
        "settings": domain_settings.check(checks, settings or {}),
    }
    checks.done()
    domain = await domain_store.save_domain(tx, **values)
    await access.record(tx, "domain saved", f"domain:{key}", {**values, "closure_policy": str(closure_policy)})
    return domain


async def save_status(tx: Transaction, domain: Domain, *, key: str, name: str, category: str, position: int) -> Status:
    access.require(tx.actor, Permission.CONFIGURE)
    checks = Checks()
    values = {
        "key": checks.key("key", key),
        "name": checks.name("name", name, longest=60),
        "category": checks.choice("category", category, set(StatusCategory)),
        "position": checks.number("position", position, 0, 10_000),
    }
    checks.done()
    status = await domain_store.save_status(tx, domain_id=domain.id, **values)
    await access.record(tx, "status saved", f"domain:{domain.key}", values)
    return status


async def save_category(
    tx: Transaction,
    domain: Domain,
    *,
    key: str,
    name: str,
    type_class: str,
    parent: str | None = None,
    default_impact: str | None = None,
    default_urgency: str | None = None,
    team: str | None = None,
    position: int = 0,
) -> Category:
    """A category; its parent by key (which must be there), its team by key."""
    access.require(tx.actor, Permission.CONFIGURE)
    checks = Checks()
    values = {
        "key": checks.key("key", key),
        "name": checks.name("name", name),
        "type_class": checks.choice("type_class", type_class, set(TypeClass)),
        "default_impact": default_impact and checks.choice("default_impact", default_impact, set(Impact)),
        "default_urgency": default_urgency and checks.choice("default_urgency", default_urgency, set(Urgency)),
        "parent_id": await _parent_id(tx, checks, domain, key, parent),
        "route_team_id": await lookup.team_id(tx, checks, team),
        "position": checks.number("position", position, 0, 10_000),
    }
    checks.done()
    category = await domain_store.save_category(tx, domain_id=domain.id, **values)
    await access.record(tx, "category saved", f"domain:{domain.key}", values)
    return category


async def save_level(
    tx: Transaction,
    domain: Domain,
    *,
    key: str,
    name: str,
    rank: int,
    definition: str,
    response_minutes: int,
    resolution_minutes: int,
    update_minutes: int,
    urgency: str,
    tells: tuple[str, ...] = (),
    common: int,
) -> PriorityLevel:
    """A level of priority, with its written definition and its targets."""
    access.require(tx.actor, Permission.CONFIGURE)
    checks = Checks()
    values = {
        "key": checks.name("key", key, longest=10),
        "name": checks.name("name", name, longest=60),
        "rank": checks.number("rank", rank, 1, 9),
        "definition": checks.text("definition", definition, longest=2000),
        "response_minutes": checks.number("response_minutes", response_minutes, 1, MINUTES_MOST),
        "resolution_minutes": checks.number("resolution_minutes", resolution_minutes, 1, MINUTES_MOST),
        "update_minutes": checks.number("update_minutes", update_minutes, 1, MINUTES_MOST),
        "urgency": checks.choice("urgency", urgency, LOUDNESS),
        "tells": [checks.choice("tells", role, set(Role)) for role in tells],
        "common": checks.number("common", common, 1, 5),
    }
    if not definition.strip():
        checks.fault("definition", "is empty: a level is defined before anything happens")
    checks.done()
    level = await domain_store.save_level(tx, domain_id=domain.id, **values)
    await access.record(tx, "priority saved", f"domain:{domain.key}", values)
    return level


async def save_matrix(tx: Transaction, domain: Domain, matrix: Mapping[tuple[Impact, Urgency], str]) -> None:
    """The level of every impact and urgency. Every cell must be given, and name a level of the domain."""
    access.require(tx.actor, Permission.CONFIGURE)
    checks = Checks()
    known = {level.key for level in await domain_store.levels(tx, domain.id)}
    for impact in Impact:
        for urgency in Urgency:
            level = matrix.get((impact, urgency))
            if level is None:
                checks.fault(f"matrix.{impact}.{urgency}", "is missing")
            elif level not in known:
                checks.fault(f"matrix.{impact}.{urgency}", f"must be one of {', '.join(sorted(known))}")
    checks.done()
    await domain_store.save_matrix(tx, domain.id, dict(matrix))
    cells = {f"{impact}.{urgency}": level for (impact, urgency), level in matrix.items()}
    await access.record(tx, "matrix saved", f"domain:{domain.key}", cells)


async def _parent_id(tx: Transaction, checks: Checks, domain: Domain, key: str, parent: str | None) -> int | None:
    """The parent's id. A category below itself is refused, or the tree would be a circle."""
    if not parent:
        return None
    tree = {c.id: c for c in await domain_store.categories(tx, domain.id)}
    found = next((c for c in tree.values() if c.key == parent), None)
    if found is None:
        checks.fault("parent", "is not a category of this domain")
        return None
    above: Category | None = found
    while above is not None:
        if above.key == key:
            checks.fault("parent", "lies below the category itself")
            return None
        above = tree.get(above.parent_id) if above.parent_id is not None else None
    return found.id
