"""Which path is which receiver, and whose key it carries."""

from dataclasses import dataclass

from rallypoint.alerts.ports import AlertSource
from rallypoint.connectors.signals import SOURCES
from rallypoint.edges.hooks.replies import AsAlertmanager, AsAlertmanagerV1, AsPagerDuty, Manners, ToAlertmanager

PREFIX = "/in/"
EVENTS = "/v2/enqueue"
NOT_YET = "/v2/change/enqueue"
"""PagerDuty's change events: nothing takes them, and whoever sends them is told so as a program is told."""


@dataclass(frozen=True, slots=True)
class Receiver:
    """A way in: how its messages are read and how they are answered."""

    name: str
    source: AlertSource
    manners: Manners


GENERIC = Receiver("generic", SOURCES["generic"], Manners())
PAGERDUTY = Receiver("pagerduty", SOURCES["pagerduty"], AsPagerDuty())
BY_SUFFIX = {
    "": GENERIC,
    "api/v2/alerts": Receiver("prometheus", SOURCES["prometheus"], AsAlertmanager()),
    "api/v1/alerts": Receiver("prometheus_v1", SOURCES["prometheus"], AsAlertmanagerV1()),
    "alertmanager": Receiver("alertmanager", SOURCES["alertmanager"], ToAlertmanager()),
    "v2/enqueue": PAGERDUTY,
}


def is_ours(path: str) -> bool:
    return path.startswith(PREFIX) or path.rstrip("/") in (EVENTS, NOT_YET)


def find(path: str) -> tuple[Receiver | None, str]:
    """The receiver of a path and the key in it; the key is empty where the message carries it. A trailing / is fine."""
    path = path.rstrip("/")
    if path in (EVENTS, NOT_YET):
        return (PAGERDUTY, "") if path == EVENTS else (None, "")
    key, _, suffix = path.removeprefix(PREFIX).partition("/")
    return (BY_SUFFIX.get(suffix.strip("/")), key) if key else (None, "")
