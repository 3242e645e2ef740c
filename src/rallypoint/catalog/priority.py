"""Which priority an incident gets. Pure. In doubt the higher one, and the reason says so."""

from dataclasses import dataclass
from enum import StrEnum
from itertools import product
from typing import TypeVar

from rallypoint.catalog.model import Impact, PriorityModel, Urgency

Word = TypeVar("Word", Impact, Urgency)


@dataclass(frozen=True, slots=True, kw_only=True)
class PriorityDecision:
    """The level's key, why, and the impact and urgency that were counted."""

    priority: str
    reason: str
    impact_counted: Impact
    urgency_counted: Urgency


def decide(
    model: PriorityModel,
    *,
    impact: Impact | None,
    urgency: Urgency | None,
    default_impact: Impact | None = None,
    default_urgency: Urgency | None = None,
) -> PriorityDecision:
    """The matrix's level. What is unknown takes the category's default, else whatever makes the priority highest."""
    rank = {level.key: level.rank for level in model.levels}
    impacts = _possible(impact, default_impact, Impact)
    urgencies = _possible(urgency, default_urgency, Urgency)
    # min() keeps the first of equals, and both enums begin with the highest: an unknown counts as the highest it could.
    counted = min(product(impacts, urgencies), key=lambda pair: rank[model.matrix[pair]])
    key = model.matrix[counted]
    parts = (
        _told("impact", impact, default_impact, counted[0]),
        _told("urgency", urgency, default_urgency, counted[1]),
    )
    reason = f"{key}: {' and '.join(parts)}"
    return PriorityDecision(priority=key, reason=reason, impact_counted=counted[0], urgency_counted=counted[1])


def _possible(given: Word | None, default: Word | None, every: type[Word]) -> tuple[Word, ...]:
    """What a value could be: itself, else the category's default, else anything."""
    known = given or default
    return (known,) if known is not None else tuple(every)


def _told(what: str, given: StrEnum | None, default: StrEnum | None, counted: StrEnum) -> str:
    if given is not None:
        return f"{what} {given}"
    if default is not None:
        return f"{what} unknown, {counted} by its category"
    return f"{what} unknown, counted as {counted}"


def is_higher(model: PriorityModel, key: str, than: str) -> bool:
    """Whether one level is graver than another: raising needs less authority than lowering."""
    return model.level(key).rank < model.level(than).rank
