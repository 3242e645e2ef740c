"""How each of the last 90 days went for a component: from the intervals of its effects, the worst at each instant."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from rallypoint.statuspage.model import ComponentStatus, DayCell, Effect
from rallypoint.statuspage.rules import worst

DAYS = 90
WEIGHT = {ComponentStatus.MAJOR_OUTAGE: 1.0, ComponentStatus.PARTIAL_OUTAGE: 0.3}
UPTIME_NOTE = (
    "Uptime counts a partial outage for 30 % of its time and slower service not at all. "
    "Incidents that overlap count once, by the worst."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """A time in which a component had one status. Stretches of a component do not overlap."""

    status: ComponentStatus
    start: datetime
    end: datetime


def stretches(effects: Iterable[Effect], *, now: datetime) -> list[Stretch]:
    """Overlapping effects as disjoint stretches, each with the worst status that held in it."""
    spans = [(e.starts_at, e.ends_at or now, e.status) for e in effects if (e.ends_at or now) > e.starts_at]
    bounds = sorted({at for start, end, _ in spans for at in (start, end)})
    found = []
    for start, end in pairwise(bounds):
        status = worst(s for begun, ended, s in spans if begun <= start and ended >= end)
        if status is not ComponentStatus.OPERATIONAL:
            found.append(Stretch(status=status, start=start, end=end))
    return found


def cells(
    known: Sequence[Stretch], *, since: datetime, now: datetime, zone: str, days: int = DAYS
) -> tuple[DayCell, ...]:
    """One cell a day of the page's zone, oldest first. Days before the component was watched are unknown."""
    today = now.astimezone(ZoneInfo(zone)).date()
    return tuple(_cell(today - timedelta(days=back), known, since, now, zone) for back in range(days - 1, -1, -1))


def uptime(known: Sequence[Stretch], *, since: datetime, now: datetime, zone: str, days: int = DAYS) -> float | None:
    """The share of the watched time of those days in which the component was up."""
    first = now.astimezone(ZoneInfo(zone)).date() - timedelta(days=days - 1)
    start = max(since, midnight(first, zone))
    if now <= start:
        return None
    down = sum(WEIGHT.get(s.status, 0.0) * _overlap(s, start, now) for s in known)
    return 1.0 - down / (now - start).total_seconds()


def midnight(day: date, zone: str) -> datetime:
    """When a day begins in a zone, in UTC. A day is 23 or 25 hours long where clocks change."""
    return datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)


def _cell(day: date, known: Sequence[Stretch], since: datetime, now: datetime, zone: str) -> DayCell:
    start, end = midnight(day, zone), min(midnight(day + timedelta(days=1), zone), now)
    if end <= since:
        return DayCell(day=day, worst=None)
    minutes: dict[ComponentStatus, float] = defaultdict(float)
    for stretch in known:
        if (seconds := _overlap(stretch, max(start, since), end)) > 0:
            minutes[stretch.status] += seconds / 60
    return DayCell(day=day, worst=worst(minutes), minutes=dict(minutes))


def _overlap(stretch: Stretch, start: datetime, end: datetime) -> float:
    return max(0.0, (min(stretch.end, end) - max(stretch.start, start)).total_seconds())
