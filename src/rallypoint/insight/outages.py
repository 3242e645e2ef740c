"""Outages of a service, and the time between them. Incidents that overlap are one outage: a union, never a sum."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rallypoint.insight.model import Case, ServiceUptime


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """From `start` up to, not including, `end`."""

    start: datetime
    end: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """A service to show, also when nothing happened to it."""

    service_id: int
    key: str
    name: str


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The same instants as disjoint intervals in order. Intervals that touch become one."""
    merged: list[Interval] = []
    for each in sorted(intervals, key=lambda i: i.start):
        if merged and each.start <= merged[-1].end:
            merged[-1] = Interval(start=merged[-1].start, end=max(merged[-1].end, each.end))
        else:
            merged.append(each)
    return merged


def impact(case: Case, *, now: datetime) -> tuple[Interval | None, bool]:
    """When a case hurt, and whether its start was known. Open ones hurt until now; None where it ends before it starts.

    Where the start of impact is unknown the first moment anybody knew stands in: the outage is at least that long, and
    the caller shows how many are counted so.
    """
    known = case.impact_started_at
    start = known or min(at for at in (case.detected_at, case.reported_at, case.created_at) if at is not None)
    end = case.restored_at or case.recovered_at or case.resolved_at or case.closed_at or max(now, start)
    return (Interval(start=start, end=end) if end >= start else None), known is not None


def uptime(service: Named, cases: Sequence[Case], *, since: datetime, until: datetime, now: datetime) -> ServiceUptime:
    """Mean time between failures of one service in a window: (window - downtime) / failures."""
    window = Interval(start=since, end=min(until, now))
    touching, start_unknown, invalid = list[Interval](), 0, 0
    for case in cases:
        interval, known = impact(case, now=now)
        if interval is None:
            invalid += since <= case.created_at < until
        elif interval.start < window.end and interval.end >= since:
            touching.append(clip(interval, window))
            start_unknown += not known
    outages = union(touching)
    total = window.end - window.start
    down = sum((o.end - o.start for o in outages), timedelta())
    return ServiceUptime(
        service_id=service.service_id,
        key=service.key,
        name=service.name,
        incidents=len(touching),
        failures=len(outages),
        downtime_minutes=minutes(down),
        window_minutes=minutes(total),
        mtbf_minutes=minutes(total - down) / len(outages) if outages else None,
        start_unknown=start_unknown,
        invalid=invalid,
    )


def clip(interval: Interval, window: Interval) -> Interval:
    """The part of an interval inside a window it touches."""
    return Interval(start=max(interval.start, window.start), end=min(interval.end, window.end))


def minutes(span: timedelta) -> float:
    return span.total_seconds() / 60
