"""Historical syncs: what was there before a mapping was, planned, started, paused, and how far it is."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Query
from pydantic import Field, StringConstraints
from starlette.requests import Request

from rallypoint import paging_cursor
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.api.door import house_of
from rallypoint.edges.api.route import Asker, Routes, Tx
from rallypoint.edges.api.views.sync_history import HistoryPieceView, HistoryView
from rallypoint.edges.api.words import Input, Listed, Listing, Page, PathId, paged
from rallypoint.sync import history, history_store, store
from rallypoint.sync.history_model import History
from rallypoint.sync.mapping import Check, Condition

routes = Routes("sync")

MANAGE = Permission.MANAGE_INTEGRATIONS
Word = Annotated[str, StringConstraints(max_length=200)]


class ConditionIn(Input):
    field: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    check: Check = Check.IS
    values: list[Word] = Field(default_factory=list, max_length=50)


class NewHistory(Input):
    direction: Literal["receive", "send"] = Field(
        description="receive: items there become incidents here. send: incidents here get an item there."
    )
    since: datetime | None = Field(None, description="Only what changed there, or was opened here, since then.")
    conditions: list[ConditionIn] = Field(
        default_factory=list, max_length=20, description="All must hold, besides the mapping's own."
    )
    match: Annotated[str, StringConstraints(max_length=63)] = Field(
        "", description="A mapped field of the incident: items that say the same join the incident that is there."
    )


class Pieces(Listing):
    state: Annotated[Literal["", "waiting", "done", "failed"], Query()] = ""


async def _shown(tx: Transaction, found: History) -> HistoryView:
    return HistoryView.of(found, await history_store.progress(tx, found))


@routes.get("/mappings/{id}/history", permission=MANAGE)
async def list_histories(tx: Tx, id: PathId, query: Listed) -> Page[HistoryView]:
    """Every historical sync of a mapping."""
    await store.mapping(tx, id)
    shown, next_cursor = paged(await history_store.of_mapping(tx, id), query, lambda one: one.id)
    return Page(items=[await _shown(tx, one) for one in shown], next_cursor=next_cursor)


@routes.post("/mappings/{id}/history", permission=MANAGE, outside=True)
async def plan_history(request: Request, asker: Asker, id: PathId, body: NewHistory) -> HistoryView:
    """List what would be brought over, in the background. Nothing is written before it is started."""
    house = house_of(request)
    conditions = tuple(Condition(field=one.field, check=one.check, values=tuple(one.values)) for one in body.conditions)
    made = await history.plan_with(
        house.db, house.set_up, asker, id, direction=body.direction, since=body.since, conditions=conditions,
        match=body.match,
    )  # fmt: skip
    async with house.db.transaction(asker) as tx:
        return await _shown(tx, made)


@routes.get("/history/{id}", permission=MANAGE)
async def show_history(tx: Tx, id: PathId) -> HistoryView:
    """How far it is."""
    return await _shown(tx, await history_store.one(tx, id))


@routes.get("/history/{id}/items", permission=MANAGE)
async def list_history_items(tx: Tx, id: PathId, query: Annotated[Pieces, Query()]) -> Page[HistoryPieceView]:
    """What it is about, in its order, with what came of each, or would."""
    await history_store.one(tx, id)
    after = 0
    if query.cursor is not None:
        (after,) = paging_cursor.decode(query.cursor, length=1)
    found = await history_store.pieces(tx, id, state=query.state, after=int(after), limit=query.limit + 1)
    shown = found[: query.limit]
    following = paging_cursor.encode([shown[-1].place]) if len(found) > len(shown) else None
    return Page(items=[HistoryPieceView.model_validate(one) for one in shown], next_cursor=following)


@routes.post("/history/{id}/start", permission=MANAGE)
async def start_history(tx: Tx, id: PathId) -> HistoryView:
    """Begin, or go on after a pause."""
    return await _shown(tx, await history.start(tx, id))


@routes.post("/history/{id}/pause", permission=MANAGE)
async def pause_history(tx: Tx, id: PathId) -> HistoryView:
    """Nothing more is begun."""
    return await _shown(tx, await history.pause(tx, id))


@routes.post("/history/{id}/cancel", permission=MANAGE)
async def cancel_history(tx: Tx, id: PathId) -> HistoryView:
    """End it for good. What was brought over stays."""
    return await _shown(tx, await history.cancel(tx, id))


@routes.post("/history/{id}/retry", permission=MANAGE)
async def retry_history(tx: Tx, id: PathId) -> HistoryView:
    """Take up once more what failed."""
    return await _shown(tx, await history.try_again(tx, id))
