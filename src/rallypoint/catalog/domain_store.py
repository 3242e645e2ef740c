"""SQL of domains, their statuses, categories and priorities. Saving adds, or changes what has the key."""

from typing import Any

from rallypoint.catalog.model import Category, Domain, Impact, PriorityLevel, PriorityModel, Status, Urgency
from rallypoint.db import Transaction

DOMAIN = "d.id, d.key, d.name, d.workflow, d.closure_policy, d.description, d.settings"
STATUS = "s.id, s.domain_id, s.key, s.name, s.category, s.position"
CATEGORY = """c.id, c.domain_id, c.parent_id, c.key, c.name, c.type_class, c.default_impact, c.default_urgency,
              c.route_team_id"""
LEVEL = """l.domain_id, l.key, l.name, l.rank, l.definition, l.response_minutes, l.resolution_minutes,
           l.update_minutes, l.urgency, l.tells, l.common"""


async def domains(tx: Transaction) -> list[Domain]:
    return await tx.fetch(Domain, f"select {DOMAIN} from domain d order by id")


async def domain(tx: Transaction, key: str) -> Domain:
    return await tx.one(Domain, f"select {DOMAIN} from domain d where key = :key", key=key, missing=("domain", key))


async def domain_by_id(tx: Transaction, id: int) -> Domain:
    return await tx.one(Domain, f"select {DOMAIN} from domain d where id = :id", id=id, missing=("domain", id))


async def save_domain(tx: Transaction, **values: Any) -> Domain:
    return await tx.one(
        Domain,
        f"""
        insert into domain as d (key, name, workflow, closure_policy, description, settings, created_at)
        values (:key, :name, :workflow, :closure_policy, :description, :settings, :now)
            on conflict (key) do update
           set name = excluded.name, workflow = excluded.workflow, closure_policy = excluded.closure_policy,
               description = excluded.description, settings = excluded.settings returning {DOMAIN}""",
        missing=("domain", values["key"]),
        **values,
    )


async def statuses(tx: Transaction, domain_id: int) -> list[Status]:
    """In the order of the workflow; the first of a category is its default."""
    sql = f"select {STATUS} from status s where domain_id = :id order by position, id"
    return await tx.fetch(Status, sql, id=domain_id)


async def save_status(tx: Transaction, **values: Any) -> Status:
    return await tx.one(
        Status,
        f"""
        insert into status as s (domain_id, key, name, category, position)
        values (:domain_id, :key, :name, :category, :position)
            on conflict (domain_id, key) do update
           set name = excluded.name, category = excluded.category, position = excluded.position returning {STATUS}""",
        missing=("status", values["key"]),
        **values,
    )


async def remove_status(tx: Transaction, id: int) -> int:
    return await tx.execute("delete from status where id = :id", id=id)


async def categories(tx: Transaction, domain_id: int) -> list[Category]:
    """The tree, parents before their children (children point at lower ids or are listed by position)."""
    sql = f"select {CATEGORY} from category c where domain_id = :id order by parent_id nulls first, position, id"
    return await tx.fetch(Category, sql, id=domain_id)


async def category_by_id(tx: Transaction, id: int) -> Category:
    return await tx.one(Category, f"select {CATEGORY} from category c where id = :id", id=id, missing=("category", id))


async def category(tx: Transaction, domain_id: int, key: str) -> Category:
    sql = f"select {CATEGORY} from category c where domain_id = :domain_id and key = :key"
    return await tx.one(Category, sql, domain_id=domain_id, key=key, missing=("category", key))


async def save_category(tx: Transaction, **values: Any) -> Category:
    return await tx.one(
        Category,
        f"""
        insert into category as c (domain_id, parent_id, key, name, type_class, default_impact, default_urgency,
                                   route_team_id, position)
        values (:domain_id, :parent_id, :key, :name, :type_class, :default_impact, :default_urgency,
                :route_team_id, :position)
            on conflict (domain_id, key) do update
           set parent_id = excluded.parent_id, name = excluded.name, type_class = excluded.type_class,
               default_impact = excluded.default_impact, default_urgency = excluded.default_urgency,
               route_team_id = excluded.route_team_id, position = excluded.position returning {CATEGORY}""",
        missing=("category", values["key"]),
        **values,
    )


async def levels(tx: Transaction, domain_id: int) -> list[PriorityLevel]:
    sql = f"select {LEVEL} from priority_level l where domain_id = :id order by rank, key"
    return await tx.fetch(PriorityLevel, sql, id=domain_id)


async def save_level(tx: Transaction, **values: Any) -> PriorityLevel:
    return await tx.one(
        PriorityLevel,
        f"""
        insert into priority_level as l (domain_id, key, name, rank, definition, response_minutes, resolution_minutes,
                                         update_minutes, urgency, tells, common)
        values (:domain_id, :key, :name, :rank, :definition, :response_minutes, :resolution_minutes,
                :update_minutes, :urgency, :tells, :common)
            on conflict (domain_id, key) do update
           set name = excluded.name, rank = excluded.rank, definition = excluded.definition,
               response_minutes = excluded.response_minutes, resolution_minutes = excluded.resolution_minutes,
               update_minutes = excluded.update_minutes, urgency = excluded.urgency, tells = excluded.tells,
               common = excluded.common returning {LEVEL}""",
        missing=("priority", values["key"]),
        **values,
    )


async def priority_model(tx: Transaction, domain_id: int) -> PriorityModel:
    rows = await tx.rows("select impact, urgency, level from priority_matrix where domain_id = :id", id=domain_id)
    matrix = {(Impact(row["impact"]), Urgency(row["urgency"])): str(row["level"]) for row in rows}
    return PriorityModel(levels=tuple(await levels(tx, domain_id)), matrix=matrix)


async def save_matrix(tx: Transaction, domain_id: int, matrix: dict[tuple[Impact, Urgency], str]) -> None:
    await tx.execute(
        """
        insert into priority_matrix (domain_id, impact, urgency, level)
        select :domain_id::bigint, * from unnest(:impacts::text[], :urgencies::text[], :levels::text[])
            on conflict (domain_id, impact, urgency) do update set level = excluded.level""",
        domain_id=domain_id, impacts=[impact for impact, _ in matrix], urgencies=[urgency for _, urgency in matrix],
        levels=list(matrix.values()),
    )  # fmt: skip
