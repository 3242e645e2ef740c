"""Each named time by its anchors; what is unknown is never zero."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rallypoint.insight.measures import measure
from rallypoint.insight.model import Case
from rallypoint.learning.durations import BY_KEY, DEFINITIONS, Outcome, take

START = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def case(number: int = 1, **anchors: Any) -> Case:
    return Case(number=number, created_at=at(3), **anchors)


FULL = case(
    impact_started_at=at(0),
    detected_at=at(2),
    paged_at=at(3),
    acknowledged_at=at(7),
    repair_started_at=at(10),
    repair_ended_at=at(40),
    restored_at=at(45),
    recovered_at=at(60),
    resolved_at=at(90),
    status_category="resolved",
)


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("time_to_detect", 2),
        ("time_to_acknowledge", 4),
        ("time_to_mitigate", 45),
        ("time_to_repair", 30),
        ("time_to_respond", 57),
        ("time_to_restore", 45),
        ("time_to_recover", 60),
        ("time_to_resolve", 88),
    ],
)
def test_each_time_runs_between_its_own_anchors(key: str, expected: float) -> None:
    assert take(BY_KEY[key], FULL) == (Outcome.RECORDED, expected)


def test_every_r_has_a_full_name_of_its_own() -> None:
    mttr = [d for d in DEFINITIONS if d.short.startswith("MTTR")]
    assert len({d.name for d in mttr}) == len(mttr) == 5
    assert all("MTTR" not in d.name for d in DEFINITIONS)


@pytest.mark.parametrize(
    ("key", "incident", "outcome"),
    [
        ("time_to_detect", case(detected_at=at(2)), Outcome.NOT_APPLICABLE),
        ("time_to_restore", case(restored_at=at(9)), Outcome.NOT_APPLICABLE),
        ("time_to_restore", case(impact_started_at=at(0)), Outcome.PENDING),
        ("time_to_restore", case(impact_started_at=at(0), status_category="closed"), Outcome.NOT_APPLICABLE),
        ("time_to_restore", case(impact_started_at=at(9), restored_at=at(2)), Outcome.INVALID),
        ("time_to_restore", case(impact_started_at=at(0), recovered_at=at(5)), Outcome.RECORDED),
        ("time_to_acknowledge", case(acknowledged_at=at(5)), Outcome.NOT_APPLICABLE),
        ("time_to_repair", case(resolved_at=at(50)), Outcome.NOT_APPLICABLE),
        ("time_to_detect", case(impact_started_at=at(2), detected_at=at(2)), Outcome.RECORDED),
    ],
)
def test_what_cannot_be_measured_says_why(key: str, incident: Case, outcome: Outcome) -> None:
    assert take(BY_KEY[key], incident)[0] is outcome


def test_every_incident_is_in_exactly_one_count() -> None:
    cases = [
        case(1, impact_started_at=at(0), detected_at=at(4)),
        case(2, impact_started_at=at(0), detected_at=at(8)),
        case(3, detected_at=at(1)),
        case(4, impact_started_at=at(9), detected_at=at(1)),
        case(5, impact_started_at=at(0)),
    ]
    found = measure(BY_KEY["time_to_detect"], cases)
    assert (found.n, found.not_applicable, found.invalid, found.pending) == (2, 1, 1, 1)
    assert found.n + found.not_applicable + found.invalid + found.pending == len(cases)
    assert (found.median, found.mean) == (6, 6)
    assert found.p90 == pytest.approx(7.6)
    assert found.invalid_numbers == (4,)
    assert (found.low, found.high) == (None, None)


def test_no_incident_gives_no_figure() -> None:
    found = measure(BY_KEY["time_to_restore"], [])
    assert (found.n, found.median, found.mean, found.p90) == (0, None, None, None)
