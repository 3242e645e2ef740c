"""The retrospective of one incident: facts from the record, texts that people write, and what will be done."""

from collections.abc import Awaitable, Callable
from datetime import date

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rallypoint import access, learning
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages.incident import number_of
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import Copy
from rallypoint.errors import Conflict, Invalid, NotFound, Refused
from rallypoint.learning import Improves

Work = Callable[[Transaction, int, forms.Form], Awaitable[str]]


async def shown(request: Request, number: int, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        view = await learning.view(tx, number)
        people = [p for p in await access.people(tx) if p.active]
    screen = visit.of(request)
    return await render(
        request,
        "retrospective.html",
        status=status,
        view=view,
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


async def add_item(tx: Transaction, number: int, form: forms.Form) -> str:
    owner = form.number("owner_id")
    if owner is None:
        raise Invalid("owner_id", "choose who will do it: without an owner nothing happens")
    try:
        due = date.fromisoformat(form.text("due_on"))
    except ValueError:
        raise Invalid("due_on", "say by which day", "2026-06-30") from None
    await learning.add_action_item(
        tx,
        number,
        title=form.text("title"),
        owner_id=owner,
        due_on=due,
        improves=form.text("improves") or Improves.SERVICE,
    )
    return "The action item stands."


async def finish_item(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.finish(tx, form.number("item") or 0)
    return "Done."


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
    "item": add_item,
    "finish": finish_item,
    "meeting": hold_meeting,
    "publish": publish,
    "review": to_review,
    "take-back": take_back,
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
