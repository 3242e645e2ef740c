"""One Roundup for all tests of this folder, emptied before each."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Queue
from threading import Thread

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


@dataclass
class Passage:
    """The way to it, and its address."""

    way: Way
    url: str


@pytest.fixture(scope="session")
def passage(roundup: Roundup) -> Iterator[Passage]:
    """In a thread of its own, for a server that is stopped and started again with each test takes longer than most."""
    way, opened = Way(roundup), Queue[tuple[str, asyncio.AbstractEventLoop, asyncio.Event]]()

    async def run() -> None:
        over = asyncio.Event()
        async with serving(way) as url:
            opened.put((url, asyncio.get_running_loop(), over))
            await over.wait()
        await way.close()

    thread = Thread(target=asyncio.run, args=(run(),))
    thread.start()
    url, loop, over = opened.get(timeout=20)
    yield Passage(way, url)
    loop.call_soon_threadsafe(over.set)
    thread.join(20)


@pytest.fixture
async def bench(roundup: Roundup, passage: Passage) -> AsyncIterator[RoundupBench]:
    roundup.wipe()
    egress = Egress(Settings(allow_private_targets=True), trust=PLAIN)
    bench = RoundupBench(roundup, passage.way, passage.url, egress)
    yield bench
    passage.way.faults.clear()
    await bench.skew(-bench.ahead)
    await egress.close()
