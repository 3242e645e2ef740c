"""A Jira of our own on loopback, in both editions."""

import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.emulators.jira import CUSTOMER, ENGINEER, INTEGRATION, LEAD, Edition, Jira
from rallypoint.settings import Settings

PEOPLE = (INTEGRATION, ENGINEER, LEAD, CUSTOMER)


@dataclass(slots=True)
class Served:
    """A site with its address, and an HTTP client for each account by name."""

    emulator: Jira
    url: str
    people: dict[str, httpx2.AsyncClient] = field(default_factory=dict)

    @property
    def cloud(self) -> bool:
        return self.emulator.site.cloud

    @property
    def version(self) -> int:
        return 3 if self.cloud else 2

    def credentials(self, name: str) -> dict[str, str]:
        """What a tracker is connected with."""
        token = self.emulator.tokens[name]
        return {"user": self.emulator.mail(name), "token": token} if self.cloud else {"token": token}


Serve = Callable[[Edition], AbstractAsyncContextManager[Served]]


@pytest.fixture
def serve(clock: ManualClock) -> Serve:
    @asynccontextmanager
    async def work(edition: Edition) -> AsyncIterator[Served]:
        emulator = Jira(clock, edition)
        bare = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # not used, and quicker to make than a whole one
        async with serving(emulator) as url:
            served = Served(emulator, url)
            for name in PEOPLE:
                who = emulator.mail(name) if served.cloud else name
                served.people[name] = httpx2.AsyncClient(
                    verify=bare, base_url=url, auth=(who, emulator.passwords[name]), trust_env=False
                )
            yield served
            for one in served.people.values():
                await one.aclose()

    return work


@pytest.fixture
async def cloud(serve: Serve) -> AsyncIterator[Served]:
    async with serve(Edition.CLOUD) as served:
        yield served


@pytest.fixture
async def data_center(serve: Serve) -> AsyncIterator[Served]:
    async with serve(Edition.DATA_CENTER) as served:
        yield served


@pytest.fixture(params=[Edition.CLOUD, Edition.DATA_CENTER], ids=["cloud", "data-center"])
async def jira(request: pytest.FixtureRequest, serve: Serve) -> AsyncIterator[Served]:
    """Either."""
    async with serve(request.param) as served:
        yield served


@pytest.fixture
async def way() -> AsyncIterator[Egress]:
    egress = Egress(Settings(allow_private_targets=True))
    yield egress
    await egress.close()
