"""The retrospective of one incident: facts from the record, texts that people write, and what will be done."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rallypoint import access, learning
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages import action_items
from rallypoint.edges.web.pages.incident import number_of
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import Copy
from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, Refused
from rallypoint.learning import Improves, elsewhere
from rallypoint.sync import store

Work = Callable[[Transaction, int, forms.Form], Awaitable[str]]


async def shown(request: Request, number: int, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        view = await learning.view(tx, number)
        people = [p for p in await access.people(tx) if p.active]
        mappings = await store.mappings(tx)
        names = {one.id: one.name for one in await store.connections(tx)} if mappings else {}
    screen = visit.of(request)
    return await render(
        request,
        "retrospective.html",
        status=status,
        live=f"incident:{number}",
        view=view,
        mappings=[(mapping.id, names.get(mapping.connection, ""), mapping.name) for mapping in mappings],
        elsewhere={id: (found, action_items.standing(found)) for id, found in view.elsewhere.items()},
        r=view.retrospective,
        f=view.retrospective.facts,
        people=people,
        form=form,
        copies=(Copy(name="Markdown", to=f"/i/{number}/retrospective.md"),),
        improves=list(Improves),
        may_edit=access.allows(screen.actor, Permission.EDIT_REVIEW),
        today=screen.now.astimezone(screen.zone).date(),
    )


@page("/i/{number:int}/retrospective", permission=Permission.READ_INCIDENT)
async def show(request: Request) -> Response:
    return await shown(request, number_of(request), forms.of("retrospective"))


@page("/i/{number:int}/retrospective.md", permission=Permission.READ_INCIDENT)
async def markdown(request: Request) -> Response:
    async with visit.transaction(request) as tx:
        text = await learning.markdown(tx, number_of(request), zone=visit.of(request).zone.key)
    return PlainTextResponse(text)


async def save(tx: Transaction, number: int, form: forms.Form) -> str:
    known = {s.key for s in (await learning.view(tx, number)).sections}
    texts = {key: value for key, value in form.values.items() if key in known}
    await learning.save(tx, number, version=form.number("version"), **texts)
    return "Saved."


async def hold_meeting(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.hold_meeting(tx, number)
    return "Noted: it was talked over."


async def publish(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.publish(tx, number)
    return "Published: it reads the same for everyone from now on."


async def to_review(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.send_to_review(tx, number)
    return "Others are asked to read it."


async def take_back(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.take_back(tx, number, reason=form.text("reason"))
    return "A draft again."


ACTS: dict[str, Work] = {
    "save": save,
    "meeting": hold_meeting,
    "publish": publish,
    "review": to_review,
    "take-back": take_back,
    **action_items.ACTS,
}


@page("/i/{number:int}/retrospective", permission=Permission.EDIT_REVIEW, methods=("POST",))
async def change(request: Request) -> Response:
    number, form = number_of(request), await forms.read(request, "retrospective")
    work = ACTS.get(form.text("what"))
    if work is None:
        raise NotFound("act", form.text("what"))
    try:
        said = await visit.run(request, lambda tx: work(tx, number, form))
    except Invalid as problem:
        return await shown(request, number, form.wrong(problem), 422)
    except (Refused, Conflict) as problem:
        return await shown(request, number, form.refused(refusals.in_words(problem)), 409)
    return visit.go(request, f"/i/{number}/retrospective", said)


@page("/i/{number:int}/retrospective/elsewhere", permission=Permission.EDIT_REVIEW, methods=("POST",))
async def follow(request: Request) -> Response:
    """Have an item made in another tool, or follow one that is there: that one is read first, outside a transaction."""
    number, form = number_of(request), await forms.read(request, "retrospective")
    house, actor = visit.house(request), visit.of(request).actor
    try:
        mapping = form.number("mapping")
        if mapping is None:
            raise Invalid("mapping", "choose where")
        async with visit.transaction(request) as tx:
            id = await action_items.of_page(tx, number, form)
        if item := form.text("remote_id"):
            await elsewhere.link_existing(house.db, house.set_up, actor, id, mapping_id=mapping, remote_id=item)
            return visit.go(request, f"/i/{number}/retrospective", "It follows that item from now on.")
        await visit.run(
            request,
            lambda tx: elsewhere.send(tx, id, mapping_id=mapping, project=form.text("project"), type=form.text("type")),
        )
    except Invalid as problem:
        return await shown(request, number, form.wrong(problem), 422)
    except (Refused, Conflict, OutsideFailure) as problem:
        return await shown(request, number, form.refused(refusals.in_words(problem)), refusals.status_of(problem))
    return visit.go(request, f"/i/{number}/retrospective", "Ordered. It appears in a moment.")
