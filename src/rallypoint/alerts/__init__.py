"""Signals in: normalised by connectors, folded to one open alert per sender and fingerprint, stored before the answer,
then routed to a service and a group.

`Batcher` takes them in; `works` are what the engine runs; the rest is for reading and for setting up senders.
"""

from rallypoint.alerts.events import AlertAcknowledged, AlertsCleared, AlertsRouted
from rallypoint.alerts.expiry import expire_due
from rallypoint.alerts.intake.batcher import Batcher, Busy
from rallypoint.alerts.model import (
    Accepted,
    Alert,
    Batch,
    Integration,
    NewIntegration,
    RawMessage,
    Repeat,
    Severity,
    Signal,
    Status,
    Unreadable,
)
from rallypoint.alerts.reading import (
    alert,
    by_ids,
    counts,
    integration,
    integrations,
    list_alerts,
    payload,
    raw_messages,
)
from rallypoint.alerts.router import route_new
from rallypoint.alerts.senders import (
    Directory,
    create_integration,
    integration_by_key,
    rotate_key,
    update_integration,
)
from rallypoint.alerts.works import works

__all__ = [
    "Accepted",
    "Alert",
    "AlertAcknowledged",
    "AlertsCleared",
    "AlertsRouted",
    "Batch",
    "Batcher",
    "Busy",
    "Directory",
    "Integration",
    "NewIntegration",
    "RawMessage",
    "Repeat",
    "Severity",
    "Signal",
    "Status",
    "Unreadable",
    "alert",
    "by_ids",
    "counts",
    "create_integration",
    "expire_due",
    "integration",
    "integration_by_key",
    "integrations",
    "list_alerts",
    "payload",
    "raw_messages",
    "rotate_key",
    "route_new",
    "update_integration",
    "works",
]
