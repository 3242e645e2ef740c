"""The page a paged person sees on the phone. Opening it tells nobody anything; only a button does.

`/p/{token}` comes from the message and works without signing in, for that page only; `/pages/{id}` needs a session.
"""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, incidents, notify, oncall
from rallypoint.access import Permission
from rallypoint.actors import SYSTEM, Actor
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.errors import NotFound, RallypointError
from rallypoint.notify import Page

KNOWN = 4
WHY_YOU = "Why you: "
"""The line of a page's text that says by which schedule or name it reached this person."""


async def by_token(request: Request) -> Page:
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        return await notify.page_by_token(tx, request.path_params["token"])


async def by_id(request: Request) -> Page:
    """One of the viewer's own pages; those of others look as if they were not there."""
    wanted, me = int(request.path_params["id"]), visit.me(request)
    async with visit.transaction(request) as tx:
        mine = await notify.my_pages(tx, me, limit=200) if me else []
    for view in mine:
        if view.page.id == wanted:
            return view.page
    raise NotFound("page of yours", wanted)


def page_of(request: Request) -> str:
    """The address of the page itself, also while one of its buttons is answered."""
    path = request.url.path
    return path if request.method in ("GET", "HEAD") else path.rpartition("/")[0]


async def shown(request: Request, paged: Page, *, said: str = "", status: int = 200) -> Response:
    """What is broken, why you, what is known so far, and one large button."""
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        incident = await incidents.incident(tx, paged.incident)
        entries, _ = await incidents.timeline(tx, paged.incident, key_only=True, limit=50)
        runs = await oncall.runs_of(tx, paged.incident)
        person = await access.person(tx, paged.person_id)
    entries = sorted(entries, key=lambda e: e.occurred_at, reverse=True)
    running = next((run for run in runs if run.live), None)
    at_home = visit.of(request).viewer is not None
    if not at_home:
        visit.update(request, zone=visit.zone(person.time_zone))
    said_why = (line.removeprefix(WHY_YOU) for line in paged.text.splitlines() if line.startswith(WHY_YOU))
    return await render(
        request,
        "phone.html",
        status=status,
        live=f"incident:{paged.incident}" if at_home else "",
        paged=paged,
        i=incident,
        known=entries[:KNOWN],
        because=next(said_why, paged.why),
        run=running,
        act=page_of(request),
        said=said,
    )


async def actor_of(request: Request, paged: Page) -> Actor:
    """Who presses: the person signed in, else the person the link was sent to."""
    if visit.of(request).viewer:
        return visit.of(request).actor
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        return await access.actor_for(tx, paged.person_id, origin="page link")


async def press(request: Request, paged: Page, work: Callable[[Transaction], Awaitable[object]], done: str) -> Response:
    back = page_of(request)
    form = await forms.read(request)
    try:
        await visit.run(request, work, actor=await actor_of(request, paged))
    except RallypointError as problem:
        return await shown(request, paged, said=refusals.in_words(problem), status=refusals.status_of(problem))
    return visit.go(request, "/" if form.text("back") == "/" else back, done)


@page("/p/{token}", permission=Permission.PUBLIC)
async def show_by_token(request: Request) -> Response:
    return await shown(request, await by_token(request))


@page("/pages/{id:int}", permission=Permission.READ_INCIDENT)
async def show_by_id(request: Request) -> Response:
    return await shown(request, await by_id(request))


async def acknowledge(request: Request, paged: Page) -> Response:
    via = "the link in the page" if "token" in request.path_params else "web"
    return await press(
        request,
        paged,
        lambda tx: incidents.acknowledge(tx, paged.incident, via=via),
        "Acknowledged. Nobody else is paged.",
    )


async def pass_on(request: Request, paged: Page) -> Response:
    note = f"{paged.person_name} passed the page on"
    return await press(
        request,
        paged,
        lambda tx: incidents.escalate(tx, paged.incident, kind="functional", note=note),
        "Passed on: the next step of the policy is paged now.",
    )


async def add_note(request: Request, paged: Page) -> Response:
    form = await forms.read(request)
    return await press(
        request,
        paged,
        lambda tx: incidents.note(tx, paged.incident, text=form.required("text", "write the note first")),
        "It stands on the timeline.",
    )


@page("/p/{token}/note", permission=Permission.PUBLIC, methods=("POST",))
async def note_by_token(request: Request) -> Response:
    return await add_note(request, await by_token(request))


@page("/pages/{id:int}/note", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def note_by_id(request: Request) -> Response:
    return await add_note(request, await by_id(request))


@page("/p/{token}/acknowledge", permission=Permission.PUBLIC, methods=("POST",))
async def acknowledge_by_token(request: Request) -> Response:
    return await acknowledge(request, await by_token(request))


@page("/pages/{id:int}/acknowledge", permission=Permission.ACKNOWLEDGE, methods=("POST",))
async def acknowledge_by_id(request: Request) -> Response:
    return await acknowledge(request, await by_id(request))


@page("/p/{token}/escalate", permission=Permission.PUBLIC, methods=("POST",))
async def escalate_by_token(request: Request) -> Response:
    return await pass_on(request, await by_token(request))


@page("/pages/{id:int}/escalate", permission=Permission.ESCALATE, methods=("POST",))
async def escalate_by_id(request: Request) -> Response:
    return await pass_on(request, await by_id(request))
