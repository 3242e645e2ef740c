"""Files under loss, outages, lost answers, deaths between sending and writing down: everywhere, once, and no leak.

`SYNC_SCHEDULES=5000` plays more schedules. A failure prints its seed.
"""

import os

import pytest

from tests.simulation.filing import Filing

SCHEDULES = int(os.environ.get("SYNC_SCHEDULES", "300"))
FIRST = int(os.environ.get("SYNC_FIRST_SEED", "20000"))
PER_TEST = 50


def play(seed: int) -> Filing:
    world = Filing(seed=seed)
    try:
        world.play()
        world.check()
    except AssertionError as problem:
        raise AssertionError(f"Seed {seed}: {problem}") from problem
    return world


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(FIRST, FIRST + SCHEDULES, PER_TEST))
def test_every_file_is_everywhere_once(first: int) -> None:
    worlds = [play(seed) for seed in range(first, min(first + PER_TEST, FIRST + SCHEDULES))]
    assert sum(world.deaths for world in worlds) > 0, "nobody died: this tried less than it says"
    assert sum(len(world.here) for world in worlds) > 0
