"""A ServiceNow instance of our own on loopback, by HTTP and by HTTPS."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
import trustme

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.emulators.servicenow import ADMIN, AGENT, CALLER, INTEGRATION_USER, ServiceNow
from rallypoint.settings import Settings
from tests.connectors.servicenow.bench import ServiceNowBench


@pytest.fixture
def emulator(clock: ManualClock) -> ServiceNow:
    return ServiceNow(clock)


@pytest.fixture
async def url(emulator: ServiceNow) -> AsyncIterator[str]:
    async with serving(emulator) as address:
        yield address


@dataclass
class Secure:
    """The same instance by HTTPS, which the vendor's client insists on."""

    url: str
    authority: str


@pytest.fixture
async def secure(emulator: ServiceNow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Secure]:
    authority = trustme.CA()
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    # A variable of this name in the environment would count for more than what the client is told.
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    async with serving(emulator, tls=tls) as address:
        yield Secure(address, str(tmp_path / "authority.pem"))


@pytest.fixture
async def people(emulator: ServiceNow, url: str) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """An HTTP client for each account."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used, and quicker to make than a whole one
    clients = {
        name: httpx2.AsyncClient(
            verify=bare, base_url=f"{url}/api/now", auth=(name, emulator.passwords[name]), trust_env=False
        )
        for name in (INTEGRATION_USER, AGENT, CALLER, ADMIN)
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
    emulator: ServiceNow, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
) -> ServiceNowBench:
    return ServiceNowBench(emulator, url, people, clock, way)
