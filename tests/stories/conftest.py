"""The world that stories happen in."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from rallypoint.clock import ManualClock
from rallypoint.house import open_house
from rallypoint.settings import Settings
from tests.stories.world import Phone, World


@pytest.fixture
async def world(dsn: str, clock: ManualClock, tmp_path: Path) -> AsyncIterator[World]:
    """Everything but the outside: after each story nobody was paged unexpectedly and no run is orphaned."""
    phones = {kind: Phone(kind) for kind in ("sandbox", "email", "webhook")}
    async with open_house(Settings(data=tmp_path), dsn=dsn, clock=clock, channels=phones) as house:
        world = World(house, clock, phones)
        yield world
        await world.expect_silence()
        await world.expect_no_orphans()
