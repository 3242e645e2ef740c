"""Hints: heard by whoever listens, and known to have been heard by whoever asks a little later."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from rallypoint.db.hints import Hints
from rallypoint.edges.web import sse


@pytest.fixture
async def two(dsn: str) -> AsyncIterator[tuple[Hints, Hints]]:
    """Two processes on one database; the first listens."""
    ours, theirs = Hints(dsn), Hints(dsn)
    heard = asyncio.Event()
    stop = ours.subscribe(lambda name: heard.set())
    await ours.listen()
    async with asyncio.timeout(20):
        while not heard.is_set():  # until its ear is open
            theirs.send({"anybody there?"})
            await asyncio.wait([asyncio.ensure_future(heard.wait())], timeout=0.05)
    stop()
    try:
        yield ours, theirs
    finally:
        await ours.close()
        await theirs.close()


async def heard(hints: Hints, name: str) -> None:
    came = asyncio.Event()
    stop = hints.subscribe(lambda one: came.set() if one == name else None)
    try:
        async with asyncio.timeout(20):
            await came.wait()
    finally:
        stop()


async def first_words(hints: Hints, on: str, since: str) -> list[str]:
    """What a line says at once, without anything happening."""
    line = sse.events(hints, [on], since=since)
    said = [await anext(line)]
    more = asyncio.ensure_future(anext(line))
    for _ in range(10):
        await asyncio.sleep(0)
    if more.done():
        said.append(more.result())
    else:
        more.cancel()
        await asyncio.wait([more])
    await line.aclose()
    return said


async def test_what_another_process_changed_between_page_and_line_is_told_as_soon_as_the_line_is_open(
    two: tuple[Hints, Hints],
) -> None:
    ours, theirs = two
    begun = ours.moment()
    assert ours.unchanged(["incident:1", "incidents"], begun)
    waiting = asyncio.ensure_future(heard(ours, "incident:1"))
    await asyncio.sleep(0)
    theirs.send({"incident:1"})
    await waiting
    assert not ours.unchanged(["incident:1", "incidents"], begun)
    assert ours.unchanged(["incident:2"], begun)
    assert any("changed" in said for said in await first_words(ours, "incident:1", begun))
    assert not any("changed" in said for said in await first_words(ours, "incident:2", begun))
    assert ours.unchanged(["incident:1"], ours.moment()), "a page begun later has seen it"


@pytest.mark.parametrize("said", ["", "nonsense", "00000000-1.0", "00000000-nan", "-"])
async def test_what_cannot_be_known_counts_as_changed(two: tuple[Hints, Hints], said: str) -> None:
    assert not two[0].unchanged(["incident:1"], said)


async def test_who_did_not_listen_yet_cannot_say_that_nothing_changed(dsn: str) -> None:
    hints = Hints(dsn)
    assert not hints.unchanged(["incident:1"], hints.moment())
