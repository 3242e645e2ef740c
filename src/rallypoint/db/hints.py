"""LISTEN/NOTIFY as a hint: "something new for you", so that a poll need not wait its full second.

Sent after the commit, on a connection of its own, many names in one NOTIFY: a NOTIFY inside each transaction would
serialise all commits of the database. A lost hint costs at most one poll interval; nothing relies on one.
"""

import asyncio
import contextlib
import secrets
from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Any

import asyncpg
import structlog

from rallypoint.clock import monotonic, sleep

CHANNEL = "rallypoint"
PAYLOAD_BYTES_MAX = 7000
RECONNECT_SECONDS = 1.0
REMEMBERED = 10_000
"""So many names are remembered with the moment at which they were last heard."""
OUTAGES = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError)

log = structlog.get_logger()


class Hints:
    """Sends and hears hints. Callbacks get one name at a time and must return at once."""

    def __init__(self, dsn: str, *, alone: bool = False) -> None:
        """`alone`: no other process has this database open, so nobody else need be told."""
        self._dsn, self._alone = dsn, alone
        self._callbacks: list[Callable[[str], None]] = []
        self._waiting: set[str] = set()
        self._wake = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._sender: asyncio.Task[None] | None = None
        self._listening = False
        self._process, self._began = secrets.token_hex(4), monotonic()
        self._heard_all_since = 0.0 if alone else float("inf")
        self._last: OrderedDict[str, float] = OrderedDict()

    def moment(self) -> str:
        """Now, for `unchanged`: means something to this process only."""
        return f"{self._process}-{self._now():.6f}"

    def _now(self) -> float:
        return monotonic() - self._began

    def unchanged(self, names: Iterable[str], since: str) -> bool:
        """No hint of these names came since that moment of ours. False also where that cannot be known."""
        process, _, at = since.partition("-")
        try:
            moment = float(at)
        except ValueError:
            return False
        if process != self._process or not self._heard_all_since <= moment:
            return False
        return all(self._last.get(name, 0.0) < moment for name in names)

    def send(self, names: Iterable[str]) -> None:
        """Tell this process at once and the others after the current loop turn."""
        names = set(names)
        for name in names:
            self._tell(name)
        if self._alone:
            return
        self._waiting |= names
        self._wake.set()
        if self._sender is None:
            self._sender = asyncio.get_running_loop().create_task(self._send_loop())

    def subscribe(self, callback: Callable[[str], None]) -> Callable[[], None]:
        """Hear hints of this process; after `listen()` those of other processes too. Returns the way to stop."""
        self._callbacks.append(callback)
        return lambda: self._callbacks.remove(callback) if callback in self._callbacks else None

    async def listen(self) -> None:
        """Also hear other processes, for as long as this process lives."""
        if not self._listening:
            self._listening = True
            self._tasks.append(asyncio.get_running_loop().create_task(self._listen_loop()))

    async def close(self) -> None:
        for task in [*self._tasks, *([self._sender] if self._sender else [])]:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await task
        self._tasks, self._sender = [], None

    def _tell(self, name: str) -> None:
        self._last[name] = self._now()
        self._last.move_to_end(name)
        if len(self._last) > REMEMBERED:
            _, forgotten = self._last.popitem(last=False)
            self._heard_all_since = max(self._heard_all_since, forgotten)
        for callback in list(self._callbacks):
            callback(name)

    async def _send_loop(self) -> None:
        connection: asyncpg.Connection | None = None
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                names, self._waiting = self._waiting, set()
                try:
                    if connection is None or connection.is_closed():
                        connection = await asyncpg.connect(self._dsn, command_timeout=5)
                    for payload in _packed(names):
                        await connection.execute("select pg_notify($1, $2)", CHANNEL, payload)
                except OUTAGES as problem:
                    log.warning("hint not sent", problem=str(problem))
                    await sleep(RECONNECT_SECONDS)
        finally:
            if connection is not None:
                connection.terminate()

    async def _listen_loop(self) -> None:
        while True:
            connection: asyncpg.Connection | None = None
            try:
                connection = await asyncpg.connect(self._dsn)
                gone = asyncio.Event()
                connection.add_termination_listener(lambda *_, gone=gone: gone.set())
                await connection.add_listener(CHANNEL, self._heard)
                self._heard_all_since = self._now()
                await gone.wait()
            except OUTAGES as problem:
                log.warning("hints not heard", problem=str(problem))
            finally:
                self._heard_all_since = float("inf")
                if connection is not None:
                    connection.terminate()
            await sleep(RECONNECT_SECONDS)

    def _heard(self, connection: Any, pid: int, channel: str, payload: object) -> None:
        for name in str(payload).split("\n"):
            self._tell(name)


def _packed(names: Iterable[str]) -> Iterable[str]:
    """Names joined into payloads that PostgreSQL takes (under 8000 bytes)."""
    line: list[str] = []
    size = 0
    for name in sorted(names):
        if line and size + len(name.encode()) + 1 > PAYLOAD_BYTES_MAX:
            yield "\n".join(line)
            line, size = [], 0
        line.append(name)
        size += len(name.encode()) + 1
    if line:
        yield "\n".join(line)
