"""Admin basics: people and teams, keys, domains and their rules, what the public sees, and the audit trail."""

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, catalog, statuspage
from rallypoint.access import Permission, Role
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, keys, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import NavItem
from rallypoint.errors import Invalid, NotFound, Refused

TABS = (
    ("People", "/admin", Permission.READ_ONCALL),
    ("Domains", "/admin/domains", Permission.READ_CATALOG),
    ("Status page", "/admin/status", Permission.READ_CATALOG),
    ("Integrations", "/alerts/integrations", Permission.READ_ALERTS),
    ("Connections", "/admin/connections", Permission.MANAGE_INTEGRATIONS),
    ("Conflicts", "/conflicts", Permission.WORK_INCIDENT),
    ("Keys", "/admin/keys", Permission.MANAGE_KEYS),
    ("Audit", "/admin/audit", Permission.READ_AUDIT),
)
Work = Callable[[Transaction], Awaitable[str]]


def tabs(request: Request) -> list[NavItem]:
    actor = visit.of(request).actor
    return [
        NavItem(name=name, to=to, here=request.url.path == to)
        for name, to, needed in TABS
        if access.allows(actor, needed)
    ]


async def people_page(request: Request, form: forms.Form, status: int = 200, link: str = "") -> Response:
    async with visit.transaction(request) as tx:
        people, teams = await access.people(tx), await access.teams(tx)
        members = {team.id: await access.members(tx, team.id) for team in teams}
    of: dict[int, list[str]] = {}
    for team in teams:
        for person in members[team.id]:
            of.setdefault(person.id, []).append(team.name)
    return await render(
        request,
        "admin_people.html",
        status=status,
        tabs=tabs(request),
        people=people,
        teams=teams,
        members=members,
        of=of,
        form=form,
        roles=list(Role),
        may_edit=access.allows(visit.of(request).actor, Permission.MANAGE_PEOPLE),
        link=link,
    )


@page("/admin", permission=Permission.READ_ONCALL)
async def people(request: Request) -> Response:
    return await people_page(request, forms.of("person"))


async def new_person(tx: Transaction, form: forms.Form) -> str:
    person = await access.create_person(
        tx,
        name=form.text("name"),
        email=form.text("email"),
        roles=form.many("roles") or ("responder",),
        time_zone=form.text("time_zone") or "UTC",
        phone=form.text("phone"),
    )
    for team in form.many("team"):
        await access.add_member(tx, (await access.team(tx, team)).id, person.id)
    return f"{person.name} is added. Make a login link for the first sign-in."


async def new_team(tx: Transaction, form: forms.Form) -> str:
    team = await access.create_team(
        tx, key=form.text("key"), name=form.text("name") or form.text("key"), time_zone=form.text("time_zone") or "UTC"
    )
    return f"Team {team.name} is added."


async def member(tx: Transaction, form: forms.Form) -> str:
    await access.add_member(tx, form.number("team_id") or 0, form.number("person_id") or 0)
    return "Added to the team."


async def off(tx: Transaction, form: forms.Form) -> str:
    await access.deactivate_person(tx, form.number("person_id") or 0)
    return "The account is switched off; sessions have ended."


async def roles(tx: Transaction, form: forms.Form) -> str:
    wanted = form.many("roles")
    if not wanted:
        raise Invalid("roles", "tick at least one role, or switch the account off")
    person = await access.update_person(tx, form.number("person_id") or 0, roles=wanted)
    return f"{person.name} is {', '.join(role.words for role in person.roles)} now. Whoever lost a role signs in again."


async def on(tx: Transaction, form: forms.Form) -> str:
    person = await access.update_person(tx, form.number("person_id") or 0, active=True)
    return f"{person.name} may sign in again. Make a login link for the first time."


ACTS: dict[str, Callable[[Transaction, forms.Form], Awaitable[str]]] = {
    "person": new_person,
    "team": new_team,
    "member": member,
    "off": off,
    "on": on,
    "roles": roles,
}


@page("/admin", permission=Permission.MANAGE_PEOPLE, methods=("POST",))
async def change_people(request: Request) -> Response:
    form = await forms.read(request)
    form = replace(form, name=form.text("what"))
    if form.text("what") == "link":
        who = form.number("person_id") or 0
        token = await visit.run(request, lambda tx: access.make_login_link(tx, who))
        return await people_page(
            request, forms.of("person"), link=f"{visit.house(request).settings.base_url}/login/{token}"
        )
    work = ACTS.get(form.text("what"))
    if work is None:
        raise NotFound("act", form.text("what"))
    return await done(request, form, lambda tx: work(tx, form), "/admin", people_page)


async def done(
    request: Request,
    form: forms.Form,
    work: Work,
    to: str,
    again: Callable[[Request, forms.Form, int], Awaitable[Response]],
) -> Response:
    """Do it and go back, or show the form again with what is wrong."""
    try:
        said = await visit.run(request, work)
    except Invalid as problem:
        return await again(request, form.wrong(problem), 422)
    except Refused as problem:
        return await again(request, form.refused(refusals.in_words(problem)), refusals.status_of(problem))
    return visit.go(request, to, said)


async def all_domains(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        found = await catalog.domains(tx)
        rules = [
            (
                d,
                await catalog.statuses(tx, d.id),
                await catalog.priority_model(tx, d.id),
                await catalog.categories(tx, d.id),
                await catalog.custom_fields(tx, d.id, retired=True),
            )
            for d in found
        ]
    return await render(
        request,
        "admin_domains.html",
        status=status,
        form=form,
        kinds=list(catalog.CustomKind),
        may_configure=access.allows(visit.of(request).actor, Permission.CONFIGURE),
        tabs=tabs(request),
        rules=rules,
        impacts=list(catalog.Impact),
        urgencies=list(catalog.Urgency),
    )


@page("/admin/domains", permission=Permission.READ_CATALOG)
async def domains(request: Request) -> Response:
    return await all_domains(request, forms.of())


@page("/admin/domains/{domain}/fields", permission=Permission.CONFIGURE, methods=("POST",))
async def save_field(request: Request) -> Response:
    """Add a field to a domain, or change the one that has the key."""
    key = request.path_params["domain"]
    form = await forms.read(request, f"field-{key}")

    async def work(tx: Transaction) -> str:
        domain = await catalog.domain(tx, key)
        name = form.required("name", "say what people call it", "Vendor ticket")
        own = form.text("key") or "-".join(re.findall("[a-z0-9]+", name.lower()))[:63]
        choices = [line.strip() for line in form.text("choices").splitlines() if line.strip()]
        saved = await catalog.save_custom_field(
            tx, domain, key=own, name=name, kind=form.text("kind"), choices=choices, hint=form.text("hint"),
            retired=form.ticked("retired"),
        )  # fmt: skip
        return f"Incidents of {domain.name} have the field {saved.name}{' no more' if saved.retired else ''}."

    return await done(request, form, work, "/admin/domains", all_domains)


async def status_settings(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        components, own = await statuspage.components(tx), await statuspage.about(tx)
        services = [s for s in await catalog.services(tx) if not s.retired]
    shown = {c.service_id for c in components}
    return await render(
        request,
        "admin_status.html",
        status=status,
        tabs=tabs(request),
        components=components,
        own=own,
        form=form,
        others=[s for s in services if s.id not in shown],
        may_edit=access.allows(visit.of(request).actor, Permission.EDIT_CATALOG),
    )


@page("/admin/status", permission=Permission.READ_CATALOG)
async def status_page(request: Request) -> Response:
    return await status_settings(request, forms.of("status"))


@page("/admin/status", permission=Permission.EDIT_CATALOG, methods=("POST",))
async def change_status_page(request: Request) -> Response:
    form = await forms.read(request, "status")

    async def work(tx: Transaction) -> str:
        match form.text("what"):
            case "page":
                await statuspage.configure(tx, name=form.text("name"), time_zone=form.text("time_zone"))
                return "The page has its name."
            case "hide":
                await statuspage.update_component(tx, form.text("key"), hidden=True)
                return "No longer shown. Its past is kept."
            case _:
                service = await catalog.service(tx, form.required("service", "choose a service"))
                name = form.text("name") or service.name
                await statuspage.add_component(tx, key=service.key, name=name, service=service.key)
                await catalog.update_service(tx, service.key, public=True)
                return f"{name} is on the status page."

    return await done(request, form, work, "/admin/status", status_settings)


async def keys_page(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        found = await access.keys(tx)
    fresh = request.cookies.get("rallypoint_new_key", "")
    return await render(
        request,
        "admin_keys.html",
        status=status,
        tabs=tabs(request),
        found=found,
        form=form,
        fresh=fresh,
        roles=list(Role),
        base=visit.house(request).settings.base_url,
    )


@page("/admin/keys", permission=Permission.MANAGE_KEYS)
async def show_keys(request: Request) -> Response:
    return await keys_page(request, forms.of("key"))


@page("/admin/keys", permission=Permission.MANAGE_KEYS, methods=("POST",))
async def change_keys(request: Request) -> Response:
    form = await forms.read(request, "key")
    if gone := form.number("revoke"):
        await visit.run(request, lambda tx: access.revoke_key(tx, gone))
        return visit.go(request, "/admin/keys", "The key no longer works.")
    try:
        name = form.required("name", "say what will use it", "deploy pipeline")
        made = await visit.run(
            request, lambda tx: access.create_key(tx, name=name, roles=form.many("roles") or ("viewer",))
        )
    except Invalid as problem:
        return await keys_page(request, form.wrong(problem), 422)
    response = visit.go(request, "/admin/keys", "Made. Copy it now: it is shown for a quarter of an hour, to you only.")
    response.set_cookie(
        "rallypoint_new_key",
        made.token,
        max_age=900,
        httponly=True,
        samesite="strict",
        secure=visit.is_secure(request),
        path="/admin/keys",
    )
    return response


def in_words(detail: str) -> str:
    """The JSON of an audit line for people to read; what was hashed is what `rallypoint doctor --audit` reads."""
    try:
        found = json.loads(detail)
    except ValueError:
        return detail
    if not isinstance(found, dict):
        return detail
    return ", ".join(
        f"{key.replace('_', ' ')} {_plain(value)}" for key, value in found.items() if value not in (None, "", [])
    )


def _plain(value: object) -> str:
    if isinstance(value, list):
        return " and ".join(_plain(one) for one in value)
    if isinstance(value, dict):
        return " ".join(f"{key.replace('_', ' ')} {_plain(one)}" for key, one in value.items())
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)


@page("/admin/audit", permission=Permission.READ_AUDIT)
async def audit(request: Request) -> Response:
    cursor = request.query_params.get("cursor") or None
    async with visit.transaction(request) as tx:
        entries, following = await access.audit_entries(tx, cursor, 100)
        report = await access.verify_audit(tx) if request.query_params.get("verify") else None
        names = {f"person:{person.id}": person.name for person in await access.people(tx)}
    return await render(
        request,
        "admin_audit.html",
        tabs=tabs(request),
        entries=[(entry, names.get(entry.subject) or entry.subject, in_words(entry.detail)) for entry in entries],
        report=report,
        further=f"/admin/audit?cursor={following}" if following else "",
    )


@page("/help", permission=Permission.PUBLIC)
async def help_page(request: Request) -> Response:
    return await render(request, "help.html", places=keys.BY_PLACE)
