"""Signing in: by password, or by a one-time link whose page shows a button. Opening a link never signs anybody in."""

from ipaddress import ip_address

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.actors import ANONYMOUS
from rallypoint.edges.web import forms, guard, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.errors import Invalid, NotFound, Refused


def caller(request: Request) -> tuple[str, str]:
    """Address and user agent, for the list of sessions and the audit. A proxy may pass on what a stranger wrote as
    their address: what is none counts as one stranger."""
    return (address_of(request.client.host if request.client else ""), request.headers.get("user-agent", "")[:200])


def address_of(said: str) -> str:
    try:
        return str(ip_address(said)) if said else ""
    except ValueError:
        return "unknown"


@page("/signin", permission=Permission.SIGN_IN)
async def show(request: Request) -> Response:
    if visit.of(request).viewer:
        return visit.go(request, guard.inside(request.query_params.get("next")))
    return await render(request, "signin.html", form=forms.of("signin", next=request.query_params.get("next", "")))


@page("/signin", permission=Permission.SIGN_IN, methods=("POST",))
async def enter(request: Request) -> Response:
    form = await forms.read(request, "signin")
    address, agent = caller(request)
    try:
        email = form.required("email", "write the address you are known by", "ines@example.org")
        form.required("password", "write your password")
        password = form.value("password")  # as it was typed: a blank at its end belongs to it
        signed = await visit.run(
            request,
            lambda tx: access.sign_in(tx, email=email, password=password, address=address, agent=agent),
            actor=ANONYMOUS,
        )
    except Invalid as problem:
        return await render(request, "signin.html", status=422, form=form.wrong(problem))
    except Refused as problem:
        return await render(request, "signin.html", status=403, form=form.refused(str(problem)))
    return visit.sign_in(request, visit.go(request, guard.inside(form.text("next"))), signed.token)


@page("/signout", permission=Permission.OWN_ACCOUNT, methods=("POST",))
async def leave(request: Request) -> Response:
    token = request.cookies.get(visit.SESSION_COOKIE, "")
    await visit.run(request, lambda tx: access.sign_out(tx, token))
    response = visit.go(request, "/signin", "You are signed out.")
    response.delete_cookie(visit.SESSION_COOKIE, path="/")
    return response


@page("/login/{token}", permission=Permission.SIGN_IN)
async def link(request: Request) -> Response:
    async with visit.transaction(request) as tx:
        person = await access.peek_login_link(tx, request.path_params["token"])
    if person is None:
        raise NotFound("login link that still works", "this one")
    return await render(request, "login_link.html", person=person, next=guard.inside(request.query_params.get("next")))


@page("/login/{token}", permission=Permission.SIGN_IN, methods=("POST",))
async def use_link(request: Request) -> Response:
    form = await forms.read(request)
    address, agent = caller(request)
    token = request.path_params["token"]
    signed = await visit.run(
        request, lambda tx: access.use_login_link(tx, token, address=address, agent=agent), actor=ANONYMOUS
    )
    return visit.sign_in(request, visit.go(request, guard.inside(form.text("next"))), signed.token)
