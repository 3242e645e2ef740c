"""Verbs about services: what there is, who owns it, what it needs, where its runbooks are."""

from dataclasses import asdict, replace
from typing import Any

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.access.check import Checks
from rallypoint.catalog import domain_store, lookup, store
from rallypoint.catalog.model import Hosting, Layer, Runbook, Service
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, NotFound, Refused


async def create_service(
    tx: Transaction,
    *,
    key: str,
    name: str,
    domain: str,
    team: str | None = None,
    tier: int = 3,
    hosting: str = "cloud",
    layer: str = "application",
    description: str = "",
    public: bool = False,
) -> Service:
    """A service, with its domain and team by key. Tier 1 is what the business cannot do without."""
    access.require(tx.actor, Permission.EDIT_CATALOG)
    checks = Checks()
    values = {
        "key": checks.key("key", key),
        "name": checks.name("name", name),
        "description": checks.text("description", description, longest=2000),
        "domain_id": await lookup.domain_id(tx, checks, domain),
        "team_id": await lookup.team_id(tx, checks, team),
        "tier": checks.number("tier", tier, 1, 4),
        "hosting": checks.choice("hosting", hosting, set(Hosting)),
        "layer": checks.choice("layer", layer, set(Layer)),
        "public": public,
    }
    checks.done()
    service = await store.add_service(tx, **values)
    if service is None:
        raise Invalid("key", "is taken by another service")
    await access.record(tx, "service created", f"service:{key}", {"name": service.name})
    return service


async def update_service(tx: Transaction, key: str, **changes: Any) -> Service:
    """Change some of name, description, domain, team, tier, hosting, layer, public, retired."""
    access.require(tx.actor, Permission.EDIT_CATALOG)
    allowed = {"name", "description", "domain", "team", "tier", "hosting", "layer", "public", "retired"}
    if unknown := sorted(set(changes) - allowed):
        raise Invalid(unknown[0], "cannot be changed here")
    before, checks = await store.service(tx, key), Checks()
    if "domain" in changes:
        changes["domain_id"] = await lookup.domain_id(tx, checks, changes.pop("domain"))
    if "team" in changes:
        changes["team_id"] = await lookup.team_id(tx, checks, changes.pop("team"))
    wanted = replace(before, **changes)
    cleaned: dict[str, Any] = {
        "name": checks.name("name", wanted.name),
        "description": checks.text("description", wanted.description, longest=2000),
        "tier": checks.number("tier", wanted.tier, 1, 4),
        "hosting": checks.choice("hosting", wanted.hosting, set(Hosting)),
        "layer": checks.choice("layer", wanted.layer, set(Layer)),
    }
    checks.done()
    after = replace(wanted, **cleaned)
    if after != before:
        await store.save_service(tx, after)
        was, now = asdict(before), asdict(after)
        detail = {name: [was[name], now[name]] for name in was if was[name] != now[name]}
        await access.record(tx, "service changed", f"service:{key}", detail)
    return await store.service(tx, key)


async def add_dependency(tx: Transaction, service_key: str, needs_key: str) -> None:
    """`service_key` needs `needs_key`. A circle is refused: nobody could say what to look at first."""
    access.require(tx.actor, Permission.EDIT_CATALOG)
    service, needed = await store.service(tx, service_key), await store.service(tx, needs_key)
    await store.lock_dependencies(tx)
    if service.id == needed.id or await store.reaches(tx, needed.id, service.id):
        raise Refused(
            f"{service.name} cannot need {needed.name}: {needed.name} already needs {service.name}."
            if service.id != needed.id
            else f"{service.name} cannot need itself.",
            guard="no-cycles",
            help="Remove the dependency that closes the circle.",
        )
    if await store.add_dependency(tx, service.id, needed.id):
        await access.record(tx, "dependency added", f"service:{service_key}", {"needs": needs_key})


async def remove_dependency(tx: Transaction, service_key: str, needs_key: str) -> None:
    access.require(tx.actor, Permission.EDIT_CATALOG)
    service, needed = await store.service(tx, service_key), await store.service(tx, needs_key)
    if await store.remove_dependency(tx, service.id, needed.id):
        await access.record(tx, "dependency removed", f"service:{service_key}", {"needs": needs_key})


async def add_runbook(tx: Transaction, service_key: str, title: str, url: str, category: str | None = None) -> Runbook:
    """A runbook of a service, for one category of its domain or for any."""
    access.require(tx.actor, Permission.EDIT_CATALOG)
    service, checks, category_id = await store.service(tx, service_key), Checks(), None
    title, url = checks.name("title", title), checks.url("url", url)
    if category is not None:
        try:
            category_id = (await domain_store.category(tx, service.domain_id, category)).id
        except NotFound:
            checks.fault("category", "is not a category of the service's domain")
    checks.done()
    runbook = await store.add_runbook(tx, service.id, title, url, category_id)
    await access.record(tx, "runbook added", f"service:{service_key}", {"title": title, "url": url})
    return runbook


async def remove_runbook(tx: Transaction, id: int) -> None:
    access.require(tx.actor, Permission.EDIT_CATALOG)
    if await store.remove_runbook(tx, id):
        await access.record(tx, "runbook removed", f"runbook:{id}", {})
