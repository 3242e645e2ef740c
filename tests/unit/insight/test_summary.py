"""The statistics against independent oracles: the standard library, and brute force over all coin tosses."""

import itertools
import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.insight.summary import (
    Summary,
    Trend,
    compare,
    interval_rank,
    median_interval,
    share_interval,
    summarise,
)

minutes = st.floats(min_value=0, max_value=1e6, allow_nan=False, allow_subnormal=False)


@given(st.lists(minutes, min_size=2, max_size=60))
def test_median_p90_and_mean_are_those_of_the_standard_library(values: list[float]) -> None:
    summary = summarise(values)
    assert summary.n == len(values)
    assert summary.median == pytest.approx(statistics.median(values))
    assert summary.p90 == pytest.approx(statistics.quantiles(values, n=10, method="inclusive")[8])
    assert summary.mean == pytest.approx(statistics.fmean(values))


@given(st.lists(minutes, max_size=60), st.randoms())
def test_order_of_the_values_changes_nothing(values: list[float], random: object) -> None:
    shuffled = list(values)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert summarise(shuffled) == summarise(values)


@given(st.lists(minutes, min_size=6, max_size=200))
def test_the_interval_holds_the_median_and_stays_among_the_values(values: list[float]) -> None:
    summary = summarise(values)
    assert summary.low is not None
    assert summary.high is not None
    assert summary.median is not None
    assert min(values) <= summary.low <= summary.median <= summary.high <= max(values)


@pytest.mark.parametrize("n", range(1, 15))
def test_the_rank_is_the_tightest_with_95_percent_by_counting_all_outcomes(n: int) -> None:
    """Oracle: of all 2^n ways the values can fall below or above the true median, how many leave it inside."""

    def coverage(rank: int) -> float:
        inside = sum(rank <= sum(way) <= n - rank for way in itertools.product((0, 1), repeat=n))
        return float(inside / 2**n)

    rank = interval_rank(n)
    if rank == 0:
        assert coverage(1) < 0.95
    else:
        assert coverage(rank) >= 0.95
        assert coverage(rank + 1) < 0.95


@pytest.mark.parametrize(("n", "rank"), [(5, 0), (6, 1), (8, 1), (9, 2), (20, 6), (50, 18), (100, 40)])
def test_the_rank_is_that_of_published_tables(n: int, rank: int) -> None:
    assert interval_rank(n) == rank


def test_the_rank_does_not_jump_where_the_normal_takes_over() -> None:
    assert interval_rank(1001) - interval_rank(1000) in (0, 1)


def test_nothing_and_too_few_say_so_instead_of_zero() -> None:
    assert summarise([]) == Summary()
    assert summarise([]).median is None
    assert median_interval([1.0, 2.0, 3.0, 4.0, 5.0]) is None


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_a_share_lies_in_its_interval_and_the_interval_between_0_and_1(case: tuple[int, int]) -> None:
    hits, n = case
    interval = share_interval(hits, n)
    assert interval is not None
    low, high = interval
    assert 0 <= low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high <= 1


def test_a_share_solves_the_equation_wilson_starts_from() -> None:
    """Oracle: at both ends the observed share is exactly 1.96 standard errors away."""
    interval = share_interval(45, 50)
    assert interval is not None
    for end in interval:
        assert abs(0.9 - end) / math.sqrt(end * (1 - end) / 50) == pytest.approx(1.959964, rel=1e-6)


def test_no_share_without_a_decision() -> None:
    assert share_interval(0, 0) is None


def test_a_trend_needs_intervals_that_are_apart() -> None:
    low, high = summarise([10.0 + i for i in range(12)]), summarise([100.0 + i for i in range(12)])
    assert compare(high, low) is Trend.BETTER
    assert compare(low, high) is Trend.WORSE
    assert compare(low, summarise([15.0 + i for i in range(12)])) is Trend.OVERLAP
    assert compare(low, summarise([1000.0] * 5)) is Trend.TOO_FEW
    assert compare(Summary(), low) is Trend.TOO_FEW


@given(st.lists(minutes, min_size=6, max_size=40))
def test_nothing_differs_from_itself(values: list[float]) -> None:
    assert compare(summarise(values), summarise(values)) is Trend.OVERLAP
