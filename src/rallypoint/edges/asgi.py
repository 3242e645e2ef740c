"""One ASGI application of everything that speaks HTTP: hooks first and raw, then API, probes and pages.

`uvicorn --factory rallypoint.edges.asgi:create` serves it; the house opens when the server starts and closes after
the last request.
"""

from contextlib import AsyncExitStack

import structlog
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.types import ASGIApp, Receive, Scope, Send

from rallypoint.connectors.trackers import TOOLS
from rallypoint.edges import api, ops, told
from rallypoint.edges.hooks import Hooks
from rallypoint.edges.web.app import create_app
from rallypoint.house import House, open_house
from rallypoint.settings import Settings

log = structlog.get_logger()


class Front:
    """Sends each request to its edge. Senders of alerts meet no framework on their way."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._stack = AsyncExitStack()
        self._hooks: Hooks | None = None
        self._site: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        assert self._hooks is not None
        assert self._site is not None
        if scope["type"] == "http" and self._hooks.matches(scope["path"]):
            await self._hooks(scope, receive, send)
        else:
            await self._site(scope, receive, send)

    def build(self, house: House) -> None:
        """Everything that answers, on a house that is open. Tests call this with a house of their own."""
        self._hooks = Hooks(house.db, house.batcher)
        self._site = site(house)

    async def _live(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            house = await self._stack.enter_async_context(open_house(self._settings, role="web"))
            await house.db.hints.listen()
            self.build(house)
        except Exception as problem:
            log.exception("not started")
            await send({"type": "lifespan.startup.failed", "message": str(problem)})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._stack.aclose()
        await send({"type": "lifespan.shutdown.complete"})


def site(house: House) -> ASGIApp:
    """API, probes and pages."""
    found = Starlette(
        routes=[*ops.routes(house), *told.routes(house, TOOLS), api.mount(house), Mount("/", app=create_app(house))]
    )
    found.state.house = house
    return found


def create() -> Front:
    """The factory that uvicorn calls; settings come from the environment."""
    return Front(Settings())
