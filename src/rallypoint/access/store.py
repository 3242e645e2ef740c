"""SQL of people and teams."""

from typing import Any

import asyncpg

from rallypoint.access.model import Membership, Person, Role, Team
from rallypoint.db import Transaction

PERSON = "p.id, p.name, p.email, p.phone, p.time_zone, p.roles, p.active, p.created_at"
TEAM = "t.id, t.key, t.name, t.time_zone, t.email, t.manager_id"


async def person(tx: Transaction, id: int) -> Person:
    return await tx.one(Person, f"select {PERSON} from person p where id = :id", id=id, missing=("person", id))


async def person_for_change(tx: Transaction, id: int) -> Person:
    sql = f"select {PERSON} from person p where id = :id for update"
    return await tx.one(Person, sql, id=id, missing=("person", id))


async def person_by_email(tx: Transaction, email: str) -> Person | None:
    return await tx.maybe(Person, f"select {PERSON} from person p where lower(email) = lower(:email)", email=email)


async def people(tx: Transaction) -> list[Person]:
    return await tx.fetch(Person, f"select {PERSON} from person p order by active desc, lower(name), id")


async def add_person(
    tx: Transaction, *, name: str, email: str, phone: str, time_zone: str, roles: list[Role], password_hash: str | None
) -> Person | None:
    """The new person, or None where the e-mail address is taken (index person_email)."""
    return await tx.maybe(
        Person,
        f"""
        insert into person as p (name, email, phone, time_zone, roles, password_hash, created_at)
        values (:name, :email, :phone, :time_zone, :roles, :password_hash, :now)
            on conflict ((lower(email))) do nothing returning {PERSON}""",
        name=name, email=email, phone=phone, time_zone=time_zone, roles=roles, password_hash=password_hash,
    )  # fmt: skip


async def save_person(tx: Transaction, person: Person) -> None:
    await tx.execute(
        """
        update person set name = :name, email = :email, phone = :phone, time_zone = :time_zone,
               roles = :roles, active = :active where id = :id""",
        id=person.id, name=person.name, email=person.email, phone=person.phone, time_zone=person.time_zone,
        roles=list(person.roles), active=person.active,
    )  # fmt: skip


async def other_admins(tx: Transaction, id: int) -> int:
    """How many active admins there are beside this person. Locks them, so that two cannot go at once."""
    rows = await tx.rows("select id from person where active and 'admin' = any(roles) order by id for update")
    return sum(1 for row in rows if row["id"] != id)


async def password_hash(tx: Transaction, id: int) -> str | None:
    found: str | None = await tx.value("select password_hash from person where id = :id", id=id)
    return found


async def save_password(tx: Transaction, id: int, password_hash: str) -> None:
    await tx.execute("update person set password_hash = :hash where id = :id", id=id, hash=password_hash)


async def teams(tx: Transaction) -> list[Team]:
    return await tx.fetch(Team, f"select {TEAM} from team t order by lower(name), id")


async def team(tx: Transaction, key: str) -> Team:
    return await tx.one(Team, f"select {TEAM} from team t where key = :key", key=key, missing=("team", key))


async def team_by_id(tx: Transaction, id: int) -> Team:
    return await tx.one(Team, f"select {TEAM} from team t where id = :id", id=id, missing=("team", id))


async def add_team(tx: Transaction, **values: Any) -> Team | None:
    """The new team, or None where the key is taken."""
    return await tx.maybe(
        Team,
        f"""
        insert into team as t (key, name, time_zone, email, manager_id, created_at)
        values (:key, :name, :time_zone, :email, :manager_id, :now) on conflict (key) do nothing returning {TEAM}""",
        **values,
    )


async def save_team(tx: Transaction, team: Team) -> None:
    await tx.execute(
        """
        update team set name = :name, time_zone = :time_zone, email = :email, manager_id = :manager_id
         where id = :id""",
        id=team.id, name=team.name, time_zone=team.time_zone, email=team.email, manager_id=team.manager_id,
    )  # fmt: skip


async def remove_team(tx: Transaction, id: int) -> bool:
    """Whether it could be deleted: what schedules and policies refer to stays."""
    try:
        async with tx.savepoint():
            await tx.execute("delete from team where id = :id", id=id)
    except asyncpg.ForeignKeyViolationError:
        return False
    return True


async def add_member(tx: Transaction, team_id: int, person_id: int, lead: bool) -> None:
    await tx.execute(
        """
        insert into team_member (team_id, person_id, lead, joined_at) values (:team_id, :person_id, :lead, :now)
            on conflict (team_id, person_id) do update set lead = excluded.lead""",
        team_id=team_id, person_id=person_id, lead=lead,
    )  # fmt: skip


async def remove_member(tx: Transaction, team_id: int, person_id: int) -> int:
    sql = "delete from team_member where team_id = :team_id and person_id = :person_id"
    return await tx.execute(sql, team_id=team_id, person_id=person_id)


async def members(tx: Transaction, team_id: int) -> list[Person]:
    return await tx.fetch(
        Person,
        f"""
        select {PERSON} from team_member m join person p on p.id = m.person_id
         where m.team_id = :team_id order by m.lead desc, lower(p.name), p.id""",
        team_id=team_id,
    )


async def memberships(tx: Transaction) -> list[Membership]:
    return await tx.fetch(
        Membership, "select team_id, person_id, lead from team_member order by team_id, lead desc, person_id"
    )
