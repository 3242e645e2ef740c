"""People, teams, and who is asking."""

from typing import Annotated

from pydantic import Field

from rallypoint import access
from rallypoint.access import Permission, Role
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.house import MeView, PersonView, TeamView
from rallypoint.edges.api.words import Id, Input, Key, Line, Listed, OptionalLine, Page, PathId, PathKey, paged

routes = Routes("people")

Roles = Annotated[list[Role], Field(max_length=20)]


class NewPerson(Input):
    name: Line
    email: Line
    roles: Roles = []
    time_zone: Line = "UTC"
    phone: OptionalLine = ""


class ChangedPerson(Input):
    name: Line | None = None
    email: Line | None = None
    roles: Roles | None = None
    time_zone: Line | None = None
    phone: OptionalLine | None = None
    active: bool | None = None


class NewTeam(Input):
    key: Key
    name: Line
    time_zone: Line = "UTC"
    email: OptionalLine = ""
    manager_id: Id | None = None


class NewMember(Input):
    person_id: Id
    lead: bool = False


@routes.get("/me", permission=Permission.PUBLIC)
async def who_am_i(tx: Tx) -> MeView:
    """Whose key this is, and what it may do."""
    actor = tx.actor
    return MeView(
        kind=actor.kind.value,
        name=actor.name,
        person_id=actor.person_id,
        roles=sorted(actor.roles),
        permissions=sorted(p.value for p in Permission if access.allows(actor, p)),
    )


@routes.get("/people", permission=Permission.READ_CATALOG)
async def list_people(tx: Tx, query: Listed) -> Page[PersonView]:
    shown, next_cursor = paged(await access.people(tx), query, lambda person: person.id)
    return Page(items=[PersonView.model_validate(person) for person in shown], next_cursor=next_cursor)


@routes.post("/people", permission=Permission.MANAGE_PEOPLE, status=201)
async def create_person(tx: Tx, body: NewPerson) -> PersonView:
    """An account. Its owner signs in by a login link."""
    return PersonView.model_validate(await access.create_person(tx, **body.model_dump()))


@routes.get("/people/{id}", permission=Permission.READ_CATALOG)
async def show_person(tx: Tx, id: PathId) -> PersonView:
    return PersonView.model_validate(await access.person(tx, id))


@routes.patch("/people/{id}", permission=Permission.MANAGE_PEOPLE)
async def change_person(tx: Tx, id: PathId, body: ChangedPerson) -> PersonView:
    """Change what is sent. Losing a role or the account ends all sessions."""
    changes = {name: value for name, value in body.model_dump(exclude_unset=True).items() if value is not None}
    return PersonView.model_validate(await access.update_person(tx, id, **changes))


@routes.get("/teams", permission=Permission.READ_CATALOG)
async def list_teams(tx: Tx, query: Listed) -> Page[TeamView]:
    shown, next_cursor = paged(await access.teams(tx), query, lambda team: team.key)
    return Page(items=[TeamView.model_validate(team) for team in shown], next_cursor=next_cursor)


@routes.post("/teams", permission=Permission.MANAGE_PEOPLE, status=201)
async def create_team(tx: Tx, body: NewTeam) -> TeamView:
    return TeamView.model_validate(await access.create_team(tx, **body.model_dump()))


@routes.get("/teams/{key}/members", permission=Permission.READ_CATALOG)
async def list_members(tx: Tx, key: PathKey, query: Listed) -> Page[PersonView]:
    team = await access.team(tx, key)
    shown, next_cursor = paged(await access.members(tx, team.id), query, lambda person: person.id)
    return Page(items=[PersonView.model_validate(person) for person in shown], next_cursor=next_cursor)


@routes.post("/teams/{key}/members", permission=Permission.MANAGE_PEOPLE, status=201)
async def add_member(tx: Tx, key: PathKey, body: NewMember) -> PersonView:
    team = await access.team(tx, key)
    await access.add_member(tx, team.id, body.person_id, lead=body.lead)
    return PersonView.model_validate(await access.person(tx, body.person_id))


@routes.delete("/teams/{key}/members/{id}", permission=Permission.MANAGE_PEOPLE)
async def remove_member(tx: Tx, key: PathKey, id: PathId) -> None:
    team = await access.team(tx, key)
    await access.remove_member(tx, team.id, id)
