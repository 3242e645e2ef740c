"""SQL for schedules, rotations and overrides."""

from datetime import date, datetime, time

from rallypoint.db import Transaction
from rallypoint.oncall.model import Override, Rotation, Schedule

SCHEDULE = "select id, key, name, team_id, time_zone from schedule"
ROTATION = """
    select id, schedule_id, name, kind, starts_on, hands_over_at, weekday, length, people from rotation"""
OVERRIDE = """
    select id, schedule_id, person_id, starts_at, ends_at, reason, created_by from schedule_override"""


async def add_schedule(tx: Transaction, *, key: str, name: str, team_id: int | None, time_zone: str) -> Schedule | None:
    """None where the key is taken."""
    return await tx.maybe(
        Schedule,
        """
        insert into schedule (key, name, team_id, time_zone, created_at)
        values (:key, :name, :team_id, :time_zone, :now) on conflict (key) do nothing
     returning id, key, name, team_id, time_zone""",
        key=key, name=name, team_id=team_id, time_zone=time_zone,
    )  # fmt: skip


async def save_schedule(tx: Transaction, id: int, *, name: str, team_id: int | None, time_zone: str) -> None:
    await tx.execute(
        "update schedule set name = :name, team_id = :team_id, time_zone = :time_zone where id = :id",
        id=id, name=name, team_id=team_id, time_zone=time_zone,
    )  # fmt: skip


async def schedules(tx: Transaction) -> list[Schedule]:
    return await tx.fetch(Schedule, f"{SCHEDULE} order by name, id")


async def schedule(tx: Transaction, key: str) -> Schedule:
    return await tx.one(Schedule, f"{SCHEDULE} where key = :key", missing=("schedule", key), key=key)


async def schedules_by_ids(tx: Transaction, ids: list[int]) -> list[Schedule]:
    return await tx.fetch(Schedule, f"{SCHEDULE} where id = any(:ids::bigint[])", ids=ids)


async def add_rotation(
    tx: Transaction,
    *,
    schedule_id: int,
    name: str,
    kind: str,
    starts_on: date,
    hands_over_at: time,
    weekday: int,
    length: int,
    people: list[int],
) -> int:
    rotation_id: int = await tx.value(
        """
        insert into rotation (schedule_id, name, kind, starts_on, hands_over_at, weekday, length, people, created_at)
        values (:schedule_id, :name, :kind, :starts_on, :hands_over_at, :weekday, :length, :people, :now)
     returning id""",
        schedule_id=schedule_id, name=name, kind=kind, starts_on=starts_on, hands_over_at=hands_over_at,
        weekday=weekday, length=length, people=people,
    )  # fmt: skip
    return rotation_id


async def remove_rotation(tx: Transaction, schedule_id: int, rotation_id: int) -> bool:
    sql = "delete from rotation where id = :id and schedule_id = :schedule_id"
    return await tx.execute(sql, id=rotation_id, schedule_id=schedule_id) == 1


async def rotations(tx: Transaction, schedule_ids: list[int]) -> list[Rotation]:
    return await tx.fetch(
        Rotation, f"{ROTATION} where schedule_id = any(:ids::bigint[]) order by starts_on, id", ids=schedule_ids
    )


async def add_override(
    tx: Transaction, *, schedule_id: int, person_id: int, starts_at: datetime, ends_at: datetime, reason: str
) -> Override:
    return await tx.one(
        Override,
        """
        insert into schedule_override (schedule_id, person_id, starts_at, ends_at, reason, created_by, created_at)
        values (:schedule_id, :person_id, :starts_at, :ends_at, :reason, :created_by, :now)
     returning id, schedule_id, person_id, starts_at, ends_at, reason, created_by""",
        missing=("schedule", schedule_id),
        schedule_id=schedule_id, person_id=person_id, starts_at=starts_at, ends_at=ends_at, reason=reason,
        created_by=tx.actor.name,
    )  # fmt: skip


async def override(tx: Transaction, override_id: int) -> Override:
    return await tx.one(Override, f"{OVERRIDE} where id = :id", missing=("override", override_id), id=override_id)


async def remove_override(tx: Transaction, override_id: int) -> None:
    await tx.execute("delete from schedule_override where id = :id", id=override_id)


async def overrides(tx: Transaction, schedule_ids: list[int], *, since: datetime, until: datetime) -> list[Override]:
    """Overrides that touch a stretch of time, in the order in which they were made."""
    return await tx.fetch(
        Override,
        f"{OVERRIDE} where schedule_id = any(:ids::bigint[]) and ends_at > :since and starts_at < :until order by id",
        ids=schedule_ids, since=since, until=until,
    )  # fmt: skip
