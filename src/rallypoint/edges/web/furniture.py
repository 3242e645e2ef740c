"""Renders a page with what stands around it: the main list with its counts, and the line of an open P1."""

from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from rallypoint import access, incidents
from rallypoint.access import Permission
from rallypoint.edges.web import flash, rendering, visit
from rallypoint.edges.web.screen import CONFLICTS, Copy, Disruption, nav
from rallypoint.incidents import BoardFilter
from rallypoint.sync import conflict_store

LOUD = "P1"
WITHOUT_NOTICE = ("/board", "/i/")


async def render(
    request: Request, template: str, *, status: int = 200, live: str = "", copies: tuple[Copy, ...] = (), **context: Any
) -> Response:
    """A whole page. `live` names what the page listens to; the flash is shown now and forgotten."""
    screen = visit.of(request)
    counts: dict[str, int] = {}
    if screen.viewer and access.allows(screen.actor, Permission.READ_INCIDENT):
        counts = await _top(request)
    visit.update(
        request,
        nav=nav(request.url.path, counts, screen.actor),
        live=live,
        copies=copies,
        may_declare=access.allows(screen.actor, Permission.DECLARE_INCIDENT),
    )
    response = HTMLResponse(rendering.page(template, **context), status_code=status)
    if request.method == "POST" and "hx-request" in request.headers:
        # The page stays at the address it has: where a form was sent there is nothing to read again, live or by hand.
        response.headers["hx-push-url"] = "false"
    if screen.said:
        response.delete_cookie(flash.COOKIE, path="/")
    return response


async def _top(request: Request) -> dict[str, int]:
    """How many are open; and the worst of them for the notice, where the page has no list of its own."""
    path = request.url.path
    shows = path != "/" and not path.startswith(WITHOUT_NOTICE)
    async with visit.transaction(request) as tx:
        counts = await incidents.open_counts(tx)
        conflicts = await conflict_store.open_conflicts(tx)
        ranked: list[incidents.Ranked] = []
        if counts.get(LOUD) and shows:
            ranked, _ = await incidents.board(tx, filter=BoardFilter(priority=LOUD), limit=1)
    if ranked:
        worst = ranked[0].incident
        since = worst.impact_started_at or worst.detected_at or worst.created_at
        notice = Disruption(
            number=worst.number,
            title=worst.title,
            priority=worst.priority,
            since=since,
            commander=worst.commander_name or "",
        )
        visit.update(request, disruption=notice)
    return {"/board": sum(counts.values()), CONFLICTS: conflicts}
