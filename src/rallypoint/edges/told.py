"""Where tools tell us of changes: `POST /told/<key>`, a connection's own address, with the tool's own signature.

Verify, keep, answer: the lanes read the tool again, so nothing in a delivery is believed. Under load or without the
database the answer is 503, which tools repeat; never 404 or 410 for a connection that lives, which would end the
subscription at some of them.
"""

from collections.abc import Mapping

import asyncpg
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.actors import SYSTEM
from rallypoint.house import House
from rallypoint.ids import digest
from rallypoint.sync import connecting, store
from rallypoint.sync.hearing import heard
from rallypoint.sync.ports import Unverified
from rallypoint.sync.tools import Tools

BODY_MOST = 1024 * 1024
AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, TimeoutError)

log = structlog.get_logger()


def routes(house: House, tools: Tools) -> list[Route]:
    """What edges/asgi.py puts before the pages. The key in the path is the permission."""

    async def told(request: Request) -> Response:
        try:
            raw = await _body(request)
            if raw is None:
                return _said(413, f"A delivery of more than {BODY_MOST} bytes is not taken.")
            return await _take(house, tools, request.path_params["key"], raw, request.headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except AWAY as problem:
            log.warning("a delivery could not be kept", problem=repr(problem))
            return _said(503, "The database is away; tell it again.", {"retry-after": "10"})

    return [Route("/told/{key}", told, methods=["POST"], name="told")]


async def _take(house: House, tools: Tools, key: str, raw: bytes, headers: Mapping[str, str]) -> Response:
    async with house.db.transaction(SYSTEM) as tx:
        connection = await store.connection_of_hook(tx, digest(key))
        if connection is None:
            return _said(404, "No connection has this address.")
        secret = await connecting.hook_secret(tx, house.vault, connection)
        given = await connecting.opened(tx, house.vault, connection)
    tracker = tools[connection.tool].make(given, house.egress)
    try:
        hint = tracker.verify_webhook(raw, {name.lower(): value for name, value in headers.items()}, secret)
    except Unverified as problem:
        log.warning("a delivery was not from the tool", connection=connection.key, problem=str(problem))
        return _said(401, str(problem))
    finally:
        await tracker.close()
    async with house.db.transaction(SYSTEM) as tx:
        fresh = await heard(tx, connection, hint, raw)
    return JSONResponse({"heard": True, "new": fresh}, 202)


async def _body(request: Request) -> bytes | None:
    """The whole body, or None where it is longer than we take."""
    raw = bytearray()
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > BODY_MOST:
            return None
    return bytes(raw)


def _said(status: int, text: str, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse({"error": text}, status, headers=dict(headers or {}))
