"""Figures of intake, for /metrics. They begin anew with the process."""

from functools import cache

from prometheus_client import CollectorRegistry, Counter, Histogram

FIGURES = CollectorRegistry()
"""Of our own: a registry that everybody shares would be shown by nobody."""

MESSAGES = Counter("rallypoint_intake_messages", "Messages answered", ["receiver", "status"], registry=FIGURES)
ALERTS = Counter(
    "rallypoint_intake_alerts", "Alerts committed, repeats included, by receiver", ["receiver"], registry=FIGURES
)
UNREADABLE = Counter(
    "rallypoint_intake_unreadable", "Members or messages that could not be read", ["receiver"], registry=FIGURES
)
SECONDS = Histogram(
    "rallypoint_intake_seconds",
    "From the whole body to the answer, by receiver",
    ["receiver"],
    registry=FIGURES,
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)


# Looking a figure up by its labels costs as much as counting does, so each is looked up once.


@cache
def messages(receiver: str, status: int) -> Counter:
    return MESSAGES.labels(receiver, status)


@cache
def alerts(receiver: str) -> Counter:
    return ALERTS.labels(receiver)


@cache
def seconds(receiver: str) -> Histogram:
    return SECONDS.labels(receiver)
