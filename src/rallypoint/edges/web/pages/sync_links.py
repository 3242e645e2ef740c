"""Linked items on an incident's page, and the inbox of conflicts. What a person decides is an ordinary act here."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, refusals, sync_words, visit
from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages.incident import number_of, shown
from rallypoint.edges.web.pages.incident_acts import act
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import NavItem
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Invalid, NotFound, OutsideFailure, Refused
from rallypoint.sync import conflict_store, deciding, linking, store
from rallypoint.sync.model import Side
from rallypoint.sync.work import OpenConflict

LinkAct = Callable[[Transaction, int], Awaitable[None]]


async def create(tx: Transaction, number: int, form: Form) -> object:
    return await linking.create_remote(tx, number, mapping_id=_mapping(form))


def _mapping(form: Form) -> int:
    chosen = form.number("mapping")
    if chosen is None:
        raise Invalid("mapping", "choose what it is linked by")
    return chosen


@page("/i/{number:int}/elsewhere/join", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def join_item(request: Request) -> Response:
    """The item is read before it is linked, outside any transaction: a typing mistake is told at once."""
    number, form = number_of(request), await forms.read(request, "elsewhere-join")
    try:
        item = form.required("remote_id", "write the item's id", "INC0010023")
        await visit.house(request).set_up.link_existing(
            visit.of(request).actor, number, mapping_id=_mapping(form), remote_id=item
        )
    except Invalid as problem:
        return await shown(request, number, failed=form.wrong(problem), status=422)
    except (Refused, Clash, OutsideFailure) as problem:
        failed = form.refused(refusals.in_words(problem))
        return await shown(request, number, failed=failed, status=refusals.status_of(problem))
    return visit.go(request, f"/i/{number}", "Linked. Both sides are compared now.")


@page("/i/{number:int}/elsewhere/create", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def create_item(request: Request) -> Response:
    return await act(request, number_of(request), "elsewhere-create", create, "Ordered. It appears in a moment.")


async def _of_incident(tx: Transaction, number: int, link_id: int) -> None:
    """A link is only acted on from the page of its own incident."""
    if (await store.link(tx, link_id)).incident != number:
        raise NotFound("link", link_id)


@page("/i/{number:int}/elsewhere/{link:int}/again", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def again(request: Request) -> Response:
    link_id = int(request.path_params["link"])

    async def work(tx: Transaction, number: int, form: Form) -> None:
        await _of_incident(tx, number, link_id)
        await linking.try_again(tx, link_id)

    return await act(request, number_of(request), "elsewhere", work, "It is tried again now.")


@page("/i/{number:int}/elsewhere/{link:int}/part", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def part(request: Request) -> Response:
    link_id = int(request.path_params["link"])

    async def work(tx: Transaction, number: int, form: Form) -> None:
        await _of_incident(tx, number, link_id)
        await linking.part(tx, link_id, reason=form.text("reason"))

    return await act(request, number_of(request), "elsewhere", work, "Parted. Each record goes its own way.")


# The inbox.


@page("/conflicts", permission=Permission.WORK_INCIDENT)
async def conflicts(request: Request) -> Response:
    return await inbox(request, forms.of("conflict"), settled=request.query_params.get("show") == "settled")


async def inbox(request: Request, form: Form, *, settled: bool, status: int = 200, edited: int = 0) -> Response:
    """Those that wait, or those that a rule or a person settled. `edited` is one that was changed since, unseen."""
    async with visit.transaction(request) as tx:
        found = await conflict_store.conflicts(tx, open_only=not settled)
        waiting = len(found) if not settled else await conflict_store.open_conflicts(tx)
    seen = [sync_words.dispute(one) for one in found]
    seen = [replace(one, since=one.since or "It was changed since.") if one.c.id == edited else one for one in seen]
    tabs = [
        NavItem(name="Open", to="/conflicts", here=not settled, count=waiting),
        NavItem(name="Settled", to="/conflicts?show=settled", here=settled),
    ]
    return await render(
        request,
        "conflicts.html",
        status=status,
        live=conflict_store.CONFLICTS,
        disputes=[one for one in seen if one.waits is not settled],
        settled=settled,
        tabs=tabs,
        form=form,
    )


@page("/conflicts/{id:int}", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def settle(request: Request) -> Response:
    """Keep ours or take theirs."""
    form = await forms.read(request, "conflict")
    side = form.text("side")
    if side not in set(Side):
        raise Invalid("side", "choose whose value is kept", "hub")
    return await _decided(request, form, lambda tx, id, over: deciding.settle(tx, id, Side(side), over=over))


@page("/conflicts/{id:int}/round", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def turn_round(request: Request) -> Response:
    """The value that lost, after all."""
    form = await forms.read(request, "conflict")
    return await _decided(request, form, lambda tx, id, over: deciding.turn_round(tx, id, over=over))


async def _decided(
    request: Request, form: Form, decide: Callable[[Transaction, int, bool], Awaitable[OpenConflict]]
) -> Response:
    id, settled = int(request.path_params["id"]), form.text("back") == "settled"
    try:
        found = await visit.run(request, lambda tx: decide(tx, id, form.text("over") == "yes"))
    except (Clash, Refused, Invalid) as problem:
        edited = id if isinstance(problem, deciding.EditedSince) else 0
        return await inbox(request, form.refused(_why(problem)), settled=settled, status=409, edited=edited)
    ours = found.standing is Side.HUB
    kept = "Ours is kept, and written there." if ours else "Theirs is taken; the incident has it now."
    return visit.go(request, "/conflicts?show=settled" if settled else "/conflicts", kept)


def _why(problem: Clash | Refused | Invalid) -> str:
    return "; ".join(one.reason for one in problem.problems) if isinstance(problem, Invalid) else str(problem)
