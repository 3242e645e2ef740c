"""OAuth 2 as oauth_token.do speaks it: password, client credentials, refresh."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from rallypoint.emulators.base import Now
from rallypoint.emulators.servicenow.people import User

ACCESS_SECONDS = 1799
REFRESH_DAYS = 100
LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Client:
    """A registered application; with client credentials it acts as `user`."""

    id: str
    secret: str
    user: str


class Tokens:
    """Issues tokens and knows whose they are."""

    def __init__(self, clock: Now, users: Mapping[str, User]) -> None:
        self._clock, self._users = clock, users
        self.clients: dict[str, Client] = {}
        self._access: dict[str, tuple[str, datetime]] = {}
        self._refresh: dict[str, tuple[str, str, datetime]] = {}

    def owner(self, token: str) -> str:
        """The user of a valid access token; empty for any other."""
        name, ends = self._access.get(token, ("", LONG_AGO))
        return name if name and self._clock.now() < ends else ""

    def revoke(self) -> None:
        """Every token is void at once, refresh tokens too."""
        self._access.clear()
        self._refresh.clear()

    def grant(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """(status, answer) to a form."""
        client = self.clients.get(form.get("client_id", ""))
        if client is None or client.secret != form.get("client_secret"):
            return 401, {"error": "invalid_client", "error_description": "access_denied"}
        match form.get("grant_type"):
            case "client_credentials":
                return 200, self._issue(client.user)
            case "password":
                user = self._users.get(form.get("username", ""))
                if user is None or user.password != form.get("password") or not user.active:
                    return 401, {"error": "server_error", "error_description": "access_denied"}
                return 200, self._issue(user.name, client.id)
            case "refresh_token":
                token = form.get("refresh_token", "")
                name, of, ends = self._refresh.get(token, ("", "", LONG_AGO))
                if not name or of != client.id or self._clock.now() >= ends:
                    return 401, {"error": "invalid_grant", "error_description": "access_denied"}
                return 200, self._issue(name) | {"refresh_token": token}
            case _:
                return 400, {"error": "unsupported_grant_type", "error_description": "unsupported_grant_type"}

    def _issue(self, user: str, client: str = "") -> dict[str, Any]:
        token = secrets.token_urlsafe(48)
        self._access[token] = (user, self._clock.now() + timedelta(seconds=ACCESS_SECONDS))
        said = {"scope": "useraccount", "token_type": "Bearer", "expires_in": ACCESS_SECONDS, "access_token": token}
        if client:
            refresh = secrets.token_urlsafe(48)
            self._refresh[refresh] = (user, client, self._clock.now() + timedelta(days=REFRESH_DAYS))
            said["refresh_token"] = refresh
        return said
