"""The 90 days, by brute force over minutes, and over the nights in which clocks change."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.statuspage.days import cells, midnight, stretches, uptime
from rallypoint.statuspage.model import ComponentStatus, Effect
from rallypoint.statuspage.rules import worst

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=400)
MINUTE = timedelta(minutes=1)
BAD = [s for s in ComponentStatus if s is not ComponentStatus.OPERATIONAL]


def effect(status: ComponentStatus, start: datetime, end: datetime | None) -> Effect:
    return Effect(component_id=1, status_incident_id=1, status=status, starts_at=start, ends_at=end)


effects_of_today = st.lists(
    st.builds(
        lambda status, start, long: effect(status, NOW - (300 - start) * MINUTE, NOW - (300 - start - long) * MINUTE),
        st.sampled_from(BAD), st.integers(0, 200), st.integers(0, 100),
    ),
    max_size=8,
)  # fmt: skip


@given(effects_of_today)
def test_each_minute_counts_once_by_the_worst(effects: list[Effect]) -> None:
    today = cells(stretches(effects, now=NOW), since=LONG_AGO, now=NOW, zone="UTC")[-1]
    expected: dict[ComponentStatus, float] = {}
    for back in range(300, 0, -1):
        at = NOW - back * MINUTE
        status = worst(e.status for e in effects if e.ends_at and e.starts_at <= at < e.ends_at)
        if status is not ComponentStatus.OPERATIONAL:
            expected[status] = expected.get(status, 0) + 1
    assert today.minutes == pytest.approx(expected)
    assert today.worst is worst(expected)


@given(effects_of_today)
def test_stretches_do_not_overlap_and_uptime_is_a_share(effects: list[Effect]) -> None:
    known = stretches(effects, now=NOW)
    assert all(a.end <= b.start for a, b in pairwise(known))
    share = uptime(known, since=LONG_AGO, now=NOW, zone="UTC")
    assert share is not None
    assert 0 <= share <= 1


def test_there_are_ninety_cells_and_the_last_is_today() -> None:
    row = cells([], since=LONG_AGO, now=NOW, zone="Europe/Berlin")
    assert (len(row), row[0].day, row[-1].day) == (90, date(2026, 3, 4), date(2026, 6, 1))
    assert all(cell.worst is ComponentStatus.OPERATIONAL for cell in row)


def test_days_before_the_component_was_watched_are_unknown_not_green() -> None:
    row = cells([], since=NOW - timedelta(days=2), now=NOW, zone="UTC")
    assert [cell.worst for cell in row[-4:]] == [None, *[ComponentStatus.OPERATIONAL] * 3]
    assert uptime([], since=NOW, now=NOW, zone="UTC") is None


def test_an_outage_over_midnight_is_shared_between_the_days_of_the_pages_zone() -> None:
    start = datetime(2026, 5, 30, 21, 30, tzinfo=UTC)  # 23:30 in Berlin
    row = cells(
        stretches([effect(ComponentStatus.MAJOR_OUTAGE, start, start + timedelta(hours=1))], now=NOW),
        since=LONG_AGO, now=NOW, zone="Europe/Berlin",
    )  # fmt: skip
    by_day = {cell.day: cell.minutes for cell in row}
    assert by_day[date(2026, 5, 30)] == {ComponentStatus.MAJOR_OUTAGE: 30}
    assert by_day[date(2026, 5, 31)] == {ComponentStatus.MAJOR_OUTAGE: 30}


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 6, 1), 24)])
def test_a_day_is_as_long_as_it_is(day: date, hours: int) -> None:
    zone = "Europe/Berlin"
    assert midnight(day + timedelta(days=1), zone) - midnight(day, zone) == timedelta(hours=hours)


def test_a_partial_outage_counts_for_less_and_slowness_not_at_all() -> None:
    since = NOW - timedelta(minutes=1000)
    hundred = (NOW - timedelta(minutes=500), NOW - timedelta(minutes=400))

    def share(status: ComponentStatus) -> float | None:
        return uptime(stretches([effect(status, *hundred)], now=NOW), since=since, now=NOW, zone="UTC")

    assert share(ComponentStatus.MAJOR_OUTAGE) == pytest.approx(0.9)
    assert share(ComponentStatus.PARTIAL_OUTAGE) == pytest.approx(0.97)
    assert share(ComponentStatus.DEGRADED) == 1


def test_an_open_effect_lasts_until_now() -> None:
    (stretch,) = stretches([effect(ComponentStatus.DEGRADED, NOW - MINUTE, None)], now=NOW)
    assert stretch.end == NOW
