"""Signing in: with an API token, a personal access token, or an OAuth 2 application whose tokens last an hour."""

from base64 import b64encode
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from rallypoint.connectors.calling import Answer, Caller, Way
from rallypoint.sync.ports import AuthFailed, Outage, TrackerError

EARLY = timedelta(seconds=60)
"""How long before its end a token is renewed."""

HOSTED = (".atlassian.net", ".jira.com")
AUTHORITY, GATEWAY = "https://auth.atlassian.com", "https://api.atlassian.com"

Keep = Callable[[str], Awaitable[None]]
"""Takes the refresh token that replaces the one we had: the old one is worn out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """A user with a token: Cloud's API token, or a password on Data Center. A token alone: a personal access token.

    With a client it is OAuth 2: by its own right, or by the consent that a refresh token stands for.
    """

    user: str = ""
    token: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""


class Entrance:
    """How requests of one account are signed, and where they go."""

    def __init__(
        self, way: Way, base_url: str, credentials: Credentials, now: Callable[[], datetime], keep: Keep | None = None
    ) -> None:
        self._way, self._given, self._now, self._keep = way, credentials, now, keep
        self._site = base_url.rstrip("/")
        hosted = (urlsplit(base_url).hostname or "").endswith(HOSTED)
        self._authority, self._gateway = (AUTHORITY, GATEWAY) if hosted else (self._site, self._site)
        self._token, self._ends, self._refresh = "", now(), credentials.refresh_token

    @property
    def renewable(self) -> bool:
        """Whether a token that is refused can be replaced by another."""
        return bool(self._given.client_id)

    @property
    def client(self) -> tuple[str, str]:
        """(id, secret) of the application; empty without one."""
        return self._given.client_id, self._given.client_secret

    async def signed(self, *, fresh: bool = False) -> str:
        """The value of the header. `fresh` asks for another token even if ours seems good."""
        given = self._given
        if given.client_id:
            if fresh or not self._token or self._now() >= self._ends - EARLY:
                await self._renew()
            return f"Bearer {self._token}"
        if given.user:
            return "Basic " + b64encode(f"{given.user}:{given.token}".encode()).decode()
        return f"Bearer {given.token}"

    async def address(self) -> str:
        """Where the interface is: at the site itself, or for an application behind the gateway, by the site's id."""
        if not self._given.client_id:
            return self._site
        answer = await self._caller(self._gateway).call(
            "GET", "/oauth/token/accessible-resources",
            headers={"authorization": await self.signed(), "accept": "application/json"},
        )  # fmt: skip
        rows = answer.data if isinstance(answer.data, list) else []
        found = next(
            (one for one in rows if isinstance(one, dict) and _same(str(one.get("url", "")), self._site)), None
        )
        if found is None:
            raise self._refused(answer, "The application has no access to this site.")
        return f"{self._gateway}/ex/jira/{found['id']}"

    async def _renew(self) -> None:
        given = self._given
        said: dict[str, Any] = {"client_id": given.client_id, "client_secret": given.client_secret}
        said |= (
            {"grant_type": "refresh_token", "refresh_token": self._refresh}
            if self._refresh
            else {"grant_type": "client_credentials"}
        )
        answer = await self._caller(self._authority).call(
            "POST", "/oauth/token", body=said, headers={"accept": "application/json"}, secret=True
        )
        told = answer.data if isinstance(answer.data, dict) else {}
        if answer.status >= 500 or answer.status == 429:
            raise Outage(f"Atlassian gives no token now ({answer.status}).", exchange=answer.exchange)
        if not answer.fine or not told.get("access_token"):
            why = told.get("error_description") or told.get("error") or answer.status
            raise self._refused(answer, f"Atlassian gives no token: {why}.")
        self._token = str(told["access_token"])
        self._ends = self._now() + timedelta(seconds=float(told.get("expires_in") or 0))
        replaced = str(told.get("refresh_token") or "")
        if replaced and replaced != self._refresh:
            self._refresh = replaced
            if self._keep is not None:
                await self._keep(replaced)

    def _caller(self, base: str) -> Caller:
        return Caller(self._way, base, self._now)

    def _refused(self, answer: Answer, said: str) -> TrackerError:
        help = "Check client id and secret; a refresh token that was not used for 90 days has to be made anew."
        return AuthFailed(said, help=help, exchange=answer.exchange)


def _same(one: str, other: str) -> bool:
    return one.rstrip("/").casefold() == other.casefold()
