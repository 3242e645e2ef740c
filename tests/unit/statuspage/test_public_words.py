"""What is said in public, as a table: the writer's choice first, then what the record says, never more than that."""

import pytest

from rallypoint.catalog.model import StatusCategory
from rallypoint.statuspage.model import ComponentStatus, Indicator, PublicStatus
from rallypoint.statuspage.rules import (
    DESCRIPTIONS,
    first_effect,
    impact,
    neutral_title,
    public_status,
    wanted,
    worse,
    worst,
)

OPERATIONAL, MAINTENANCE, DEGRADED, PARTIAL, MAJOR = ComponentStatus
SAID = PublicStatus


@pytest.mark.parametrize(
    ("given", "category", "current", "said"),
    [
        (None, StatusCategory.TRIAGE, None, SAID.INVESTIGATING),
        (None, StatusCategory.ACTIVE, None, SAID.INVESTIGATING),
        (None, StatusCategory.ON_HOLD, SAID.INVESTIGATING, SAID.INVESTIGATING),
        (None, StatusCategory.ACTIVE, SAID.IDENTIFIED, SAID.IDENTIFIED),
        (None, StatusCategory.RESTORED, SAID.IDENTIFIED, SAID.MONITORING),
        (None, StatusCategory.ACTIVE, SAID.MONITORING, SAID.INVESTIGATING),
        (None, StatusCategory.RESOLVED, SAID.IDENTIFIED, SAID.RESOLVED),
        (None, StatusCategory.CLOSED, None, SAID.RESOLVED),
        (None, StatusCategory.CANCELLED, SAID.INVESTIGATING, SAID.RESOLVED),
        ("identified", StatusCategory.ACTIVE, SAID.INVESTIGATING, SAID.IDENTIFIED),
        ("monitoring", StatusCategory.RESOLVED, None, SAID.MONITORING),
        ("resolved", StatusCategory.ACTIVE, SAID.MONITORING, SAID.RESOLVED),
        ("a word we do not know", StatusCategory.RESTORED, None, SAID.MONITORING),
    ],
)
def test_where_an_incident_stands_in_public(
    given: str | None, category: StatusCategory, current: PublicStatus | None, said: PublicStatus
) -> None:
    assert public_status(given, category, current) is said


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Indicator.NONE),
        ([OPERATIONAL, OPERATIONAL], Indicator.NONE),
        ([OPERATIONAL, MAINTENANCE], Indicator.MAINTENANCE),
        ([DEGRADED, MAINTENANCE], Indicator.MINOR),
        ([PARTIAL, DEGRADED], Indicator.MAJOR),
        ([OPERATIONAL, MAJOR, PARTIAL], Indicator.CRITICAL),
    ],
)
def test_the_impact_is_that_of_the_worst_component(statuses: list[ComponentStatus], expected: Indicator) -> None:
    assert impact(statuses) is expected
    assert impact(reversed(statuses)) is expected


def test_every_indicator_has_a_description() -> None:
    assert set(DESCRIPTIONS) == set(Indicator)


def test_an_incident_keeps_the_worst_impact_it_had() -> None:
    assert worse(Indicator.MAJOR, Indicator.NONE) is Indicator.MAJOR
    assert worse(Indicator.MINOR, Indicator.CRITICAL) is Indicator.CRITICAL


def test_only_the_highest_priority_is_called_a_major_outage() -> None:
    assert [first_effect(rank) for rank in (1, 2, 3, 4)] == [MAJOR, PARTIAL, DEGRADED, DEGRADED]


def test_components_given_win_and_unknown_ones_are_dropped() -> None:
    own = {"checkout": MAJOR}
    given = {"search": "partial_outage", "unknown": "major_outage", "checkout": "melting"}
    assert wanted(given, own, known=["checkout", "search"], first=True) == {"search": PARTIAL}
    assert wanted(None, own, known=["checkout"], first=True) == own
    assert wanted(None, own, known=["checkout"], first=False) == {}
    assert wanted({}, own, known=["checkout"], first=True) == {}


def test_worst_of_nothing_is_operational() -> None:
    assert worst([]) is OPERATIONAL


def test_a_neutral_title_names_components_only() -> None:
    assert neutral_title([]) == "Problem with our service"
    assert neutral_title(["Checkout"]) == "Problem with Checkout"
    assert neutral_title(["Checkout", "Search", "Mail"]) == "Problems with Checkout, Search and Mail"
