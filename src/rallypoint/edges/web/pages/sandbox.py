"""The sandbox phone of the demo: every message that a person of the house would get, as they would get it, live."""

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.connectors import sandbox
from rallypoint.edges.web import visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.errors import NotFound

SHOWN, EARLIER, READ = 5, 20, 300


@page("/sandbox/phone", permission=Permission.READ_INCIDENT)
async def show(request: Request) -> Response:
    if not visit.house(request).settings.demo:
        raise NotFound("sandbox phone", "outside the demo")
    asked = request.query_params.get("person", "")
    async with visit.transaction(request) as tx:
        lately = await sandbox.inbox(tx, limit=READ)
        people = {p.id: p for p in await access.people(tx)}
        owners = list(dict.fromkeys(m.person_id for m in lately if m.person_id in people))
        newest = owners[0] if owners else visit.me(request)
        whose = int(asked) if asked.isdecimal() and int(asked) in people else newest
        messages = await sandbox.inbox(tx, whose, limit=SHOWN + EARLIER) if whose else []
    last: dict[int, sandbox.SandboxMessage] = {}
    for message in lately:
        if message.person_id is not None:
            last.setdefault(message.person_id, message)
    phones = [(people[p], last[p], p == whose) for p in owners if p is not None]
    return await render(
        request,
        "sandbox.html",
        live="sandbox,board",
        phones=phones,
        person=people.get(whose) if whose else None,
        messages=messages[:SHOWN],
        earlier=messages[SHOWN:],
    )
