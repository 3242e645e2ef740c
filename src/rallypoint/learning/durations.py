"""The named times of an incident. "MTTR" alone is four different figures, so each is defined once, by its two anchors.

A retrospective states them for one incident; insight takes the same definitions over many.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

OVER = ("closed", "cancelled", "merged")
"""Status categories in which no further anchor will come: what is unknown now stays unknown."""


class Outcome(StrEnum):
    """What became of one measurement on one incident."""

    RECORDED = "recorded"
    PENDING = "pending"
    NOT_APPLICABLE = "not applicable"
    INVALID = "invalid"


class Anchored(Protocol):
    """Something with moments: each anchor is an attribute that is a time, or None where it is unknown."""

    @property
    def status_category(self) -> str: ...


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


def take(definition: Definition, case: Anchored) -> tuple[Outcome, float | None]:
    """One measurement in minutes. An unknown start is never zero, an end before the start is never used."""
    start, end = _first(case, definition.start), _first(case, definition.end)
    if start is None:
        return Outcome.NOT_APPLICABLE, None
    if end is None:
        return (Outcome.NOT_APPLICABLE if case.status_category in OVER else Outcome.PENDING), None
    if end < start:
        return Outcome.INVALID, None
    return Outcome.RECORDED, (end - start).total_seconds() / 60


def _first(case: Anchored, anchors: Sequence[str]) -> datetime | None:
    for anchor in anchors:
        at: datetime | None = getattr(case, anchor)
        if at is not None:
            return at
    return None
