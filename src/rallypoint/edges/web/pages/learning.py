"""Learning: retrospectives and what was promised in them."""

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import learning
from rallypoint.access import Permission
from rallypoint.edges.web import visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import NavItem
from rallypoint.learning import State


@page("/learning", permission=Permission.READ_INCIDENT)
async def show(request: Request) -> Response:
    state = request.query_params.get("state") or None
    async with visit.transaction(request) as tx:
        entries, following = await learning.list_retrospectives(
            tx, state=state, cursor=request.query_params.get("cursor") or None
        )
        items, _ = await learning.open_action_items(tx)
    tabs = [NavItem(name="All", to="/learning", here=state is None)]
    tabs += [
        NavItem(name=s.value.capitalize(), to="/learning?" + urlencode({"state": s.value}), here=state == s.value)
        for s in State
    ]
    again = {"state": state} if state else {}
    further = "/learning?" + urlencode({**again, "cursor": following}) if following else ""
    today = visit.of(request).now.astimezone(visit.of(request).zone).date()
    return await render(request, "learning.html", entries=entries, items=items, tabs=tabs, further=further, today=today)
