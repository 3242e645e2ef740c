"""The named times over many incidents: how many could be taken, and what may be said of those."""

from collections import Counter
from collections.abc import Iterable, Sequence

from rallypoint.insight.model import Case, Measure
from rallypoint.insight.summary import Summary, compare, summarise
from rallypoint.learning.durations import BY_KEY, Definition, Outcome, take


def measure(definition: Definition, cases: Sequence[Case], before: Iterable[Case] = ()) -> Measure:
    """A definition over many incidents, and what may be said against those of the window before."""
    outcomes: Counter[Outcome] = Counter()
    values, invalid = list[float](), list[int]()
    for case in cases:
        outcome, minutes = take(definition, case)
        outcomes[outcome] += 1
        if minutes is not None:
            values.append(minutes)
        elif outcome is Outcome.INVALID:
            invalid.append(case.number)
    summary = summarise(values)
    earlier = summarise(_recorded(definition, before))
    return Measure(
        key=definition.key,
        short=definition.short,
        name=definition.name,
        definition=definition.text,
        n=summary.n,
        median=summary.median,
        p90=summary.p90,
        mean=summary.mean,
        low=summary.low,
        high=summary.high,
        not_applicable=outcomes[Outcome.NOT_APPLICABLE],
        pending=outcomes[Outcome.PENDING],
        invalid=outcomes[Outcome.INVALID],
        invalid_numbers=tuple(invalid),
        before_n=earlier.n,
        before_median=earlier.median,
        before_low=earlier.low,
        before_high=earlier.high,
        trend=compare(earlier, summary),
    )


def summary_of(key: str, cases: Iterable[Case]) -> Summary:
    """The summary of one named time, for a series or a breakdown."""
    return summarise(_recorded(BY_KEY[key], cases))


def _recorded(definition: Definition, cases: Iterable[Case]) -> list[float]:
    return [minutes for outcome, minutes in (take(definition, case) for case in cases) if minutes is not None]
