"""The web edge as one Starlette app: pages, static files, and the stream that keeps open pages true."""

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from rallypoint import incidents
from rallypoint.access import Permission
from rallypoint.actors import SYSTEM
from rallypoint.edges.web import assets, guard, pages, refusals, routing, sse, visit
from rallypoint.edges.web.pages import confirm
from rallypoint.errors import NotFound, Refused

if TYPE_CHECKING:
    from rallypoint.house import House

FOR_ANYONE = frozenset({"statuspage"})


@routing.page("/live", permission=Permission.PUBLIC)
async def live(request: Request) -> Response:
    """Server-sent events. Somebody who is not signed in hears about the status page and their own report only."""
    on = sse.topics(request)
    if visit.of(request).viewer is None:
        on = (on & FOR_ANYONE) | await reported(request, on)
    return sse.stream(visit.house(request).db.hints, on, request.query_params.get("since", "")[:60])


async def reported(request: Request, on: frozenset[str]) -> frozenset[str]:
    """The incident of a reporter's own page, by the token that opens that page."""
    for topic in on:
        if topic.startswith(confirm.REPORT):
            try:
                async with visit.house(request).db.transaction(SYSTEM) as tx:
                    found = await incidents.incident_by_reporter_token(tx, topic.removeprefix(confirm.REPORT))
            except NotFound:
                continue
            return frozenset({f"incident:{found.number}"})
    return frozenset()


async def no_route(request: Request, problem: Exception) -> Response:
    """An address or a method that no page answers to."""
    status = problem.status_code if isinstance(problem, HTTPException) else 404
    await visit.arrive(request)
    if status == 405:
        found = refusals.shown(request, 405, (str(Refused("Open the page and press its button.")),))
    else:
        found = refusals.shown(
            request, 404, (str(NotFound("page", request.url.path)), "The address may have a typing error.")
        )
    return guard.dress(found, private=True)


def routes() -> list[BaseRoute]:
    """Every page, and the static files beside them."""
    assert pages
    return [
        Route("/static/{version}/{name}", assets.serve, methods=["GET"]),
        Route("/favicon.ico", assets.favicon, methods=["GET"]),
        *routing.ROUTES,
    ]


def create_app(house: "House") -> Starlette:
    """The pages alone; edges/asgi.py puts hooks, API and operations beside them."""
    app = Starlette(routes=routes(), exception_handlers={404: no_route, 405: no_route})
    app.state.house = house
    return app
