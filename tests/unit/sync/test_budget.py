"""Token buckets that a tool's answers fill: who may spend what is left, and when the others may again."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.sync.budget import NOTHING, Bucket, Budget, Pressing, Use
from rallypoint.sync.ports import RateNote

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


def told(remaining: int | None, *, limit: int = 100, reset: float | None = 600.0, **more: float) -> RateNote:
    return RateNote(limit=limit, remaining=remaining, reset_seconds=reset, **more)  # type: ignore[arg-type]


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("remaining", "admitted"),
    [(100, Pressing.BACKGROUND), (31, Pressing.BACKGROUND), (30, Pressing.BACKGROUND), (29, Pressing.NEWS),
     (9, Pressing.SAID), (1, Pressing.SAID), (0, NOTHING)],
)  # fmt: skip
def test_what_presses_most_may_spend_the_last(remaining: int, admitted: int) -> None:
    budget = Budget()
    budget.note([told(remaining)], Use.LANES, NOW)
    assert budget.admits(NOW) == admitted


def test_less_is_left_alone_the_nearer_the_next_filling_is() -> None:
    bucket = Bucket()
    bucket.note(told(10), NOW)
    opens = bucket.opens_at(Pressing.BACKGROUND, NOW)
    assert opens == later(400), "30 are kept now, and 10 when a third of the time is left"
    assert bucket.opens_at(Pressing.BACKGROUND, opens) == opens
    assert bucket.opens_at(Pressing.NEWS, NOW) == NOW


def test_an_empty_bucket_opens_when_it_is_filled_and_is_full_then() -> None:
    budget = Budget()
    budget.note([told(0)], Use.LANES, NOW)
    assert budget.next_opening(NOW) == later(600)
    assert budget.admits(later(600)) == Pressing.BACKGROUND


def test_a_wish_to_wait_is_kept_also_with_a_good_answer() -> None:
    budget = Budget()
    budget.note([RateNote(retry_after=30.0)], Use.LANES, NOW)
    assert [budget.admits(later(at)) for at in (0, 29, 30)] == [NOTHING, NOTHING, Pressing.BACKGROUND]
    budget.note([RateNote(retry_after=10**9)], Use.LANES, NOW)
    assert budget.admits(later(3600)) == Pressing.BACKGROUND, "nobody rests for ever"


def test_a_tool_that_only_tells_its_limit_is_counted_for() -> None:
    bucket = Bucket()
    for second in range(99):
        bucket.note(told(None, reset=600.0 - second), later(second))
    assert bucket.remaining(later(99)) == 1
    assert bucket.opens_at(Pressing.NEWS, later(99)) > later(99)
    bucket.note(told(None, reset=600.0), later(601))
    assert bucket.remaining(later(601)) == 99, "a new hour"


def test_an_items_own_limit_stops_that_item_only() -> None:
    budget = Budget()
    budget.note([RateNote(bucket="T1", retry_after=60.0)], Use.LANES, NOW, items=["T1", "T2"])
    assert budget.admits(NOW) == Pressing.BACKGROUND
    assert budget.opens_at(Use.LANES, Pressing.SAID, NOW, item="T1") == later(60)
    assert budget.opens_at(Use.LANES, Pressing.SAID, NOW, item="T2") == NOW
    budget.note([], Use.LANES, later(61))
    assert not budget.items, "what is over is forgotten"


def test_a_limit_on_searching_does_not_stop_the_writing() -> None:
    budget = Budget()
    budget.note([RateNote(bucket="search", limit=30, remaining=0, reset_seconds=60.0)], Use.ASKING, NOW)
    assert budget.admits(NOW) == Pressing.BACKGROUND
    assert budget.opens_at(Use.ASKING, Pressing.SAID, NOW) == later(60)


NOTES = st.builds(
    RateNote,
    bucket=st.sampled_from(["", "a", "T1"]),
    limit=st.none() | st.integers(0, 1000),
    remaining=st.none() | st.integers(0, 1000),
    reset_seconds=st.none() | st.floats(0, 4000),
    retry_after=st.none() | st.floats(0, 8000),
)


@given(st.lists(st.tuples(NOTES, st.floats(0, 5000)), max_size=8))
def test_whatever_is_said_every_lane_opens_within_an_hour_or_at_the_filling(said: list[tuple[RateNote, float]]) -> None:
    budget, now = Budget(), NOW
    for note, passed in said:
        now += timedelta(seconds=passed)
        budget.note([note], Use.LANES, now, items=["T1"])
    opens = [budget.opens_at(Use.LANES, lane, now, item="T1") for lane in Pressing]
    assert opens == sorted(opens), "what presses more never waits longer"
    assert opens[-1] <= now + timedelta(seconds=4000)
    for lane, at in zip(Pressing, opens, strict=True):
        after = max(at + timedelta(milliseconds=1), now)
        assert budget.opens_at(Use.LANES, lane, after, item="T1") <= after, "and then it is open"
