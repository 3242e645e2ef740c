"""The one way out over HTTP to addresses that users wrote. It cannot be led inside.

For each request a name is resolved once; every address it has is judged; the request goes to exactly one of these, with
Host and TLS server name kept. So a name that resolves to something else a moment later (rebinding) changes nothing.
Redirects are not followed, cookies are not kept, answers are read up to a limit.

Connections are kept for a few seconds, since a conversation with a tool is several requests. Each host has its own:
what was opened (and, over TLS, proved) for one name serves no other, and a kept one is used only for an address that
the name has at this moment.
"""

import asyncio
import socket
import ssl
from collections import OrderedDict
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.cookiejar import Cookie, CookieJar, DefaultCookiePolicy
from urllib.request import Request

import httpx2

from rallypoint.addresses import refusal
from rallypoint.errors import OutsideFailure
from rallypoint.settings import Settings

TIMEOUT_SECONDS = 10.0
CONNECT_SECONDS = 4.0
BODY_MOST = 64 * 1024
URL_LONGEST = 2000
OPEN_MOST = 100
HOST_MOST = 40
"""Requests on their way at once: to all, and to one host, so that one that hangs leaves room for the others."""

KEPT_SECONDS = 4.0
"""How long an idle connection is kept: less than servers keep theirs (5 s is common), so that hardly ever a request is
sent just as its connection ends, which leaves open whether it arrived."""

HOSTS_MOST = 64
"""So many hosts have connections of their own at a time; the one that was asked longest ago makes room."""

COMMON_PORTS = frozenset({80, 443})

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""(host, port) -> every address of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back: any status, also 3xx to 5xx. `cut` means the body was longer than we read."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: bool = False


async def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host, as the machine's resolver knows them, in its order."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(slots=True)
class _Site:
    """One host's connections. `address` answered last and is asked first while the name still has it."""

    client: httpx2.AsyncClient
    address: str = ""
    visits: int = 0


class _NoCookies(DefaultCookiePolicy):
    """Nobody's session is carried from one request into the next: several accounts may share a host."""

    def set_ok(self, cookie: Cookie, request: Request) -> bool:
        return False


class Egress:
    """Sends requests to addresses from outside, after judging where they lead."""

    def __init__(
        self, settings: Settings, *, resolver: Resolver = resolve, trust: ssl.SSLContext | None = None
    ) -> None:
        """`trust` replaces the certificate authorities that come with the HTTP library."""
        self._private_allowed, self._resolve = settings.allow_private_targets, resolver
        self._trust = trust or httpx2.create_ssl_context(trust_env=False)
        self._sites: OrderedDict[tuple[str, str, int], _Site] = OrderedDict()
        self._open_ones = asyncio.Semaphore(OPEN_MOST)

    def _site(self, target: httpx2.URL) -> _Site:
        """The host's connections, made at the first visit."""
        key = (target.scheme, target.raw_host.decode("ascii").lower(), port_of(target))
        site = self._sites.get(key)
        if site is None:
            site = self._sites[key] = _Site(
                client=httpx2.AsyncClient(
                    verify=self._trust,
                    headers={"User-Agent": "Rallypoint"},
                    cookies=CookieJar(_NoCookies()),
                    follow_redirects=False,
                    trust_env=False,  # a proxy from the environment would resolve the name again
                    timeout=httpx2.Timeout(TIMEOUT_SECONDS, connect=CONNECT_SECONDS),
                    limits=httpx2.Limits(
                        max_connections=HOST_MOST, max_keepalive_connections=HOST_MOST, keepalive_expiry=KEPT_SECONDS
                    ),
                )
            )
        self._sites.move_to_end(key)
        return site

    async def _make_room(self) -> None:
        """Leave the hosts that were asked longest ago, but for those being visited."""
        idle = [key for key, site in self._sites.items() if not site.visits]
        for key in idle[: max(0, len(self._sites) - HOSTS_MOST)]:
            await self._sites.pop(key).client.aclose()

    async def close(self) -> None:
        while self._sites:
            await self._sites.popitem()[1].client.aclose()

    async def post(self, url: str, content: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.send("POST", url, content, headers)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        return await self.send("GET", url, b"", headers)

    async def send(
        self,
        method: str,
        url: str,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        most: int = BODY_MOST,
        seconds: float = TIMEOUT_SECONDS,
    ) -> Reply:
        """One request, one answer of which `most` bytes are read, all within `seconds`.

        Raises OutsideFailure: `unknown` when the request may have arrived all the same.
        """
        async with self.stream(method, url, content, headers, seconds=seconds) as answer:
            body = bytearray()
            async for chunk in answer.chunks():
                body += chunk
                if len(body) > most:
                    break
            return Reply(status=answer.status, headers=answer.headers, body=bytes(body[:most]), cut=len(body) > most)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        content: bytes | AsyncIterable[bytes] = b"",
        headers: Mapping[str, str] | None = None,
        *,
        seconds: float = TIMEOUT_SECONDS,
    ) -> AsyncIterator["Answer"]:
        """One request, and its answer while it arrives: for files. The whole visit must end within `seconds`.

        `content` may be given piece by piece, with a header content-length. Raises OutsideFailure like `send`.
        """
        target = read_url(url)
        calling = False
        try:
            async with asyncio.timeout(seconds):
                addresses = await self._addresses(target)
                async with self._visit(target) as site:
                    calling = True
                    response = await self._open(method, site, target, addresses, content, dict(headers or {}))
                    try:
                        yield Answer(target.host, response)
                    finally:
                        await response.aclose()
        except TimeoutError as slow:
            raise OutsideFailure(
                f"{target.host} did not answer within {seconds:.0f} seconds.", retry=True, unknown=calling
            ) from slow

    @asynccontextmanager
    async def _visit(self, target: httpx2.URL) -> AsyncIterator[_Site]:
        """The host's connections, and a place among all requests that are on their way."""
        async with self._open_ones:
            site = self._site(target)
            site.visits += 1
            try:
                yield site
            finally:
                site.visits -= 1
                await self._make_room()

    async def check(self, url: str) -> None:
        """Raises OutsideFailure if a request to this address would be refused: for forms, before it is kept."""
        await self._addresses(read_url(url))

    async def _addresses(self, target: httpx2.URL) -> list[str]:
        """Every address of the target. One that leads inside refuses them all: the next lookup might pick it."""
        host = target.raw_host.decode("ascii")
        try:
            found = await self._resolve(host, port_of(target))
        except (OSError, UnicodeError) as problem:
            raise OutsideFailure(
                f"The name {host} cannot be resolved.", retry=True, help="Check the address for typing mistakes."
            ) from problem
        if not found:
            raise OutsideFailure(f"The name {host} has no address.", retry=True)
        for address in found:
            if why := refusal(address, private_allowed=self._private_allowed):
                raise OutsideFailure(
                    f"{host} leads to {why}, and requests from here may not go there.",
                    retry=False,
                    help="Use a public address, or let an admin set RALLYPOINT_ALLOW_PRIVATE_TARGETS.",
                )
        return found

    async def _open(
        self,
        method: str,
        site: _Site,
        target: httpx2.URL,
        addresses: list[str],
        content: bytes | AsyncIterable[bytes],
        headers: dict[str, str],
    ) -> httpx2.Response:
        """Try the addresses in turn until one accepts a connection; what was sent once is not sent to the next."""
        for address in sorted(addresses, key=lambda one: one != site.address):
            try:
                with _broken_off(target.host):
                    request = _request(site.client, method, target, address, content, headers)
                    response = await site.client.send(request, stream=True)
                site.address = address
                return response
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as problem:
                failure = OutsideFailure(f"{target.host} cannot be reached: {_said(problem)}", retry=True)
            except httpx2.PoolTimeout:
                failure = OutsideFailure("Too many requests are on their way out at once.", retry=True)
        raise failure


def _request(
    client: httpx2.AsyncClient,
    method: str,
    target: httpx2.URL,
    address: str,
    content: bytes | AsyncIterable[bytes],
    headers: dict[str, str],
) -> httpx2.Request:
    kept = {name: value for name, value in headers.items() if name.lower() not in ("host", "accept-encoding")}
    return client.build_request(
        method,
        target.copy_with(host=address.partition("%")[0]),
        content=content,
        # A compressed answer could unfold to any size, so none is asked for and none unfolded.
        headers={**kept, "Host": target.netloc.decode("ascii"), "Accept-Encoding": "identity"},
        extensions={"sni_hostname": target.raw_host.decode("ascii")},
    )


class Answer:
    """An answer whose head is here and whose body is still to come."""

    def __init__(self, host: str, response: httpx2.Response) -> None:
        self._host, self._response = host, response
        self.status = response.status_code
        self.headers: Mapping[str, str] = {name.lower(): value for name, value in response.headers.items()}

    async def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they arrive, once. Raises OutsideFailure when they end too early."""
        with _broken_off(self._host):
            async for chunk in self._response.aiter_raw():
                yield chunk


@contextmanager
def _broken_off(host: str) -> Iterator[None]:
    """Puts the HTTP library's failures in our words, but for those before anything was sent."""
    try:
        yield
    except (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout):
        raise
    except (httpx2.LocalProtocolError, httpx2.InvalidURL) as problem:
        raise OutsideFailure(f"The request cannot be sent: {_said(problem)}", retry=False) from problem
    except httpx2.HTTPError as problem:
        raise OutsideFailure(f"{host} broke off: {_said(problem)}", retry=True, unknown=True) from problem


def read_url(url: str) -> httpx2.URL:
    """An http or https address of a form we can use. Raises OutsideFailure, saying what is wrong with it."""
    wrong = ""
    try:
        target = httpx2.URL(url)
    except (httpx2.InvalidURL, UnicodeError, ValueError) as problem:
        raise OutsideFailure(f"The address cannot be read: {_said(problem)}", retry=False) from problem
    if len(url) > URL_LONGEST:
        wrong = f"is longer than {URL_LONGEST} characters"
    elif target.scheme not in ("http", "https"):
        wrong = "must begin with http:// or https://"
    elif target.userinfo or "\\" in url:
        wrong = "must not have a user name, a password or a backslash in it"
    elif not target.raw_host or any(c <= 32 or c == 37 for c in target.raw_host):
        wrong = "has no host we can look up"
    elif port_of(target) not in COMMON_PORTS and not 1024 <= port_of(target) <= 65535:
        wrong = "may use the ports 80, 443 and those from 1024 on"
    if wrong:
        raise OutsideFailure(f"The address {wrong}.", retry=False, help="Example: https://hooks.example.com/rallypoint")
    return target


def port_of(target: httpx2.URL) -> int:
    if target.port is not None:
        return target.port
    return 443 if target.scheme == "https" else 80


def _said(problem: Exception) -> str:
    return str(problem) or type(problem).__name__
