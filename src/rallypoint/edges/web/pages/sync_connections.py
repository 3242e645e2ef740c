"""Connections to other tools: what is connected and how it is, connect one, its credentials, its webhook."""

import re
from dataclasses import replace
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, refusals, sync_words, visit
from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages.admin import tabs
from rallypoint.edges.web.routing import page
from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, Problem, Refused
from rallypoint.sync import connecting, store
from rallypoint.sync.hooks import Registered
from rallypoint.sync.ports import Checked, Level
from rallypoint.sync.setting_up import SetUp
from rallypoint.sync.tools import Tool, Tools

LIST = "/admin/connections"
LONGEST_KEY = 40


def tools(request: Request) -> Tools:
    """Every tool that can be connected."""
    return visit.house(request).tools


def set_up(request: Request) -> SetUp:
    return visit.house(request).set_up


def tool_of(request: Request, kind: str) -> Tool:
    if kind not in tools(request):
        raise NotFound("tool", kind)
    return tools(request)[kind]


def at(key: str) -> str:
    return f"{LIST}/{key}"


@page(LIST, permission=Permission.MANAGE_INTEGRATIONS)
async def connections(request: Request) -> Response:
    now, desk = visit.of(request).now, set_up(request)
    async with visit.transaction(request) as tx:
        found = [await desk.health(tx, one.key) for one in await store.connections(tx)]
    return await render(
        request,
        "connections.html",
        live="sync,sync-poll",
        tabs=[replace(tab, here=tab.to == LIST) for tab in tabs(request)],
        connections=[(one, sync_words.of_connection(one.connection, now)) for one in found],
        tools=tools(request),
    )


@page(LIST + "/new", permission=Permission.MANAGE_INTEGRATIONS)
async def new(request: Request) -> Response:
    """Which tool; then what it asks."""
    kind = request.query_params.get("tool", "")
    tool = tool_of(request, kind) if kind else None
    return await asked(request, tool, forms.of("connection"))


async def asked(request: Request, tool: Tool | None, form: Form, status: int = 200) -> Response:
    known = [tools(request)[kind] for kind in sorted(tools(request).keys())]
    return await render(request, "connection_new.html", status=status, tool=tool, known=known, form=form)


@page(LIST + "/new", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def connect(request: Request) -> Response:
    """Make it and try it at once. A tool that does not let us in is a finding: nothing has to be typed again."""
    form = await forms.read(request, "connection")
    tool = tool_of(request, form.text("tool"))
    key = form.text("key") or short_name(form.text("name") or tool.name)

    async def work(tx: Transaction) -> connecting.NewConnection:
        given, sealed = answers(form, tool)
        return await connecting.connect(
            tx, tools(request), visit.house(request).vault, key=key, tool=tool.kind, base_url=form.text("base_url"),
            name=form.text("name"), settings=given, secrets_=sealed,
        )  # fmt: skip

    try:
        await visit.run(request, work)
    except Invalid as problem:
        return await asked(request, tool, form.wrong(beside(problem, tool)), 422)
    except Conflict as problem:
        taken = Invalid(Problem("key", str(problem), f"{key}-2"))
        return await asked(request, tool, form.wrong(taken), 409)
    except Refused as problem:
        return await asked(request, tool, form.refused(refusals.in_words(problem)), 409)
    found = await set_up(request).check(visit.of(request).actor, key)
    return visit.go(request, at(key), told(tool, found), tone="ok" if found.ok else "bad")


def answers(form: Form, tool: Tool) -> tuple[dict[str, Any], dict[str, str]]:
    """(settings, secrets) as typed, by the names that the tool asks for."""
    given = {one.name: form.text(f"set.{one.name}") for one in tool.asked if not one.secret}
    sealed = {one.name: form.text(f"secret.{one.name}") for one in tool.asked if one.secret}
    return {name: value for name, value in given.items() if value}, sealed


def beside(problem: Invalid, tool: Tool) -> Invalid:
    """What is wrong, by the names that the inputs have here."""
    inputs = {one.name: f"{'secret' if one.secret else 'set'}.{one.name}" for one in tool.asked}
    return Invalid(
        [replace(one, field=inputs.get(one.field.removeprefix("settings."), one.field)) for one in problem.problems]
    )


def short_name(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:LONGEST_KEY].strip("-")


def told(tool: Tool, found: Checked) -> str:
    """What a check found, as sentences: what is wrong first."""
    worst = [one for one in found.findings if one.level is not Level.OK] or list(found.findings)
    said = " ".join(f"{one.text} {one.help}".strip() for one in worst)
    if found.ok:
        return f"{tool.name} lets us in. {said}".strip()
    return f"It is kept, but {tool.name} does not let us in yet: {said}"


@page(LIST + "/{key}", permission=Permission.MANAGE_INTEGRATIONS)
async def connection(request: Request) -> Response:
    return await shown(request, forms.of("connection"))


async def shown(
    request: Request, form: Form, *, status: int = 200, found: Checked | None = None, hook: Registered | None = None
) -> Response:
    """One connection. `found` are the findings of a check made just now; `hook` a webhook, shown this once."""
    key = request.path_params["key"]
    async with visit.transaction(request) as tx:
        health = await set_up(request).health(tx, key)
        connection = health.connection
        mappings = await store.mappings(tx, connection.id)
    if connection.tool not in tools(request):
        raise Refused(
            f"This Rallypoint knows no tool {connection.tool!r}.", help="Another version made this connection."
        )
    return await render(
        request,
        "connection.html",
        status=status,
        live="" if hook or found else "sync,sync-poll",
        h=health,
        c=connection,
        standing=sync_words.of_connection(connection, visit.of(request).now),
        tool=tools(request)[connection.tool],
        mappings=mappings,
        form=form,
        found=found,
        hook=hook,
    )


@page(LIST + "/{key}/check", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def check(request: Request) -> Response:
    found = await set_up(request).check(visit.of(request).actor, request.path_params["key"])
    return await shown(request, forms.of("connection"), found=found)


@page(LIST + "/{key}/webhook", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def webhook(request: Request) -> Response:
    """Register it, or say what a person installs there. Address and secret are on this answer only."""
    try:
        made = await set_up(request).register_webhook(visit.of(request).actor, request.path_params["key"])
    except (Invalid, Refused, OutsideFailure) as problem:
        failed = forms.of("webhook").refused(refusals.in_words(problem))
        return await shown(request, failed, status=refusals.status_of(problem))
    return await shown(request, forms.of("connection"), hook=made)


@page(LIST + "/{key}/pause", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def pause(request: Request) -> Response:
    key, form = request.path_params["key"], await forms.read(request, "pause")
    await visit.run(request, lambda tx: connecting.pause(tx, key, reason=form.text("reason")))
    return visit.go(request, at(key), "Paused. What changes meanwhile is caught up when it is resumed.")


@page(LIST + "/{key}/resume", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def resume(request: Request) -> Response:
    key = request.path_params["key"]
    await visit.run(request, lambda tx: connecting.resume(tx, key))
    return visit.go(request, at(key), "It goes on. What changed meanwhile is read now.")


@page(LIST + "/{key}/credentials", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def credentials(request: Request) -> Response:
    """Another address, settings or secrets. Empty secrets stay as they are; then it is tried."""
    key, form = request.path_params["key"], await forms.read(request, "credentials")

    async def work(tx: Transaction) -> str:
        kind = (await store.connection(tx, key)).tool
        given, sealed = answers(form, tool_of(request, kind))
        await connecting.new_credentials(
            tx, tools(request), visit.house(request).vault, key, base_url=form.text("base_url"), settings=given,
            secrets_=sealed,
        )  # fmt: skip
        return kind

    try:
        kind = await visit.run(request, work)
    except Invalid as problem:
        async with visit.transaction(request) as tx:
            tool = tool_of(request, (await store.connection(tx, key)).tool)
        return await shown(request, form.wrong(beside(problem, tool)), status=422)
    except (Refused, Conflict) as problem:
        return await shown(request, form.refused(refusals.in_words(problem)), status=409)
    found = await set_up(request).check(visit.of(request).actor, key)
    return visit.go(request, at(key), told(tools(request)[kind], found), tone="ok" if found.ok else "bad")
