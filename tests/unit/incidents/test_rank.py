"""The rank is total, stable, and a nearer breach never puts anything lower."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from rallypoint.incidents.rank import Standing, key, order, reason
from tests.unit.incidents.make import NOW

INSTANTS = st.integers(-600, 600).map(lambda m: NOW + timedelta(minutes=m))


@st.composite
def standing(draw: st.DrawFn, number: int = 1) -> Standing:
    due_at = draw(st.none() | INSTANTS)
    level = draw(st.integers(1, 4))
    return Standing(
        number=number,
        priority=f"P{level}",
        priority_common=level,
        due_at=due_at,
        warn_at=due_at - timedelta(minutes=draw(st.integers(0, 60))) if due_at else None,
        affected_people=draw(st.none() | st.integers(0, 50)),
        created_at=draw(INSTANTS),
    )


@st.composite
def boards(draw: st.DrawFn) -> list[Standing]:
    return [draw(standing(number)) for number in range(1, draw(st.integers(2, 9)) + 1)]


@given(boards(), st.randoms())
def test_the_order_is_total_and_does_not_depend_on_how_they_came(board: list[Standing], random: object) -> None:
    shuffled = list(board)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert order(shuffled, now=NOW) == order(board, now=NOW)
    keys = [key(one, now=NOW) for one in order(board, now=NOW)]
    assert all(a < b for a, b in pairwise(keys))


@given(boards())
def test_priority_comes_first(board: list[Standing]) -> None:
    levels = [one.priority_common for one in order(board, now=NOW)]
    assert levels == sorted(levels)


@given(boards(), st.integers(0, 600), st.data())
def test_a_nearer_breach_raises_and_never_lowers(board: list[Standing], minutes: int, data: st.DataObject) -> None:
    one = data.draw(st.sampled_from(board))
    due_at = (one.due_at or NOW + timedelta(minutes=600)) - timedelta(minutes=minutes)
    warn_at = min(one.warn_at or due_at, due_at)
    nearer = replace(one, due_at=due_at, warn_at=warn_at)
    before = [s.number for s in order(board, now=NOW)].index(one.number)
    changed = [nearer if s.number == one.number else s for s in board]
    after = [s.number for s in order(changed, now=NOW)].index(one.number)
    assert after <= before


@given(boards())
def test_every_place_has_a_reason(board: list[Standing]) -> None:
    ranked = order(board, now=NOW)
    for above, one in zip([None, *ranked], ranked, strict=False):
        assert reason(one, above, now=NOW).startswith(one.priority)


def test_the_reason_names_what_sets_it_apart() -> None:
    first = Standing(
        number=1, priority="P2", priority_common=2, warn_at=None, due_at=None, affected_people=900, created_at=NOW
    )
    second = replace(first, number=2, affected_people=3)
    assert reason(second, first, now=NOW) == "P2: INC-1 affects more people (900)"
    unknown = replace(first, affected_people=None)
    assert "so it counts as more" in reason(second, unknown, now=NOW)
    late = replace(first, number=3, due_at=NOW, warn_at=NOW)
    assert reason(first, late, now=NOW) == "P2: INC-3 is nearer to a breach"
    assert reason(late, None, now=NOW) == "P2, target missed: nothing matters more right now"
    assert reason(replace(first, number=4, priority="P3", priority_common=3), late, now=NOW) == "P3: behind every P2"


def test_a_clock_that_merely_runs_does_not_rank() -> None:
    quiet = Standing(
        number=1, priority="P2", priority_common=2, warn_at=None, due_at=None, affected_people=10, created_at=NOW
    )
    running = replace(quiet, number=2, warn_at=NOW + timedelta(hours=1), due_at=NOW + timedelta(hours=2))
    assert [s.number for s in order([running, quiet], now=NOW)] == [1, 2]
