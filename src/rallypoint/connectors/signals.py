"""Every connector that brings signals in, by its kind: setup pages, docs and the receivers read this one list."""

from rallypoint.alerts.ports import AlertSource
from rallypoint.connectors.alertmanager import Alertmanager
from rallypoint.connectors.generic import Generic
from rallypoint.connectors.pagerduty import PagerDuty
from rallypoint.connectors.prometheus import Prometheus

SOURCES: dict[str, AlertSource] = {
    source.about.kind: source for source in (Prometheus(), Alertmanager(), PagerDuty(), Generic())
}
