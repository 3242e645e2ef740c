"""The order in which open incidents matter: total, stable, and each place has a reason. Pure.

Priority first. Nearness of a breach breaks ties: it can raise an incident among its equals, never lower it. Then the
people affected, more first, and unknown counts as most (R23). Then age. Then the number, so that no two are equal.
board_store.py says the same in SQL; a test holds the two together.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

FAR = datetime(9999, 1, 1, tzinfo=UTC)
UNKNOWN_PEOPLE = 2**62

BREACHED, AT_RISK, ON_TRACK = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the rank looks at. `priority_common` is the level on the scale that all domains share, 1 the highest."""

    number: int
    priority: str
    priority_common: int
    warn_at: datetime | None
    due_at: datetime | None
    affected_people: int | None
    created_at: datetime


Key = tuple[int, int, datetime, int, datetime, int]


def nearness(warn_at: datetime | None, due_at: datetime | None, *, now: datetime) -> int:
    """How near a breach is, in three steps: a clock that is merely running does not rank."""
    if due_at is not None and due_at <= now:
        return BREACHED
    if due_at is not None and warn_at is not None and warn_at <= now:
        return AT_RISK
    return ON_TRACK


def key(standing: Standing, *, now: datetime) -> Key:
    """Sorts before another: matters more."""
    near = nearness(standing.warn_at, standing.due_at, now=now)
    people = UNKNOWN_PEOPLE if standing.affected_people is None else standing.affected_people
    return (
        standing.priority_common,
        near,
        standing.due_at if near is not ON_TRACK and standing.due_at is not None else FAR,
        -people,
        standing.created_at,
        standing.number,
    )


def order(standings: Iterable[Standing], *, now: datetime) -> list[Standing]:
    """All of them, what matters most first. The same whatever order they came in."""
    return sorted(standings, key=lambda standing: key(standing, now=now))


def reason(standing: Standing, above: Standing | None, *, now: datetime) -> str:
    """Why it stands where it stands: what sets it apart from the one above it."""
    if above is None:
        return f"{standing.priority}{_near_words(standing, now)}: nothing matters more right now"
    mine, theirs = key(standing, now=now), key(above, now=now)
    differs = next(i for i, (a, b) in enumerate(zip(mine, theirs, strict=True)) if a != b)
    return f"{standing.priority}{_near_words(standing, now)}: {_below(differs, standing, above)}"


def _below(differs: int, standing: Standing, above: Standing) -> str:
    match differs:
        case 0:
            return f"behind every {above.priority}"
        case 1:
            return f"INC-{above.number} is nearer to a breach"
        case 2:
            return f"INC-{above.number} is due earlier"
        case 3 if above.affected_people is None:
            return f"nobody knows how many people INC-{above.number} affects, so it counts as more"
        case 3:
            return f"INC-{above.number} affects more people ({above.affected_people})"
        case 4:
            return f"INC-{above.number} is older"
        case _:
            return f"INC-{above.number} was numbered first"


def _near_words(standing: Standing, now: datetime) -> str:
    words: Sequence[str] = (", target missed", ", target at risk", "")
    return words[nearness(standing.warn_at, standing.due_at, now=now)]
