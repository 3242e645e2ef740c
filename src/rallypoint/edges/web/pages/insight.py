"""Insight: times by their full names, each with n, median, interval and p90; targets kept; what comes back.

/metrics itself is for Prometheus.
"""

from datetime import timedelta

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from rallypoint import catalog, insight
from rallypoint.access import Permission
from rallypoint.edges.web import charts, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import Copy, NavItem
from rallypoint.edges.web.words import duration_words
from rallypoint.insight.model import Adherence, Metrics

WINDOWS = ((28, "4 weeks"), (42, "6 weeks"), (91, "a quarter"), (365, "a year"))
GOAL = 0.9
"""The share that the line in the chart marks: nine of ten promises kept."""


def minutes(value: float | None) -> str:
    return duration_words(None if value is None else timedelta(minutes=value))


LONG_MINUTES = 240


def unit_of(metrics: Metrics) -> tuple[str, float]:
    """Hours where weeks reach beyond a few of them, minutes otherwise; and by what to divide."""
    most = max([v for w in metrics.by_week for v in (w.median, w.high, w.p90) if v is not None], default=0.0)
    return ("hours", 60.0) if most > LONG_MINUTES else ("minutes", 1.0)


def weekly(metrics: Metrics) -> charts.Dots:
    points = [w for w in metrics.by_week if w.median is not None]
    unit, by = unit_of(metrics)

    def scaled(value: float | None) -> float | None:
        return None if value is None else value / by

    samples = []
    for index, week in enumerate(points):
        spread = "too few for an interval"
        if week.low is not None:
            spread = f"95 % interval {minutes(week.low)} to {minutes(week.high)}"
        middle = f"median {minutes(week.median)}, {spread}, p90 {minutes(week.p90)}"
        title = f"Week of {week.starts_on:%-d %B}: n {week.n}, {middle}"
        name = f"{week.starts_on:%-d %b}" if index % max(1, len(points) // 6) == 0 else ""
        samples.append(
            charts.Sample(
                name=name,
                title=title,
                middle=scaled(week.median) or 0.0,
                low=scaled(week.low),
                high=scaled(week.high),
                p90=scaled(week.p90),
            )
        )
    finding = "No week has a restored incident yet"
    if points:
        last = minutes(points[-1].median)
        finding = f"{unit.capitalize()} to restore, by week: {len(points)} weeks, the last one with a median of {last}"
    return charts.dots(samples, finding, f" {unit[0]}" if unit == "hours" else " min")


def kept(lines: tuple[Adherence, ...], kind: str) -> charts.Shares:
    chosen = [a for a in lines if str(a.kind) == kind]
    items = [
        charts.Share(name=a.priority, of=a.met + a.breached, share=a.share, low=a.low, high=a.high, goal=GOAL)
        for a in chosen
    ]
    told = ", ".join(f"{a.priority} {a.share:.0%} of {a.met + a.breached}" for a in chosen if a.share is not None)
    return charts.shares(items, f"{kind.capitalize()} targets kept, by priority: {told or 'nothing decided yet'}")


@page("/insight", permission=Permission.READ_METRICS)
async def show(request: Request) -> Response:
    query = request.query_params
    days = int(query["days"]) if query.get("days", "").isdecimal() and 1 <= int(query["days"]) <= 730 else 42
    domain, service = query.get("domain") or None, query.get("service") or None
    async with visit.transaction(request) as tx:
        metrics = await insight.metrics(
            tx, since=tx.now - timedelta(days=days), until=tx.now, domain=domain, service=service
        )
        domains = await catalog.domains(tx)
    extra = f"&domain={domain}" if domain else ""
    windows = [NavItem(name=name, to=f"/insight?days={n}{extra}", here=n == days) for n, name in WINDOWS]
    scopes = [NavItem(name="All domains", to=f"/insight?days={days}", here=domain is None)]
    scopes += [NavItem(name=d.name, to=f"/insight?days={days}&domain={d.key}", here=d.key == domain) for d in domains]
    return await render(
        request,
        "insight.html",
        copies=(Copy(name="API call", to="/api/v1/metrics"),),
        m=metrics,
        windows=windows,
        scopes=scopes,
        days=days,
        weekly=weekly(metrics),
        weekly_unit=unit_of(metrics)[0],
        resolution=kept(metrics.sla, "resolution"),
        response=kept(metrics.sla, "response"),
        say=minutes,
        most=max([max(n.cells, default=0) for n in metrics.pages], default=0),
    )


@page("/metrics-page", permission=Permission.READ_METRICS)
async def moved(request: Request) -> Response:
    return RedirectResponse("/insight", status_code=308)
