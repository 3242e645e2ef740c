"""SQL of how incidents hang together. One row is one relation, seen from either end."""

from rallypoint.db import Transaction
from rallypoint.incidents.model import Related, RelationKind

ONE_AT_A_TIME = 7_301_013
"""The number of the lock under which relations are added: two that would close a circle must not both see none."""

SEEN = """
    select r.id, r.kind, r.source = :number as outward, i.number, i.title, i.priority, i.status, i.status_category,
           r.created_at, r.created_by
      from incident_relation r
      join incident i on i.number = case when r.source = :number then r.target else r.source end"""


async def of_incident(tx: Transaction, number: int) -> list[Related]:
    sql = f"{SEEN} where r.source = :number or r.target = :number order by r.kind, i.number"
    return await tx.fetch(Related, sql, number=number)


async def relation(tx: Transaction, number: int, id: int) -> Related:
    return await tx.one(
        Related,
        f"{SEEN} where r.id = :id and (r.source = :number or r.target = :number)",
        number=number, id=id, missing=("relation", id),
    )  # fmt: skip


async def alone(tx: Transaction) -> None:
    """Wait until nobody else adds relations."""
    await tx.execute("select pg_advisory_xact_lock(:lock)", lock=ONE_AT_A_TIME)


async def target_of(tx: Transaction, source: int, kind: RelationKind) -> int | None:
    """The one that a child or a duplicate has."""
    found: int | None = await tx.value(
        "select target from incident_relation where source = :source and kind = :kind", source=source, kind=kind
    )
    return found


async def reaches(tx: Transaction, start: int, kind: RelationKind, end: int) -> bool:
    """Whether one comes from `start` to `end` along relations of this kind."""
    found: bool = await tx.value(
        """
        with recursive way (number) as (
            select :start::bigint
            union
            select r.target from incident_relation r join way w on r.source = w.number where r.kind = :kind)
        select exists (select from way where number = :end)""",
        start=start, kind=kind, end=end,
    )  # fmt: skip
    return found


async def add(tx: Transaction, source: int, target: int, kind: RelationKind) -> bool:
    """False where it is there already."""
    return await tx.execute(
        """
        insert into incident_relation (source, target, kind, created_at, created_by, origin)
        values (:source, :target, :kind, :now, :by, :origin) on conflict (source, target, kind) do nothing""",
        source=source, target=target, kind=kind, by=tx.actor.name, origin=tx.actor.origin,
    ) == 1  # fmt: skip


async def remove(tx: Transaction, id: int) -> None:
    await tx.execute("delete from incident_relation where id = :id", id=id)
