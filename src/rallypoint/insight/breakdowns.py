"""The same incidents cut other ways: by week, by category, repeats, and pages by the hour of the one who was woken."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from rallypoint.insight.measures import summary_of
from rallypoint.insight.model import Case, CategoryLine, Night, PageFact, Repeats, WeekPoint
from rallypoint.insight.summary import share_interval

REPEAT_DAYS = 30
NIGHT_FROM, NIGHT_UNTIL = 22, 6
"""Night is 22:00 to 06:00 where the person lives."""

UNCATEGORISED = "No category"


def by_week(cases: Sequence[Case], *, since: datetime, until: datetime) -> tuple[WeekPoint, ...]:
    """Each ISO week (UTC) that the window touches, empty ones too: a gap in a series must not look like a short one."""
    of_week: dict[date, list[Case]] = defaultdict(list)
    for case in cases:
        of_week[monday(case.created_at)].append(case)
    points, week, last = [], monday(since), monday(until - timedelta(microseconds=1))
    while week <= last:
        opened = of_week.get(week, [])
        times = summary_of("time_to_restore", opened)
        points.append(
            WeekPoint(
                starts_on=week,
                opened=len(opened),
                n=times.n,
                median=times.median,
                low=times.low,
                high=times.high,
                p90=times.p90,
            )
        )
        week += timedelta(days=7)
    return tuple(points)


def monday(at: datetime) -> date:
    day = at.astimezone(UTC).date()
    return day - timedelta(days=day.weekday())


def by_category(cases: Sequence[Case]) -> tuple[CategoryLine, ...]:
    """Most frequent first; incidents without a category are a line of their own."""
    of_category: dict[tuple[int | None, str], list[Case]] = defaultdict(list)
    for case in cases:
        of_category[case.category_id, case.category_name or UNCATEGORISED].append(case)
    lines = []
    for (category_id, name), own in of_category.items():
        times = summary_of("time_to_resolve", own)
        lines.append(
            CategoryLine(
                category_id=category_id,
                name=name,
                n=len(own),
                share=len(own) / len(cases),
                resolved=times.n,
                median=times.median,
                p90=times.p90,
            )
        )
    return tuple(sorted(lines, key=lambda line: (-line.n, line.name)))


Fingerprint = tuple[int, str, str]


def fingerprint(case: Case) -> Fingerprint | None:
    """What makes two incidents look alike: the alerts' grouping key, else service and category; None is unknown."""
    if case.service_id is None:
        return None
    if case.grouping_key:
        return case.service_id, "alert", case.grouping_key
    return (case.service_id, "category", str(case.category_id)) if case.category_id is not None else None


def repeats(cases: Iterable[Case], *, since: datetime, until: datetime, days: int = REPEAT_DAYS) -> Repeats:
    """How many of the incidents resolved in the window had a like one begin at most `days` before them."""
    begun: dict[Fingerprint, datetime] = {}
    resolved, unknown, repeated = 0, 0, list[int]()
    for case in sorted(cases, key=lambda c: (c.created_at, c.number)):
        mark = fingerprint(case)
        earlier = begun.get(mark) if mark else None
        if mark:
            begun[mark] = case.created_at
        if case.resolved_at is None or not since <= case.resolved_at < until:
            continue
        resolved += 1
        unknown += mark is None
        if earlier is not None and case.created_at - earlier <= timedelta(days=days):
            repeated.append(case.number)
    known = resolved - unknown
    interval = share_interval(len(repeated), known)
    return Repeats(
        days=days,
        repeated=len(repeated),
        resolved=resolved,
        share=len(repeated) / known if known else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
        not_applicable=unknown,
        numbers=tuple(repeated),
    )


def nights(pages: Iterable[PageFact]) -> tuple[Night, ...]:
    """Pages per person and two hours of that person's own day, the most paged first."""
    hours: dict[tuple[int, str, str], Counter[int]] = defaultdict(Counter)
    for page in pages:
        local = page.created_at.astimezone(ZoneInfo(page.time_zone))
        hours[page.person_id, page.person_name, page.time_zone][local.hour] += 1
    found = [
        Night(
            person_id=person_id,
            name=name,
            time_zone=zone,
            cells=tuple(count[hour] + count[hour + 1] for hour in range(0, 24, 2)),
            pages=count.total(),
            at_night=sum(n for hour, n in count.items() if hour >= NIGHT_FROM or hour < NIGHT_UNTIL),
        )
        for (person_id, name, zone), count in hours.items()
    ]
    return tuple(sorted(found, key=lambda n: (-n.pages, n.name)))
