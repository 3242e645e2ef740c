"""Where tools tell us of changes: `POST /told/<key>`, a connection's own address, with the tool's own signature.

Verify, keep, answer: the lanes read the tool again, so nothing in a delivery is believed. Under load or without the
database the answer is 503, which tools repeat; never 404 or 410 for a connection that lives, which would end the
subscription at some of them: an address works for a day after another has taken its place.
"""

import asyncio
from collections.abc import Mapping

import asyncpg
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.actors import SYSTEM
from rallypoint.house import House
from rallypoint.ids import digest
from rallypoint.sync import connecting, hook_store
from rallypoint.sync.hearing import heard
from rallypoint.sync.ports import Unverified
from rallypoint.sync.tools import Tools
from rallypoint.sync.wallet import BOUND_TO

BODY_MOST = 1024 * 1024
AT_ONCE = 32
"""Deliveries that are taken at once; the next is asked to come again. The poll finds what is told too late."""

TAKEN_WITHIN = 8.0
"""Seconds, less than tools wait: who gets no answer at all counts us as broken."""

AWAY = (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, TimeoutError)

log = structlog.get_logger()


def routes(house: House, tools: Tools) -> list[Route]:
    """What edges/asgi.py puts before the pages. The key in the path is the permission."""

    under_way = 0

    async def told(request: Request) -> Response:
        nonlocal under_way
        if under_way >= AT_ONCE:
            return _said(503, "Too much is told at once; tell it again.", {"retry-after": "5"})
        under_way += 1
        try:
            async with asyncio.timeout(TAKEN_WITHIN):
                raw = await _body(request)
                if raw is None:
                    return _said(413, f"A delivery of more than {BODY_MOST} bytes is not taken.")
                return await _take(house, tools, request.path_params["key"], raw, request.headers)
        except ClientDisconnect:
            return Response(status_code=400)
        except AWAY as problem:
            log.warning("a delivery could not be kept", problem=repr(problem))
            return _said(503, "It cannot be kept now; tell it again.", {"retry-after": "10"})
        finally:
            under_way -= 1

    return [Route("/told/{key}", told, methods=["POST"], name="told")]


async def _take(house: House, tools: Tools, key: str, raw: bytes, headers: Mapping[str, str]) -> Response:
    async with house.db.transaction(SYSTEM) as tx:
        found = await hook_store.addressed(tx, digest(key))
        if found is None:
            return _said(404, "No connection has this address.")
        connection = found.connection
        given = await connecting.opened(tx, house.vault, connection)
    if found.sealed_secret is None or connection.tool not in tools:
        return _said(503, f"{connection.name} is not ready; tell it again.", {"retry-after": "60"})
    secret = house.vault.unseal(found.sealed_secret, BOUND_TO)
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
