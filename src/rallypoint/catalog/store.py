"""SQL of services, what they need, and their runbooks."""

from typing import Any

from rallypoint.catalog.model import Dependency, Runbook, Service
from rallypoint.db import Transaction

SERVICE = """s.id, s.key, s.name, s.description, s.domain_id, s.team_id, s.tier, s.hosting, s.layer, s.public,
             s.retired"""
RUNBOOK = "r.id, r.service_id, r.title, r.url, r.category_id"


async def services(tx: Transaction) -> list[Service]:
    return await tx.fetch(Service, f"select {SERVICE} from service s order by retired, tier, lower(name), id")


async def service(tx: Transaction, key: str) -> Service:
    sql = f"select {SERVICE} from service s where key = :key"
    return await tx.one(Service, sql, key=key, missing=("service", key))


async def service_by_id(tx: Transaction, id: int) -> Service:
    return await tx.one(Service, f"select {SERVICE} from service s where id = :id", id=id, missing=("service", id))


async def add_service(tx: Transaction, **values: Any) -> Service | None:
    """The new service, or None where the key is taken."""
    return await tx.maybe(
        Service,
        f"""
        insert into service as s (key, name, description, domain_id, team_id, tier, hosting, layer, public, created_at)
        values (:key, :name, :description, :domain_id, :team_id, :tier, :hosting, :layer, :public, :now)
            on conflict (key) do nothing returning {SERVICE}""",
        **values,
    )


async def save_service(tx: Transaction, service: Service) -> None:
    await tx.execute(
        """
        update service set name = :name, description = :description, domain_id = :domain_id, team_id = :team_id,
               tier = :tier, hosting = :hosting, layer = :layer, public = :public, retired = :retired
         where id = :id""",
        id=service.id, name=service.name, description=service.description, domain_id=service.domain_id,
        team_id=service.team_id, tier=service.tier, hosting=service.hosting, layer=service.layer,
        public=service.public, retired=service.retired,
    )  # fmt: skip


async def needs(tx: Transaction, service_id: int) -> list[Service]:
    """What this service needs directly."""
    return await tx.fetch(
        Service,
        f"""
        select {SERVICE} from service_dependency d join service s on s.id = d.needs_id
         where d.service_id = :id order by lower(s.name), s.id""",
        id=service_id,
    )


async def needed_by(tx: Transaction, service_id: int) -> list[Service]:
    """What needs this service directly."""
    return await tx.fetch(
        Service,
        f"""
        select {SERVICE} from service_dependency d join service s on s.id = d.service_id
         where d.needs_id = :id order by lower(s.name), s.id""",
        id=service_id,
    )


async def dependencies(tx: Transaction) -> list[Dependency]:
    sql = "select service_id, needs_id from service_dependency order by service_id, needs_id"
    return await tx.fetch(Dependency, sql)


async def lock_dependencies(tx: Transaction) -> None:
    """One change of the graph at a time, so that two halves of a cycle cannot be added at once. Readers go on."""
    await tx.execute("lock table service_dependency in share row exclusive mode")


async def reaches(tx: Transaction, from_id: int, to_id: int) -> bool:
    """Whether `from_id` needs `to_id`, directly or through others."""
    return bool(
        await tx.value(
            """
            with recursive needed (id) as (
                select needs_id from service_dependency where service_id = :from_id
                 union  -- without duplicates, so it ends
                select d.needs_id from needed n join service_dependency d on d.service_id = n.id)
            select exists (select 1 from needed where id = :to_id)""",
            from_id=from_id, to_id=to_id,
        )
    )  # fmt: skip


async def add_dependency(tx: Transaction, service_id: int, needs_id: int) -> int:
    return await tx.execute(
        """
        insert into service_dependency (service_id, needs_id) values (:service_id, :needs_id)
            on conflict do nothing""",
        service_id=service_id, needs_id=needs_id,
    )  # fmt: skip


async def remove_dependency(tx: Transaction, service_id: int, needs_id: int) -> int:
    sql = "delete from service_dependency where service_id = :service_id and needs_id = :needs_id"
    return await tx.execute(sql, service_id=service_id, needs_id=needs_id)


async def runbooks(tx: Transaction, service_id: int, category_id: int | None = None) -> list[Runbook]:
    """All runbooks of a service; for a category those made for it and those for any, its own first."""
    return await tx.fetch(
        Runbook,
        f"""
        select {RUNBOOK} from runbook r
         where service_id = :service_id
           and (:category_id::bigint is null or category_id is null or category_id = :category_id)
         order by category_id is null, lower(title), id""",
        service_id=service_id, category_id=category_id,
    )  # fmt: skip


async def add_runbook(tx: Transaction, service_id: int, title: str, url: str, category_id: int | None) -> Runbook:
    """A runbook; adding its address again only renames it."""
    return await tx.one(
        Runbook,
        f"""
        insert into runbook as r (service_id, category_id, title, url) values (:service_id, :category_id, :title, :url)
            on conflict (service_id, url, category_id) do update set title = excluded.title returning {RUNBOOK}""",
        service_id=service_id, category_id=category_id, title=title, url=url, missing=("runbook", url),
    )  # fmt: skip


async def remove_runbook(tx: Transaction, id: int) -> int:
    return await tx.execute("delete from runbook where id = :id", id=id)
