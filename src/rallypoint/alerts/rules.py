"""Where an alert belongs: which service it concerns and which alerts form one group with it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b

from rallypoint.alerts.model import Alert, Integration

NAME_LABEL = "alertname"
SERVICE_LABEL = "service"
KEY_LENGTH_MAX = 240


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Where an alert goes, and why. `service_id` None goes to the fallback."""

    service_id: int | None
    group: str
    reason: str


def route(alert: Alert, integration: Integration, services: Mapping[str, int], names: Mapping[int, str]) -> Route:
    """The service named by the alert, else the integration's, else none; the group within it.

    `services` maps the keys of services in use to ids, `names` ids back to keys.
    """
    service_id, why = _service(alert, integration, services, names)
    whose = names.get(service_id, str(service_id)) if service_id is not None else f"no service, {integration.name}"
    what, how = _group(alert, integration)
    return Route(service_id=service_id, group=_short(f"{whose} / {what}"), reason=f"{why}; {how}")


def _service(
    alert: Alert, integration: Integration, services: Mapping[str, int], names: Mapping[int, str]
) -> tuple[int | None, str]:
    for named, where in ((alert.service_key, "named by the alert"), (alert.labels.get(SERVICE_LABEL, ""), "its label")):
        if named and (found := services.get(named)) is not None:
            return found, f"service {named}: {where}"
    unknown = alert.service_key or alert.labels.get(SERVICE_LABEL, "")
    but = f", for there is no service {unknown[:80]!r}" if unknown else ""
    if integration.service_id is not None:
        own = names.get(integration.service_id, str(integration.service_id))
        return integration.service_id, f"service {own}: that of {integration.name}{but}"
    return None, f"no service: the alert names none and {integration.name} has none{but}"


def _group(alert: Alert, integration: Integration) -> tuple[str, str]:
    """The words that alerts of one group share, and how they were found."""
    if integration.group_by:
        shared = ", ".join(f"{name}={alert.labels.get(name, '')}" for name in integration.group_by)
        return shared, f"grouped by {', '.join(integration.group_by)}"
    if name := alert.labels.get(NAME_LABEL):
        return f"{NAME_LABEL}={name}", f"grouped by {NAME_LABEL}"
    return alert.summary, "grouped by its summary"


def _short(text: str) -> str:
    """A key that fits an index: long ones end in a hash of the whole."""
    if len(text) <= KEY_LENGTH_MAX:
        return text
    return f"{text[: KEY_LENGTH_MAX - 20]}…{blake2b(text.encode(), digest_size=8).hexdigest()}"


def starts_anew(last_at: datetime, minutes: int, *, now: datetime) -> bool:
    """Whether a group has been quiet for longer than its window, so that its next alert opens another incident."""
    return minutes > 0 and now - last_at > timedelta(minutes=minutes)


def serial_key(group: str, serial: int) -> str:
    """The grouping key that incidents know: the first window of a group is called by its words alone."""
    return group if serial == 1 else f"{group} (#{serial})"
