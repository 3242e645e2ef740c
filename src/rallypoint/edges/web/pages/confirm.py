"""The reporter's own page: what became of the report, and a yes or a no once it is resolved."""

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import incidents
from rallypoint.access import Permission
from rallypoint.actors import SYSTEM
from rallypoint.edges.web import forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import Incident

REPORT = "report:"
"""What a reporter's page listens to: /live turns its token into the incident, and a wrong one into nothing."""


async def find(request: Request) -> Incident:
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        return await incidents.incident_by_reporter_token(tx, request.path_params["token"])


async def shown(request: Request, form: forms.Form, status: int = 200) -> Response:
    incident = await find(request)
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, incident.number, limit=500)
        files = await incidents.files(tx, incident.number, public_only=True)
    public = [entry for entry in entries if str(entry.visibility) == "public" and entry.kind != "file"]
    public.sort(key=lambda entry: entry.occurred_at, reverse=True)
    return await render(
        request,
        "confirm.html",
        status=status,
        live=f"{REPORT}{request.path_params['token']}",
        i=incident,
        form=form,
        updates=public,
        files=files,
        token=request.path_params["token"],
    )


@page("/r/{token}", permission=Permission.PUBLIC)
async def show(request: Request) -> Response:
    return await shown(request, forms.of("answer"))


@page("/r/{token}", permission=Permission.PUBLIC, methods=("POST",))
async def answer(request: Request) -> Response:
    form = await forms.read(request, "answer")
    token = request.path_params["token"]
    again = f"/r/{token}"
    try:
        if form.text("answer") == "yes":
            await visit.run(request, lambda tx: incidents.confirm_by_reporter(tx, token, note=form.text("note")))
            return visit.go(request, again, "Thank you. It is recorded as confirmed by you.")
        reason = form.required("reason", "say what still does not work, so that the right people look at it")
        await visit.run(request, lambda tx: incidents.reject_by_reporter(tx, token, reason=reason))
        return visit.go(request, again, "It is open again, with what you wrote. Sorry that it was not over.")
    except Invalid as problem:
        return await shown(request, form.wrong(problem), 422)
    except Refused as problem:
        return await shown(request, form.refused(refusals.in_words(problem)), 409)
