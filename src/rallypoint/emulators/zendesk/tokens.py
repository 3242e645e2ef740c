"""OAuth 2 as /oauth/tokens speaks it: client credentials, and refresh tokens that are good for one use."""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.people import Token

ACCESS_SECONDS = 1800
REFRESH_DAYS = 30
SCOPES = frozenset({"read", "write"})


@dataclass(frozen=True, slots=True)
class Client:
    """A registered application that keeps a secret; with client credentials it acts as `user`."""

    id: str
    secret: str
    user: int


class Tokens:
    """Issues tokens. What they open is looked up at the desk."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self.clients: dict[str, Client] = {}
        self._refresh: dict[str, tuple[int, str, datetime]] = {}

    def routes(self) -> list[Route]:
        return [Route("/oauth/tokens", self._answer, methods=["POST"])]

    async def _answer(self, request: Request) -> Response:
        raw = await request.body()
        try:
            said = (
                json.loads(raw) if "json" in request.headers.get("content-type", "") else dict(parse_qsl(raw.decode()))
            )
        except ValueError:
            said = {}
        status, body = self.grant(said if isinstance(said, dict) else {})
        return JSONResponse(body, status)

    def grant(self, said: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """(status, answer) to a request for a token."""
        client = self.clients.get(str(said.get("client_id", "")))
        if client is None or client.secret != said.get("client_secret"):
            return 401, _error("invalid_client", "Client authentication failed")
        scopes = frozenset(str(said.get("scope") or "read").split())
        if not scopes <= SCOPES:
            return 400, _error("invalid_scope", "The requested scope is invalid, unknown, or malformed.")
        match said.get("grant_type"):
            case "client_credentials":
                return 200, self._issue(client.user, scopes)
            case "refresh_token":
                user, of, ends = self._refresh.pop(str(said.get("refresh_token")), (0, "", self._desk.now()))
                if of != client.id or ends <= self._desk.now():
                    return 400, _error("invalid_grant", "The provided refresh token is invalid, expired or revoked.")
                return 200, self._issue(user, scopes) | {"refresh_token": self.refresh_for(user, client.id)}
        return 400, _error("unsupported_grant_type", "The authorization grant type is not supported.")

    def refresh_for(self, user: int, client: str) -> str:
        """What an administrator has after somebody gave consent in a browser."""
        value = secrets.token_hex(32)
        self._refresh[value] = (user, client, self._desk.now() + timedelta(days=REFRESH_DAYS))
        return value

    def _issue(self, user: int, scopes: frozenset[str]) -> dict[str, Any]:
        value = secrets.token_hex(32)
        self._desk.tokens[value] = Token(value, user, scopes, self._desk.now() + timedelta(seconds=ACCESS_SECONDS))
        said = {"access_token": value, "token_type": "bearer", "expires_in": ACCESS_SECONDS}
        return said | {"scope": " ".join(sorted(scopes))}


def _error(error: str, why: str) -> dict[str, Any]:
    return {"error": error, "error_description": why}
