"""What all emulators share: a server on loopback, a clock that can be moved, faults on demand, outgoing webhooks.

Everything an emulator does wrong on purpose is told beforehand and happens exactly as often as told: no dice.
"""

import asyncio
import contextlib
import json
import secrets
import signal
import socket
import ssl
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import StrEnum
from functools import cache
from typing import Any, Protocol, runtime_checkable

import httpx2
import uvicorn
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from rallypoint.clock import sleep

HOST = "127.0.0.1"
CONTROL = "/__control__"
SEEN_MOST = 2000
DELIVERY_SECONDS = 5.0


Secrets = Callable[[str], str]
"""Whose secret it is, to the secret itself."""


def anew(whose: str) -> str:
    """A secret that nobody knows yet."""
    return secrets.token_urlsafe(24)


class Now(Protocol):
    """Any clock of the house."""

    def now(self) -> datetime: ...


class MovableClock:
    """Another clock, set forward or back: for tokens that expire, jobs of the night, and clocks that are wrong."""

    def __init__(self, inner: Now) -> None:
        self._inner, self._ahead = inner, timedelta()

    def now(self) -> datetime:
        return self._inner.now() + self._ahead

    def advance(self, by: timedelta) -> None:
        self._ahead += by


# What goes wrong when told so.


class FaultKind(StrEnum):
    """REFUSE answers instead of acting; AFTER acts, then answers so all the same; resets break the connection."""

    REFUSE = "refuse"
    AFTER = "after"
    RESET = "reset"
    RESET_AFTER = "reset after"
    SLOW = "slow"


@dataclass(slots=True, kw_only=True)
class Fault:
    """One planned mishap: for the next `times` requests of this method whose path contains `path`, after `skip` others.

    Empty `method` and `path` fit everything. `seconds` is how long a slow one waits before it acts.
    """

    kind: FaultKind
    method: str = ""
    path: str = ""
    times: int = 1
    skip: int = 0
    status: int = 503
    headers: Mapping[str, str] = field(default_factory=dict)
    body: Any = None
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One request that arrived, and what was answered; None when the connection was broken instead."""

    method: str
    path: str
    query: str
    status: int | None


class Faults:
    """The planned mishaps of one emulator, and what it was asked: the latest in `seen`. `asked` counts all requests,
    `acts` all but reads."""

    def __init__(self) -> None:
        self.planned: list[Fault] = []
        self.seen: deque[Seen] = deque(maxlen=SEEN_MOST)
        self.asked = self.acts = 0

    def plan(self, *faults: Fault) -> None:
        self.planned.extend(faults)

    def clear(self) -> None:
        self.planned.clear()

    def take(self, method: str, path: str) -> Fault | None:
        for one in self.planned:
            if one.method not in ("", method) or one.path not in path:
                continue
            if one.skip > 0:
                one.skip -= 1
                continue
            if one.times > 0:
                one.times -= 1
                return one
        return None


class FaultLayer:
    """Lets planned mishaps happen around an application, and writes down what was asked."""

    def __init__(self, app: ASGIApp, faults: Faults, clock: Now) -> None:
        self._app, self._faults, self._clock = app, faults, clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if path.startswith(CONTROL):
            await self._app(scope, receive, send)
            return
        status: int | None = None

        async def note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                date = format_datetime(self._clock.now(), usegmt=True).encode()
                message["headers"] = [*message.get("headers", ()), (b"date", date)]
            await send(message)

        fault = self._faults.take(method, path)
        try:
            await self._act(fault, scope, receive, note)
        finally:
            self._faults.asked += 1
            self._faults.acts += method not in ("GET", "HEAD")
            query = scope["query_string"].decode("ascii", "replace")
            self._faults.seen.append(Seen(method=method, path=path, query=query, status=status))

    async def _act(self, fault: Fault | None, scope: Scope, receive: Receive, send: Send) -> None:
        if fault is not None and fault.kind is FaultKind.SLOW:
            await sleep(fault.seconds)
        if fault is None or fault.kind is FaultKind.SLOW:
            await self._app(scope, receive, send)
            return
        if fault.kind in (FaultKind.AFTER, FaultKind.RESET_AFTER):
            await self._app(scope, receive, _swallow)
        if fault.kind in (FaultKind.RESET, FaultKind.RESET_AFTER):
            scope["extensions"]["rallypoint.abort"]["abort"]()
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if fault.kind is FaultKind.REFUSE:
            while (await receive()).get("more_body"):
                pass
        body = fault.body if isinstance(fault.body, (bytes, str)) else json.dumps(fault.body or {})
        kind = (
            {} if "content-type" in {name.lower() for name in fault.headers} else {"content-type": "application/json"}
        )
        await Response(body, fault.status, {**kind, **fault.headers})(scope, receive, send)


async def _swallow(message: Message) -> None:
    """Takes an answer that the client will never see."""


# What goes out.


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


Shuffle = Callable[[Sequence[Delivery]], Sequence[Delivery]]


class Deliveries:
    """Outgoing webhooks. Sent at once, or kept when `hold` is set until somebody releases them in another order.

    `answers` has one status for each attempt, None where nobody answered. `lose` drops that many of the next.
    """

    def __init__(self) -> None:
        self.hold = False
        self.copies = 1
        self.lose = 0
        self.held: list[Delivery] = []
        self.answers: list[int | None] = []
        self._tasks: set[asyncio.Task[None]] = set()

    def put(self, delivery: Delivery) -> None:
        if self.lose > 0:
            self.lose -= 1
        elif self.hold:
            self.held.append(delivery)
        else:
            task = asyncio.get_running_loop().create_task(self._send([delivery] * self.copies))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def release(self, shuffle: Shuffle | None = None, *, copies: int = 1) -> None:
        """Sends what was held, one after the other: late by now, and in another order if `shuffle` says so."""
        held, self.held = self.held, []
        await self._send([one for one in (shuffle(held) if shuffle else held) for _ in range(copies)])

    async def settle(self) -> None:
        """Waits until nothing is on its way any more."""
        while self._tasks:
            await asyncio.gather(*self._tasks)

    async def _send(self, deliveries: Sequence[Delivery]) -> None:
        async with httpx2.AsyncClient(verify=_trust(), trust_env=False, timeout=DELIVERY_SECONDS) as client:
            for one in deliveries:
                try:
                    answer = await client.post(one.url, content=one.body, headers=dict(one.headers))
                    status: int | None = answer.status_code
                except httpx2.HTTPError:
                    status = None
                self.answers.append(status)
                self.answered(one, status)

    def answered(self, delivery: Delivery, status: int | None) -> None:
        """What the other side said, for a tool that keeps a record of its deliveries."""


@cache
def _trust() -> ssl.SSLContext:
    """Made once: reading all authorities takes longer than a request on loopback."""
    return ssl.create_default_context()


# Control from another process.


class Emulator(Protocol):
    """What the runner and the control routes need of an emulator."""

    faults: Faults
    deliveries: Deliveries
    clock: MovableClock

    @property
    def app(self) -> ASGIApp: ...


@runtime_checkable
class Telling(Protocol):
    """One whose webhook an administrator installs by hand, so that no client can: it is told here."""

    def tell(self, url: str, secret: str) -> None: ...


@runtime_checkable
class Limited(Protocol):
    """One that limits how much it may be asked; None is no limit."""

    def allow(self, requests: int | None) -> None: ...


def control_routes(emulator: Emulator, token: str) -> list[Route]:
    """Faults, clock and held webhooks over HTTP, for whoever has the token that was printed at the start."""

    async def act(request: Request) -> Response:
        if not secrets.compare_digest(request.headers.get("x-control-token", ""), token):
            return JSONResponse({"error": "The header X-Control-Token is missing or wrong."}, 403)
        told = await request.json()
        match request.path_params["what"]:
            case "faults":
                planned = [Fault(**{**one, "kind": FaultKind(one["kind"])}) for one in told]
                emulator.faults.clear()
                emulator.faults.plan(*planned)
            case "clock":
                emulator.clock.advance(timedelta(seconds=float(told["advance_seconds"])))
            case "webhooks":
                emulator.deliveries.hold = bool(told.get("hold", emulator.deliveries.hold))
                emulator.deliveries.copies = int(told.get("copies", emulator.deliveries.copies))
                emulator.deliveries.lose = int(told.get("lose", emulator.deliveries.lose))
                if told.get("release"):
                    backwards = (lambda held: held[::-1]) if told.get("backwards") else None
                    await emulator.deliveries.release(backwards, copies=emulator.deliveries.copies)
            case "count":
                return JSONResponse({"asked": emulator.faults.asked, "acts": emulator.faults.acts})
            case "limit" if isinstance(emulator, Limited):
                emulator.allow(told["requests"])
            case "telling" if isinstance(emulator, Telling):
                emulator.tell(str(told["url"]), str(told["secret"]))
            case unknown:
                return JSONResponse({"error": f"There is nothing called {unknown} to control."}, 404)
        return JSONResponse({"now": emulator.clock.now().isoformat(), "held": len(emulator.deliveries.held)})

    return [Route(CONTROL + "/{what}", act, methods=["POST"])]


# The server.


class _Protocol(HttpToolsProtocol):
    """Tells the application how to break its connection."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {"rallypoint.abort": {"abort": self.transport.abort}}


class _Server(uvicorn.Server):
    """Leaves the signals to the process it runs in."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _at(port: int) -> socket.socket:
    """A socket that listens. Its protocol is named: only then asyncio turns delays off for its connections, and head
    and body of an answer on a kept connection are not 40 ms apart."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind((HOST, port))
    listening.listen(128)
    return listening


@asynccontextmanager
async def serving(
    emulator: Emulator, *, port: int = 0, tls: ssl.SSLContext | None = None, door: socket.socket | None = None
) -> AsyncIterator[str]:
    """Serves on loopback while the visit lasts; gives the base address without a slash at its end.

    `door` is a socket that listens already.
    """
    config = uvicorn.Config(
        emulator.app,
        http=_Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )
    config.load()
    if tls is not None:
        config.ssl = tls
    server = _Server(config)
    with door or _at(port) as listening:
        task = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            while not server.started and not task.done():
                await sleep(0.005)
            yield f"{'https' if tls else 'http'}://{HOST}:{listening.getsockname()[1]}"
        finally:
            await emulator.deliveries.settle()
            server.should_exit = True
            await task


async def run(emulator: Emulator, *, port: int, say: Callable[[str], dict[str, Any]]) -> None:
    """Serves until the process is told to end. `say` makes what is printed, one line of JSON, from the address."""
    ended = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, ended.set)
    async with serving(emulator, port=port) as url:
        print(json.dumps(say(url)), flush=True)  # noqa: T201
        await ended.wait()
