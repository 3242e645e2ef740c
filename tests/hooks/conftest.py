"""The receivers in this process: a request in, the answer out, on a real database."""

from collections.abc import AsyncIterator, Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from rallypoint import alerts
from rallypoint.actors import SYSTEM
from rallypoint.alerts import Batcher
from rallypoint.db import Database
from rallypoint.edges.hooks import Hooks

KEY = "abcdefghijkmnpqrstuvwxyz23456789"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[bytes, bytes]
    body: bytes

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


Post = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def batcher(db: Database) -> AsyncIterator[Batcher]:
    made = Batcher(db)
    yield made
    await made.close()


@pytest.fixture
async def post(db: Database, batcher: Batcher) -> Post:
    """Sends a body to a path; `chunk` sends it in pieces."""
    async with db.transaction(SYSTEM) as tx:
        await alerts.create_integration(tx, name="Prometheus", kind="any", key=KEY)
    hooks = Hooks(db, batcher)

    async def send_to(
        path: str,
        body: bytes | object = b"",
        *,
        method: str = "POST",
        chunk: int = 0,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        data = body if isinstance(body, bytes) else msgspec.json.encode(body)
        pieces = [data[i : i + chunk] for i in range(0, len(data), chunk)] if chunk and data else [data]
        parts: list[MutableMapping[str, Any]] = [
            {"type": "http.request", "body": piece, "more_body": n < len(pieces) - 1} for n, piece in enumerate(pieces)
        ]
        said: list[MutableMapping[str, Any]] = []
        taken = iter(parts)

        async def receive() -> MutableMapping[str, Any]:
            return next(taken)

        async def send(message: MutableMapping[str, Any]) -> None:
            said.append(message)

        given = [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()]
        scope = {"type": "http", "method": method, "path": path, "headers": given}
        assert Hooks.matches(path)
        await hooks(scope, receive, send)
        return Answer(said[0]["status"], dict(said[0]["headers"]), b"".join(m["body"] for m in said[1:]))

    return send_to


@pytest.fixture
def kept(db: Database) -> Callable[[], Awaitable[list[alerts.Alert]]]:
    """All alerts, oldest first."""

    async def read() -> list[alerts.Alert]:
        async with db.transaction(SYSTEM) as tx:
            found = (await alerts.list_alerts(tx, limit=200))[0]
        return list(reversed(found))

    return read
