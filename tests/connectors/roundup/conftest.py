"""One Roundup for all tests of this folder, emptied before each."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from rallypoint.egress import Egress
from rallypoint.emulators.base import serving
from rallypoint.settings import Settings
from tests.connectors.roundup.bench import PLAIN, RoundupBench, Way
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


@pytest.fixture
async def bench(roundup: Roundup) -> AsyncIterator[RoundupBench]:
    roundup.wipe()
    way, egress = Way(roundup), Egress(Settings(allow_private_targets=True), trust=PLAIN)
    async with serving(way) as url:
        yield RoundupBench(roundup, way, url, egress)
    await egress.close()
    await way.close()
