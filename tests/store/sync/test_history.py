"""What was there before a mapping was: planned without writing, brought over once, behind what is new."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.egress import Egress
from rallypoint.errors import Conflict, Invalid, Refused
from rallypoint.settings import Settings
from rallypoint.sync import bringing, history, history_store, linking, store
from rallypoint.sync.bringing import CREATING_MOST, Bringing
from rallypoint.sync.history_model import History, Outcome, Piece, Progress, Stage
from rallypoint.sync.lanes import sync_due
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.mapping import Check, Condition, Trigger
from rallypoint.sync.ports import Outage
from rallypoint.sync.setting_up import SetUp
from rallypoint.sync.tools import Tool
from tests.store.sync.conftest import Scene

TURNS_MOST = 400
LOUD = ("paging_run", "sla_clock", "page", "delivery", "sandbox_message")
"""Where something would stand if anybody had been disturbed."""


@dataclass
class Archive:
    """The scene, and the loop that brings over what was there before."""

    scene: Scene
    loop: Bringing
    set_up: SetUp

    async def plan(self, direction: str = "receive", **asked: Any) -> int:
        made = await history.plan_with(
            self.scene.db, self.set_up, self.scene.them.manager, self.scene.mapping.id, direction=direction, **asked
        )
        await self.work()
        return made.id

    async def work(self, *, lanes: bool = False) -> None:
        """Turns until there is nothing to do; time passes where it has to wait."""
        for _ in range(TURNS_MOST):
            if not await self.loop.do():
                async with self.scene.db.transaction(SYSTEM) as tx:
                    due = await history_store.next_due(tx)
                if due is None:
                    return
                self.scene.clock.advance(timedelta(seconds=1))
            if lanes:
                await sync_due(self.scene.lanes)
        raise AssertionError("it does not come to an end")

    async def do(self, verb: Any, id: int) -> History:
        async with self.scene.db.transaction(self.scene.them.manager) as tx:
            found: History = await verb(tx, id)
            return found

    async def seen(self, id: int) -> tuple[History, Progress, dict[str, Piece]]:
        async with self.scene.db.transaction(SYSTEM) as tx:
            found = await history_store.one(tx, id)
            pieces = await history_store.pieces(tx, id, limit=1000)
            return found, await history_store.progress(tx, found), {one.key: one for one in pieces}

    async def board(self) -> list[incidents.Incident]:
        async with self.scene.db.transaction(SYSTEM) as tx:
            rows, _ = await incidents.board(tx, limit=500)
        return [row.incident for row in rows]

    async def count(self, table: str) -> int:
        async with self.scene.db.transaction(SYSTEM) as tx:
            return int(await tx.value(f"select count(*) from {table}"))


@pytest.fixture
async def archive(scene: Scene, tmp_path: Path) -> AsyncIterator[Archive]:
    egress = Egress(Settings(data=tmp_path))
    set_up = SetUp(
        scene.db, {"desk": scene.desk.tool}, scene.vault, egress, texts=PlainTexts(), base_url="https://rp.example"
    )
    await _only_by_hand(scene)
    yield Archive(scene, Bringing(scene.db, scene.lanes, texts=PlainTexts()), set_up)
    await egress.close()


async def test_a_plan_counts_and_looks_and_writes_nothing(archive: Archive) -> None:
    for n in range(30):
        archive.scene.desk.add(subject=f"Old fault {n}", state="closed" if n % 2 else "open")
    id = await archive.plan()
    found, progress, pieces = await archive.seen(id)
    assert (found.state, progress.total, progress.done) == (Stage.PLANNED, 30, 0)
    assert found.looked_at == bringing.LOOKED_AT
    assert progress.outcomes == {Outcome.OPENED: 10, Outcome.OVER: 10}
    assert (pieces["T1"].name, pieces["T1"].title) == ("DESK-1", "Old fault 0")
    assert await archive.board() == []
    assert archive.scene.desk.writes == []
    with pytest.raises(Conflict, match="planned already"):
        await archive.plan("send")


async def test_items_become_incidents_quietly_and_once(archive: Archive) -> None:
    scene = archive.scene
    known = await scene.open("Tills are frozen")
    await scene.open("Twice the same")
    await scene.open("Twice the same")
    new = scene.desk.add(subject="Labels do not print", state="open")
    scene.desk.say(new.id, "The printer is warm.")
    for subject, state in (("tills are  frozen", "new"), ("Twice the same", "new"), ("Long over", "solved"),
                           ("Not ours", "new")):  # fmt: skip
        scene.desk.add(subject=subject, state=state)
    linked = scene.desk.add(subject="Linked before", state="open")
    other = await scene.open("Linked before")
    async with scene.db.transaction(scene.them.manager) as tx:
        await linking.link_existing(tx, other, mapping_id=scene.mapping.id, remote_id=linked.id)
    await sync_due(scene.lanes)
    before = [await archive.count(name) for name in LOUD]
    not_ours = Condition(field="subject", check=Check.IS_NOT, values=("Not ours",))
    id = await archive.plan(match="title", conditions=(not_ours,))
    await archive.do(history.start, id)
    await archive.work()
    found, progress, pieces = await archive.seen(id)
    assert (found.state, progress.share, progress.failed) == (Stage.DONE, 1.0, 0)
    opened = pieces[new.id].incident
    assert opened is not None
    assert {one.title: (one.outcome, one.incident) for one in pieces.values()} == {
        "Labels do not print": (Outcome.OPENED, opened), "tills are  frozen": (Outcome.JOINED, known),
        "Twice the same": (Outcome.SEVERAL, None), "Long over": (Outcome.OVER, None),
        "Not ours": (Outcome.OUTSIDE, None), "Linked before": (Outcome.LINKED, other),
    }  # fmt: skip
    assert pieces["T3"].detail == "INC-2, INC-3"
    assert (await scene.incident(opened)).origin == "sync:desk"
    await scene.sync()
    assert [await archive.count(name) for name in LOUD] == before, "nobody is paged or told, no target begins"
    async with scene.db.transaction(SYSTEM) as tx:
        lines, _ = await incidents.timeline(tx, opened)
    assert any(line.text == "The printer is warm." for line in lines), "what was said there came along"
    assert (await scene.incident(opened)).status_category.value == "active"

    again = await archive.plan()
    await archive.do(history.start, again)
    await archive.work()
    _, progress, pieces = await archive.seen(again)
    assert pieces[new.id].outcome == Outcome.LINKED, "a second time finds everything linked"
    assert progress.outcomes[Outcome.OPENED] == 2, "what was left out the first time"


async def test_what_was_parted_by_hand_is_not_joined_again(archive: Archive) -> None:
    scene = archive.scene
    item = scene.desk.add(subject="Parted", state="open")
    number = await scene.open("Parted")
    async with scene.db.transaction(scene.them.manager) as tx:
        link = await linking.link_existing(tx, number, mapping_id=scene.mapping.id, remote_id=item.id)
        await linking.part(tx, link.id)
    id = await archive.plan(match="title")
    await archive.do(history.start, id)
    await archive.work()
    assert (await archive.seen(id))[2][item.id].outcome == Outcome.PARTED
    assert len(await archive.board()) == 1


async def test_it_pauses_goes_on_and_is_cancelled(archive: Archive) -> None:
    for n in range(12):
        archive.scene.desk.add(subject=f"Old fault {n}", state="open")
    id = await archive.plan()
    with pytest.raises(Conflict):
        await archive.do(history.pause, id)
    await archive.do(history.start, id)
    await archive.loop.do()
    await archive.do(history.pause, id)
    await archive.work()
    brought = len(await archive.board())
    assert brought == bringing.CHUNK, "what was begun came to its end, and no more"
    assert (await archive.do(history.start, id)).state is Stage.RUNNING
    await archive.loop.do()
    cancelled = await archive.do(history.cancel, id)
    await archive.work()
    assert cancelled.state is Stage.CANCELLED
    assert len(await archive.board()) == 2 * bringing.CHUNK, "what was brought stays"
    with pytest.raises(Conflict):
        await archive.do(history.start, id)
    assert (await archive.seen(await archive.plan()))[1].outcomes == {Outcome.OPENED: 2, Outcome.LINKED: 10}


async def test_a_pause_in_the_middle_of_a_turn_counts_at_once(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(4):
        archive.scene.desk.add(subject=f"Old fault {n}", state="open")
    id = await archive.plan()
    await archive.do(history.start, id)
    read = archive.loop._read

    async def paused_meanwhile(hand: Any, piece: Any) -> Any:
        if piece.key == "T3":
            await archive.do(history.pause, id)
        return await read(hand, piece)

    monkeypatch.setattr(archive.loop, "_read", paused_meanwhile)
    await archive.work()
    assert len(await archive.board()) == 2


async def test_a_crash_between_two_pieces_repeats_nothing(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(7):
        archive.scene.desk.add(subject=f"Old fault {n}", state="open")
    id = await archive.plan()
    await archive.do(history.start, id)

    class Crash(BaseException):
        pass

    for _ in range(7):
        calls = iter([False, True])

        def crashes(name: str, calls: Any = calls) -> None:
            if name == "sync_history_piece" and next(calls, True):
                raise Crash

        monkeypatch.setattr(bringing, "crashpoint", crashes)
        try:
            await archive.loop.do()
        except Crash:
            archive.scene.clock.advance(history_store.LEASE + timedelta(seconds=1))
    await archive.work()
    assert (await archive.seen(id))[0].state is Stage.DONE
    assert sorted(one.title for one in await archive.board()) == [f"Old fault {n}" for n in range(7)]


async def test_what_is_new_goes_first(archive: Archive) -> None:
    scene = archive.scene
    scene.desk.add(subject="Old fault", state="open")
    id = await archive.plan()
    await archive.do(history.start, id)
    number = await scene.open("New and pressing")
    async with scene.db.transaction(scene.them.manager) as tx:
        await linking.create_remote(tx, number, mapping_id=scene.mapping.id)
    await archive.loop.do()
    assert len(await archive.board()) == 1, "a new incident waits to be sent, so nothing old moves"
    await archive.work(lanes=True)
    assert len(await archive.board()) == 2


async def test_incidents_are_sent_a_few_at_a_time(archive: Archive) -> None:
    scene = archive.scene
    for n in range(CREATING_MOST + 9):
        await scene.open(f"Fault {n}")
    await scene.open("Low one", urgency="low")
    high = Condition(field="urgency", check=Check.IS_NOT, values=("low",))
    id = await archive.plan("send", conditions=(high,))
    found, progress, _ = await archive.seen(id)
    assert (found.state, progress.total, scene.desk.tickets) == (Stage.PLANNED, CREATING_MOST + 9, {})
    await archive.do(history.start, id)
    for _ in range(20):
        await archive.loop.do()
    _, progress, _ = await archive.seen(id)
    assert (progress.done, progress.under_way, progress.share) == (CREATING_MOST, CREATING_MOST, 0.0)
    await archive.work(lanes=True)
    found, progress, _ = await archive.seen(id)
    assert (found.state, progress.share) == (Stage.DONE, 1.0)
    assert len(scene.desk.tickets) == CREATING_MOST + 9


async def test_an_outage_is_told_and_waited_out(archive: Archive) -> None:
    scene = archive.scene
    scene.desk.add(subject="Old fault", state="open")
    id = await archive.plan()
    await archive.do(history.start, id)
    scene.desk.broken = Outage("The desk is away.")
    await archive.loop.do()
    assert (await archive.seen(id))[0].error == "The desk is away."
    assert await archive.loop.do() == 0, "it rests"
    scene.desk.broken = None
    await archive.work()
    found, progress, _ = await archive.seen(id)
    assert (found.state, found.error, progress.done) == (Stage.DONE, "", 1)


async def test_what_is_not_there_any_more_is_said_and_what_cannot_be_opened_fails(archive: Archive) -> None:
    scene = archive.scene
    gone, bad = scene.desk.add(subject="Gone", state="open"), scene.desk.add(subject="Bad", state="open")
    id = await archive.plan()
    await archive.do(history.start, id)
    del scene.desk.tickets[gone.id]
    open_and_join = bringing.creating.open_and_join

    async def refuses(*given: Any, **more: Any) -> int:
        raise Refused("The house does not take it.", guard="test", who_may="nobody")

    bringing.creating.open_and_join = refuses
    try:
        await archive.work()
        found, _, pieces = await archive.seen(id)
        assert (found.state, pieces[gone.id].outcome) == (Stage.DONE, Outcome.GONE)
        assert (pieces[bad.id].state, pieces[bad.id].detail, pieces[bad.id].attempts) == (
            "failed", "The house does not take it. Who may: nobody.", bringing.TRIES,
        )  # fmt: skip
    finally:
        bringing.creating.open_and_join = open_and_join
    await archive.do(history.try_again, id)
    await archive.work()
    assert (await archive.seen(id))[2][bad.id].outcome == Outcome.OPENED


async def test_only_what_changed_since_is_brought(archive: Archive) -> None:
    archive.scene.desk.add(subject="Very old", state="open")
    archive.scene.clock.advance(timedelta(days=30))
    archive.scene.desk.add(subject="Recent", state="open")
    id = await archive.plan(since=archive.scene.clock.now() - timedelta(days=7))
    assert [one.title for one in (await archive.seen(id))[2].values()] == ["Recent"]


async def test_what_cannot_be_planned_is_told(archive: Archive) -> None:
    scene = archive.scene
    with pytest.raises(Invalid, match="receive or send"):
        await archive.plan("both")
    with pytest.raises(Invalid, match="future"):
        await archive.plan(since=scene.clock.now() + timedelta(days=1))
    with pytest.raises(Invalid, match="no field that this mapping links"):
        await archive.plan(match="owner")
    for direction, who in (("receive", "Desk"), ("send", "The incident")):
        with pytest.raises(Invalid, match=f"{who} has no field 'colour'"):
            await archive.plan(direction, conditions=(Condition(field="colour", values=("red",)),))
    with pytest.raises(Refused):
        await history.plan_with(scene.db, archive.set_up, scene.them.reporter, scene.mapping.id, direction="send")

    class Plain:
        """A tracker that lists nothing."""

        async def close(self) -> None:
            return None

    blind = Tool(kind="desk", name="Desk", asked=scene.desk.tool.asked, make=lambda access, egress: Plain())  # type: ignore[arg-type,return-value]
    archive.set_up._tools = {"desk": blind}
    with pytest.raises(Refused, match="cannot be asked for what it has") as no:
        await archive.plan()
    assert "next change" in no.value.help


async def _only_by_hand(scene: Scene) -> None:
    """The mapping sends nothing by itself, as one that was just made."""
    async with scene.db.transaction(scene.them.manager) as tx:
        await store.save_mapping(tx, replace(scene.mapping, version=2, trigger=Trigger()), by="Mia")


async def test_a_plan_of_nothing_is_done_at_once(archive: Archive) -> None:
    for direction in ("receive", "send"):
        assert (await archive.seen(await archive.plan(direction)))[0].state is Stage.DONE
