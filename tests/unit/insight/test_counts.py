"""Adherence, repeats, weeks, nights, and what is left out: each by example, and the sums that must always hold."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.insight.adherence import Verdict, adherence, verdict
from rallypoint.insight.breakdowns import by_category, by_week, nights, repeats
from rallypoint.insight.model import Case, ClockFact, PageFact
from rallypoint.insight.rules import metrics

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
SINCE = NOW - timedelta(days=42)
DAY = timedelta(days=1)


def clock(incident: int = 1, **known: Any) -> ClockFact:
    return ClockFact(incident=incident, **{"kind": "response", "priority": "P1", "state": "running", **known})


def case(number: int, created_at: datetime = NOW - DAY, **known: Any) -> Case:
    return Case(number=number, created_at=created_at, **known)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (clock(state="met", due_at=NOW, met_at=NOW - DAY), Verdict.MET),
        (clock(state="met", due_at=NOW - DAY, met_at=NOW), Verdict.BREACHED),
        (clock(state="met", due_at=NOW, met_at=NOW), Verdict.MET),
        (clock(state="running", due_at=NOW - DAY), Verdict.BREACHED),
        (clock(state="running", due_at=NOW + DAY), Verdict.RUNNING),
        (clock(state="breached", due_at=NOW - DAY, breached_at=NOW - DAY), Verdict.BREACHED),
        (clock(state="met", due_at=NOW - DAY, breached_at=NOW - DAY, met_at=NOW), Verdict.BREACHED),
        (clock(state="paused", due_at=NOW - DAY), Verdict.PAUSED),
        (clock(state="stopped", due_at=NOW - DAY), Verdict.STOPPED),
    ],
)
def test_what_a_clock_says(facts: ClockFact, expected: Verdict) -> None:
    assert verdict(facts, now=NOW) is expected


def test_adherence_is_met_of_decided_and_paused_is_shown() -> None:
    clocks = [clock(n, state="met", due_at=NOW, met_at=NOW - DAY, paused_minutes=5) for n in range(9)]
    clocks += [
        clock(10, due_at=NOW - DAY),
        clock(11, state="paused"),
        clock(12, due_at=NOW + DAY),
        clock(13, state="stopped"),
    ]
    (line,) = adherence(clocks, now=NOW)
    assert (line.met, line.breached, line.paused, line.running, line.stopped) == (9, 1, 1, 1, 1)
    assert line.share == 0.9
    assert line.paused_minutes == 45


def test_nothing_decided_is_no_share() -> None:
    (line,) = adherence([clock(due_at=NOW + DAY)], now=NOW)
    assert line.share is None


clocks_of_any_kind = st.lists(
    st.builds(
        ClockFact,
        incident=st.integers(1, 9),
        kind=st.sampled_from(["response", "resolution"]),
        priority=st.sampled_from(["P1", "P2"]),
        state=st.sampled_from(["running", "paused", "met", "breached", "stopped"]),
        due_at=st.none() | st.just(NOW - DAY) | st.just(NOW + DAY),
        met_at=st.none() | st.just(NOW - 2 * DAY) | st.just(NOW),
    )
)


@given(clocks_of_any_kind)
def test_every_clock_is_counted_once(clocks: list[ClockFact]) -> None:
    lines = adherence(clocks, now=NOW)
    assert sum(x.met + x.breached + x.running + x.paused + x.stopped for x in lines) == len(clocks)


def test_a_repeat_has_a_like_one_within_thirty_days_before() -> None:
    def like(number: int, days_ago: float, **known: Any) -> Case:
        began = NOW - timedelta(days=days_ago)
        return case(
            number, began, resolved_at=began + timedelta(hours=1), **{"service_id": 1, "category_id": 4, **known}
        )

    cases = [
        like(1, 80), like(2, 41), like(3, 20), like(4, 19, category_id=5), like(5, 18, service_id=2),
        like(6, 10, category_id=None), like(7, 9, category_id=None, grouping_key="pg"),
        like(8, 8, category_id=None, grouping_key="pg"),
    ]  # fmt: skip
    found = repeats(cases, since=SINCE, until=NOW)
    assert found.numbers == (3, 8)
    assert (found.resolved, found.not_applicable, found.repeated) == (7, 1, 2)
    assert found.share == pytest.approx(2 / 6)


@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 2), st.integers(1, 2)), max_size=25))
def test_repeats_by_brute_force(raw: list[tuple[int, int, int]]) -> None:
    cases = [
        case(n, NOW - timedelta(days=ago), service_id=s, category_id=c, resolved_at=NOW - timedelta(days=ago, hours=-1))
        for n, (ago, s, c) in enumerate(raw)
    ]

    def repeated(b: Case) -> bool:
        return any(
            (a.created_at, a.number) < (b.created_at, b.number)
            and b.created_at - a.created_at <= timedelta(days=30)
            and (a.service_id, a.category_id) == (b.service_id, b.category_id)
            for a in cases
        )

    inside = [c for c in cases if c.resolved_at is not None and SINCE <= c.resolved_at < NOW]
    assert repeats(cases, since=SINCE, until=NOW).repeated == sum(map(repeated, inside))


def test_empty_weeks_stay_in_the_series() -> None:
    points = by_week([case(1, NOW - 20 * DAY)], since=SINCE, until=NOW)
    assert [p.starts_on for p in points] == [date(2026, 4, 20) + timedelta(weeks=n) for n in range(7)]
    assert [p.opened for p in points] == [0, 0, 0, 1, 0, 0, 0]


def test_a_week_that_ends_the_window_exactly_is_not_shown() -> None:
    monday = datetime(2026, 6, 1, tzinfo=UTC)
    assert by_week([], since=monday - 7 * DAY, until=monday)[-1].starts_on == date(2026, 5, 25)


def test_categories_most_frequent_first_and_shares_add_up() -> None:
    cases = [case(n, category_id=1, category_name="Network") for n in range(3)] + [case(9)]
    lines = by_category(cases)
    assert [(line.name, line.n) for line in lines] == [("Network", 3), ("No category", 1)]
    assert sum(line.share for line in lines) == 1


def test_night_is_where_the_person_lives() -> None:
    three_in_berlin = datetime(2026, 5, 4, 1, 0, tzinfo=UTC)
    pages = [
        PageFact(incident=1, person_id=1, person_name="Ines", time_zone="Europe/Berlin", created_at=three_in_berlin),
        PageFact(incident=1, person_id=2, person_name="Ada", time_zone="America/Chicago", created_at=three_in_berlin),
    ]
    by_name = {night.name: night for night in nights(pages)}
    assert by_name["Ines"].at_night == 1
    assert by_name["Ines"].cells[1] == 1
    assert by_name["Ada"].at_night == 0
    assert by_name["Ada"].cells[10] == 1


def test_drills_cancelled_merged_and_requests_are_out_and_counted() -> None:
    cases = [
        case(1), case(2, drill=True), case(3, status_category="cancelled"), case(4, status_category="merged"),
        case(5, kind="service request"), case(6, drill=True, status_category="cancelled"),
        case(7, NOW - 60 * DAY, drill=True),
    ]  # fmt: skip
    found = metrics(cases, [clock(2, due_at=NOW - DAY)], [], [], since=SINCE, until=NOW, now=NOW)
    assert found.counted == 1
    out = found.left_out
    assert (out.drills, out.cancelled, out.merged, out.service_requests) == (2, 1, 1, 1)
    assert found.sla == ()


def test_the_window_before_is_compared_but_not_counted() -> None:
    def restored(number: int, created: datetime, minutes: int) -> Case:
        return case(number, created, impact_started_at=created, restored_at=created + timedelta(minutes=minutes))

    now_fast = [restored(n, NOW - DAY, 10) for n in range(8)]
    once_slow = [restored(100 + n, SINCE - DAY, 90) for n in range(8)]
    found = metrics(now_fast + once_slow, [], [], [], since=SINCE, until=NOW, now=NOW)
    restore = next(m for m in found.measures if m.key == "time_to_restore")
    assert (found.counted, restore.n, restore.before_n) == (8, 8, 8)
    assert (restore.median, restore.before_median) == (10, 90)
    assert restore.trend == "better"
