"""An Azure DevOps organisation of our own on loopback."""

import ssl
from collections.abc import AsyncIterator

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.emulators.azure_devops import ENGINEER, INTEGRATION, LEAD, ORGANIZATION, AzureDevOps
from rallypoint.emulators.base import serving
from rallypoint.settings import Settings


@pytest.fixture
def emulator(clock: ManualClock) -> AzureDevOps:
    return AzureDevOps(clock)


@pytest.fixture
async def url(emulator: AzureDevOps) -> AsyncIterator[str]:
    """The address of the organisation."""
    async with serving(emulator) as address:
        yield f"{address}/{ORGANIZATION}"


@pytest.fixture
async def people(emulator: AzureDevOps, url: str) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """An HTTP client for each account, by mail."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used, and quicker to make than a whole one
    clients = {
        mail: httpx2.AsyncClient(
            verify=bare,
            base_url=f"{url}/",
            auth=("", emulator.tokens[mail]),
            params={"api-version": "7.1"},
            trust_env=False,
        )
        for mail in (INTEGRATION, ENGINEER, LEAD)
    }
    yield clients
    for one in clients.values():
        await one.aclose()


@pytest.fixture
async def way() -> AsyncIterator[Egress]:
    egress = Egress(Settings(allow_private_targets=True))
    yield egress
    await egress.close()
