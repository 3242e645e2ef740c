"""People and teams as code."""

from typing import Any

from rallypoint import access
from rallypoint.db import Transaction
from rallypoint.edges.code.document import Person, Team
from rallypoint.edges.code.kinds import Kind
from rallypoint.errors import Invalid


def folded(emails: list[str]) -> list[str]:
    """Addresses as references: their case says nothing."""
    return [email.casefold() for email in emails]


async def person_id(tx: Transaction, field: str, email: str) -> int:
    """Whose address this is; an unknown one is a problem of its field."""
    found = await access.person_by_email(tx, email)
    if found is None:
        raise Invalid(field, f"there is nobody with the address {email!r:.100}")
    return found.id


class People(Kind[Person]):
    section, word, part, names = "people", "person", Person, "email"

    async def current(self, tx: Transaction) -> list[Person]:
        return [
            Person(
                email=one.email,
                name=one.name,
                roles=[role.value for role in one.roles],
                time_zone=one.time_zone,
                phone=one.phone,
                active=one.active,
            )
            for one in await access.people(tx)
        ]

    def merged(self, before: Person | None, raw: dict[str, Any], *, prune: bool) -> Person:
        """Roles are given whole, so that one can be taken away; their order says nothing."""
        wanted = super().merged(before, raw, prune=prune)
        order = {role.value: place for place, role in enumerate(access.Role)}
        wanted.roles = sorted(set(wanted.roles), key=lambda role: (order.get(role, len(order)), role))
        return wanted

    async def create(self, tx: Transaction, wanted: Person) -> str:
        """Without a password: the first way in is a login link."""
        made = await access.create_person(
            tx, name=wanted.name, email=wanted.email, roles=wanted.roles, time_zone=wanted.time_zone, phone=wanted.phone
        )
        if not wanted.active:
            await access.deactivate_person(tx, made.id)
        return ""

    async def update(self, tx: Transaction, before: Person, wanted: Person) -> None:
        await access.update_person(
            tx,
            await person_id(tx, "email", before.email),
            name=wanted.name,
            email=wanted.email,
            roles=wanted.roles,
            time_zone=wanted.time_zone,
            phone=wanted.phone,
            active=wanted.active,
        )

    async def remove(self, tx: Transaction, before: Person) -> str:
        if not before.active:
            return ""
        await access.deactivate_person(tx, await person_id(tx, "email", before.email))
        return "disable"


class Teams(Kind[Team]):
    """`members` are all who belong to a team, `leads` those of them who lead it."""

    section, word, part = "teams", "team", Team
    sets = ("members", "leads")

    async def current(self, tx: Transaction) -> list[Team]:
        emails = {one.id: one.email.casefold() for one in await access.people(tx)}
        memberships = await access.memberships(tx)
        return [
            Team(
                key=team.key,
                name=team.name,
                time_zone=team.time_zone,
                email=team.email,
                manager=emails[team.manager_id] if team.manager_id is not None else "",
                members=sorted(emails[m.person_id] for m in memberships if m.team_id == team.id),
                leads=sorted(emails[m.person_id] for m in memberships if m.team_id == team.id and m.lead),
            )
            for team in await access.teams(tx)
        ]

    async def create(self, tx: Transaction, wanted: Team) -> str:
        manager = await person_id(tx, "manager", wanted.manager) if wanted.manager else None
        await access.create_team(
            tx, key=wanted.key, name=wanted.name, time_zone=wanted.time_zone, email=wanted.email, manager_id=manager
        )
        await self._members(tx, [], wanted)
        return ""

    async def update(self, tx: Transaction, before: Team, wanted: Team) -> None:
        manager = await person_id(tx, "manager", wanted.manager) if wanted.manager else None
        await access.update_team(
            tx, before.key, name=wanted.name, time_zone=wanted.time_zone, email=wanted.email, manager_id=manager
        )
        if (before.members, before.leads) != (wanted.members, wanted.leads):
            await self._members(tx, before.members, wanted)

    async def remove(self, tx: Transaction, before: Team) -> str:
        await access.remove_team(tx, before.key)
        return "remove"

    def merged(self, before: Team | None, raw: dict[str, Any], *, prune: bool) -> Team:
        wanted = super().merged(before, raw, prune=prune)
        wanted.manager = wanted.manager.casefold()
        wanted.members, wanted.leads = sorted(set(folded(wanted.members))), sorted(set(folded(wanted.leads)))
        return wanted

    async def _members(self, tx: Transaction, before: list[str], wanted: Team) -> None:
        team = await access.team(tx, wanted.key)
        if strangers := sorted(set(wanted.leads) - set(wanted.members)):
            raise Invalid("leads", f"{strangers[0]!r:.100} is not among the members")
        for email in wanted.members:
            await access.add_member(tx, team.id, await person_id(tx, "members", email), email in wanted.leads)
        for email in set(before) - set(wanted.members):
            await access.remove_member(tx, team.id, await person_id(tx, "members", email))
