"""The timeline: append-only, chained, told in the order in which things happened."""

from datetime import timedelta

import asyncpg
import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Invalid
from tests.store.incidents.people import Company
from tests.store.incidents.test_actions import act


async def busy(db: Database, them: Company, number: int) -> None:
    await act(db, them.responder, "acknowledge", number)
    await act(db, them.responder, "note", number, text="A snowman \u2603, 1e309 and \u0000-free text")
    await act(db, them.responder, "resolve", number, resolution="rolled back")


@pytest.mark.parametrize(
    "statement",
    ["update timeline_entry set text = 'nothing'", "delete from timeline_entry", "truncate timeline_entry"],
)
async def test_nobody_changes_history(db: Database, them: Company, number: int, statement: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with db.transaction(SYSTEM) as tx:
            await tx.execute(statement)


@pytest.mark.parametrize(
    "statement",
    [
        "update timeline_entry set text = 'nothing' where position = 2",
        "update timeline_entry set recorded_at = recorded_at + interval '1 second' where position = 1",
        'update timeline_entry set data = \'{"category": "closed"}\' where position = 1',
        "delete from timeline_entry where position = 2",
        "delete from timeline_entry where position = (select max(position) from timeline_entry)",
        "update timeline_entry set position = position + 1000 where position = 2",
    ],
)
async def test_who_gets_past_the_trigger_is_found_out(db: Database, them: Company, number: int, statement: str) -> None:
    await act(db, them.responder, "note", number, text="one")
    await act(db, them.responder, "resolve", number, resolution="rolled back")
    async with db.transaction(SYSTEM) as tx:
        assert (await incidents.verify_timeline(tx, number)).ok
        await tx.execute("alter table timeline_entry disable trigger timeline_append_only")
        assert await tx.execute(statement) == 1
        verified = await incidents.verify_timeline(tx, number)
    assert not verified.ok
    assert verified.reason


async def test_a_correction_is_a_line_of_its_own(db: Database, them: Company, number: int) -> None:
    wrong = await act(db, them.responder, "note", number, text="Rolled back at 9")
    await act(db, them.other, "correct", number, entry=wrong.id, text="It was 10")
    async with db.transaction(SYSTEM) as tx:
        (line,), _ = await incidents.timeline(tx, number, kinds=["correction"])
        assert (line.text, line.data["corrects"]) == ("It was 10", wrong.id)
        assert (await incidents.verify_timeline(tx, number)).ok


async def test_pages_follow_each_other_without_gap_in_the_order_of_happening(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    clock.advance(timedelta(hours=1))
    for minute in (50, 10, 30, 20, 40):
        await act(
            db, them.responder, "note", number, text=str(minute), occurred_at=clock.now() - timedelta(minutes=minute)
        )
    async with db.transaction(SYSTEM) as tx:
        whole, none = await incidents.timeline(tx, number)
        assert none is None
        paged, cursor = await incidents.timeline(tx, number, limit=2)
        while cursor:
            more, cursor = await incidents.timeline(tx, number, limit=2, cursor=cursor)
            paged += more
        assert paged == whole
        assert [entry.text for entry in whole if entry.kind == "note"] == ["50", "40", "30", "20", "10"]
        for cursor in ("nonsense", "W10", "WyJ4IiwxXQ", "WzEsMl0"):
            with pytest.raises(Invalid):
                await incidents.timeline(tx, number, cursor=cursor)


async def test_text_that_cannot_be_kept_is_refused_not_mangled(db: Database, them: Company, number: int) -> None:
    with pytest.raises(Invalid):
        await busy(db, them, number)
    await act(db, them.responder, "note", number, text="A snowman \u2603 and 1e309")
    async with db.transaction(SYSTEM) as tx:
        assert (await incidents.verify_timeline(tx, number)).ok
