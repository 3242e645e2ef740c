"""The kept clocks are the clocks that the history gives: the law behind every number on an SLA report."""

import random
from datetime import timedelta

import pytest

from rallypoint import incidents, sla
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import RallypointError
from rallypoint.sla import actions, rules, store
from tests.store.incidents.living import pass_time
from tests.store.incidents.people import company
from tests.store.incidents.test_actions import act

VERBS = (
    ("acknowledge", {}), ("hold", {"reason": "waiting"}), ("resume", {}), ("restore", {"note": "back"}),
    ("resolve", {"resolution": "fixed"}), ("confirm", {}), ("reject", {"reason": "no"}),
    ("reopen", {"reason": "again"}),
    ("close", {"note": "over"}), ("cancel", {"reason": "test"}), ("set_priority", {"priority": "P1", "reason": "up"}),
    ("set_priority", {"priority": "P3", "reason": "down"}), ("publish_update", {"text": "We are on it"}),
    ("note", {"text": "looking"}), ("review", {}),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
async def test_the_history_gives_the_clocks_that_were_kept(db: Database, clock: ManualClock, seed: int) -> None:
    """Random lives of an incident, with timers firing in between; then everything is folded again from the timeline."""
    them, chance = await company(db), random.Random(seed)
    number = (await act(db, them.admin, "open_incident", title="Checkout is slow", service="checkout")).number
    for _ in range(25):
        verb, words = chance.choice(VERBS)
        try:
            await act(db, them.admin, verb, number, **words)
        except RallypointError:
            continue
        await pass_time(db, clock, minutes=chance.choice((0, 1, 5, 20, 90, 400)))
    async with db.transaction(SYSTEM) as tx:
        kept = await sla.clocks_of(tx, number)
        marks = await incidents.marks(tx, number)
        targets = await actions.targets(tx, kept[0].domain_id)
        folded = rules.fold(number, marks, targets, domain_id=kept[0].domain_id)
        assert [rules.lapse(folded[clock.kind], tx.now) for clock in kept] == kept
        deadline = rules.nearest(kept)
        record = await incidents.incident(tx, number)
        assert record.due_at == (deadline.due_at if deadline else None)
        waiting = {(row["kind"], row["subject"]) for row in await tx.rows("select kind, subject from timer")}
        for one in kept:
            look = rules.next_look(one)
            mine = {kind for kind, subject in waiting if subject == f"{number}:{one.kind}"}
            assert mine == ({f"sla.{look[0]}"} if look else set())


async def test_a_recompute_changes_nothing_and_tells_nobody(db: Database, clock: ManualClock) -> None:
    them = await company(db)
    number = (await act(db, them.admin, "open_incident", title="Checkout is slow", service="checkout")).number
    await pass_time(db, clock, hours=5)
    async with db.transaction(SYSTEM) as tx:
        before = await sla.clocks_of(tx, number)
        lines = len((await incidents.timeline(tx, number))[0])
        await sla.recompute(tx, number, domain_id=before[0].domain_id, marks=await incidents.marks(tx, number))
        assert await sla.clocks_of(tx, number) == before
        assert len((await incidents.timeline(tx, number))[0]) == lines


async def test_clocks_of_several_incidents_in_one_look(db: Database) -> None:
    them = await company(db)
    numbers = [
        (await act(db, them.admin, "open_incident", title=f"Trouble {n}", service="checkout")).number for n in range(3)
    ]
    async with db.transaction(SYSTEM) as tx:
        found = await sla.clocks_for(tx, [*numbers, 999])
        assert {number: len(clocks) for number, clocks in found.items()} == {**dict.fromkeys(numbers, 3), 999: 0}


async def test_an_interval_survives_the_database(db: Database, clock: ManualClock) -> None:
    them = await company(db)
    number = (await act(db, them.admin, "open_incident", title="Checkout is slow", service="checkout")).number
    clock.advance(timedelta(days=40, microseconds=1))
    await act(db, them.admin, "acknowledge", number)
    await act(db, them.admin, "hold", number, reason="waiting")
    async with db.transaction(SYSTEM) as tx:
        resolution = (await store.load(tx, number))[1]
    assert resolution.used == timedelta(days=40, microseconds=1)
