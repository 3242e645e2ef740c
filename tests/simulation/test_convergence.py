"""Three to five tools and a hub under loss, repetition, outages, lost answers, crashes and wrong clocks.

`SYNC_SCHEDULES=5000` plays more schedules, `SYNC_FIRST_SEED` others. A failure prints its seed: add it to
failing_seeds.txt with what was wrong.
"""

import os
from pathlib import Path

import pytest

from tests.simulation.world import World

SCHEDULES = int(os.environ.get("SYNC_SCHEDULES", "300"))
FIRST = int(os.environ.get("SYNC_FIRST_SEED", "10000"))
PER_TEST = 50
SEEDS = Path(__file__).parent / "failing_seeds.txt"


def play(seed: int) -> World:
    world = World(seed=seed)
    try:
        world.play()
        world.check()
    except AssertionError as problem:
        raise AssertionError(f"Seed {seed}: {problem}") from problem
    return world


def old_seeds() -> list[int]:
    lines = SEEDS.read_text().splitlines()
    return [int(line.split()[0]) for line in lines if line.strip() and not line.startswith("#")]


@pytest.mark.parametrize("seed", old_seeds())
def test_seeds_that_once_failed(seed: int) -> None:
    play(seed)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(FIRST, FIRST + SCHEDULES, PER_TEST))
def test_every_schedule_converges_and_loses_nothing(first: int) -> None:
    worlds = [play(seed) for seed in range(first, min(first + PER_TEST, FIRST + SCHEDULES))]
    faults = sum(lane.tool.faults.happened for world in worlds for lane in world.lanes)
    edits = sum(world.status_edits for world in worlds)
    print(
        f"seeds {first}-{first + len(worlds) - 1}: {edits} edits, {sum(w.writes for w in worlds)} writes, "
        f"{faults} faults, {sum(w.crashes for w in worlds)} crashes, {sum(len(w.conflicts) for w in worlds)} conflicts"
    )
    assert faults > 0
    assert edits > 0
