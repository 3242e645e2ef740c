"""Figures of intake, for /metrics."""

from prometheus_client import Counter, Histogram

MESSAGES = Counter("rallypoint_intake_messages", "Messages answered", ["receiver", "status"])
ALERTS = Counter("rallypoint_intake_alerts", "Alerts committed, repeats included, by receiver", ["receiver"])
UNREADABLE = Counter("rallypoint_intake_unreadable", "Members or messages that could not be read", ["receiver"])
SECONDS = Histogram(
    "rallypoint_intake_seconds",
    "From the whole body to the answer, by receiver",
    ["receiver"],
    buckets=(0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
