"""Items that a tool speaks of and nobody is linked to: each becomes one incident, and our own none."""

import asyncio

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.sync import conflict_store, hearing, linking, store
from rallypoint.sync.lanes import sync_due
from rallypoint.sync.ports import Hint
from tests.store.sync.conftest import Scene


async def board(scene: Scene) -> list[str]:
    async with scene.db.transaction(SYSTEM) as tx:
        rows, _ = await incidents.board(tx, limit=100)
    return sorted(row.incident.title for row in rows)


async def test_what_we_made_is_ours_also_if_the_tool_tells_of_it_before_it_answers(scene: Scene) -> None:
    number = await scene.open("Made by us")
    desk = scene.desk
    create = desk.add

    def told_at_once(**fields: object) -> object:
        made = create(**fields)  # type: ignore[arg-type]
        asyncio.get_running_loop().create_task(hear(made.id))
        return made

    async def hear(id: str) -> None:
        async with scene.db.transaction(SYSTEM) as tx:
            connection = await store.connection(tx, "desk")
            await hearing.look_at(tx, connection, [Hint(remote_id=id, revision="1")])

    desk.add = told_at_once  # type: ignore[method-assign,assignment]
    desk.loses_answers, desk.search_lag = 1, 100.0
    await sync_due(scene.lanes)
    assert len(desk.tickets) == 1
    for _ in range(20):
        await scene.sync(seconds=30)
    assert await board(scene) == ["Made by us"]
    assert [one["state"] for one in await scene.links(number)] == ["active"]


async def test_what_an_item_says_already_is_taken_and_not_overwritten(scene: Scene) -> None:
    """An incident begins in triage and an item in progress stays in progress."""
    await scene.sync()
    item = scene.desk.add(subject="In progress for hours", state="open", workaround="Use the other till.")
    await scene.sync()
    await scene.sync()
    [number] = list(await _numbers(scene))
    incident = await scene.incident(number)
    assert (incident.status_category.value, incident.workaround) == ("active", "Use the other till.")
    assert scene.desk.tickets[item.id].fields["state"] == "open"
    assert scene.desk.writes == [], "nothing of ours went there"
    async with scene.db.transaction(SYSTEM) as tx:
        assert await conflict_store.conflicts(tx, incident=number) == []


async def _numbers(scene: Scene) -> list[int]:
    async with scene.db.transaction(SYSTEM) as tx:
        rows, _ = await incidents.board(tx, limit=100)
    return [row.incident.number for row in rows]


async def test_an_item_that_is_linked_by_hand_lets_both_sides_speak(scene: Scene) -> None:
    number = await scene.open("Ours")
    await sync_due(scene.lanes)
    item = scene.desk.add(subject="Theirs", state="open")
    async with scene.db.transaction(scene.them.manager) as tx:
        await linking.link_existing(tx, number, mapping_id=scene.mapping.id, remote_id=item.id)
    await scene.sync()
    async with scene.db.transaction(SYSTEM) as tx:
        found = await conflict_store.conflicts(tx, incident=number)
    assert "title" in {one.body.field for one in found}
