"""Cursors: what we make comes back as it was, what we did not make is refused in words."""

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as some

from rallypoint import paging_cursor
from rallypoint.errors import Invalid


@given(some.integers(-paging_cursor.BIGGEST, paging_cursor.BIGGEST), some.text(max_size=20))
def test_what_was_made_comes_back(number: int, text: str) -> None:
    assert paging_cursor.number(paging_cursor.encode([number])) == number
    assert paging_cursor.decode(paging_cursor.encode([number, text]), length=2) == [number, text]


def test_moments_come_back_in_utc() -> None:
    at = datetime(2026, 6, 1, 9, tzinfo=UTC)
    (said,) = paging_cursor.decode(paging_cursor.encode([at]), length=1)
    assert paging_cursor.instant(said) == at
    assert paging_cursor.instant("2026-06-01T11:00:00+02:00") == at
    assert paging_cursor.instant("2026-06-01T09:00:00") == at


@pytest.mark.parametrize("value", [None, True, 1.0, "1", [], 2**63, -(2**63)])
def test_what_is_no_whole_number_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match="not a cursor"):
        paging_cursor.whole(value)


@pytest.mark.parametrize("value", [None, 1, "x", "", "0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59"])
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(Invalid, match="not a cursor"):
        paging_cursor.instant(value)


@given(some.text(max_size=60))
def test_any_other_text_is_refused_or_has_the_right_length(text: str) -> None:
    with contextlib.suppress(Invalid):
        assert len(paging_cursor.decode(text, length=1)) == 1
