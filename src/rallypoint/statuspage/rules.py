"""What is said in public, decided from what is known inside. Pure."""

from collections.abc import Iterable, Mapping, Sequence

from rallypoint.catalog.model import StatusCategory
from rallypoint.statuspage.model import ComponentStatus, Indicator, PublicStatus

OVER = frozenset(
    {
        StatusCategory.RESOLVED,
        StatusCategory.REVIEW,
        StatusCategory.CLOSED,
        StatusCategory.CANCELLED,
        StatusCategory.MERGED,
    }
)

IMPACT_OF = {
    ComponentStatus.OPERATIONAL: Indicator.NONE,
    ComponentStatus.UNDER_MAINTENANCE: Indicator.MAINTENANCE,
    ComponentStatus.DEGRADED: Indicator.MINOR,
    ComponentStatus.PARTIAL_OUTAGE: Indicator.MAJOR,
    ComponentStatus.MAJOR_OUTAGE: Indicator.CRITICAL,
}

DESCRIPTIONS = {
    Indicator.NONE: "All Systems Operational",
    Indicator.MAINTENANCE: "Service Under Maintenance",
    Indicator.MINOR: "Partially Degraded Service",
    Indicator.MAJOR: "Partial System Outage",
    Indicator.CRITICAL: "Major Service Outage",
}
"""The Statuspage format's own words: programs compare them."""

RESOLVED_TEXT = "This is resolved."
"""Said when an incident is resolved inside and nobody has written a last public update."""


def public_status(given: str | None, category: StatusCategory, current: PublicStatus | None) -> PublicStatus:
    """What the public is told: the writer's choice, or else what the record says.

    "Identified" is only ever a person's word: the record does not know whether the cause is found, so it is kept
    once it was said, and never concluded.
    """
    if given in set(PublicStatus):
        return PublicStatus(given)
    if category in OVER:
        return PublicStatus.RESOLVED
    if category is StatusCategory.RESTORED:
        return PublicStatus.MONITORING
    return PublicStatus.IDENTIFIED if current is PublicStatus.IDENTIFIED else PublicStatus.INVESTIGATING


def first_effect(priority_rank: int) -> ComponentStatus:
    """What a first public update says of the service where the writer did not: by how bad the incident is ranked.

    Only the highest priority is called an outage of everything; the word is avoided below the second.
    """
    if priority_rank <= 1:
        return ComponentStatus.MAJOR_OUTAGE
    return ComponentStatus.PARTIAL_OUTAGE if priority_rank == 2 else ComponentStatus.DEGRADED


def worst(statuses: Iterable[ComponentStatus]) -> ComponentStatus:
    return max(statuses, key=lambda status: status.rank, default=ComponentStatus.OPERATIONAL)


def impact(statuses: Iterable[ComponentStatus]) -> Indicator:
    """The impact of an incident, or the indicator of the page: that of the worst component."""
    return IMPACT_OF[worst(statuses)]


def worse(a: Indicator, b: Indicator) -> Indicator:
    """An incident keeps the worst impact it had, so that history does not soften after it is over."""
    return max(a, b, key=list(Indicator).index)


def wanted(
    given: Mapping[str, str] | None, by_default: Mapping[str, ComponentStatus], *, known: Iterable[str], first: bool
) -> dict[str, ComponentStatus]:
    """The effect each component key should now have. Unknown keys and words are dropped: publishing must not fail late.

    Nothing given: the first update uses the default, later ones change nothing.
    """
    if given is None:
        return dict(by_default) if first else {}
    keys, words = set(known), set(ComponentStatus)
    return {key: ComponentStatus(status) for key, status in given.items() if key in keys and status in words}


def neutral_title(names: Sequence[str]) -> str:
    """A title made of component names alone, for when nobody gave one. The internal title is never shown."""
    if not names:
        return "Problem with our service"
    if len(names) == 1:
        return f"Problem with {names[0]}"
    return f"Problems with {', '.join(names[:-1])} and {names[-1]}"
