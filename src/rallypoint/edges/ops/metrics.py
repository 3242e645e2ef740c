"""/metrics in Prometheus' text format: ages of queues, orphans, deliveries, incidents, and this process.

Figures are read when asked for, in one transaction: there is no counter beside the history that could drift from it.
"""

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from rallypoint import __version__, alerts, notify, oncall
from rallypoint.actors import SYSTEM
from rallypoint.db import Transaction
from rallypoint.edges.hooks import metrics as intake
from rallypoint.edges.ops import store
from rallypoint.edges.ops.readiness import OUT_OF_REACH
from rallypoint.engine import store as engine
from rallypoint.house import House
from rallypoint.sync import figure_store as figures

CONTENT_TYPE = CONTENT_TYPE_LATEST


async def exposition(house: House) -> bytes:
    """All figures. Where the database does not answer, the process's own are still there, and `rallypoint_up` is 0."""
    families: list[Metric] = []
    try:
        async with house.db.transaction(SYSTEM) as tx:
            families = await _read(tx)
        up = 1
    except OUT_OF_REACH:
        up = 0
    families += _ingest(house.batcher)
    families.append(_gauge("rallypoint_up", "Whether the database answered this scrape.", up))
    build = GaugeMetricFamily(
        "rallypoint_build_info", "The version that answers, as a label; always 1.", labels=["version"]
    )
    build.add_metric([__version__], 1)
    families.append(build)
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Ready(families))
    ProcessCollector(registry=registry)
    PlatformCollector(registry=registry)
    return generate_latest(registry) + generate_latest(intake.FIGURES)


class _Ready:
    """Hands over families that were read before."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = list(families)

    def collect(self) -> Iterator[Metric]:
        yield from self._families


async def _read(tx: Transaction) -> list[Metric]:
    waits = await engine.backlog(tx)
    return [
        _gauge("rallypoint_timers_due", "Timers that are due and not yet fired.", waits["timers_due"]),
        _gauge("rallypoint_timer_lag_seconds", "Age of the oldest due timer.", waits["timer_lag_seconds"]),
        _gauge("rallypoint_timers_quarantined", "Timers set aside after failing.", waits["timers_quarantined"]),
        _gauge("rallypoint_followups_waiting", "Follow-ups of facts not yet done.", waits["followups_waiting"]),
        _gauge("rallypoint_followup_lag_seconds", "Age of the oldest due follow-up.", waits["followup_lag_seconds"]),
        _gauge("rallypoint_followups_quarantined", "Follow-ups set aside.", waits["followups_quarantined"]),
        _gauge(
            "rallypoint_orphaned_runs",
            "Open paging runs without a timer: must be 0, or somebody is not being paged.",
            len(await oncall.orphans(tx)),
        ),
        *_overdue(await notify.backlog(tx)),
        *_alerts(await alerts.counts(tx)),
        _labelled(
            "rallypoint_deliveries",
            f"Deliveries among the latest {store.TAIL}, by method and state.",
            ("method", "state"),
            await store.deliveries_by_state(tx),
        ),
        _labelled(
            "rallypoint_open_incidents",
            "Open incidents by priority and status category; drills left out.",
            ("priority", "status_category"),
            await store.open_incidents(tx),
        ),
        _labelled(
            "rallypoint_heartbeat_age_seconds",
            "Seconds since a process of this role last finished a green cycle.",
            ("role",),
            await store.beats(tx),
        ),
        _labelled(
            "rallypoint_integration_heard_seconds",
            "Seconds since an integration last sent something.",
            ("integration",),
            await store.last_heard(tx),
        ),
        *_connections(await figures.connections(tx), await figures.quotas(tx)),
    ]


def _connections(rows: list[figures.ConnectionFigures], left: list[tuple[str, str, int]]) -> list[Metric]:
    """How the connections to other tools are, each by its key."""

    def each(name: str, help: str, of: Callable[[figures.ConnectionFigures], float | None]) -> Metric:
        values = [(one.key, value) for one in rows if (value := of(one)) is not None]
        return _labelled(name, help, ("connection",), values)

    return [
        each("rallypoint_sync_up", "Whether the connection is on, lets us in, and does not rest.", lambda one: one.up),
        each("rallypoint_sync_failures", "Failures in a row.", lambda one: one.failures),
        each(
            "rallypoint_sync_success_age_seconds",
            "Seconds since something last went well there.",
            lambda one: one.success_age,
        ),
        each("rallypoint_sync_due", "Linked items that wait to be looked at.", lambda one: one.due),
        each("rallypoint_sync_lag_seconds", "Age of the oldest of these.", lambda one: one.lag_seconds),
        each("rallypoint_sync_webhook_up", "Whether its webhook is in order.", lambda one: one.webhook_up),
        _labelled(
            "rallypoint_sync_quota_remaining",
            "Requests that the tool's budget has left, as last told.",
            ("connection", "bucket"),
            left,
        ),
    ]


def _ingest(batcher: alerts.Batcher) -> list[Metric]:
    """What this process took in; the only figures that begin anew with it."""
    return [
        CounterMetricFamily("rallypoint_ingest_alerts", "Alerts this process committed.", value=batcher.stored),
        CounterMetricFamily("rallypoint_ingest_commits", "Commits it took.", value=batcher.commits),
        _gauge("rallypoint_ingest_waiting", "Alerts that wait for a commit in this process.", batcher.waiting),
    ]


def _alerts(counts: dict[str, int]) -> list[Metric]:
    """Open alerts by status; those that wait to be routed are a queue of their own."""
    by_status = [(name, many) for name, many in sorted(counts.items()) if name != "unrouted"]
    return [
        _gauge("rallypoint_alerts_unrouted", "Alerts received and not yet routed.", counts.get("unrouted", 0)),
        _labelled("rallypoint_alerts_open", "Alerts that are not resolved, by status.", ("status",), by_status),
    ]


def _overdue(by_method: dict[str, dict[str, float]]) -> list[Metric]:
    waiting = [(method, waits["waiting"]) for method, waits in sorted(by_method.items())]
    lag = [(method, waits["lag_seconds"]) for method, waits in sorted(by_method.items())]
    return [
        _labelled("rallypoint_deliveries_due", "Deliveries that are due and not yet sent.", ("method",), waiting),
        _labelled("rallypoint_delivery_lag_seconds", "Age of the oldest due delivery.", ("method",), lag),
    ]


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, value=float(value))


def _labelled(name: str, help: str, labels: tuple[str, ...], rows: Iterable[tuple[str | float, ...]]) -> Metric:
    family = GaugeMetricFamily(name, help, labels=labels)
    for *values, value in rows:
        family.add_metric([str(v) for v in values], float(value))
    return family
