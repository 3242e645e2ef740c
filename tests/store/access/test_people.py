"""People and teams on a real database."""

import pytest

from rallypoint import access
from rallypoint.access import Role
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.db import Database
from rallypoint.errors import Invalid, NotFound, Refused


async def make(
    db: Database, name: str = "Bea", roles: tuple[str, ...] = ("responder",), **more: object
) -> access.Person:
    async with db.transaction(SYSTEM) as tx:
        email = str(more.pop("email", f"{name.lower()}@example.com"))
        return await access.create_person(tx, name=name, email=email, roles=roles, **more)  # type: ignore[arg-type]


async def test_a_person_is_found_by_id_and_by_address_in_any_case(db: Database) -> None:
    bea = await make(db, time_zone="Europe/Berlin")
    async with db.transaction(SYSTEM) as tx:
        assert await access.person(tx, bea.id) == bea
        assert await access.person_by_email(tx, "BEA@Example.com") == bea
        assert await access.person_by_email(tx, "nobody@example.com") is None
        assert [p.name for p in await access.people(tx)] == ["Bea"]
        with pytest.raises(NotFound):
            await access.person(tx, 999)


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("name", {"name": " "}),
        ("name", {"name": "Be\x00a"}),
        ("name", {"name": "Bea\u202egnp"}),
        ("email", {"email": "not an address"}),
        ("email", {"email": "a@b\r\nBcc: c@d"}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
        ("roles", {"roles": ["king"]}),
        ("password", {"password": "short"}),
        ("phone", {"phone": "1" * 41}),
    ],
)
async def test_wrong_input_is_named_by_field(db: Database, field: str, values: dict[str, object]) -> None:
    async with db.transaction(SYSTEM) as tx:
        with pytest.raises(Invalid) as wrong:
            await access.create_person(tx, **{"name": "Bea", "email": "bea@example.com", "roles": [], **values})  # type: ignore[arg-type]
    assert [p.field for p in wrong.value.problems] == [field]


async def test_two_people_cannot_share_an_address(db: Database) -> None:
    await make(db)
    with pytest.raises(Invalid, match="belongs to somebody"):
        await make(db, "Bob", email="Bea@Example.com")
    bob = await make(db, "Bob")
    async with db.transaction(SYSTEM) as tx:
        with pytest.raises(Invalid, match="belongs to somebody"):
            await access.update_person(tx, bob.id, email="bea@example.com")


async def test_one_changes_ones_own_name_but_not_ones_roles(db: Database) -> None:
    bea = await make(db)
    me = Actor(kind=ActorKind.PERSON, name="Bea", origin="web", person_id=bea.id, roles=frozenset({"responder"}))
    async with db.transaction(me) as tx:
        assert (await access.update_person(tx, bea.id, name="Beatrice")).name == "Beatrice"
        for change in ({"roles": ["admin"]}, {"email": "x@example.com"}, {"active": True, "name": "B"}):
            with pytest.raises(Refused) as no:
                await access.update_person(tx, bea.id, **change)
            assert no.value.permission
        with pytest.raises(Invalid):
            await access.update_person(tx, bea.id, password_hash="x")


async def test_the_last_admin_stays(db: Database) -> None:
    ada = await make(db, "Ada", ("admin",))
    async with db.transaction(SYSTEM) as tx:
        with pytest.raises(Refused, match="last active admin"):
            await access.deactivate_person(tx, ada.id)
        with pytest.raises(Refused, match="last active admin"):
            await access.update_person(tx, ada.id, roles=["viewer"])
    await make(db, "Bob", ("admin", "responder"))
    async with db.transaction(SYSTEM) as tx:
        assert not (await access.deactivate_person(tx, ada.id)).active


async def test_teams_and_members(db: Database) -> None:
    bea, bob = await make(db), await make(db, "Bob")
    async with db.transaction(SYSTEM) as tx:
        team = await access.create_team(tx, key="commerce", name="Commerce", manager_id=bob.id)
        await access.add_member(tx, team.id, bea.id, lead=True)
        await access.add_member(tx, team.id, bob.id)
        await access.add_member(tx, team.id, bob.id)
        assert [p.name for p in await access.members(tx, team.id)] == ["Bea", "Bob"]
        await access.remove_member(tx, team.id, bob.id)
        assert [m.person_id for m in await access.memberships(tx)] == [bea.id]
        assert await access.team(tx, "commerce") == await access.team_by_id(tx, team.id) == team
        assert (await access.update_team(tx, "commerce", name="Shop")).name == "Shop"
        with pytest.raises(Invalid, match="taken"):
            await access.create_team(tx, key="commerce", name="Again")
        with pytest.raises(Invalid) as wrong:
            await access.create_team(tx, key="No Key", name="", manager_id=77)
        assert {p.field for p in wrong.value.problems} == {"key", "name", "manager_id"}


async def test_only_admins_manage_people(db: Database) -> None:
    bob = Actor(kind=ActorKind.PERSON, name="Bob", origin="web", person_id=1, roles=frozenset(set(Role) - {Role.ADMIN}))
    async with db.transaction(bob) as tx:
        with pytest.raises(Refused, match="permission 'manage people'"):
            await access.create_person(tx, name="Eve", email="eve@example.com", roles=["admin"])
        with pytest.raises(Refused):
            await access.create_team(tx, key="x", name="X")
