"""Facts about alerts, told by the router once it has decided where an alert belongs."""

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from rallypoint.events import Fact


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsRouted(Fact):
    """New alerts of one group, with the service they concern (None: nobody knows, so the fallback is told)."""

    subject_of: ClassVar[str] = "grouping_key"

    integration_id: int
    integration_name: str
    service_id: int | None
    grouping_key: str
    alert_ids: tuple[int, ...]
    severity: str
    title: str
    starts_at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertsCleared(Fact):
    """These alerts are resolved: their sender said so, or their end passed without another word."""

    alert_ids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertAcknowledged(Fact):
    """Somebody acknowledged these alerts in the tool they came from."""

    alert_ids: tuple[int, ...]
