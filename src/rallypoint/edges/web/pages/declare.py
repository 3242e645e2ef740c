"""Declare: three fields and go; the rest can follow. For people who work on incidents."""

from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, catalog, incidents
from rallypoint.access import Permission
from rallypoint.catalog import Impact, Kind, Urgency
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages.incident_acts import custom_of, moment
from rallypoint.edges.web.routing import page
from rallypoint.errors import Invalid, Refused
from rallypoint.ids import incident_name
from rallypoint.incidents import BoardFilter, Incident

ALIKE = 5


async def shown(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        services = [s for s in await catalog.services(tx) if not s.retired]
        domains = await catalog.domains(tx)
        categories = [(d, await catalog.categories(tx, d.id)) for d in domains]
        fields = [(d, await catalog.custom_fields(tx, d.id)) for d in domains]
        people = await access.people(tx)
        alike: list[incidents.Ranked] = []
        if service := form.text("service"):
            alike, _ = await incidents.board(tx, filter=BoardFilter(service=service), cursor=None, limit=ALIKE)
    return await render(
        request,
        "declare.html",
        status=status,
        form=form,
        services=services,
        domains=domains,
        categories=categories,
        fields=[(d, those) for d, those in fields if those],
        people=people,
        impacts=list(Impact),
        urgencies=list(Urgency),
        kinds=list(Kind),
        alike=alike,
    )


@page("/declare", permission=Permission.DECLARE_INCIDENT)
async def show(request: Request) -> Response:
    typed = {key: request.query_params[key] for key in ("title", "service") if key in request.query_params}
    return await shown(request, forms.of("declare", **typed))


def _at_their_inputs(problem: Invalid, form: forms.Form) -> Invalid:
    """Problems of a domain's fields beside the inputs they were typed into."""
    inputs = {key.partition(".")[2].partition(".")[2]: key for key in form.values if key.startswith("custom.")}
    return Invalid(
        [replace(one, field=inputs.get(one.field.removeprefix("custom."), one.field)) for one in problem.problems]
    )


async def _custom(tx: Transaction, form: forms.Form) -> dict[str, str]:
    """What was filled in of the fields of the domain that the incident comes to; other domains have others."""
    domain = form.text("domain")
    if not domain and (key := form.text("service")):
        domain = (await catalog.domain_by_id(tx, (await catalog.service(tx, key)).domain_id)).key
    return custom_of(form, f"custom.{domain or incidents.DOMAIN_OF_PEOPLE}.")


@page("/declare", permission=Permission.DECLARE_INCIDENT, methods=("POST",))
async def declare(request: Request) -> Response:
    form = await forms.read(request, "declare")

    async def work(tx: Transaction) -> Incident:
        return await incidents.open_incident(
            tx,
            title=form.required("title", "say in one line what is broken", "Card payments fail at checkout"),
            kind=Kind(form.text("kind")) if form.text("kind") in list(Kind) else Kind.INCIDENT,
            description=form.text("description"),
            service=form.maybe("service"),
            domain=form.maybe("domain"),
            category=form.maybe("category"),
            impact=form.maybe("impact"),
            urgency=form.maybe("urgency"),
            reporter_name=form.text("reporter_name"),
            reporter_contact=form.text("reporter_contact"),
            affected_people=form.number("affected_people"),
            impact_started_at=moment(form, "impact_started_at", request),
            drill=form.ticked("drill"),
            tags=[form.text("tags")],
            custom=await _custom(tx, form),
        )

    try:
        opened = await visit.run(request, work)
    except Invalid as problem:
        return await shown(request, form.wrong(_at_their_inputs(problem, form)), 422)
    except Refused as problem:
        return await shown(request, form.refused(str(problem)), 409)
    said = f"{incident_name(opened.number)} is open as {opened.priority}: {opened.priority_reason}"
    return visit.go(request, f"/i/{opened.number}", said)
