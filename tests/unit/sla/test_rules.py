"""How clocks run, as a table of stories and as laws."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.catalog.model import StatusCategory
from rallypoint.sla import rules
from rallypoint.sla.model import Clock, ClockKind, ClockState, Mark, MarkKind, Target

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
TARGETS = {
    "P1": Target(response=15, resolution=120, update=30),
    "P2": Target(response=30, resolution=240, update=60),
    "P3": Target(response=240, resolution=1440, update=480),
}
RESPONSE, RESOLUTION, UPDATE = ClockKind.RESPONSE, ClockKind.RESOLUTION, ClockKind.UPDATE


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def opened(priority: str = "P1") -> Mark:
    return Mark(at=NOON, kind=MarkKind.OPENED, value=priority)


def acknowledged(minutes: float) -> Mark:
    return Mark(at=at(minutes), kind=MarkKind.ACKNOWLEDGED, by_person=True)


def moved(minutes: float, category: str, *, by_person: bool = True) -> Mark:
    return Mark(at=at(minutes), kind=MarkKind.CATEGORY, value=category, by_person=by_person)


def priority(minutes: float, key: str) -> Mark:
    return Mark(at=at(minutes), kind=MarkKind.PRIORITY, value=key)


def updated(minutes: float) -> Mark:
    return Mark(at=at(minutes), kind=MarkKind.UPDATED)


def clocks(*marks: Mark, now: float = 0) -> dict[ClockKind, Clock]:
    folded = rules.fold(42, marks, TARGETS)
    return {kind: rules.lapse(clock, at(now)) for kind, clock in folded.items()}


def test_three_clocks_start_with_the_incident() -> None:
    found = clocks(opened())
    assert {kind: clock.due_at for kind, clock in found.items()} == {
        RESPONSE: at(15), RESOLUTION: at(120), UPDATE: at(30)
    }  # fmt: skip
    assert found[RESPONSE].warn_at == at(11.25)
    assert all(clock.state is ClockState.RUNNING for clock in found.values())


# Marks after opening a P1, minutes at which we look, and what each clock says then.
STORIES = [
    ("acknowledged in time", [acknowledged(10)], 200, RESPONSE, ClockState.MET, 10),
    ("acknowledged at the last instant is too late", [acknowledged(15)], 200, RESPONSE, ClockState.BREACHED, 15),
    ("acknowledged late stays breached", [acknowledged(40)], 200, RESPONSE, ClockState.BREACHED, 40),
    ("nobody ever answers", [], 15, RESPONSE, ClockState.BREACHED, None),
    ("just before", [], 14.9, RESPONSE, ClockState.RUNNING, None),
    ("hold does not pause the response", [moved(5, "on_hold")], 20, RESPONSE, ClockState.BREACHED, None),
    ("a first-line fix is a response", [moved(8, "resolved")], 20, RESPONSE, ClockState.MET, 8),
    ("it healed by itself", [moved(8, "restored", by_person=False)], 99, RESPONSE, ClockState.STOPPED, None),
    ("healed, then resolved by hand", [moved(8, "restored", by_person=False), moved(50, "resolved")], 99,
     RESPONSE, ClockState.STOPPED, None),
    ("healed, then fired again", [moved(8, "restored", by_person=False), moved(60, "triage", by_person=False)], 66.9,
     RESPONSE, ClockState.RUNNING, None),
    ("... and nobody came", [moved(8, "restored", by_person=False), moved(60, "triage", by_person=False)], 67,
     RESPONSE, ClockState.BREACHED, None),
    ("cancelled", [moved(8, "cancelled")], 99, RESPONSE, ClockState.STOPPED, None),
    ("resolved in time", [acknowledged(1), moved(100, "resolved")], 999, RESOLUTION, ClockState.MET, 100),
    ("resolved late", [moved(130, "resolved")], 999, RESOLUTION, ClockState.BREACHED, 130),
    ("on hold", [moved(100, "on_hold")], 999, RESOLUTION, ClockState.PAUSED, None),
    ("after the hold it counts on", [moved(100, "on_hold"), moved(500, "active")], 519.9,
     RESOLUTION, ClockState.RUNNING, None),
    ("and ends where it would have", [moved(100, "on_hold"), moved(500, "active")], 520,
     RESOLUTION, ClockState.BREACHED, None),
    ("resolved while on hold", [moved(100, "on_hold"), moved(500, "resolved")], 999, RESOLUTION, ClockState.MET, 500),
    ("restored waits", [moved(100, "restored")], 999, RESOLUTION, ClockState.PAUSED, None),
    ("restored, and the paperwork took a day", [moved(100, "restored"), moved(1500, "resolved")], 1501,
     RESOLUTION, ClockState.MET, 1500),
    ("re-opened: on with what was left", [moved(100, "resolved"), moved(300, "active")], 319,
     RESOLUTION, ClockState.RUNNING, None),
    ("re-opened and late", [moved(100, "resolved"), moved(300, "active")], 320, RESOLUTION, ClockState.BREACHED, None),
    ("a miss before a hold stays a miss", [moved(130, "on_hold"), moved(140, "resolved")], 999,
     RESOLUTION, ClockState.BREACHED, 140),
    ("raised: less time in all", [priority(20, "P2"), priority(40, "P1")], 119.9, RESOLUTION, ClockState.RUNNING, None),
    ("lowered: the time used is kept", [priority(100, "P2")], 239.9, RESOLUTION, ClockState.RUNNING, None),
    ("lowered and late", [priority(100, "P2")], 240, RESOLUTION, ClockState.BREACHED, None),
    ("lowering does not undo a miss", [priority(130, "P3")], 131, RESOLUTION, ClockState.BREACHED, None),
    ("a lower priority while on hold", [moved(100, "on_hold"), priority(200, "P2"), moved(300, "active")], 439.9,
     RESOLUTION, ClockState.RUNNING, None),
    ("... counts from then", [moved(100, "on_hold"), priority(200, "P2"), moved(300, "active")], 440,
     RESOLUTION, ClockState.BREACHED, None),
    ("an update in time", [updated(25)], 54.9, UPDATE, ClockState.RUNNING, None),
    ("and the next is due", [updated(25)], 55, UPDATE, ClockState.BREACHED, None),
    ("a late update starts anew", [updated(45)], 74.9, UPDATE, ClockState.RUNNING, None),
    ("resolved needs no more updates", [moved(20, "resolved")], 999, UPDATE, ClockState.STOPPED, None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("marks", "now", "kind", "state", "met"), [story[1:] for story in STORIES], ids=[story[0] for story in STORIES]
)
def test_stories(marks: list[Mark], now: float, kind: ClockKind, state: ClockState, met: float | None) -> None:
    clock = clocks(opened(), *marks, now=now)[kind]
    assert clock.state is state
    assert clock.met_at == (None if met is None else at(met))


def test_a_raise_that_leaves_no_time_is_a_breach_at_that_moment() -> None:
    clock = clocks(opened("P3"), priority(200, "P1"))[RESOLUTION]
    assert (clock.state, clock.breached_at) == (ClockState.BREACHED, at(200))


def test_a_paused_clock_has_no_deadline_and_says_how_long_it_paused() -> None:
    paused = clocks(opened(), moved(100, "on_hold"))[RESOLUTION]
    assert (paused.due_at, paused.paused_at) == (None, at(100))
    resumed = clocks(opened(), moved(100, "on_hold"), moved(130, "active"))[RESOLUTION]
    assert (resumed.due_at, resumed.paused_minutes) == (at(150), 30)


def test_the_nearest_promise_to_the_customer() -> None:
    found = clocks(opened())
    assert rules.nearest(found.values()) == found[RESPONSE]
    found = clocks(opened(), acknowledged(5))
    assert rules.nearest(found.values()) == found[RESOLUTION]
    assert rules.nearest(clocks(opened(), acknowledged(5), moved(6, "on_hold")).values()) is None


def test_one_look_at_a_time() -> None:
    running = clocks(opened())[RESPONSE]
    assert rules.next_look(running) == ("warn", at(11.25))
    warned = rules.lapse(running, at(12))
    assert warned.warned_at == at(11.25)
    assert rules.next_look(warned) == ("breach", at(15))
    assert rules.next_look(rules.lapse(warned, at(15))) is None
    assert rules.next_look(clocks(opened(), moved(1, "on_hold"))[RESOLUTION]) is None


# -- laws

CATEGORIES = st.sampled_from([c.value for c in StatusCategory if c is not StatusCategory.MERGED])


@st.composite
def histories(draw: st.DrawFn) -> list[Mark]:
    """A history in order: after the opening, moves, priorities, acknowledgements and updates at growing instants."""
    marks, minute = [opened(draw(st.sampled_from(sorted(TARGETS))))], 0.0
    for _ in range(draw(st.integers(0, 12))):
        minute += draw(st.integers(0, 90))
        mark = draw(
            st.one_of(
                st.just(acknowledged(minute)),
                st.just(updated(minute)),
                st.sampled_from(sorted(TARGETS)).map(lambda key: priority(minute, key)),  # noqa: B023
                st.tuples(CATEGORIES, st.booleans()).map(lambda c: moved(minute, c[0], by_person=c[1])),  # noqa: B023
            )
        )
        marks.append(mark)
    return marks


@given(histories(), st.lists(st.integers(0, 1200), max_size=6))
def test_looking_in_between_changes_nothing(marks: list[Mark], looks: list[int]) -> None:
    """The clock kept by timers and marks as they come is the clock folded from the history."""
    kept = rules.fold(42, marks[:1], TARGETS)
    for before, mark in pairwise(marks):
        for look in sorted(looks):
            if before.at <= at(look) < mark.at:
                kept = {kind: rules.lapse(clock, at(look)) for kind, clock in kept.items()}
        kept = {kind: rules.advance(clock, mark, TARGETS) for kind, clock in kept.items()}
    end = marks[-1].at + timedelta(days=3)
    again = rules.fold(42, marks, TARGETS)
    assert {k: rules.lapse(c, end) for k, c in kept.items()} == {k: rules.lapse(c, end) for k, c in again.items()}


@given(histories())
def test_time_on_hold_never_counts(marks: list[Mark]) -> None:
    """Whatever happens, counted time and paused time fit into the time that passed."""
    for clock in rules.fold(42, marks, TARGETS).values():
        if clock.kind is not UPDATE:
            assert timedelta(0) <= clock.used + clock.paused_for <= marks[-1].at - NOON


@given(histories())
def test_a_breach_is_never_taken_back(marks: list[Mark]) -> None:
    broken: dict[ClockKind, datetime] = {}
    for length in range(1, len(marks) + 1):
        for kind, clock in rules.fold(42, marks[:length], TARGETS).items():
            if kind is UPDATE:
                continue
            if kind in broken:
                assert clock.breached_at == broken[kind]
            if clock.breached_at is not None:
                broken[kind] = clock.breached_at


@given(histories())
def test_a_running_clock_has_a_deadline_exactly_where_the_time_left_ends(marks: list[Mark]) -> None:
    for clock in rules.fold(42, marks, TARGETS).values():
        if clock.state is ClockState.RUNNING:
            left = max(timedelta(0), timedelta(minutes=clock.target_minutes) - clock.used)
            assert clock.due_at == clock.since + left
        if clock.state is ClockState.PAUSED:
            assert clock.due_at is None


@given(histories(), st.integers(1, 600))
def test_shifting_the_whole_history_shifts_the_clock(marks: list[Mark], minutes: int) -> None:
    shift = timedelta(minutes=minutes)
    moved_marks = [replace(mark, at=mark.at + shift) for mark in marks]
    here, there = rules.fold(42, marks, TARGETS), rules.fold(42, moved_marks, TARGETS)
    for kind, clock in here.items():
        assert there[kind].used == clock.used
        assert there[kind].state == clock.state
        assert there[kind].due_at == (clock.due_at + shift if clock.due_at else None)
