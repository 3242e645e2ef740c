"""Turns over clock changes: tables, laws, and two oracles that know nothing of our code."""

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from whenever import Instant, PlainDateTime

from rallypoint.oncall.model import Cadence, Override, Rotation
from rallypoint.oncall.rotation import anchor, at_instant, handover, instant, shifts, turn_at

# Zones with clock changes of an hour, half an hour, at midnight, and one that skipped a whole day.
ZONES = ("Europe/Berlin", "America/Chicago", "Australia/Lord_Howe", "America/Santiago", "Pacific/Apia", "UTC",
         "Africa/Cairo", "Asia/Kathmandu", "America/St_Johns", "Africa/Casablanca")  # fmt: skip


def turns(
    kind: str = "daily", *, starts_on: date = date(2026, 3, 23), at: time = time(9),
    people: tuple[int, ...] = (1, 2, 3), length: int = 1, weekday: int | None = None, id: int = 1,
) -> Rotation:  # fmt: skip
    return Rotation(
        id=id, schedule_id=1, name="turns", kind=Cadence(kind), starts_on=starts_on, hands_over_at=at,
        weekday=starts_on.weekday() if weekday is None else weekday, length=length, people=people,
    )  # fmt: skip


def override(id: int, person: int, starts: datetime, ends: datetime) -> Override:
    return Override(id=id, schedule_id=1, person_id=person, starts_at=starts, ends_at=ends, reason="", created_by="x")


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("zone", "local", "expected"),
    [
        ("Europe/Berlin", (2026, 3, 29, 2, 30), (2026, 3, 29, 1, 30)),  # skipped: 03:30 summer time
        ("Europe/Berlin", (2026, 3, 29, 2, 0), (2026, 3, 29, 1, 0)),
        ("Europe/Berlin", (2026, 3, 29, 3, 0), (2026, 3, 29, 1, 0)),
        ("Europe/Berlin", (2026, 10, 25, 2, 30), (2026, 10, 25, 0, 30)),  # twice: the first, summer time
        ("America/Chicago", (2026, 3, 8, 2, 15), (2026, 3, 8, 8, 15)),
        ("America/Chicago", (2026, 11, 1, 1, 59), (2026, 11, 1, 6, 59)),
        ("Australia/Lord_Howe", (2026, 10, 4, 2, 15), (2026, 10, 3, 15, 45)),  # a gap of half an hour
        ("Pacific/Apia", (2011, 12, 30, 9, 0), (2011, 12, 30, 19, 0)),  # a day that did not happen
    ],
)
def test_a_local_time_becomes_the_instant_rfc_5545_names(
    zone: str, local: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    wanted = datetime(*local)  # type: ignore[arg-type]
    assert instant(wanted.date(), wanted.time(), ZoneInfo(zone)) == utc(*expected)


@given(
    zone=st.sampled_from(ZONES),
    local=st.datetimes(min_value=datetime(2005, 1, 1), max_value=datetime(2035, 12, 31)),
)
@settings(max_examples=300, deadline=None)
def test_instants_agree_with_an_independent_library(zone: str, local: datetime) -> None:
    local = local.replace(microsecond=0)
    theirs = PlainDateTime(local.year, local.month, local.day, local.hour, local.minute, local.second).assume_tz(
        zone, disambiguation="compatible"
    )
    assert instant(local.date(), local.time(), ZoneInfo(zone)) == theirs.to_instant().to_stdlib()


@pytest.mark.parametrize(
    ("at", "person"),
    [
        (utc(2026, 3, 23, 7, 59), None),  # before it begins: 09:00 in Berlin is 08:00 UTC
        (utc(2026, 3, 23, 8, 0), 1),
        (utc(2026, 3, 24, 7, 59), 1),
        (utc(2026, 3, 24, 8, 0), 2),
        (utc(2026, 3, 29, 6, 59), 3),  # summer time: now 09:00 is 07:00 UTC
        (utc(2026, 3, 29, 7, 0), 1),
    ],
)
def test_the_daily_turn_follows_the_clock_on_the_wall(at: datetime, person: int | None) -> None:
    assert at_instant([turns()], [], ZoneInfo("Europe/Berlin"), at, within=timedelta(days=1)).person_id == person


def test_a_weekly_rotation_hands_over_on_its_weekday() -> None:
    rotation = turns("weekly", starts_on=date(2026, 6, 3), weekday=0)  # a Wednesday; hands over on Mondays
    assert anchor(rotation) == date(2026, 6, 1)
    found = shifts([rotation], [], ZoneInfo("UTC"), utc(2026, 6, 3, 9), utc(2026, 6, 20))
    assert [(s.person_id, s.starts_at) for s in found] == [
        (1, utc(2026, 6, 3, 9)), (2, utc(2026, 6, 8, 9)), (3, utc(2026, 6, 15, 9)),
    ]  # fmt: skip


def test_a_turn_may_last_two_weeks() -> None:
    rotation = turns("weekly", starts_on=date(2026, 6, 1), length=2)
    found = shifts([rotation], [], ZoneInfo("UTC"), utc(2026, 6, 1, 9), utc(2026, 7, 1))
    assert [s.person_id for s in found] == [1, 2, 3]
    assert found[0].ends_at == utc(2026, 6, 15, 9)


def test_a_later_rotation_replaces_the_one_before_from_its_start() -> None:
    old = turns(starts_on=date(2026, 6, 1), people=(1,), id=1)
    new = turns(starts_on=date(2026, 6, 10), people=(2,), id=2)
    found = shifts([new, old], [], ZoneInfo("UTC"), utc(2026, 6, 9, 9), utc(2026, 6, 11, 9))
    assert [(s.person_id, s.starts_at.day) for s in found] == [(1, 9), (2, 10)]


def test_an_override_wins_and_a_later_override_wins_over_it() -> None:
    a, b = (
        override(1, 8, utc(2026, 6, 1, 12), utc(2026, 6, 1, 18)),
        override(2, 9, utc(2026, 6, 1, 14), utc(2026, 6, 1, 16)),
    )
    found = shifts([turns(starts_on=date(2026, 6, 1))], [b, a], ZoneInfo("UTC"), utc(2026, 6, 1, 9), utc(2026, 6, 2, 9))
    assert [(s.person_id, s.starts_at.hour, s.ends_at.hour) for s in found] == [
        (1, 9, 12), (8, 12, 14), (9, 14, 16), (8, 16, 18), (1, 18, 9),
    ]  # fmt: skip


def test_an_override_fills_a_schedule_without_rotations() -> None:
    found = shifts(
        [], [override(1, 8, utc(2026, 6, 1), utc(2026, 6, 2))], ZoneInfo("UTC"), utc(2026, 5, 31), utc(2026, 6, 3)
    )
    assert [s.person_id for s in found] == [None, 8, None]


people = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(tuple)
rotations = st.builds(
    lambda kind, start, minute, folk, length, weekday, id: turns(
        kind, starts_on=start, at=time(minute // 60, minute % 60), people=folk, length=length, weekday=weekday, id=id
    ),
    st.sampled_from(["daily", "weekly"]),
    st.dates(date(2011, 11, 1), date(2030, 1, 1)),
    st.integers(0, 24 * 60 - 1),
    people,
    st.integers(1, 3),
    st.integers(0, 6),
    st.integers(1, 99),
)
moments = st.datetimes(datetime(2011, 11, 1), datetime(2030, 12, 31), timezones=st.just(UTC)).map(
    lambda at: at.replace(second=0, microsecond=0)
)
overrides = st.lists(
    st.builds(
        lambda id, person, start, hours: override(id, person, start, start + timedelta(hours=hours)),
        st.integers(1, 999), st.integers(10, 19), moments, st.integers(1, 200),
    ),
    max_size=4, unique_by=lambda o: o.id,
)  # fmt: skip


@given(rotation=rotations, zone=st.sampled_from(ZONES), since=moments, days=st.integers(1, 60), laid=overrides)
@settings(max_examples=300, deadline=None)
def test_every_instant_is_covered_exactly_once(
    rotation: Rotation, zone: str, since: datetime, days: int, laid: list[Override]
) -> None:
    until = since + timedelta(days=days)
    laid = [
        override(o.id, o.person_id, since + (o.ends_at - o.starts_at) / 2, since + (o.ends_at - o.starts_at))
        for o in laid
    ]
    found = shifts([rotation], laid, ZoneInfo(zone), since, until)
    assert found[0].starts_at == since
    assert found[-1].ends_at == until
    assert all(a.ends_at == b.starts_at for a, b in pairwise(found))
    assert all(s.starts_at < s.ends_at for s in found)
    begins = handover_start(rotation, zone)
    assert all(s.person_id is not None for s in found if s.starts_at >= begins), "nobody is on call after the start"


def handover_start(rotation: Rotation, zone: str) -> datetime:
    return instant(rotation.starts_on, rotation.hands_over_at, ZoneInfo(zone))


@given(rotation=rotations, zone=st.sampled_from(ZONES), at=moments, laid=overrides)
@settings(max_examples=200, deadline=None)
def test_asking_about_one_instant_agrees_with_the_list(
    rotation: Rotation, zone: str, at: datetime, laid: list[Override]
) -> None:
    near = at_instant([rotation], laid, ZoneInfo(zone), at, within=timedelta(days=1))
    far = next(s for s in shifts([rotation], laid, ZoneInfo(zone), at - timedelta(days=9), at + timedelta(days=9))
               if s.starts_at <= at < s.ends_at)  # fmt: skip
    assert near.person_id == far.person_id


@given(rotation=rotations, zone=st.sampled_from(ZONES), at=moments)
@settings(max_examples=200, deadline=None)
def test_the_turn_of_an_instant_contains_it(rotation: Rotation, zone: str, at: datetime) -> None:
    turn = turn_at(rotation, at, ZoneInfo(zone))
    assert handover(rotation, turn, ZoneInfo(zone)) <= at < handover(rotation, turn + 1, ZoneInfo(zone))


CHANGES = [
    ("Europe/Berlin", date(2026, 3, 26), time(2, 30)),
    ("Europe/Berlin", date(2026, 10, 22), time(2, 30)),
    ("America/Chicago", date(2026, 3, 5), time(2, 0)),
    ("America/Chicago", date(2026, 10, 29), time(1, 30)),
    ("Australia/Lord_Howe", date(2026, 10, 1), time(2, 15)),
    ("America/Santiago", date(2026, 9, 3), time(0, 0)),
    ("Pacific/Apia", date(2011, 12, 27), time(9, 0)),
    ("Africa/Cairo", date(2026, 4, 21), time(0, 30)),
]


@pytest.mark.parametrize(("zone", "start", "at"), CHANGES)
def test_minute_by_minute_each_minute_has_one_person_over_a_clock_change(zone: str, start: date, at: time) -> None:
    """Brute force: every hand-over is asked of another library, and every minute is looked at."""
    rotation = turns("daily", starts_on=start, at=at, people=(1, 2, 3))
    handovers = [
        PlainDateTime(d.year, d.month, d.day, at.hour, at.minute)
        .assume_tz(zone, disambiguation="compatible")
        .to_instant()
        for d in (start + timedelta(days=n) for n in range(9))
    ]
    since, until = handovers[0], handovers[7]
    found = shifts([rotation], [], ZoneInfo(zone), since.to_stdlib(), until.to_stdlib())
    covering: Counter[datetime] = Counter()
    minute = since
    while minute < until:
        expected = 1 + (sum(1 for h in handovers if h <= minute) - 1) % 3
        mine = [s for s in found if Instant(s.starts_at) <= minute < Instant(s.ends_at)]
        covering[minute.to_stdlib()] = len(mine)
        assert [s.person_id for s in mine] == [expected], minute
        minute = minute.add(minutes=1)
    assert set(covering.values()) == {1}


def test_a_year_of_a_large_schedule_is_computed_at_once() -> None:
    """Fifty people, three rotations after each other, a hundred overrides: no quadratic surprise."""
    since = utc(2026, 1, 1)
    rotations = [turns(starts_on=date(2026, m, 1), people=tuple(range(1, 51)), id=m) for m in (1, 5, 9)]
    laid = [override(n, 99, since + timedelta(days=3 * n), since + timedelta(days=3 * n, hours=9)) for n in range(100)]
    found = shifts(rotations, laid, ZoneInfo("Europe/Berlin"), since, since + timedelta(days=365))
    assert sum((s.ends_at - s.starts_at for s in found), timedelta()) == timedelta(days=365)
