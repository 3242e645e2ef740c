"""Who is looking: the session behind the cookie, the zone, the theme. Settled once per request, before its handler."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, available_timezones

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rallypoint import access
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor
from rallypoint.db import Transaction
from rallypoint.edges.web import flash
from rallypoint.edges.web.screen import SCREEN, Screen, Viewer

if TYPE_CHECKING:
    from rallypoint.house import House

T = TypeVar("T")

SESSION_COOKIE = "rallypoint_session"
THEMES = ("", "light", "dark")
MONTH_SECONDS = 30 * 24 * 3600


def house(request: Request) -> "House":
    found: House = request.app.state.house
    return found


async def arrive(request: Request) -> None:
    """Find out who asks and put the screen of this request where templates look for it."""
    here, actor, person = house(request), ANONYMOUS, None
    # a form that came back with what was typed is not to be replaced at once by an empty one
    moment = here.db.hints.moment() if request.method == "GET" else ""
    if token := request.cookies.get(SESSION_COOKIE):
        async with here.db.transaction(SYSTEM) as tx:
            if found := await access.session_actor(tx, token):
                actor = found
                person = await access.person(tx, found.person_id) if found.person_id else None
    theme = request.cookies.get("rallypoint_theme", "")
    query = f"?{request.url.query}" if request.url.query else ""
    screen = Screen(
        now=here.clock.now(),
        zone=zone(person.time_zone if person else request.cookies.get("rallypoint_zone", "")),
        path=request.url.path + query if request.method == "GET" else request.url.path,
        theme=theme if theme in THEMES else "",
        viewer=Viewer(person_id=person.id, name=person.name, email=person.email) if person else None,
        actor=actor,
        said=None if request.headers.get("x-live") else flash.take(request),
        moment=moment,
    )
    request.state.screen = screen
    SCREEN.set(screen)


def zone(name: str) -> ZoneInfo:
    return ZoneInfo(name if name in all_zones() else "UTC")


_ZONES: set[str] = set()


def all_zones() -> set[str]:
    if not _ZONES:
        _ZONES.update(available_timezones())
    return _ZONES


def of(request: Request) -> Screen:
    """The screen of a request; a bare one when even that could not be settled."""
    found: Screen | None = getattr(request.state, "screen", None)
    return found or SCREEN.get()


def update(request: Request, **changes: object) -> None:
    """Change what this request's page knows: copies, what it hears, what stands at the top."""
    request.state.screen = replace(of(request), **changes)  # type: ignore[arg-type]
    SCREEN.set(request.state.screen)


def transaction(request: Request) -> AbstractAsyncContextManager[Transaction]:
    """A transaction as the one who asks."""
    return house(request).db.transaction(of(request).actor)


async def run(request: Request, work: Callable[[Transaction], Awaitable[T]], *, actor: Actor | None = None) -> T:
    """Do one act as the one who asks (or as `actor`), again where the database asks for it."""
    return await house(request).db.run(actor or of(request).actor, work)


def is_secure(request: Request) -> bool:
    return house(request).settings.base_url.startswith("https:") or request.url.scheme == "https"


def sign_in(request: Request, response: Response, token: str) -> Response:
    response.set_cookie(
        SESSION_COOKIE, token, max_age=MONTH_SECONDS, httponly=True, samesite="lax", secure=is_secure(request), path="/"
    )
    return response


def go(request: Request, to: str, said: str = "", *, tone: str = "ok", undo: str = "") -> Response:
    """After an act: on to the next page, with one sentence of what was done."""
    response = RedirectResponse(to, status_code=303)
    if said:
        flash.put(response, flash.Said(text=said, tone=tone, undo=undo), secure=is_secure(request))
    return response


def me(request: Request) -> int | None:
    viewer = of(request).viewer
    return viewer.person_id if viewer else None
