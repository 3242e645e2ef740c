"""The named times over many incidents: how many could be taken, and what may be said of those."""

from collections.abc import Iterable, Sequence

from rallypoint.insight.model import Case, Measure
from rallypoint.insight.summary import Summary, compare, summarise
from rallypoint.learning.durations import BY_KEY, Definition, Outcome, take


def measure(definition: Definition, cases: Sequence[Case], before: Iterable[Case] = ()) -> Measure:
    """A definition over many incidents, and what may be said against those of the window before."""
    taken = [(case.number, *take(definition, case)) for case in cases]
    summary = summarise(_recorded(definition, cases))
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
        not_applicable=sum(outcome is Outcome.NOT_APPLICABLE for _, outcome, _ in taken),
        pending=sum(outcome is Outcome.PENDING for _, outcome, _ in taken),
        invalid=sum(outcome is Outcome.INVALID for _, outcome, _ in taken),
        invalid_numbers=tuple(number for number, outcome, _ in taken if outcome is Outcome.INVALID),
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
