"""Signing in with OAuth 2 (RFC 6749): an access token for requests, fetched by the client's own right, by a refresh
token or by a password, renewed before it ends and when the tool refuses it.
"""

import json
from collections.abc import AsyncIterable, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlencode

from rallypoint.connectors.calling import Answer, Caller, Way
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.ports import AuthFailed, Outage, RateLimited
from rallypoint.sync.tools import Access, Asked, Fetch, Token, Wallet
from rallypoint.sync.wallet import EARLY

T = TypeVar("T")
GROUP = "OAuth 2"
UNSAID = timedelta(minutes=5)
"""How long a token is used whose end the tool does not tell."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What a client has to ask for tokens with. With a refresh token it asks in the name of who gave consent, with user
    and password in theirs, else in its own. `as_json` for tools that do not want the form of the RFC."""

    client_id: str
    client_secret: str = field(repr=False)
    token_url: str
    scope: str = ""
    refresh_token: str = field(default="", repr=False)
    user: str = ""
    password: str = field(default="", repr=False)
    as_json: bool = False


def asked(*, token_url: str = "", scope: str = "", more: str = "") -> tuple[Asked, ...]:
    """What a connection is asked for to sign in so. `token_url` and `scope` are examples; `more` is said of the client
    id."""
    return (
        Asked(name="client_id", label="Client ID", help=more, required=False, group=GROUP),
        Asked(name="client_secret", label="Client secret", secret=True, required=False, group=GROUP),
        Asked(
            name="token_url",
            label="Token URL",
            help="Where tokens are fetched; client secret and refresh token are sent there.",
            required=False,
            example=token_url,
            address=True,
            group=GROUP,
        ),
        Asked(
            name="refresh_token",
            label="Refresh token",
            help="Only for an application without client credentials. It is replaced by itself where the tool does so.",
            secret=True,
            required=False,
            group=GROUP,
        ),
        Asked(name="scope", label="Scope", required=False, example=scope, group=GROUP),
    )


def granted(given: Access, *, token_url: str, scope: str = "") -> Grant | None:
    """The grant of a connection, with these where it says none itself; None when it does not sign in so. Raises Invalid
    when client id and secret are not both there."""
    id, secret = str(given.settings.get("client_id", "") or ""), given.secrets.get("client_secret", "")
    if bool(id) != bool(secret):
        raise Invalid(Problem("client_secret", "is needed together with the client id, and the other way round"))
    if not id:
        return None
    where = str(given.settings.get("token_url", "") or token_url)
    if not where:
        raise Invalid(Problem("token_url", "is needed with a client id"))
    return Grant(
        client_id=id,
        client_secret=secret,
        token_url=where,
        scope=str(given.settings.get("scope", "") or scope),
        refresh_token=given.secrets.get("refresh_token", ""),
    )


async def renewing(
    ask: Callable[[T], Awaitable[Answer]],
    sign: Callable[..., Awaitable[T]],
    *,
    renewable: bool,
    content: bytes | AsyncIterable[bytes] = b"",
) -> Answer:
    """One request, whatever the answer; a token that is refused is renewed once.

    `sign` gives what `ask` signs with, `fresh=True` with another token. Raises Outage where the token was refused and
    the body, which came piece by piece, is spent: it must be sent anew.
    """
    answer = await ask(await sign())
    if answer.status != 401 or not renewable:
        return answer
    renewed = await sign(fresh=True)
    if not isinstance(content, bytes):
        raise Outage("The token was refused; there is another for the next try.", exchange=answer.exchange)
    return await ask(renewed)


class Pocket:
    """A wallet of one process, for a tracker that was given none."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now, self._token = now, Token(access="", ends=now())

    async def token(self, fetch: Fetch, *, refused: str = "") -> Token:
        if self._token.access in ("", refused) or self._now() >= self._token.ends - EARLY:
            self._token = await fetch(self._token.refresh)
        return self._token


class Bearer:
    """Signs requests of one connection with the access token of the moment. `whose` is the tool's name."""

    def __init__(
        self, way: Way, whose: str, grant: Grant, now: Callable[[], datetime], wallet: Wallet | None = None
    ) -> None:
        self._caller, self._whose, self._grant, self._now = Caller(way, grant.token_url, now), whose, grant, now
        self._wallet: Wallet = wallet or Pocket(now)
        self._token: Token | None = None

    async def header(self, *, fresh: bool = False) -> str:
        """The value of the header. `fresh` says that the tool refused the last one. Raises AuthFailed when the client
        or its refresh token is refused."""
        known = self._token
        if fresh or known is None or self._now() >= known.ends - EARLY:
            known = await self._wallet.token(self._fetch, refused=known.access if fresh and known else "")
            self._token = known
        return f"Bearer {known.access}"

    async def _fetch(self, refresh: str) -> Token:
        grant = self._grant
        refresh = refresh or grant.refresh_token
        form = {"client_id": grant.client_id, "client_secret": grant.client_secret}
        if refresh:
            form |= {"grant_type": "refresh_token", "refresh_token": refresh}
        elif grant.user:
            form |= {"grant_type": "password", "username": grant.user, "password": grant.password}
        else:
            form |= {"grant_type": "client_credentials"}
        if grant.scope:
            form["scope"] = grant.scope
        kind = "application/json" if grant.as_json else "application/x-www-form-urlencoded"
        asked_at = self._now()
        try:
            answer = await self._caller.call(
                "POST",
                "",
                content=(json.dumps(form) if grant.as_json else urlencode(form)).encode(),
                headers={"content-type": kind, "accept": "application/json"},
                secret=True,
            )
        except Outage as lost:  # whatever became of the token: nothing was asked of the tool yet
            raise Outage(lost.said, help=lost.help, exchange=lost.exchange) from lost
        said = answer.data if isinstance(answer.data, dict) else {}
        if not answer.fine or not said.get("access_token"):
            raise self._refusal(answer, said, bool(refresh))
        try:
            lasts = timedelta(seconds=float(said.get("expires_in") or 0)) or UNSAID
        except (ValueError, OverflowError):
            lasts = UNSAID
        return Token(
            access=str(said["access_token"]), ends=asked_at + lasts, refresh=str(said.get("refresh_token") or refresh)
        )

    def _refusal(self, answer: Answer, said: dict[str, object], refreshed: bool) -> AuthFailed | Outage | RateLimited:
        """Only an answer in words of RFC 6749, or one that lets nobody in, is about our credentials."""
        exchange, error = answer.exchange, str(said.get("error") or "")
        why = str(said.get("error_description") or error or answer.status)[:300]
        if answer.status == 429:
            after = answer.headers.get("retry-after", "")
            return RateLimited(
                f"{self._whose} gives no token now: {why}.",
                retry_after=float(after) if after.isdigit() else None,
                exchange=exchange,
            )
        if answer.status in (401, 403) or (answer.status == 400 and error):
            spent = refreshed and error == "invalid_grant"
            text = f"{self._whose} takes the refresh token no more" if spent else f"{self._whose} gives no token"
            help = "Give the connection a new one." if spent else "Check client id, client secret, scope and address."
            return AuthFailed(f"{text}: {why}.", help=help, exchange=exchange)
        if answer.status >= 500:
            return Outage(f"{self._whose} gives no token now ({answer.status}).", exchange=exchange)
        return Outage(
            f"What answered {answer.status} gives no OAuth 2 tokens.",
            help="Check the token URL of the connection.",
            exchange=exchange,
        )
