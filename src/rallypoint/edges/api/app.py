"""The FastAPI app: all routes, problem+json for every error, and documentation that needs nothing from elsewhere."""

import re
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rallypoint import __version__
from rallypoint.edges.api import problems
from rallypoint.edges.api.openapi import PREFIX, describe
from rallypoint.edges.api.reading import Gate
from rallypoint.edges.api.route import GuardedRoute, Routes
from rallypoint.edges.api.routes import ALL
from rallypoint.errors import RallypointError
from rallypoint.house import House

DOCS_STATIC = "/docs-static"
DOCS_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
    " frame-ancestors 'none'"
)


def create(house: House | None = None) -> FastAPI:
    """The app to mount at /api/v1. Without a house at hand, set `app.state.house` before the first request."""
    app: FastAPI = FastAPIOffline(
        title="Rallypoint",
        version=__version__,
        openapi_url="/openapi.json",
        docs_url="/docs",
        redoc_url=None,
        static_url=DOCS_STATIC,
        redirect_slashes=False,
        swagger_ui_parameters={"persistAuthorization": False, "defaultModelsExpandDepth": 0},
    )
    app.state.house = house
    register(app, ALL)
    app.add_middleware(_Docs)
    app.add_middleware(Gate)
    for kind in (HTTPException, RequestValidationError, RallypointError, Exception):
        app.add_exception_handler(kind, _answer)
    return app


def mount(house: House | None = None) -> Mount:
    """The app under /api/v1, also for addresses with a newline in them: those are ours to refuse, too."""
    mounted = Mount(PREFIX, app=create(house))
    mounted.path_regex = re.compile(f"(?s:{mounted.path_regex.pattern})")
    return mounted


def register(app: FastAPI, tables: tuple[Routes, ...]) -> None:
    """Include routes, and let the description know them."""
    guarded: list[GuardedRoute] = []
    for table in tables:
        app.include_router(table.router)
        guarded += [route for route in table.router.routes if isinstance(route, GuardedRoute)]
    app.state.guarded = guarded
    app.openapi = partial(describe, app, guarded)  # type: ignore[method-assign]


async def _answer(request: Request, problem: Exception) -> Response:
    return problems.answer(problem)


class _Docs:
    """The documentation page runs the script it came with; its policy allows that, and nothing from elsewhere."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        docs = scope["type"] == "http" and scope["path"].endswith("/docs")

        async def dressed(message: Message) -> None:
            if docs and message["type"] == "http.response.start":
                extra: list[Any] = [(b"content-security-policy", DOCS_POLICY.encode())]
                message["headers"] = [*message["headers"], *extra]
            await send(message)

        await self._app(scope, receive, dressed)
