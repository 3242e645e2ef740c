"""A host of GitHub of our own on loopback."""

import ssl
from collections.abc import AsyncIterator

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.emulators.github import GitHub
from rallypoint.settings import Settings
from tests.connectors.github.bench import GitHubBench


@pytest.fixture
def emulator(clock: ManualClock) -> GitHub:
    return GitHub(clock)


@pytest.fixture
async def url(emulator: GitHub) -> AsyncIterator[str]:
    """The address of the host; its interface is below /api/v3, as on a server of one's own."""
    async with serving(emulator) as address:
        yield address


@pytest.fixture
async def people(emulator: GitHub, url: str) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """An HTTP client for each account, by login."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used, and quicker to make than a whole one
    clients = {
        login: httpx2.AsyncClient(
            verify=bare,
            base_url=f"{url}/api/v3/",
            headers={"authorization": f"Bearer {token}", "x-github-api-version": "2022-11-28"},
            trust_env=False,
        )
        for login, token in emulator.tokens.items()
    }
    yield clients
    for one in clients.values():
        await one.aclose()


@pytest.fixture
async def way() -> AsyncIterator[Egress]:
    egress = Egress(Settings(allow_private_targets=True))
    yield egress
    await egress.close()


@pytest.fixture
def bench(
    emulator: GitHub, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
) -> GitHubBench:
    return GitHubBench(emulator, url, people, clock, way)
