"""What is made of measured values: percentiles, medians, ratios. Pure, so that a test can hold it to account."""

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How measured values lie, in the unit in which they were measured."""

    count: int
    p50: float
    p99: float
    worst: float


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest measured value that at least this share (0 to 1) of all values does not exceed: the nearest rank.

    Always a value that was measured, never one made up between two. Raises ValueError where nothing was measured.
    """
    if not values:
        raise ValueError("nothing was measured")
    if not 0 <= share <= 1:
        raise ValueError(f"a share lies between 0 and 1, not at {share}")
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


def median(values: Sequence[float]) -> float:
    """The value in the middle; of two in the middle the lower one."""
    return percentile(values, 0.5)


def spread(values: Sequence[float]) -> Spread:
    """Raises ValueError where nothing was measured."""
    return Spread(count=len(values), p50=median(values), p99=percentile(values, 0.99), worst=percentile(values, 1))


def ratio(ours: float, theirs: float | None) -> float | None:
    """How many times theirs ours is; None where there is nothing to compare with."""
    return ours / theirs if theirs else None


def lowest_and_highest(values: Sequence[float]) -> str:
    """The range of several rounds in words: how much to believe of their median."""
    return f"{min(values):,.0f}-{max(values):,.0f}" if len(values) > 1 else "one round"
