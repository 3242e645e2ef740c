"""Alerts: what the monitors said, and why somebody was or was not paged for it. And the integrations they come by."""

import json
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, alerts, catalog, incidents, notify
from rallypoint.access import Permission
from rallypoint.alerts import Integration
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.paste import blocks
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import NavItem
from rallypoint.errors import Invalid, Refused

STATES = (
    ("open", "Open"),
    ("firing", "Firing"),
    ("acknowledged", "Acknowledged"),
    ("resolved", "Resolved"),
    ("", "All"),
)
KINDS = (
    ("prometheus", "Prometheus, directly"),
    ("alertmanager", "Alertmanager, by webhook"),
    ("pagerduty", "PagerDuty Events API v2"),
    ("generic", "JSON from anything"),
    ("any", "All of these, one key"),
)
KEY_SECONDS = 900


@page("/alerts", permission=Permission.READ_ALERTS)
async def show(request: Request) -> Response:
    query = request.query_params
    state, service = query.get("status", "open"), query.get("service", "")
    async with visit.transaction(request) as tx:
        found, following = await alerts.list_alerts(
            tx, status=state or None, service=service or None, cursor=query.get("cursor") or None
        )
        counts = await alerts.counts(tx)
        integrations = await alerts.integrations(tx)
        services = await catalog.services(tx)
    counts["open"] = counts.get("firing", 0) + counts.get("acknowledged", 0)
    keep = {"service": service} if service else {}
    tabs = [
        NavItem(
            name=name,
            to="/alerts?" + urlencode({"status": key, **keep}),
            here=key == state,
            count=counts.get(key) if key else None,
        )
        for key, name in STATES
    ]
    further = "/alerts?" + urlencode({"status": state, **keep, "cursor": following}) if following else ""
    return await render(
        request,
        "alerts.html",
        live="alert,board",
        alerts=found,
        tabs=tabs,
        further=further,
        integrations=integrations,
        services={s.id: s for s in services},
        unrouted=counts.get("unrouted", 0),
        service=service,
    )


@page("/alerts/{id:int}", permission=Permission.READ_ALERTS)
async def one(request: Request) -> Response:
    wanted = int(request.path_params["id"])
    async with visit.transaction(request) as tx:
        alert = await alerts.alert(tx, wanted)
        raw = await alerts.payload(tx, wanted)
        service = await catalog.service_by_id(tx, alert.service_id) if alert.service_id else None
        number = await incidents.number_of_alert(tx, wanted)
        incident = await incidents.incident(tx, number) if number else None
        pages = await notify.pages_of(tx, incident.number) if incident else []
    return await render(
        request, "alert.html", live="alert", a=alert, raw=pretty(raw), service=service, incident=incident, pages=pages
    )


def pretty(raw: bytes) -> str:
    """The bytes as they came, indented when they are JSON."""
    text = raw.decode("utf-8", "replace")
    try:
        return json.dumps(json.loads(text), indent=2, ensure_ascii=False)[:50_000]
    except (ValueError, RecursionError):
        return text[:50_000]


@page("/alerts/integrations", permission=Permission.READ_ALERTS)
async def integrations_list(request: Request) -> Response:
    return await listed(request, forms.of("integration"))


async def listed(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        found, services = await alerts.integrations(tx), await catalog.services(tx)
    return await render(
        request,
        "integrations.html",
        status=status,
        live="alert",
        integrations=found,
        form=form,
        kinds=KINDS,
        kind_names=dict(KINDS),
        services=[s for s in services if not s.retired],
        by_id={s.id: s for s in services},
        may_edit=access.allows(visit.of(request).actor, Permission.MANAGE_INTEGRATIONS),
    )


def keep_key(request: Request, response: Response, made: Integration, key: str) -> Response:
    """The key is known at this moment only; the browser that made it may show it for a quarter of an hour."""
    response.set_cookie(
        f"rallypoint_key_{made.id}",
        key,
        max_age=KEY_SECONDS,
        httponly=True,
        samesite="strict",
        secure=visit.is_secure(request),
        path=f"/alerts/integrations/{made.id}",
    )
    return response


@page("/alerts/integrations", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def create(request: Request) -> Response:
    form = await forms.read(request, "integration")

    async def work(tx: Transaction) -> alerts.NewIntegration:
        name = form.required("name", "give it a name that people know", "Alertmanager in Frankfurt")
        return await alerts.create_integration(tx, name=name, kind=form.text("kind"), service=form.maybe("service"))

    try:
        made = await visit.run(request, work)
    except Invalid as problem:
        return await listed(request, form.wrong(problem), 422)
    except Refused as problem:
        return await listed(request, form.refused(refusals.in_words(problem)), 409)
    to = f"/alerts/integrations/{made.integration.id}"
    return keep_key(
        request, visit.go(request, to, "Made. Paste the block below into the sender."), made.integration, made.key
    )


@page("/alerts/integrations/{id:int}", permission=Permission.READ_ALERTS)
async def setup(request: Request) -> Response:
    wanted = int(request.path_params["id"])
    async with visit.transaction(request) as tx:
        integration = await alerts.integration(tx, wanted)
        raw = await alerts.raw_messages(tx, wanted, limit=5)
        service = await catalog.service_by_id(tx, integration.service_id) if integration.service_id else None
    key = request.cookies.get(f"rallypoint_key_{wanted}", "")
    return await render(
        request,
        "integration.html",
        live="alert",
        g=integration,
        service=service,
        key=key,
        blocks=blocks(
            integration.kind, visit.house(request).settings.base_url, key or f"{integration.key_prefix}…your key…"
        ),
        raw=[(message, pretty(message.body)[:5000]) for message in raw],
        may_edit=access.allows(visit.of(request).actor, Permission.MANAGE_INTEGRATIONS),
    )


@page("/alerts/integrations/{id:int}", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def change(request: Request) -> Response:
    """A new key, or on and off."""
    wanted, form = int(request.path_params["id"]), await forms.read(request)
    to = f"/alerts/integrations/{wanted}"
    if form.text("what") == "key":
        made = await visit.run(request, lambda tx: alerts.rotate_key(tx, wanted))
        return keep_key(
            request, visit.go(request, to, "A new key. The old one works for another day."), made.integration, made.key
        )
    off = form.text("what") == "off"
    await visit.run(request, lambda tx: alerts.update_integration(tx, wanted, disabled=off))
    return visit.go(request, to, "Switched off: its messages are refused." if off else "Switched on.")
