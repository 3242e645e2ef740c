"""Statistics that may be shown to people: never a mean alone, never an interval that the numbers do not carry.

Durations of incidents are heavy-tailed, so the middle is the median and its interval is made of order statistics:
exact, free of assumptions about the shape, and the same every time it is computed.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

CONFIDENCE_PERCENT = 95
EXACT_RANKS_UP_TO = 1000
Z_95 = 1.959964

FEWEST_TO_COMPARE = 6
"""Below six values there is no two-sided 95 % interval of a median at all, so nothing can be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What numbers say: how many, their middle with its 95 % interval, their tail, and the mean beside them."""

    n: int = 0
    median: float | None = None
    p90: float | None = None
    mean: float | None = None
    low: float | None = None
    high: float | None = None


class Trend(StrEnum):
    """What two summaries of a time may be said to show; shorter is better. Overlapping intervals get no arrow."""

    BETTER = "better"
    WORSE = "worse"
    OVERLAP = "overlap"
    TOO_FEW = "too few"

    @property
    def words(self) -> str:
        return {
            "better": "shorter, intervals apart",
            "worse": "longer, intervals apart",
            "overlap": "cannot tell, intervals overlap",
            "too few": f"too few to say, n below {FEWEST_TO_COMPARE}",
        }[self.value]


def summarise(values: Sequence[float]) -> Summary:
    """The summary of `values`; empty where there are none, without an interval where there are too few."""
    if not values:
        return Summary()
    ordered = sorted(values)
    interval = median_interval(ordered)
    return Summary(
        n=len(ordered),
        median=percentile(ordered, 50),
        p90=percentile(ordered, 90),
        mean=math.fsum(ordered) / len(ordered),
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Linear between the two nearest ranks, the way spreadsheets count it. `ordered` is sorted and not empty."""
    place = (len(ordered) - 1) * percent / 100
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    low, high = ordered[below], ordered[above]
    return low if low == high else low + (high - low) * (place - below)


def median_interval(ordered: Sequence[float]) -> tuple[float, float] | None:
    """The 95 % interval of the median, by order statistics; None below six values."""
    rank = interval_rank(len(ordered))
    return (ordered[rank - 1], ordered[len(ordered) - rank]) if rank else None


@functools.cache
def interval_rank(n: int) -> int:
    """Which value from either end bounds the median with at least 95 % confidence; 0 where none does.

    The number of values below the true median is binomial(n, 1/2): the largest rank whose tail holds at most 2.5 %.
    Beyond a thousand values the binomial is taken as normal: the difference is less than one rank.
    """
    if n > EXACT_RANKS_UP_TO:
        return math.floor(n / 2 - Z_95 * math.sqrt(n) / 2)
    tail, ways, rank = 0, 1, 0
    while (tail + ways) * 200 <= (100 - CONFIDENCE_PERCENT) * 2**n:
        tail += ways
        ways = ways * (n - rank) // (rank + 1)
        rank += 1
    return rank


def share_interval(hits: int, n: int) -> tuple[float, float] | None:
    """The 95 % interval of a share (Wilson): stays within 0 and 1 and is honest for small n. None for n = 0."""
    if n == 0:
        return None
    share, z2 = hits / n, Z_95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z_95 * math.sqrt(share * (1 - share) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return max(0.0, middle - half), min(1.0, middle + half)


def compare(before: Summary, after: Summary) -> Trend:
    """Whether `after` may be called different from `before`: only where their intervals do not touch."""
    if before.low is None or before.high is None or after.low is None or after.high is None:
        return Trend.TOO_FEW
    if after.high < before.low:
        return Trend.BETTER
    if after.low > before.high:
        return Trend.WORSE
    return Trend.OVERLAP
