"""How long a failed sign-in makes the next wait, and when a session is over."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.access import rules

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (4, 0), (5, 2), (6, 4), (8, 16), (13, 512), (14, 900), (10**6, 900)]
)
def test_the_wait_doubles(failures: int, seconds: int) -> None:
    assert rules.wait_after(failures) == timedelta(seconds=seconds)


@given(st.integers(0, 10**9))
def test_one_more_failure_never_shortens_the_wait(failures: int) -> None:
    assert rules.wait_after(failures + 1) >= rules.wait_after(failures)


def test_failures_fade() -> None:
    assert rules.may_try_at(50, NOW - timedelta(hours=25), now=NOW) == NOW
    assert rules.may_try_at(50, NOW - timedelta(minutes=14), now=NOW) == NOW + timedelta(minutes=1)


@pytest.mark.parametrize(
    ("age", "idle", "over"),
    [
        (timedelta(days=1), timedelta(0), False),
        (timedelta(days=8), timedelta(days=7), False),
        (timedelta(days=8), timedelta(days=7, seconds=1), True),
        (timedelta(days=30), timedelta(0), False),
        (timedelta(days=30, seconds=1), timedelta(0), True),
    ],
)
def test_a_session_ends_idle_or_old(age: timedelta, idle: timedelta, over: bool) -> None:
    assert rules.session_is_over(NOW - age, NOW - idle, now=NOW) is over
