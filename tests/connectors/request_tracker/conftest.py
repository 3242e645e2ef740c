"""One Request Tracker for all tests of this folder, as on its first day before each."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rallypoint.egress import Egress
from rallypoint.settings import Settings
from tests.connectors.passage import PLAIN, Way, passing
from tests.connectors.request_tracker.bench import RequestTrackerBench
from tests.connectors.request_tracker.server import RequestTrackerServer


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.partner)
            item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(scope="session")
def server() -> Iterator[RequestTrackerServer]:
    server = RequestTrackerServer()
    try:
        yield server.start()
    finally:
        server.close()


@dataclass
class Passage:
    """The way to it, and its address."""

    way: Way
    url: str


@pytest.fixture(scope="session")
def passage(server: RequestTrackerServer) -> Iterator[Passage]:
    way = Way(server.url)
    with passing(way) as url:
        yield Passage(way, url)


@pytest.fixture
async def bench(server: RequestTrackerServer, passage: Passage) -> AsyncIterator[RequestTrackerBench]:
    server.wipe()
    egress = Egress(Settings(allow_private_targets=True), trust=PLAIN)
    bench = RequestTrackerBench(server, passage.way, passage.url, egress)
    yield bench
    passage.way.faults.clear()
    await bench.skew(-bench.ahead)
    await egress.close()
