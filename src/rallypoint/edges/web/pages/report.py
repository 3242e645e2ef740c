"""Report: the portal for anybody who sees something broken, no account needed. It also takes service requests."""

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import catalog, incidents
from rallypoint.access import Permission
from rallypoint.actors import SYSTEM
from rallypoint.catalog import Kind
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import Incident

KINDS = (
    (Kind.INCIDENT.value, "Something is broken or slow", "We look at it now; somebody may be woken."),
    (Kind.SERVICE_REQUEST.value, "I need something", "An account, access, equipment, a question. Nobody is woken."),
)


async def shown(request: Request, form: forms.Form, status: int = 200) -> Response:
    viewer = visit.of(request).viewer
    async with visit.transaction(request) as tx:
        services = [s for s in await catalog.services(tx) if not s.retired and (s.public or viewer)]
    return await render(request, "report.html", status=status, form=form, services=services, kinds=KINDS)


@page("/report", permission=Permission.REPORT)
async def show(request: Request) -> Response:
    viewer = visit.of(request).viewer
    typed = {"reporter_name": viewer.name, "reporter_contact": viewer.email} if viewer else {}
    return await shown(request, forms.of("report", kind=Kind.INCIDENT.value, **typed))


@page("/report", permission=Permission.REPORT, methods=("POST",))
async def report(request: Request) -> Response:
    form = await forms.read(request, "report")

    async def work(tx: Transaction) -> Incident:
        if form.text("kind") not in list(Kind):
            raise Invalid("kind", "choose one of the two")
        wish = form.text("kind") == Kind.SERVICE_REQUEST  # what somebody would like hurts nobody yet
        return await incidents.open_incident(
            tx,
            title=form.required("title", "say in one line what you see", "I cannot pay by card"),
            kind=Kind(form.text("kind")),
            description=form.text("description"),
            service=form.maybe("service"),
            impact="minor" if wish else None,
            urgency="low" if wish else None,
            reporter_name=form.required("reporter_name", "say who you are, so that we can ask back", "Ada Novak"),
            reporter_contact=form.required("reporter_contact", "say where we can reach you", "ada@example.org"),
            affected_people=form.number("affected_people"),
        )

    try:
        opened = await visit.run(request, work)
    except Invalid as problem:
        return await shown(request, form.wrong(problem), 422)
    except Refused as problem:
        return await shown(request, form.refused(str(problem)), 409)
    token = await visit.run(request, lambda tx: incidents.reporter_token(tx, opened.number), actor=SYSTEM)
    return visit.go(request, f"/r/{token}", "Thank you. It is with us, and this page shows what becomes of it.")
