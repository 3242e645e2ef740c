"""What a tool says of its budget is kept to: nobody waits for another's limit, and nothing is lost by waiting."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from rallypoint.actors import SYSTEM
from rallypoint.clock import sleep
from rallypoint.db import Database
from rallypoint.sync import connecting, lane_store, linking, store
from rallypoint.sync.budget import Pressing
from rallypoint.sync.connection import Connection
from rallypoint.sync.lane_store import Room
from rallypoint.sync.lanes import sync_due
from rallypoint.sync.mapping import Mapping, Trigger
from rallypoint.sync.ports import RateLimited, RateNote
from tests.store.sync.conftest import Scene
from tests.store.sync.desk import Desk
from tests.store.sync.test_trouble import linked


@pytest.fixture
async def second(scene: Scene) -> tuple[Desk, Mapping]:
    """Another desk, to which incidents go only when told."""
    desk = Desk(scene.clock.now)
    desk.password = scene.desk.password
    scene.tools["quiet"] = replace(desk.tool, kind="quiet")
    async with scene.db.transaction(scene.them.manager) as tx:
        made = await connecting.connect(
            tx, scene.tools, scene.vault, key="quiet", tool="quiet", base_url="https://quiet.example",
            secrets_={"password": desk.password},
        )  # fmt: skip
        mapping = replace(
            scene.mapping, id=await store.new_mapping_id(tx), connection=made.connection.id, name="Quiet",
            trigger=Trigger(),
        )  # fmt: skip
        await store.save_mapping(tx, mapping, by="Mia")
    return desk, mapping


async def connection(db: Database, key: str = "desk") -> Connection:
    async with db.transaction(SYSTEM) as tx:
        return await store.connection(tx, key)


async def test_a_wish_to_wait_on_a_good_answer_is_kept_and_what_changed_meanwhile_is_one_write(scene: Scene) -> None:
    number, id = await linked(scene)
    scene.desk.notes.append(RateNote(retry_after=120.0))
    await scene.do(scene.them.responder, "describe", number, title="One")
    await scene.sync(seconds=1)
    resting = (await connection(scene.db)).closed_until
    assert resting == scene.clock.now() + timedelta(seconds=120)
    reads = scene.desk.reads
    for title in ("Two", "Three", "Four"):
        await scene.do(scene.them.responder, "describe", number, title=title)
        await scene.sync(seconds=20)
    assert scene.desk.reads == reads, "nothing is asked meanwhile"
    writes = len(scene.desk.writes)
    await scene.sync(seconds=61)
    await scene.sync(seconds=61)
    assert scene.desk.tickets[id].fields["subject"] == "Four"
    assert len(scene.desk.writes) <= writes + 1
    assert (await connection(scene.db)).failures == 0, "waiting is no failure"


async def test_a_limit_of_one_item_holds_up_no_other(scene: Scene) -> None:
    first, one = await linked(scene)
    second = await scene.open("Another")
    await scene.sync()
    other = next(id for id in scene.desk.tickets if id != one)
    scene.desk.notes.append(RateNote(bucket=one, limit=10, remaining=0, reset_seconds=300.0))
    await scene.do(scene.them.responder, "describe", first, title="Of the limited one")
    await scene.sync(seconds=1)
    await scene.do(scene.them.responder, "describe", first, title="Of the limited one, again")
    await scene.do(scene.them.responder, "describe", second, title="Of the other")
    await scene.sync(seconds=1)
    assert scene.desk.tickets[other].fields["subject"] == "Of the other"
    assert scene.desk.tickets[one].fields["subject"] != "Of the limited one, again"
    await scene.sync(seconds=301)
    await scene.sync()
    assert scene.desk.tickets[one].fields["subject"] == "Of the limited one, again"


async def test_near_the_end_of_a_budget_words_go_across_and_history_waits(scene: Scene) -> None:
    number, id = await linked(scene)
    old = await scene.open("Of last week")
    for _ in range(2):
        await scene.sync()
    known = await connection(scene.db)
    scene.desk.notes.append(RateNote(limit=100, remaining=9, reset_seconds=3600.0))
    await scene.do(scene.them.responder, "note", number, text="What was said goes first.")
    await scene.sync(seconds=1)
    async with scene.db.transaction(SYSTEM) as tx:
        [link] = await store.links_of(tx, old)
        await store.mark_links(tx, [link["id"]], pressing=Pressing.BACKGROUND)
        [quota] = await lane_store.quotas(tx, known.id)
    assert (quota["most"], quota["remaining"]) == (100, 9)
    reads = scene.desk.reads
    await scene.do(scene.them.responder, "describe", number, title="A field waits as well")
    await sync_due(scene.lanes)
    assert scene.desk.reads == reads
    await scene.do(scene.them.responder, "note", number, text="But words do not.")
    await sync_due(scene.lanes)
    assert len(scene.desk.tickets[id].comments) == 2
    await scene.sync(seconds=3601)
    assert not [one for one in await scene.links(old) if one["due_at"]], "the history is caught up"


async def test_a_limited_connection_delays_nobody_else(scene: Scene, second: tuple[Desk, Mapping]) -> None:
    quiet, mapping = second
    number, _ = await linked(scene)
    async with scene.db.transaction(scene.them.responder) as tx:
        await linking.create_remote(tx, number, mapping_id=mapping.id)
    await scene.sync()
    scene.desk.broken = RateLimited("Too many.", retry_after=600.0)
    await scene.do(scene.them.responder, "describe", number, title="Goes to the one that is not limited")
    await scene.sync(seconds=1)
    [ticket] = quiet.tickets.values()
    assert ticket.fields["subject"] == "Goes to the one that is not limited"
    now = await connection(scene.db)
    assert now.closed_until is not None
    assert (now.failures, now.state) == (0, "on")


async def test_a_tool_that_hangs_holds_up_no_other(scene: Scene, second: tuple[Desk, Mapping]) -> None:
    quiet, mapping = second
    number, _ = await linked(scene)
    async with scene.db.transaction(scene.them.responder) as tx:
        await linking.create_remote(tx, number, mapping_id=mapping.id)
    await scene.sync()
    scene.desk.gate = asyncio.Event()
    try:
        for count in range(12):
            await scene.open(f"Waits {count}")
        await scene.do(scene.them.responder, "describe", number, title="Has not to wait")
        [ticket] = quiet.tickets.values()
        for _ in range(200):
            await scene.lanes.do()
            await sleep(0)
            if ticket.fields["subject"] == "Has not to wait":
                break
        else:
            raise AssertionError("the other connection waits for the one that hangs")
    finally:
        scene.desk.gate.set()
    await sync_due(scene.lanes)


async def test_connections_take_turns(scene: Scene, second: tuple[Desk, Mapping]) -> None:
    _, mapping = second
    numbers = [await scene.open(f"Number {count}") for count in range(10)]
    async with scene.db.transaction(scene.them.responder) as tx:
        for number in numbers[:2]:
            await linking.order(tx, number, mapping, pressing=Pressing.BACKGROUND)
    busy, quiet = (await connection(scene.db)).id, (await connection(scene.db, "quiet")).id
    async with scene.db.transaction(SYSTEM) as tx:
        first = await lane_store.claim_links(tx, limit=4, each=8)
        rooms = [Room(connection=busy, flying=7), Room(connection=quiet, admits=Pressing.NEWS)]
        then = await lane_store.claim_links(tx, limit=8, each=8, rooms=rooms)
    assert [one.link.connection for one in first].count(quiet) == 2, "the short queue is not behind the long one"
    assert [one.link.connection for one in then] == [busy], "each has so many at once"


async def test_what_was_answered_is_remembered_before_it_waits(scene: Scene) -> None:
    """The tool takes a comment and asks for a rest: it is not looked for afterwards as if the answer had been lost."""
    number, id = await linked(scene)
    scene.desk.after_words.append(RateNote(retry_after=300.0))
    for text in ("One.", "Two."):
        await scene.do(scene.them.responder, "note", number, text=text)
    await scene.sync(seconds=1)
    async with scene.db.transaction(SYSTEM) as tx:
        kinds = await tx.rows(
            "select kind, count(*) as many from sync_memory where kind in ('sending', 'comment') group by 1"
        )
    assert len(scene.desk.tickets[id].comments) == 1, "the second waits"
    assert {row["kind"]: row["many"] for row in kinds} == {"comment": 1, "sending": 1}
    scene.desk.after_words.clear()
    await scene.sync(seconds=301)
    await scene.sync()
    said = [one.body for one in scene.desk.tickets[id].comments]
    assert [sum(text in one for one in said) for text in ("One.", "Two.")] == [1, 1]
