"""The one way to make a page: `@page(path, permission=...)`. A route without a permission does not import."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.edges.web import forms, guard, refusals, visit
from rallypoint.errors import NotFound, RallypointError, Refused

Handler = Callable[[Request], Awaitable[Response]]
Endpoint = Callable[[Request], Coroutine[Any, Any, Response]]

ROUTES: list[Route] = []
PERMISSIONS: dict[tuple[str, str], Permission] = {}
"""(method, path) -> what it takes: read by the test that no route goes without, and by the help page."""

OPEN = frozenset({Permission.PUBLIC, Permission.SIGN_IN, Permission.REPORT})

LARGEST_NUMBER = 2**63
"""No number of ours is as large; the database could not even be asked for one."""

log = structlog.get_logger()


def page(path: str, *, permission: Permission, methods: tuple[str, ...] = ("GET",)) -> Callable[[Handler], Handler]:
    """Register a handler. Before it runs, the asker is known, allowed, and a form was sent from our own page."""
    if not isinstance(permission, Permission):
        raise TypeError(f"{path}: a page declares the permission it takes")

    def register(handler: Handler) -> Handler:
        for method in methods:
            PERMISSIONS[method, path] = permission
        ROUTES.append(Route(path, _endpoint(handler, permission), methods=list(methods)))
        return handler

    return register


def _endpoint(handler: Handler, permission: Permission) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        response = await _answer(handler, permission, request)
        return guard.dress(response, private=permission not in OPEN or visit.of(request).viewer is not None)

    return endpoint


async def _answer(handler: Handler, permission: Permission, request: Request) -> Response:
    try:
        await visit.arrive(request)
        if not guard.from_our_own_page(request):
            raise Refused(
                "This form was not sent from a page of ours.", help="Open the page again and press the button there."
            )
        access.require(visit.of(request).actor, permission)
        if any(isinstance(value, int) and value >= LARGEST_NUMBER for value in request.path_params.values()):
            raise NotFound("page", request.url.path)
        return await handler(request)
    except forms.TooLong:
        return refusals.too_long(request)
    except RallypointError as problem:
        return await refusals.page(request, problem)
    except Exception:
        log.exception("page failed", path=request.url.path)
        return await refusals.broken(request)
