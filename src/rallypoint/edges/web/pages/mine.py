"""My own page: how I am reached, my zone, my theme, my next shifts, and a way to test it all."""

from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, notify
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, guard, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages import signin
from rallypoint.edges.web.routing import page
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.notify import MethodKind

URGENCIES = (("high", "Something urgent"), ("low", "Something that can wait for the morning"))
WAITS = (0, 1, 2, 3, 5, 10, 15, 30)


@page("/theme", permission=Permission.PUBLIC, methods=("POST",))
async def theme(request: Request) -> Response:
    form = await forms.read(request)
    value = form.text("theme") if form.text("theme") in visit.THEMES else ""
    response = visit.go(request, guard.inside(form.text("back")))
    response.set_cookie("rallypoint_theme", value, max_age=365 * 86400, samesite="lax", path="/")
    return response


async def shown(request: Request, form: forms.Form, status: int = 200) -> Response:
    person_id = visit.me(request)
    if person_id is None:
        raise NotFound("page of your own", "a key has none")
    async with visit.transaction(request) as tx:
        person = await access.person(tx, person_id)
        methods = [m for m in await notify.contact_methods(tx, person_id) if m.disabled_at is None]
        rules = await notify.rules(tx, person_id)
        pages = await notify.my_pages(tx, person_id)
        has_password = await access.has_password(tx, person_id)
    demo = visit.house(request).settings.demo  # elsewhere nobody sees the sandbox phone, so it reaches nobody
    return await render(
        request,
        "mine.html",
        status=status,
        person=person,
        methods=methods,
        rules=rules,
        pages=pages,
        has_password=has_password,
        form=form,
        zones=sorted(visit.all_zones()),
        urgencies=URGENCIES,
        waits=WAITS,
        kinds=[kind for kind in MethodKind if demo or kind is not MethodKind.SANDBOX],
        demo=demo,
        names={m.id: m.label or m.kind.words for m in methods},
    )


@page("/me", permission=Permission.OWN_ACCOUNT)
async def show(request: Request) -> Response:
    return await shown(request, forms.of())


@page("/me/zone", permission=Permission.OWN_ACCOUNT, methods=("POST",))
async def choose_zone(request: Request) -> Response:
    form = await forms.read(request, "zone")
    name, person_id = form.text("time_zone"), visit.me(request)
    if name not in visit.all_zones():
        problem = Invalid("time_zone", "this is not the name of a time zone", "Europe/Berlin")
        return await shown(request, form.wrong(problem), 422)
    if person_id is not None:
        await visit.run(request, lambda tx: access.update_person(tx, person_id, time_zone=name))
    return visit.go(request, "/me", f"Times are shown in {name}.")


@page("/me/password", permission=Permission.OWN_ACCOUNT, methods=("POST",))
async def choose_password(request: Request) -> Response:
    form = await forms.read(request, "password")
    address, agent = signin.caller(request)
    try:
        signed = await visit.run(
            request,
            lambda tx: access.change_password(
                tx, current=form.value("current"), new=form.value("new"), again=form.value("again"), address=address,
                agent=agent,
            ),
        )  # fmt: skip
    except Invalid as problem:
        return await shown(request, form.wrong(problem), 422)
    except Refused as problem:
        return await shown(request, form.refused(str(problem)), 403)
    said = "Your password is set. Everywhere else you are signed out."
    return visit.sign_in(request, visit.go(request, "/me", said), signed.token)


@page("/me/methods", permission=Permission.OWN_ACCOUNT, methods=("POST",))
async def add_method(request: Request) -> Response:
    form = await forms.read(request, "method")
    person_id = visit.me(request) or 0
    if form.text("kind") == MethodKind.SANDBOX and not visit.house(request).settings.demo:
        problem = Invalid("kind", "the sandbox phone belongs to the demo: nobody looks at it here", "email")
        return await shown(request, form.wrong(problem), 422)

    async def add(tx: Transaction) -> notify.ContactMethod:
        return await notify.add_contact_method(
            tx, person_id=person_id, kind=form.text("kind"), address=form.text("address"), label=form.text("label"),
            vault=visit.house(request).vault,
        )  # fmt: skip

    try:
        form.required("address", "write where a page should go", "you@example.org")
        added = await visit.run(request, add)
    except Invalid as problem:
        return await shown(request, form.wrong(problem), 422)
    said = "The contact method was added. Send yourself a test page."
    if added.secret:
        said = f"Added. What is sent is signed with this secret, shown only now: {added.secret}"
    return visit.go(request, "/me", said)


@page("/me/methods/{id:int}/{verb}", permission=Permission.OWN_ACCOUNT, methods=("POST",))
async def change_method(request: Request) -> Response:
    """Test it, send its code, type the code in, or take it off."""
    form, method = await forms.read(request, "method"), int(request.path_params["id"])
    acts: dict[str, tuple[Callable[[Transaction], Awaitable[object]], str]] = {
        "test": (lambda tx: notify.send_test(tx, method), "A test page is on its way."),
        "code": (lambda tx: notify.send_code(tx, method), "A code is on its way. Type it in beside the method."),
        "verify": (
            lambda tx: notify.verify_contact_method(tx, method, form.text("code")),
            "Verified. Pages reach you there.",
        ),
        "remove": (lambda tx: notify.remove_contact_method(tx, method), "Taken off."),
    }
    if request.path_params["verb"] not in acts:
        raise NotFound("act", request.path_params["verb"])
    work, said = acts[request.path_params["verb"]]
    try:
        await visit.run(request, work)
    except Invalid as problem:
        return await shown(request, form.wrong(problem), 422)
    return visit.go(request, "/me", said)


@page("/me/rules", permission=Permission.OWN_ACCOUNT, methods=("POST",))
async def rules(request: Request) -> Response:
    """After how many minutes which method, per urgency: one select per method; never leaves it out."""
    form, person_id = await forms.read(request, "rules"), visit.me(request) or 0
    urgency = form.text("urgency")
    steps = sorted(
        (int(value), int(key.removeprefix("m-")))
        for key, value in form.values.items()
        if key.startswith("m-") and value.isdecimal() and key.removeprefix("m-").isdecimal()
    )
    try:
        await visit.run(request, lambda tx: notify.set_rules(tx, person_id, urgency, steps))
    except Invalid as problem:
        return await shown(request, form.wrong(problem), 422)
    return visit.go(request, "/me", "Your rules are saved.")


@page("/me/test", permission=Permission.OWN_ACCOUNT, methods=("POST",))
async def test_page(request: Request) -> Response:
    """A real message by every rule of mine: what a page would be, without an incident behind it."""
    form, person_id = await forms.read(request), visit.me(request)
    await visit.run(
        request,
        lambda tx: notify.message(
            tx,
            purpose="test",
            person_id=person_id,
            title="Test page: you would be reached here",
            text="You asked for this test. Nothing is broken and nobody else was told.",
        ),
    )
    return visit.go(request, guard.inside(form.text("back"), "/me"), "A test page is on its way to you.")
