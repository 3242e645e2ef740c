"""The sandbox phone of the demo: every message that a person of the house would get, as they would get it, live."""

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.connectors import sandbox
from rallypoint.edges.web import visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import NavItem
from rallypoint.errors import NotFound

SHOWN, READ = 20, 300


@page("/sandbox/phone", permission=Permission.READ_INCIDENT)
async def show(request: Request) -> Response:
    if not visit.house(request).settings.demo:
        raise NotFound("sandbox phone", "outside the demo")
    asked = request.query_params.get("person", "")
    async with visit.transaction(request) as tx:
        lately = await sandbox.inbox(tx, limit=READ)
        people = {p.id: p for p in await access.people(tx)}
        owners = list(dict.fromkeys(m.person_id for m in lately if m.person_id in people))
        me = visit.me(request)
        whose = (
            int(asked) if asked.isdigit() and int(asked) in people else me if me in owners or not owners else owners[0]
        )
        messages = await sandbox.inbox(tx, whose, limit=SHOWN) if whose else []
    tabs = [
        NavItem(name=people[p].name, to=f"/sandbox/phone?person={p}", here=p == whose) for p in owners if p is not None
    ]
    return await render(
        request,
        "sandbox.html",
        live="sandbox,board",
        tabs=tabs,
        person=people.get(whose) if whose else None,
        messages=messages,
    )
