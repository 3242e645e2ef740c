"""Which time counts. Today every hour does; business calendars will be other values with the same two questions."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol


class Calendar(Protocol):
    """Turns instants into counted time and back. `add(a, elapsed(a, b)) == b` wherever b counts."""

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        """Counted time between two instants; never negative."""
        ...

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """The instant at which this much time has counted since `start`."""
        ...


@dataclass(frozen=True, slots=True)
class AroundTheClock:
    """24 hours, 7 days: an hour is an hour."""

    def elapsed(self, start: datetime, end: datetime) -> timedelta:
        return max(timedelta(0), end - start)

    def add(self, start: datetime, amount: timedelta) -> datetime:
        return start + amount


ALWAYS = AroundTheClock()
