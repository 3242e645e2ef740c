"""Looking back: the retrospective of an incident, and what will be done about it."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import Field, StringConstraints
from starlette.requests import Request

from rallypoint import learning
from rallypoint.access import Permission
from rallypoint.edges.api.door import house_of
from rallypoint.edges.api.route import Asker, Routes, Tx
from rallypoint.edges.api.views.review import ActionItemView, EntryView, RetrospectiveView
from rallypoint.edges.api.words import (
    Id,
    Input,
    Line,
    Listed,
    Listing,
    Moment,
    Number,
    OptionalText,
    Page,
    PathId,
    paged,
)
from rallypoint.learning import ActionItem, Improves, State, elsewhere

routes = Routes("review")

Name = Annotated[str, StringConstraints(max_length=200)]
"""Of a place or an item in another tool."""


class Texts(Input):
    version: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = Field(
        None, description="The version that was read: refused if somebody saved since."
    )
    summary: OptionalText | None = None
    customer_impact: OptionalText | None = None
    contributing_factors: OptionalText | None = None
    what_went_well: OptionalText | None = None
    what_went_badly: OptionalText | None = None
    where_we_were_lucky: OptionalText | None = None
    discussion: OptionalText | None = None


class Meeting(Input):
    at: Moment | None = Field(None, description="When it was held, if earlier than now.")


class NewActionItem(Input):
    title: Line
    owner_id: Id
    due_on: Annotated[date, Field(ge=date(1970, 1, 1), le=date(2100, 1, 1))]
    improves: Improves = Improves.SERVICE


class ChangedActionItem(Input):
    title: Line | None = None
    owner_id: Id | None = None
    due_on: Annotated[date, Field(ge=date(1970, 1, 1), le=date(2100, 1, 1))] | None = None


class Because(Input):
    reason: Line


class Followed(Input):
    mapping_id: Id
    remote_id: Name = Field("", description="An item that is there already; leave it out to have one made.")
    project: Name = Field("", description="Where it is made; the mapping's own place if left out.")
    type: Name = Field("", description="As what it is made.")


class Parted(Input):
    reason: Annotated[str, StringConstraints(max_length=300)] = ""


class Wanted(Listing):
    state: State | None = None


class WantedItems(Listing):
    owner_id: Id | None = None


@routes.get("/retrospectives", permission=Permission.READ_INCIDENT)
async def list_retrospectives(tx: Tx, query: Annotated[Wanted, Query()]) -> Page[EntryView]:
    """Those resolved last first."""
    found, next_cursor = await learning.list_retrospectives(
        tx, state=query.state, cursor=query.cursor, limit=query.limit
    )
    return Page(items=[EntryView.model_validate(entry) for entry in found], next_cursor=next_cursor)


@routes.get("/incidents/{number}/retrospective", permission=Permission.READ_INCIDENT)
async def show_retrospective(tx: Tx, number: Number) -> RetrospectiveView:
    """Drawn up when the incident is resolved; 404 until then."""
    return RetrospectiveView.of(await learning.view(tx, number))


@routes.patch("/incidents/{number}/retrospective", permission=Permission.EDIT_REVIEW)
async def write_retrospective(tx: Tx, number: Number, body: Texts) -> RetrospectiveView:
    """Write the texts that are sent; the others stay."""
    texts = {name: text for name, text in body.model_dump(exclude={"version"}).items() if text is not None}
    await learning.save(tx, number, version=body.version, **texts)
    return RetrospectiveView.of(await learning.view(tx, number))


@routes.post("/incidents/{number}/retrospective/meeting", permission=Permission.EDIT_REVIEW)
async def hold_meeting(tx: Tx, number: Number, body: Meeting | None = None) -> RetrospectiveView:
    """It was talked over: a full retrospective needs that before it is published."""
    await learning.hold_meeting(tx, number, at=body.at if body else None)
    return RetrospectiveView.of(await learning.view(tx, number))


@routes.post("/incidents/{number}/retrospective/publish", permission=Permission.EDIT_REVIEW)
async def publish_retrospective(tx: Tx, number: Number) -> RetrospectiveView:
    await learning.publish(tx, number)
    return RetrospectiveView.of(await learning.view(tx, number))


@routes.get("/incidents/{number}/action-items", permission=Permission.READ_INCIDENT)
async def list_action_items(tx: Tx, number: Number, query: Listed) -> Page[ActionItemView]:
    shown, next_cursor = paged(await learning.action_items(tx, number), query, lambda item: item.id)
    return Page(items=await _views(tx, shown), next_cursor=next_cursor)


@routes.post("/incidents/{number}/action-items", permission=Permission.EDIT_REVIEW, status=201)
async def add_action_item(tx: Tx, number: Number, body: NewActionItem) -> ActionItemView:
    """What will be done, by whom, by when."""
    item = await learning.add_action_item(
        tx, number, title=body.title, owner_id=body.owner_id, due_on=body.due_on, improves=body.improves
    )
    return await _view(tx, item)


@routes.get("/action-items", permission=Permission.READ_INCIDENT)
async def list_open_action_items(tx: Tx, query: Annotated[WantedItems, Query()]) -> Page[ActionItemView]:
    """Open ones, the soonest due first."""
    found, next_cursor = await learning.open_action_items(
        tx, owner_id=query.owner_id, cursor=query.cursor, limit=query.limit
    )
    return Page(items=await _views(tx, found), next_cursor=next_cursor)


@routes.post("/action-items/{id}/finish", permission=Permission.EDIT_REVIEW)
async def finish_action_item(tx: Tx, id: PathId) -> ActionItemView:
    return await _view(tx, await learning.finish(tx, id))


@routes.patch("/action-items/{id}", permission=Permission.EDIT_REVIEW)
async def change_action_item(tx: Tx, id: PathId, body: ChangedActionItem) -> ActionItemView:
    """Say it better, give it to someone else, move its date."""
    return await _view(tx, await learning.update_action_item(tx, id, **body.model_dump(exclude_none=True)))


@routes.post("/action-items/{id}/drop", permission=Permission.EDIT_REVIEW)
async def drop_action_item(tx: Tx, id: PathId, body: Because) -> ActionItemView:
    """It will not be done, and this is why."""
    return await _view(tx, await learning.drop(tx, id, reason=body.reason))


@routes.post("/action-items/{id}/reopen", permission=Permission.EDIT_REVIEW)
async def reopen_action_item(tx: Tx, id: PathId, body: Because) -> ActionItemView:
    """It is to be done after all."""
    return await _view(tx, await learning.reopen(tx, id, reason=body.reason))


@routes.post("/action-items/{id}/elsewhere", permission=Permission.EDIT_REVIEW, status=201, outside=True)
async def follow_elsewhere(request: Request, asker: Asker, id: PathId, body: Followed) -> ActionItemView:
    """Have a work item made for it in another tool, in the background; or follow one that is there."""
    house = house_of(request)
    if body.remote_id.strip():
        await elsewhere.link_existing(
            house.db, house.set_up, asker, id, mapping_id=body.mapping_id, remote_id=body.remote_id
        )
    else:
        await house.db.run(
            asker,
            lambda tx: elsewhere.send(tx, id, mapping_id=body.mapping_id, project=body.project, type=body.type),
        )
    async with house.db.transaction(asker) as tx:
        return await _view(tx, await learning.action_item(tx, id))


@routes.post("/action-items/{id}/elsewhere/part", permission=Permission.EDIT_REVIEW)
async def part_from_elsewhere(tx: Tx, id: PathId, body: Parted) -> ActionItemView:
    """It follows the item no more. Both stay as they are."""
    await elsewhere.part(tx, id, reason=body.reason)
    return await _view(tx, await learning.action_item(tx, id))


@routes.post("/action-items/{id}/elsewhere/retry", permission=Permission.EDIT_REVIEW)
async def retry_elsewhere(tx: Tx, id: PathId) -> ActionItemView:
    """Try again now, with its error forgotten."""
    await elsewhere.try_again(tx, id)
    return await _view(tx, await learning.action_item(tx, id))


async def _views(tx: Tx, items: Sequence[ActionItem]) -> list[ActionItemView]:
    found = await elsewhere.standings(tx, items)
    return [ActionItemView.of(item, found) for item in items]


async def _view(tx: Tx, item: ActionItem) -> ActionItemView:
    return (await _views(tx, [item]))[0]
