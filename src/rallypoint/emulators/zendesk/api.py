"""The REST interface of an account, version 2: who asks, how often, and what answers."""

import base64
import re
from urllib.parse import quote, unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from rallypoint.emulators.zendesk.account_api import AccountInterface
from rallypoint.emulators.zendesk.call import Call, Handler
from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.limits import Limits
from rallypoint.emulators.zendesk.people import User
from rallypoint.emulators.zendesk.refusals import Refusal, no_route, not_known, scope_missing, token_refused
from rallypoint.emulators.zendesk.shown import Shown
from rallypoint.emulators.zendesk.ticket_api import TicketInterface
from rallypoint.emulators.zendesk.webhooks import Webhooks

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]
PREFIX = "/api/v2/"
ANONYMOUS = {
    "id": None,
    "name": "Anonymous user",
    "email": "invalid@example.com",
    "role": "end-user",
    "verified": False,
}
READING = frozenset({"GET"})


class Interface:
    """Turns requests into acts on the desk. `api_tokens` are of the account: each stands for anybody's password."""

    def __init__(self, desk: Desk, webhooks: Webhooks, limits: Limits, api_tokens: set[str]) -> None:
        self.desk, self.webhooks, self.limits, self.api_tokens = desk, webhooks, limits, api_tokens
        self.tickets = TicketInterface(desk, limits)
        rows = (*self.tickets.table(), *AccountInterface(desk, webhooks).table())
        self._table: list[tuple[str, re.Pattern[str], Handler]] = [
            (method, re.compile(f"^{path}$"), handler) for method, path, handler in rows
        ]

    def routes(self) -> list[Route]:
        return [
            Route("/attachments/token/{key}/", self._content, methods=["GET"]),
            Route("/cdn/{key}", self._bytes, methods=["GET"]),
            Route("/{path:path}", self._answer, methods=METHODS),
        ]

    async def _answer(self, request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            headers = self.limits.request()
            self.webhooks.pump()
            response = await self._dispatch(request)
        except Refusal as no:
            headers |= no.headers
            response = JSONResponse(no.body, no.status)
        response.headers.update(headers)
        return response

    async def _dispatch(self, request: Request) -> Response:
        path = unquote(request.scope["path"])
        if not path.startswith(PREFIX):
            raise no_route()
        rest, base = path.removeprefix(PREFIX).removesuffix(".json").rstrip("/"), _root(request)
        self.webhooks.base = base
        user = self._who(request)
        if user is None:
            if rest == "users/me":
                return JSONResponse({"user": ANONYMOUS})
            raise not_known()
        for method, pattern, handler in self._table:
            parts = pattern.match(rest)
            if parts is not None and method == request.method:
                return await handler(Call(request, user, Shown(self.desk, base), parts.groups(), path))
        raise no_route()

    def _who(self, request: Request) -> User | None:
        """By mail with `/token` and an API token, or by an OAuth token. Nobody at all is somebody anonymous."""
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() == "bearer":
            return self._bearer(request, said.strip())
        try:
            name, _, token = base64.b64decode(said, validate=True).decode().partition(":")
        except ValueError:
            raise not_known() from None
        mail, _, kind = name.rpartition("/")
        user = self.desk.by_email(mail)
        if kind != "token" or token not in self.api_tokens or user is None:
            raise not_known()
        return user

    def _bearer(self, request: Request, said: str) -> User:
        token = self.desk.tokens.get(said)
        if token is None:
            raise token_refused(
                "The access token provided is expired, revoked, malformed or invalid for other reasons."
            )
        if token.expires is not None and token.expires <= self.desk.clock.now():
            raise token_refused("The access token provided is expired.")
        scope = "read" if request.method in READING else "write"
        if scope not in token.scopes:
            raise scope_missing(scope)
        return self.desk.users[token.user]

    # Files, which lie elsewhere.

    async def _content(self, request: Request) -> Response:
        """Not the bytes, but the way to where they are kept."""
        try:
            user = self._who(request)
        except Refusal as no:
            return JSONResponse(no.body, no.status)
        key = request.path_params["key"]
        if not any(one.key == key for one in self.desk.files.values()):
            return JSONResponse({"error": "RecordNotFound", "description": "Not found"}, 404)
        if user is None:
            return RedirectResponse(f"{_root(request)}/access/unauthenticated", 302)
        return RedirectResponse(f"{_elsewhere(request)}/cdn/{quote(key)}", 302)

    async def _bytes(self, request: Request) -> Response:
        """A store that knows nothing of accounts: it refuses who shows it credentials that are not for it."""
        if "authorization" in request.headers:
            return Response("Only one auth mechanism allowed", 400, media_type="text/plain")
        key = request.path_params["key"]
        found = next((one for one in self.desk.files.values() if one.key == key), None)
        if found is None:
            return Response("Not found", 404, media_type="text/plain")
        return Response(found.body, media_type=found.type or "application/octet-stream")


def _root(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', '127.0.0.1')}"


def _elsewhere(request: Request) -> str:
    """The same server by another name, as files lie on another host."""
    host, colon, port = request.headers.get("host", "127.0.0.1").partition(":")
    other = {"127.0.0.1": "localhost", "localhost": "127.0.0.1"}.get(host, host)
    return f"{request.url.scheme}://{other}{colon}{port}"
