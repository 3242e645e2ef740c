"""A Zendesk account of our own on loopback."""

import ssl
from collections.abc import AsyncIterator

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.emulators.zendesk import AGENT, CUSTOMER, INTEGRATION, LEAD, Zendesk
from rallypoint.settings import Settings
from tests.connectors.zendesk.bench import ZendeskBench


@pytest.fixture
def emulator(clock: ManualClock) -> Zendesk:
    return Zendesk(clock)


@pytest.fixture
async def url(emulator: Zendesk) -> AsyncIterator[str]:
    async with serving(emulator) as address:
        yield address


@pytest.fixture
async def people(emulator: Zendesk, url: str) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """An HTTP client for each account, by mail."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used, and quicker to make than a whole one
    clients = {
        mail: httpx2.AsyncClient(
            verify=bare, base_url=f"{url}/api/v2/", auth=(f"{mail}/token", emulator.api_token), trust_env=False
        )
        for mail in (INTEGRATION, AGENT, LEAD, CUSTOMER)
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
    emulator: Zendesk, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
) -> ZendeskBench:
    return ZendeskBench(emulator, url, people, clock, way)
