"""The named times. "MTTR" alone is four different figures, so each is defined here once, by its two anchors."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rallypoint.insight.model import Case, Measure, Outcome
from rallypoint.insight.summary import Summary, compare, summarise

OVER = ("closed", "cancelled", "merged")
"""Status categories in which no further anchor will come: what is unknown now stays unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Definition:
    """A time from the first known of `start` to the first known of `end`."""

    key: str
    short: str
    name: str
    start: tuple[str, ...]
    end: tuple[str, ...]
    text: str


DEFINITIONS = (
    Definition(
        key="time_to_detect", short="MTTD", name="Time to detect",
        start=("impact_started_at",), end=("detected_at",),
        text="From the start of impact to its detection. Not applicable where the start is unknown.",
    ),
    Definition(
        key="time_to_acknowledge", short="MTTA", name="Time to acknowledge",
        start=("paged_at",), end=("acknowledged_at",),
        text="From the first page to the first acknowledgement by a person. Not applicable where nobody was paged.",
    ),
    Definition(
        key="time_to_mitigate", short="MTTM", name="Time to mitigate",
        start=("impact_started_at",), end=("restored_at",),
        text="From the start of impact to service restored, by a workaround or a fix.",
    ),
    Definition(
        key="time_to_repair", short="MTTR (repair)", name="Time to repair",
        start=("repair_started_at",), end=("repair_ended_at",),
        text="Time spent on the repair itself. Not applicable unless its start and end were recorded.",
    ),
    Definition(
        key="time_to_respond", short="MTTR (respond)", name="Time to respond",
        start=("paged_at",), end=("recovered_at",),
        text="From the first page to full recovery. Leaves out the time nobody knew.",
    ),
    Definition(
        key="time_to_restore", short="MTTR (restore), MTRS", name="Time to restore service",
        start=("impact_started_at",), end=("restored_at", "recovered_at"),
        text="From the start of impact to service restored, or recovered where a restore was not recorded.",
    ),
    Definition(
        key="time_to_recover", short="MTTR (recover)", name="Time to recover",
        start=("impact_started_at",), end=("recovered_at",),
        text="From the start of impact to full recovery, backlog and data included.",
    ),
    Definition(
        key="time_to_resolve", short="MTTR (resolve)", name="Time to resolve",
        start=("detected_at",), end=("resolved_at",),
        text="From detection to the last resolution, with the work that keeps it from coming back.",
    ),
)  # fmt: skip
BY_KEY = {definition.key: definition for definition in DEFINITIONS}


def take(definition: Definition, case: Case) -> tuple[Outcome, float | None]:
    """One measurement in minutes. An unknown start is never zero, an end before the start is never used."""
    start, end = _first(case, definition.start), _first(case, definition.end)
    if start is None:
        return Outcome.NOT_APPLICABLE, None
    if end is None:
        return (Outcome.NOT_APPLICABLE if case.status_category in OVER else Outcome.PENDING), None
    if end < start:
        return Outcome.INVALID, None
    return Outcome.RECORDED, (end - start).total_seconds() / 60


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


def _first(case: Case, anchors: Sequence[str]) -> datetime | None:
    return next((at for at in (getattr(case, anchor) for anchor in anchors) if at is not None), None)
