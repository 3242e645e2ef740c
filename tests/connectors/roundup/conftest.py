"""One Roundup for all tests of this folder, emptied before each."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rallypoint.egress import Egress
from rallypoint.settings import Settings
from tests.connectors.passage import PLAIN, Way, passing
from tests.connectors.roundup.bench import RoundupBench
from tests.connectors.roundup.server import Roundup


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.partner)
            item.add_marker(pytest.mark.timeout(60))


@pytest.fixture(scope="session")
def roundup() -> Iterator[Roundup]:
    server = Roundup()
    try:
        yield server.start().with_people()
    finally:
        server.close()


@dataclass
class Passage:
    """The way to it, and its address."""

    way: Way
    url: str


@pytest.fixture(scope="session")
def passage(roundup: Roundup) -> Iterator[Passage]:
    to = f"http://127.0.0.1:{roundup.port}"
    way = Way(to, {"origin": to})
    with passing(way) as url:
        yield Passage(way, url)


@pytest.fixture
async def bench(roundup: Roundup, passage: Passage) -> AsyncIterator[RoundupBench]:
    roundup.wipe()
    egress = Egress(Settings(allow_private_targets=True), trust=PLAIN)
    bench = RoundupBench(roundup, passage.way, passage.url, egress)
    yield bench
    passage.way.faults.clear()
    await bench.skew(-bench.ahead)
    await egress.close()
