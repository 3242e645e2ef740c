"""Microsoft Entra as far as an application needs it: access tokens for its own right, or by a refresh token."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.emulators.base import Now

LASTS = 3599
RESOURCE = "499b84ac-1321-427f-aa17-267ca6975798"
"""Azure DevOps, in any tenant."""

LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Application:
    """A service principal that acts as the user with this mail."""

    id: str
    secret: str
    mail: str


class Entra:
    """Issues tokens in one tenant and knows whose they are."""

    def __init__(self, clock: Now, tenant: str = "fabrikam") -> None:
        self._clock, self.tenant = clock, tenant
        self.applications: dict[str, Application] = {}
        self.asked = 0
        self._access: dict[str, tuple[str, datetime]] = {}
        self._refresh: dict[str, str] = {}

    def routes(self) -> list[Route]:
        return [Route("/{tenant}/oauth2/v2.0/token", self._token, methods=["POST"])]

    def owner(self, token: str) -> str:
        """The mail of a valid access token's user; empty for any other."""
        mail, ends = self._access.get(token, ("", LONG_AGO))
        return mail if mail and self._clock.now() < ends else ""

    def consent(self, mail: str) -> str:
        """A refresh token, as a person's consent gives one."""
        token = secrets.token_urlsafe(48)
        self._refresh[token] = mail
        return token

    def revoke(self) -> None:
        """Every token is void at once, refresh tokens too."""
        self._access.clear()
        self._refresh.clear()

    async def _token(self, request: Request) -> Response:
        self.asked += 1
        form = {name: values[0] for name, values in parse_qs((await request.body()).decode()).items()}
        if request.path_params["tenant"] != self.tenant:
            return self._no(400, "invalid_tenant", 90002, f"Tenant '{request.path_params['tenant']}' not found.")
        client = self.applications.get(form.get("client_id", ""))
        if client is None:
            return self._no(400, "unauthorized_client", 700016, "Application was not found in the directory.")
        if client.secret != form.get("client_secret"):
            return self._no(401, "invalid_client", 7000215, "Invalid client secret provided.")
        match form.get("grant_type"):
            case "client_credentials":
                if form.get("scope") != f"{RESOURCE}/.default":
                    return self._no(400, "invalid_scope", 1002012, "The provided value for scope is not valid.")
                return JSONResponse(self._issue(client.mail))
            case "refresh_token":
                mail = self._refresh.get(form.get("refresh_token", ""), "")
                if not mail:
                    return self._no(400, "invalid_grant", 700082, "The refresh token has expired due to inactivity.")
                return JSONResponse({**self._issue(mail), "refresh_token": self.consent(mail)})
        return self._no(400, "unsupported_grant_type", 70003, "The app requested an unsupported grant type.")

    def _issue(self, mail: str) -> dict[str, Any]:
        token = secrets.token_urlsafe(48)
        self._access[token] = (mail, self._clock.now() + timedelta(seconds=LASTS))
        return {"token_type": "Bearer", "expires_in": LASTS, "ext_expires_in": LASTS, "access_token": token}

    def _no(self, status: int, error: str, code: int, said: str) -> Response:
        at = self._clock.now().strftime("%Y-%m-%d %H:%M:%SZ")
        told = {"error": error, "error_description": f"AADSTS{code}: {said}", "error_codes": [code], "timestamp": at}
        return JSONResponse(told, status)
