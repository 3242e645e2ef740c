"""Whether an item was made is not always told: it is looked for until it would be found, and only then made again."""

from datetime import timedelta

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.sync import store
from rallypoint.sync.ports import Outage, ValidationFailed
from tests.store.sync.conftest import Scene


async def shown(scene: Scene, number: int) -> tuple[str, object]:
    [link] = await scene.links(number)
    return str(link["state"]), link["error"]


@pytest.mark.parametrize("lag", [0.0, 12.0, 59.0])
async def test_a_search_that_lags_makes_no_second_item(scene: Scene, lag: float) -> None:
    scene.desk.search_lag = lag
    number = await scene.open()
    scene.desk.loses_answers = 1
    for _ in range(30):
        await scene.sync(seconds=5)
    assert len(scene.desk.tickets) == 1
    assert await shown(scene, number) == ("active", None)


async def test_a_call_that_was_lost_on_its_way_there_is_made_again_when_the_search_has_surely_caught_up(
    scene: Scene,
) -> None:
    number = await scene.open()
    scene.desk.loses_answers = 1
    await scene.sync(seconds=1)
    scene.desk.tickets.clear()  # it never arrived
    await scene.sync(seconds=90)
    assert not scene.desk.tickets, "a search of which nothing is promised may not show it yet"
    await scene.sync(seconds=16)
    assert len(scene.desk.tickets) == 1
    assert await shown(scene, number) == ("active", None)


async def test_a_refusal_is_an_answer_and_the_next_try_does_not_wait(scene: Scene) -> None:
    scene.desk.broken = Outage("Connection refused.")
    number = await scene.open()
    before = scene.clock.now()
    await scene.sync(seconds=1)
    scene.desk.broken = None
    await scene.sync(seconds=11)
    assert len(scene.desk.tickets) == 1
    assert scene.clock.now() - before < timedelta(seconds=30)
    assert await shown(scene, number) == ("active", None)


async def test_what_the_tool_will_not_have_waits_for_a_person(scene: Scene) -> None:
    scene.desk.broken = ValidationFailed("Subject is needed.")
    number = await scene.open()
    await scene.sync(seconds=1)
    scene.desk.broken = None
    await scene.sync(seconds=300)
    assert not scene.desk.tickets
    state, error = await shown(scene, number)
    assert state == "creating"
    assert "Subject is needed." in str(error)


async def test_what_is_told_while_ours_is_being_made_waits_and_becomes_an_incident(scene: Scene) -> None:
    """It might be ours, of which the answer has not come yet; it is none, and is not held up for long."""
    await scene.sync()
    scene.desk.search_lag, scene.desk.loses_answers = 30.0, 1
    number = await scene.open()
    await scene.sync(seconds=1)
    assert (await shown(scene, number))[0] == "creating"
    scene.desk.add(subject="Somebody else's trouble")
    async with scene.db.transaction(SYSTEM) as tx:
        connection = await store.connection(tx, "desk")
        await store.offer(tx, connection.id, sorted(scene.desk.tickets))
    await scene.sync(seconds=1)
    async with scene.db.transaction(SYSTEM) as tx:
        waiting = await tx.rows("select lease_until, error from sync_offer")
    assert [(row["lease_until"], row["error"]) for row in waiting] == [(None, ""), (None, "")], (
        "put off, not left lying"
    )
    for _ in range(8):
        await scene.sync(seconds=10)
    async with scene.db.transaction(SYSTEM) as tx:
        board, _ = await incidents.board(tx, limit=10)
    assert sorted(one.incident.title for one in board) == ["Checkout is slow", "Somebody else's trouble"]
    assert len(scene.desk.tickets) == 2
