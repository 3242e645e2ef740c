"""Signing in: with an API token, a personal access token, or an OAuth 2 application whose tokens last an hour."""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

from rallypoint.connectors.calling import Answer, Caller, Way
from rallypoint.connectors.oauth import Bearer, Grant
from rallypoint.sync.ports import AuthFailed, Outage, TrackerError
from rallypoint.sync.tools import Wallet

HOSTED = (".atlassian.net", ".jira.com")
AUTHORITY, GATEWAY = "https://auth.atlassian.com", "https://api.atlassian.com"


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
        self,
        way: Way,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        wallet: Wallet | None = None,
    ) -> None:
        self._way, self._given, self._now = way, credentials, now
        self._site = base_url.rstrip("/")
        hosted = (urlsplit(base_url).hostname or "").endswith(HOSTED)
        authority, self._gateway = (AUTHORITY, GATEWAY) if hosted else (self._site, self._site)
        self._bearer: Bearer | None = None
        if credentials.client_id:
            grant = Grant(
                client_id=credentials.client_id,
                client_secret=credentials.client_secret,
                token_url=f"{authority}/oauth/token",
                refresh_token=credentials.refresh_token,
                as_json=True,
            )
            self._bearer = Bearer(way, "Atlassian", grant, now, wallet)

    @property
    def renewable(self) -> bool:
        """Whether a token that is refused can be replaced by another."""
        return self._bearer is not None

    @property
    def client(self) -> tuple[str, str]:
        """(id, secret) of the application; empty without one."""
        return self._given.client_id, self._given.client_secret

    async def signed(self, *, fresh: bool = False) -> str:
        """The value of the header. `fresh` asks for another token even if ours seems good."""
        given = self._given
        if self._bearer is not None:
            return await self._bearer.header(fresh=fresh)
        if given.user:
            return "Basic " + b64encode(f"{given.user}:{given.token}".encode()).decode()
        return f"Bearer {given.token}"

    async def address(self) -> str:
        """Where the interface is: at the site itself, or for an application behind the gateway, by the site's id."""
        if self._bearer is None:
            return self._site
        for fresh in (False, True):
            answer = await self._caller(self._gateway).call(
                "GET", "/oauth/token/accessible-resources",
                headers={"authorization": await self.signed(fresh=fresh), "accept": "application/json"},
            )  # fmt: skip
            if answer.status != 401:
                break
        if answer.status >= 500 or answer.status in (408, 429):
            raise Outage(f"Atlassian does not say where the site is ({answer.status}).", exchange=answer.exchange)
        rows = answer.data if isinstance(answer.data, list) else []
        found = next(
            (one for one in rows if isinstance(one, dict) and _same(str(one.get("url", "")), self._site)), None
        )
        if found is None:
            raise self._refused(answer, "The application has no access to this site.")
        return f"{self._gateway}/ex/jira/{found['id']}"

    def _caller(self, base: str) -> Caller:
        return Caller(self._way, base, self._now)

    def _refused(self, answer: Answer, said: str) -> TrackerError:
        help = "Check client id and secret; a refresh token that was not used for 90 days has to be made anew."
        return AuthFailed(said, help=help, exchange=answer.exchange)


def _same(one: str, other: str) -> bool:
    return one.rstrip("/").casefold() == other.casefold()
