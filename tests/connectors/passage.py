"""The way to a real server of somebody else: everything passes, but for planned mishaps; its clock can be set ahead."""

import asyncio
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from queue import Queue
from threading import Thread

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from rallypoint.clock import process_time
from rallypoint.emulators.base import Deliveries, FaultLayer, Faults, MovableClock, serving

PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Not used, and quicker to make than a whole one."""

PASSED_ON = ("accept", "authorization", "content-type", "if-match", "x-requested-with")
METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
NOT_PASSED_BACK = ("content-length", "date", "server", "connection")


class Now:
    """The clock of this machine, which is the server's too."""

    def now(self) -> datetime:
        return process_time()


class Way:
    """Between us and a server at `to`, which is sent `more` headers with each request."""

    def __init__(self, to: str, more: Mapping[str, str] | None = None) -> None:
        self.faults, self.deliveries, self.clock = Faults(), Deliveries(), MovableClock(Now())
        self._to, self._more = to, dict(more or {})
        self._client = httpx2.AsyncClient(trust_env=False, timeout=30, verify=PLAIN)
        bare = Starlette(routes=[Route("/{path:path}", self._pass, methods=METHODS)])
        self.app: ASGIApp = FaultLayer(bare, self.faults, self.clock)

    async def _pass(self, request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name in PASSED_ON} | self._more
        url = self._to + request.scope["raw_path"].decode() + (f"?{request.url.query}" if request.url.query else "")
        answer = await self._client.request(request.method, url, content=await request.body(), headers=headers)
        kept = {name: value for name, value in answer.headers.items() if name not in NOT_PASSED_BACK}
        return Response(answer.content, answer.status_code, kept)

    async def close(self) -> None:
        await self._client.aclose()


@contextmanager
def passing(way: Way) -> Iterator[str]:
    """Its address while it is open; in a thread of its own, for a server that is stopped and started again with each
    test takes longer than most."""
    opened = Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]()

    async def run() -> None:
        over = asyncio.Event()
        async with serving(way) as url:
            opened.put((url, asyncio.get_running_loop(), over))
            await over.wait()
        await way.close()

    thread = Thread(target=asyncio.run, args=(run(),))
    thread.start()
    url, loop, over = opened.get(timeout=20)
    try:
        yield url
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(20)
