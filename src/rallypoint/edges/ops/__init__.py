"""Probes and figures for whoever runs Rallypoint: /livez, /readyz, /metrics. They hold counts only, and need no key."""

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from rallypoint.access import Permission
from rallypoint.edges.ops.metrics import CONTENT_TYPE, exposition
from rallypoint.edges.ops.readiness import look
from rallypoint.house import House

PERMISSIONS = {"/livez": Permission.PUBLIC, "/readyz": Permission.PUBLIC, "/metrics": Permission.PUBLIC}


def routes(house: House) -> list[Route]:
    """What edges/asgi.py puts before the pages."""

    async def livez(request: Request) -> Response:
        """This process answers. It says nothing of the others."""
        return PlainTextResponse("ok\n", headers={"cache-control": "no-store"})

    async def readyz(request: Request) -> Response:
        """Whether a page would go out now: every check with what it found; 503 when one is red."""
        found = await look(house.db)
        body = {
            "ready": all(check.ok for check in found),
            "checks": {check.name: {"ok": check.ok, "said": check.said} for check in found},
        }
        return JSONResponse(body, 200 if body["ready"] else 503, headers={"cache-control": "no-store"})

    async def metrics(request: Request) -> Response:
        return Response(await exposition(house), media_type=CONTENT_TYPE, headers={"cache-control": "no-store"})

    endpoints = {"/livez": livez, "/readyz": readyz, "/metrics": metrics}
    return [Route(path, endpoint, name=path.strip("/")) for path, endpoint in endpoints.items()]
