"""Who leads, who owns, and how much it matters."""

from typing import Annotated

from pydantic import Field

from rallypoint import incidents
from rallypoint.access import Permission
from rallypoint.catalog import Impact, Urgency
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.incidents import IncidentView, shown
from rallypoint.edges.api.words import Custom, Id, Input, Line, Moment, Number, Tags, Text

routes = Routes("command")


class HandOver(Input):
    to: Id
    brief: Text = Field(description="What the next commander has to know.")


class Priority(Input):
    impact: Impact | None = None
    urgency: Urgency | None = None
    priority: Line | None = Field(None, description="Set by hand, against the matrix; the reason is kept.")
    reason: Text


class Described(Input):
    title: Line | None = None
    description: Text | None = None


class Categorised(Input):
    category: Line = Field(description="The key of a category of the incident's domain.")
    reason: Text = ""


class Owner(Input):
    person_id: Id


class Role(Input):
    role: Line
    person_id: Id


class WhatIsHit(Input):
    affected_people: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    impact_started_at: Moment | None = None


class ChangedTags(Input):
    add: Tags = []
    remove: Tags = []


class AllTags(Input):
    tags: Tags


class FilledIn(Input):
    custom: Custom = Field(description="By key; null clears one, what is not named stays.")


@routes.post("/incidents/{number}/command", permission=Permission.WORK_INCIDENT)
async def take_command(tx: Tx, number: Number) -> IncidentView:
    """Take command. The key must belong to a person."""
    await incidents.take_command(tx, number)
    return await shown(tx, number)


@routes.post("/incidents/{number}/command/hand-over", permission=Permission.WORK_INCIDENT)
async def hand_over(tx: Tx, number: Number, body: HandOver) -> IncidentView:
    """Offer command to somebody, with a brief. It is theirs when they accept it."""
    await incidents.hand_over(tx, number, to=body.to, brief=body.brief)
    return await shown(tx, number)


@routes.post("/incidents/{number}/command/accept", permission=Permission.WORK_INCIDENT)
async def accept_command(tx: Tx, number: Number) -> IncidentView:
    await incidents.accept_command(tx, number)
    return await shown(tx, number)


@routes.post("/incidents/{number}/roles", permission=Permission.WORK_INCIDENT)
async def set_role(tx: Tx, number: Number, body: Role) -> IncidentView:
    await incidents.set_role(tx, number, role=body.role, person_id=body.person_id)
    return await shown(tx, number)


@routes.post("/incidents/{number}/priority", permission=Permission.WORK_INCIDENT)
async def set_priority(tx: Tx, number: Number, body: Priority) -> IncidentView:
    """Judge impact and urgency again. Lowering a priority needs the permission to."""
    await incidents.set_priority(
        tx, number, impact=body.impact, urgency=body.urgency, priority=body.priority, reason=body.reason
    )
    return await shown(tx, number)


@routes.post("/incidents/{number}/describe", permission=Permission.WORK_INCIDENT)
async def describe(tx: Tx, number: Number, body: Described) -> IncidentView:
    """A better title or description; what is left out stays, and the history keeps what it was."""
    await incidents.describe(tx, number, title=body.title, description=body.description)
    return await shown(tx, number)


@routes.post("/incidents/{number}/category", permission=Permission.WORK_INCIDENT)
async def set_category(tx: Tx, number: Number, body: Categorised) -> IncidentView:
    """What kind of trouble it is. The category may route it to another team, and judge it anew."""
    await incidents.set_category(tx, number, category=body.category, reason=body.reason)
    return await shown(tx, number)


@routes.post("/incidents/{number}/owner", permission=Permission.WORK_INCIDENT)
async def set_owner(tx: Tx, number: Number, body: Owner) -> IncidentView:
    await incidents.set_owner(tx, number, person_id=body.person_id)
    return await shown(tx, number)


@routes.post("/incidents/{number}/impact", permission=Permission.WORK_INCIDENT)
async def set_impact(tx: Tx, number: Number, body: WhatIsHit) -> IncidentView:
    """Who is hit, and since when."""
    await incidents.set_impact(tx, number, **body.model_dump(exclude_unset=True))
    return await shown(tx, number)


@routes.post("/incidents/{number}/tags", permission=Permission.WORK_INCIDENT)
async def change_tags(tx: Tx, number: Number, body: ChangedTags) -> IncidentView:
    """Put tags on and take tags off."""
    await incidents.change_tags(tx, number, add=body.add, remove=body.remove)
    return await shown(tx, number)


@routes.put("/incidents/{number}/tags", permission=Permission.WORK_INCIDENT)
async def set_tags(tx: Tx, number: Number, body: AllTags) -> IncidentView:
    """These tags and no others."""
    await incidents.set_tags(tx, number, tags=body.tags)
    return await shown(tx, number)


@routes.post("/incidents/{number}/fields", permission=Permission.WORK_INCIDENT)
async def fill_in_fields(tx: Tx, number: Number, body: FilledIn) -> IncidentView:
    """Fill in fields that the incident's domain has besides ours."""
    await incidents.set_fields(tx, number, values=body.custom)
    return await shown(tx, number)
