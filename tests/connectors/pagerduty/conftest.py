"""An account of PagerDuty of our own on loopback, by HTTP and by HTTPS."""

import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx2
import pytest
import trustme

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.emulators.pagerduty import PagerDuty
from rallypoint.settings import Settings
from tests.connectors.pagerduty.bench import PagerDutyBench


@pytest.fixture
def emulator(clock: ManualClock) -> PagerDuty:
    return PagerDuty(clock)


@pytest.fixture
async def url(emulator: PagerDuty) -> AsyncIterator[str]:
    async with serving(emulator) as address:
        yield address


@dataclass
class Secure:
    """The same account by HTTPS, which the vendor's client insists on."""

    url: str
    trusted: ssl.SSLContext


@pytest.fixture
async def secure(emulator: PagerDuty) -> AsyncIterator[Secure]:
    authority = trustme.CA()
    tls, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.issue_cert("127.0.0.1").configure_cert(tls)
    authority.configure_trust(trusted)
    async with serving(emulator, tls=tls) as address:
        yield Secure(address, trusted)


@pytest.fixture
async def people(emulator: PagerDuty, url: str) -> AsyncIterator[dict[str, httpx2.AsyncClient]]:
    """An HTTP client for each user, by mail, and for the account's own key by "account"."""
    bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used, and quicker to make than a whole one
    keys = {mail: key.secret for mail, key in emulator.keys.items()} | {"account": emulator.account_key.secret}
    clients = {
        whose: httpx2.AsyncClient(
            verify=bare,
            base_url=f"{url}/",
            headers={"authorization": f"Token token={key}", "accept": "application/vnd.pagerduty+json;version=2"},
            trust_env=False,
        )
        for whose, key in keys.items()
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
    emulator: PagerDuty, url: str, people: dict[str, httpx2.AsyncClient], clock: ManualClock, way: Egress
) -> PagerDutyBench:
    return PagerDutyBench(emulator, url, people, clock, way)
