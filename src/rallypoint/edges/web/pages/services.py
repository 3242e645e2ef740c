"""Services: the catalogue, what needs what, who owns it and what is open on it."""

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, alerts, catalog, incidents, oncall
from rallypoint.access import Permission
from rallypoint.catalog import Hosting, Layer
from rallypoint.db import Transaction
from rallypoint.edges.web import faces, forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import BoardFilter

OPEN_SHOWN = 200


@page("/services", permission=Permission.READ_CATALOG)
async def show(request: Request) -> Response:
    return await listed(request, forms.of("service"))


async def listed(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        services = await catalog.services(tx)
        teams = {team.id: team for team in await access.teams(tx)}
        domains = await catalog.domains(tx)
        ranked, _ = await incidents.board(tx, filter=BoardFilter(), cursor=None, limit=OPEN_SHOWN)
    worst: dict[str, object] = {}
    for row in ranked:
        worst.setdefault(row.incident.service_key, row.incident)
    shown = [s for s in services if not s.retired or request.query_params.get("retired")]
    return await render(
        request,
        "services.html",
        status=status,
        live="board",
        services=shown,
        teams=teams,
        worst=worst,
        domains=domains,
        form=form,
        tiers=(1, 2, 3, 4),
        hostings=list(Hosting),
        layers=list(Layer),
        may_edit=access.allows(visit.of(request).actor, Permission.EDIT_CATALOG),
    )


@page("/services", permission=Permission.EDIT_CATALOG, methods=("POST",))
async def create(request: Request) -> Response:
    form = await forms.read(request, "service")

    async def work(tx: Transaction) -> None:
        await catalog.create_service(
            tx,
            key=form.required("key", "give it a short name", "checkout"),
            name=form.text("name") or form.text("key"),
            domain=form.text("domain"),
            team=form.maybe("team"),
            tier=form.number("tier") or 3,
            hosting=form.text("hosting") or "cloud",
            layer=form.text("layer") or "application",
            description=form.text("description"),
            public=form.ticked("public"),
        )

    try:
        await visit.run(request, work)
    except Invalid as problem:
        return await listed(request, form.wrong(problem), 422)
    return visit.go(
        request, f"/services/{form.text('key')}", "The service is in the catalogue. Say what it needs and who is paged."
    )


@page("/services/{key}", permission=Permission.READ_CATALOG)
async def one(request: Request) -> Response:
    return await one_page(request, forms.of("service"))


async def one_page(request: Request, form: forms.Form, status: int = 200) -> Response:
    key = request.path_params["key"]
    async with visit.transaction(request) as tx:
        service = await catalog.service(tx, key)
        team = await access.team_by_id(tx, service.team_id) if service.team_id else None
        members = await access.members(tx, service.team_id) if service.team_id else []
        needs, needed_by = await catalog.needs(tx, service.id), await catalog.needed_by(tx, service.id)
        runbooks = await catalog.runbooks(tx, service.id)
        policy = await oncall.policy_of(tx, service.id)
        domain = await catalog.domain_by_id(tx, service.domain_id)
        now_open, _ = await incidents.board(tx, filter=BoardFilter(service=key), cursor=None, limit=20)
        past, _ = await incidents.board(tx, filter=BoardFilter(service=key, open_only=False), cursor=None, limit=20)
        firing: list[alerts.Alert] = []
        if access.allows(tx.actor, Permission.READ_ALERTS):
            firing, _ = await alerts.list_alerts(tx, status="open", service=key, limit=10)
        others = [s for s in await catalog.services(tx) if s.id != service.id and not s.retired]
    now = visit.of(request).now
    open_numbers = {row.incident.number for row in now_open}
    return await render(
        request,
        "service.html",
        status=status,
        live="board",
        s=service,
        team=team,
        members=members,
        needs=needs,
        needed_by=needed_by,
        runbooks=runbooks,
        policy=policy,
        domain=domain,
        rows=[(r, faces.deadline(r.next_deadline, now)) for r in now_open],
        past=[r.incident for r in past if r.incident.number not in open_numbers],
        firing=firing,
        others=others,
        form=form,
        may_edit=access.allows(visit.of(request).actor, Permission.EDIT_CATALOG),
    )


@page("/services/{key}", permission=Permission.EDIT_CATALOG, methods=("POST",))
async def change(request: Request) -> Response:
    key, form = request.path_params["key"], await forms.read(request, "service")

    async def work(tx: Transaction) -> None:
        if needs := form.maybe("needs"):
            await catalog.add_dependency(tx, key, needs)
        elif gone := form.maybe("no_longer_needs"):
            await catalog.remove_dependency(tx, key, gone)
        elif url := form.maybe("url"):
            await catalog.add_runbook(tx, key, form.text("title") or url, url)
        else:
            raise Invalid("needs", "choose what it needs, or write a runbook's address")

    try:
        await visit.run(request, work)
    except Invalid as problem:
        return await one_page(request, form.wrong(problem), 422)
    except Refused as problem:
        return await one_page(request, form.refused(refusals.in_words(problem)), 409)
    return visit.go(request, f"/services/{key}", "Saved.")
