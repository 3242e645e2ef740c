"""Linked items on an incident's page, and the inbox of conflicts. What a person decides is an ordinary act here."""

from collections.abc import Awaitable, Callable

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
from rallypoint.sync import linking, store
from rallypoint.sync.model import Side

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
    return await inbox(request, forms.of("conflict"))


async def inbox(request: Request, form: Form, status: int = 200) -> Response:
    """Those that wait, or those that a rule or a person settled."""
    settled = request.query_params.get("show") == "settled"
    async with visit.transaction(request) as tx:
        found = await store.conflicts(tx, open_only=not settled)
        waiting = len(found) if not settled else await store.open_conflicts(tx)
    seen = [sync_words.dispute(one) for one in found]
    tabs = [
        NavItem(name="Open", to="/conflicts", here=not settled, count=waiting),
        NavItem(name="Settled", to="/conflicts?show=settled", here=settled),
    ]
    return await render(
        request,
        "conflicts.html",
        status=status,
        live=store.CONFLICTS,
        disputes=[one for one in seen if one.waits is not settled],
        settled=settled,
        tabs=tabs,
        form=form,
    )


@page("/conflicts/{id:int}", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def settle(request: Request) -> Response:
    """Keep ours, take theirs, or turn round what a rule decided."""
    id, form = int(request.path_params["id"]), await forms.read(request, "conflict")
    back = "/conflicts?show=settled" if form.text("back") == "settled" else "/conflicts"
    side = form.text("side")
    if side not in set(Side):
        raise Invalid("side", "choose whose value is kept", "hub")

    async def work(tx: Transaction) -> None:
        await linking.settle(tx, await store.conflict(tx, id), Side(side))

    try:
        await visit.run(request, work)
    except (Clash, Refused, Invalid) as problem:
        return await inbox(request, form.refused(_why(problem)), 409)
    kept = "Ours is kept, and written there." if side == Side.HUB else "Theirs is taken; the incident has it now."
    return visit.go(request, back, kept)


def _why(problem: Clash | Refused | Invalid) -> str:
    return "; ".join(one.reason for one in problem.problems) if isinstance(problem, Invalid) else str(problem)
