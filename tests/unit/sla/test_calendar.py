"""Counted time and back."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rallypoint.sla.calendar import ALWAYS

INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(INSTANTS, INSTANTS)
def test_adding_what_elapsed_leads_back(start: datetime, end: datetime) -> None:
    elapsed = ALWAYS.elapsed(start, end)
    assert elapsed >= timedelta(0)
    assert ALWAYS.add(start, elapsed) == max(start, end)
