"""Outages as a union, by brute force over minutes; time between failures that is never zero for lack of failures."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.insight.model import Case
from rallypoint.insight.outages import Interval, Named, union, uptime

START = datetime(2026, 5, 1, tzinfo=UTC)
CHECKOUT = Named(service_id=7, key="checkout", name="Checkout")
DAY = 1440


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def outage(number: int, start: float | None, end: float | None, created: float | None = None) -> Case:
    return Case(
        number=number,
        service_id=7,
        created_at=at(created if created is not None else start or 0),
        impact_started_at=None if start is None else at(start),
        restored_at=None if end is None else at(end),
    )


spans = st.lists(st.tuples(st.integers(-50, 150), st.integers(0, 60)), max_size=12)


@given(spans)
def test_a_union_covers_the_same_minutes_once(raw: list[tuple[int, int]]) -> None:
    merged = union(Interval(start=at(s), end=at(s + length)) for s, length in raw)
    covered = [minute for i in merged for minute in range(_minute(i.start), _minute(i.end))]
    assert sorted(covered) == sorted({m for s, length in raw for m in range(s, s + length)})
    assert all(a.end < b.start for a, b in pairwise(merged))


@given(spans)
def test_downtime_in_a_window_by_brute_force(raw: list[tuple[int, int]]) -> None:
    cases = [outage(n, s, s + length) for n, (s, length) in enumerate(raw)]
    found = uptime(CHECKOUT, cases, since=at(0), until=at(100), now=at(1000))
    down = {m for s, length in raw for m in range(s, s + length) if 0 <= m < 100}
    assert found.downtime_minutes == len(down)
    if found.failures:
        assert found.mtbf_minutes == pytest.approx((100 - len(down)) / found.failures)
    else:
        assert found.mtbf_minutes is None


def test_overlapping_incidents_are_one_failure() -> None:
    cases = [outage(1, 0, 60), outage(2, 30, 90), outage(3, 600, 630)]
    found = uptime(CHECKOUT, cases, since=at(0), until=at(DAY), now=at(9 * DAY))
    assert (found.incidents, found.failures, found.downtime_minutes) == (3, 2, 120)
    assert found.mtbf_minutes == (DAY - 120) / 2


def test_no_failure_is_more_than_the_window_and_not_zero() -> None:
    found = uptime(CHECKOUT, [], since=at(0), until=at(42 * DAY), now=at(50 * DAY))
    assert found.mtbf_minutes is None
    assert found.mtbf_text == "> 42 days"


def test_an_open_outage_hurts_until_now_and_the_window_ends_now() -> None:
    found = uptime(CHECKOUT, [outage(1, 100, None)], since=at(0), until=at(DAY), now=at(400))
    assert (found.downtime_minutes, found.window_minutes) == (300, 400)


def test_an_unknown_start_is_counted_from_when_it_was_known_and_shown() -> None:
    found = uptime(CHECKOUT, [outage(1, None, 60, created=20)], since=at(0), until=at(DAY), now=at(DAY))
    assert (found.downtime_minutes, found.start_unknown) == (40, 1)


def test_an_end_before_the_start_is_left_out_and_shown() -> None:
    found = uptime(CHECKOUT, [outage(1, 60, 30)], since=at(0), until=at(DAY), now=at(DAY))
    assert (found.failures, found.invalid, found.mtbf_minutes) == (0, 1, None)


def _minute(at_: datetime) -> int:
    return round((at_ - START).total_seconds() / 60)
