"""Verbs about people and teams. Each checks authority, changes, and leaves an audit entry."""

from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from rallypoint.access import passwords, session_store, store
from rallypoint.access.audit import record
from rallypoint.access.check import Checks
from rallypoint.access.model import Person, Role, Team
from rallypoint.access.permissions import Permission, allows, require
from rallypoint.access.rules import PASSWORD_LEAST, PASSWORD_MOST
from rallypoint.actors import ActorKind
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, NotFound, Refused

OWN_FIELDS = frozenset({"name", "phone", "time_zone"})
"""What a person changes about themselves. The e-mail address is the sign-in name, so an admin changes it."""
FIELDS = OWN_FIELDS | {"email", "roles", "active"}


async def create_person(
    tx: Transaction,
    *,
    name: str,
    email: str,
    roles: Iterable[str],
    time_zone: str = "UTC",
    phone: str = "",
    password: str | None = None,
) -> Person:
    require(tx.actor, Permission.MANAGE_PEOPLE)
    checks = Checks()
    name, email, time_zone, phone, held = _checked(checks, name, email, time_zone, phone, roles)
    if password is not None:
        check_password(checks, password)
    checks.done()
    stored = await passwords.hashed(password) if password is not None else None
    person = await store.add_person(
        tx, name=name, email=email, phone=phone, time_zone=time_zone, roles=list(held), password_hash=stored
    )
    if person is None:
        raise Invalid("email", "belongs to somebody already")
    await record(tx, "person created", f"person:{person.id}", {"name": name, "email": email, "roles": list(held)})
    return person


async def update_person(tx: Transaction, id: int, **changes: Any) -> Person:
    """Change some of name, email, phone, time_zone, roles, active. Losing a role or the account ends all sessions."""
    if unknown := sorted(set(changes) - FIELDS):
        raise Invalid(unknown[0], "cannot be changed here")
    own = _is_self(tx, id) and set(changes) <= OWN_FIELDS and allows(tx.actor, Permission.OWN_ACCOUNT)
    if not own:
        require(tx.actor, Permission.MANAGE_PEOPLE)
    before = await store.person_for_change(tx, id)
    if "roles" in changes:
        changes["roles"] = tuple(changes["roles"])
    wanted = replace(before, **changes)
    checks = Checks()
    name, email, time_zone, phone, held = _checked(
        checks, wanted.name, wanted.email, wanted.time_zone, wanted.phone, wanted.roles
    )
    checks.done()
    after = replace(wanted, name=name, email=email, time_zone=time_zone, phone=phone, roles=held)
    if after == before:
        return before
    if (other := await store.person_by_email(tx, email)) is not None and other.id != id:
        raise Invalid("email", "belongs to somebody already")
    await _keep_an_admin(tx, before, after)
    await store.save_person(tx, after)
    if after.active < before.active or set(after.roles) != set(before.roles):
        await session_store.end_all(tx, id)
    await record(tx, "person changed", f"person:{id}", _difference(before, after))
    return after


async def deactivate_person(tx: Transaction, id: int) -> Person:
    """Nobody is deleted: history names them. They can no longer sign in, and their sessions and keys stop at once."""
    return await update_person(tx, id, active=False)


async def set_password(tx: Transaction, id: int, password: str) -> None:
    """Set a password, one's own or as an admin. Every session of that person ends; the caller may start a new one."""
    if not (_is_self(tx, id) and allows(tx.actor, Permission.OWN_ACCOUNT)):
        require(tx.actor, Permission.MANAGE_PEOPLE)
    checks = Checks()
    check_password(checks, password)
    checks.done()
    await store.person_for_change(tx, id)
    await store.save_password(tx, id, await passwords.hashed(password))
    await session_store.end_all(tx, id)
    await record(tx, "password set", f"person:{id}", {})


async def create_team(
    tx: Transaction, *, key: str, name: str, time_zone: str = "UTC", email: str = "", manager_id: int | None = None
) -> Team:
    require(tx.actor, Permission.MANAGE_PEOPLE)
    checks = Checks()
    values = {
        "key": checks.key("key", key),
        "name": checks.name("name", name),
        "time_zone": checks.zone("time_zone", time_zone),
        "email": checks.email("email", email, empty=True),
        "manager_id": await _manager(tx, checks, manager_id),
    }
    checks.done()
    team = await store.add_team(tx, **values)
    if team is None:
        raise Invalid("key", "is taken by another team")
    await record(tx, "team created", f"team:{key}", {"name": team.name})
    return team


async def update_team(tx: Transaction, key: str, **changes: Any) -> Team:
    """Change some of name, time_zone, email, manager_id."""
    require(tx.actor, Permission.MANAGE_PEOPLE)
    if unknown := sorted(set(changes) - {"name", "time_zone", "email", "manager_id"}):
        raise Invalid(unknown[0], "cannot be changed here")
    before = await store.team(tx, key)
    wanted, checks = replace(before, **changes), Checks()
    after = replace(
        wanted,
        name=checks.name("name", wanted.name),
        time_zone=checks.zone("time_zone", wanted.time_zone),
        email=checks.email("email", wanted.email, empty=True),
        manager_id=await _manager(tx, checks, wanted.manager_id),
    )
    checks.done()
    if after != before:
        await store.save_team(tx, after)
        await record(tx, "team changed", f"team:{key}", _difference(before, after))
    return after


async def remove_team(tx: Transaction, key: str) -> None:
    """Delete a team; its services stay, without a team."""
    require(tx.actor, Permission.MANAGE_PEOPLE)
    team = await store.team(tx, key)
    if not await store.remove_team(tx, team.id):
        raise Refused(
            f"{team.name} still has schedules or escalation policies.",
            guard="team-in-use",
            help="Give them to another team first.",
        )
    await record(tx, "team removed", f"team:{key}", {"name": team.name})


async def add_member(tx: Transaction, team_id: int, person_id: int, lead: bool = False) -> None:
    require(tx.actor, Permission.MANAGE_PEOPLE)
    team, person = await store.team_by_id(tx, team_id), await store.person(tx, person_id)
    await store.add_member(tx, team_id, person_id, lead)
    await record(tx, "member added", f"team:{team.key}", {"person": person_id, "name": person.name, "lead": lead})


async def remove_member(tx: Transaction, team_id: int, person_id: int) -> None:
    require(tx.actor, Permission.MANAGE_PEOPLE)
    team = await store.team_by_id(tx, team_id)
    if await store.remove_member(tx, team_id, person_id):
        await record(tx, "member removed", f"team:{team.key}", {"person": person_id})


def _checked(
    checks: Checks, name: str, email: str, time_zone: str, phone: str, roles: Iterable[str]
) -> tuple[str, str, str, str, tuple[Role, ...]]:
    wanted = list(roles)
    if bad := [role for role in wanted if role not in set(Role)]:
        checks.fault("roles", f"{str(bad[0])[:50]!r} is not a role", ", ".join(Role))
    return (
        checks.name("name", name),
        checks.email("email", email),
        checks.zone("time_zone", time_zone),
        checks.name("phone", phone, longest=40, empty=True),
        tuple(role for role in Role if role in wanted),
    )


def check_password(checks: Checks, password: str, *, field: str = "password") -> None:
    """Whether it may become somebody's password."""
    if not PASSWORD_LEAST <= len(password) <= PASSWORD_MOST:
        checks.fault(field, f"must have {PASSWORD_LEAST} to {PASSWORD_MOST} characters")
    elif not password.isprintable():
        checks.fault(field, "has control characters in it")


async def _manager(tx: Transaction, checks: Checks, manager_id: int | None) -> int | None:
    if manager_id is not None:
        try:
            await store.person(tx, manager_id)
        except NotFound:
            checks.fault("manager_id", "is nobody we know")
    return manager_id


async def _keep_an_admin(tx: Transaction, before: Person, after: Person) -> None:
    """The guard against locking everyone out. It locks the admins, so two cannot leave at once."""
    was = before.active and Role.ADMIN in before.roles
    stays = after.active and Role.ADMIN in after.roles
    if was and not stays and await store.other_admins(tx, before.id) == 0:
        raise Refused(
            f"{before.name} is the last active admin.", guard="last-admin", help="Make somebody else an admin first."
        )


def _is_self(tx: Transaction, id: int) -> bool:
    return tx.actor.kind is ActorKind.PERSON and tx.actor.person_id == id


def _difference(before: Any, after: Any) -> dict[str, Any]:
    """What changed, for the audit entry: {field: [was, is]}."""
    was, now = asdict(before), asdict(after)
    return {name: [was[name], now[name]] for name in was if was[name] != now[name]}
