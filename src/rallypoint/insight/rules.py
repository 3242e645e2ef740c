"""From cases, clocks and pages to everything the metrics page shows. Pure: the store reads, this counts."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from rallypoint.insight.adherence import adherence
from rallypoint.insight.breakdowns import by_category, by_week, nights, repeats
from rallypoint.insight.measures import measure
from rallypoint.insight.model import Case, ClockFact, LeftOut, Metrics, PageFact
from rallypoint.insight.outages import Named, uptime
from rallypoint.learning.durations import DEFINITIONS


def left_out(case: Case) -> str | None:
    """Why a case is not counted, or None. Each is left out for one reason only, so that the reasons add up."""
    if case.kind != "incident":
        return "service_requests"
    if case.drill:
        return "drills"
    if case.status_category in ("cancelled", "merged"):
        return case.status_category
    return None


def metrics(
    cases: Sequence[Case],
    clocks: Sequence[ClockFact],
    pages: Sequence[PageFact],
    services: Sequence[Named],
    *,
    since: datetime,
    until: datetime,
    now: datetime,
) -> Metrics:
    """All figures of a window. `cases` also holds the window before it, for comparison, and what still hurt in it.

    Times and adherence count incidents opened in the window; repeats count those resolved in it; outages those that
    hurt in it.
    """
    real = [case for case in cases if left_out(case) is None]
    inside = [case for case in real if since <= case.created_at < until]
    before = [case for case in real if since - (until - since) <= case.created_at < since]
    of_service: dict[int | None, list[Case]] = defaultdict(list)
    for case in real:
        of_service[case.service_id].append(case)
    numbers = {case.number for case in inside}
    all_numbers = {case.number for case in real}
    woken = nights([page for page in pages if page.incident in all_numbers and since <= page.created_at < until])
    return Metrics(
        since=since,
        until=until,
        now=now,
        counted=len(inside),
        left_out=LeftOut(
            **Counter(why for case in cases if since <= case.created_at < until and (why := left_out(case)))
        ),
        measures=tuple(measure(definition, inside, before) for definition in DEFINITIONS),
        sla=adherence([clock for clock in clocks if clock.incident in numbers], now=now),
        by_service=tuple(
            uptime(each, of_service[each.service_id], since=since, until=until, now=now) for each in services
        ),
        by_week=by_week(inside, since=since, until=until),
        by_category=by_category(inside),
        repeats=repeats(real, since=since, until=until),
        pages=woken,
        pages_total=sum(night.pages for night in woken),
        pages_at_night=sum(night.at_night for night in woken),
    )
