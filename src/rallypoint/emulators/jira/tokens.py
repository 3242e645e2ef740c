"""OAuth 2 as Atlassian speaks it: client credentials of a service account, and refresh tokens that change each time."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rallypoint.emulators.base import Now

ACCESS = timedelta(hours=1)
UNUSED = timedelta(days=90)
AGAIN = timedelta(minutes=10)
"""How long a refresh token that was used still works: the answer may have been lost."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)
SCOPES = ("read:jira-work", "write:jira-work", "read:jira-user", "manage:jira-webhook", "offline_access")


@dataclass(slots=True)
class Client:
    """A registered application, which acts as `user`."""

    id: str
    secret: str
    user: str


@dataclass(slots=True)
class Refresh:
    client: str
    issued: datetime
    used: datetime | None = None


class Tokens:
    """Issues tokens and knows whose they are."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self.clients: dict[str, Client] = {}
        self._access: dict[str, tuple[str, datetime]] = {}
        self._refresh: dict[str, Refresh] = {}

    def client(self, token: str) -> Client | None:
        """The application of a valid access token."""
        id, ends = self._access.get(token, ("", LONG_AGO))
        return self.clients.get(id) if self._clock.now() < ends else None

    def consent(self, client: str) -> str:
        """A first refresh token, as after a person's consent in the browser."""
        token = secrets.token_urlsafe(32)
        self._refresh[token] = Refresh(client, self._clock.now())
        return token

    def revoke(self) -> None:
        self._access.clear()
        self._refresh.clear()

    def grant(self, said: Mapping[str, Any]) -> tuple[int, dict[str, Any]]:
        """(status, answer) to a request for a token."""
        client = self.clients.get(str(said.get("client_id", "")))
        if client is None or client.secret != said.get("client_secret"):
            return 401, {"error": "access_denied", "error_description": "Unauthorized"}
        match said.get("grant_type"):
            case "client_credentials":
                return 200, self._issue(client)
            case "refresh_token":
                return self._renew(client, str(said.get("refresh_token", "")))
        return 400, {"error": "unsupported_grant_type", "error_description": "Unsupported grant type"}

    def _renew(self, client: Client, token: str) -> tuple[int, dict[str, Any]]:
        known, now = self._refresh.get(token), self._clock.now()
        worn = known is not None and known.used is not None and now - known.used >= AGAIN
        if known is None or known.client != client.id or worn or now - known.issued >= UNUSED:
            return 403, {"error": "invalid_grant", "error_description": "Unknown or invalid refresh token."}
        known.used = known.used or now
        return 200, self._issue(client) | {"refresh_token": self.consent(client.id)}

    def _issue(self, client: Client) -> dict[str, Any]:
        token = secrets.token_urlsafe(48)
        self._access[token] = (client.id, self._clock.now() + ACCESS)
        return {"access_token": token, "scope": " ".join(SCOPES), "expires_in": int(ACCESS.total_seconds()),
                "token_type": "Bearer"}  # fmt: skip
