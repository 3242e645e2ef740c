"""What an incident starts with when nobody has judged it yet. Pure; unknown stays unknown, and counts as the higher."""

from dataclasses import dataclass

from rallypoint.catalog.model import Impact, Service, Urgency

URGENCY_OF_SEVERITY = {
    "critical": Urgency.CRITICAL,
    "error": Urgency.HIGH,
    "warning": Urgency.MEDIUM,
    "info": Urgency.LOW,
}
IMPACT_OF_TIER = {1: Impact.EXTENSIVE, 2: Impact.SIGNIFICANT, 3: Impact.MODERATE, 4: Impact.MINOR}

BADNESS = ("info", "warning", "error", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Impact and urgency, with where they come from."""

    impact: Impact | None
    urgency: Urgency | None
    reason: str


def judge_alert(severity: str, service: Service | None) -> Judged:
    """A monitor's severity says how urgent; the service's tier says how much depends on it.

    A severity we do not know, or no service, stays unknown.
    """
    impact = IMPACT_OF_TIER.get(service.tier) if service else None
    urgency = URGENCY_OF_SEVERITY.get(severity)
    said = []
    if service and impact:
        said.append(f"impact from {service.name} being tier {service.tier}")
    if urgency:
        said.append(f"urgency from the alert's severity {severity}")
    return Judged(impact=impact, urgency=urgency, reason=", ".join(said))


def worse(severity: str, than: str | None) -> bool:
    """Whether an alert is worse than the worst so far. A severity we do not know is not."""
    if severity not in BADNESS:
        return False
    return than not in BADNESS or BADNESS.index(severity) > BADNESS.index(than)
