"""Stops a field that goes back and forth between two values without a person: a rule here against a rule there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from rallypoint.sync.equality import key
from rallypoint.sync.model import Value
from rallypoint.sync.planner import Decision

MOST_TURNS = 8
WINDOW = timedelta(hours=1)
"""A rule that a scheduler runs every few minutes still trips it; people seldom change their minds so often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A change of one field that sync made, on either side. `human` if a person is known to have caused it."""

    field: str
    at: datetime
    value: str
    human: bool = False


def turns_of(decisions: Iterable[Decision], now: datetime) -> tuple[Turn, ...]:
    """The turns that decisions make: one for each value that goes across."""
    return tuple(
        Turn(
            field=one.field,
            at=now,
            value=_word(one.take if one.takes else one.hub.value if one.hub else None),
            human=_human(one),
        )
        for one in decisions
        if one.takes or one.pushes
    )


def remember(turns: Sequence[Turn], fresh: Sequence[Turn], now: datetime) -> tuple[Turn, ...]:
    """What still counts."""
    return tuple(one for one in (*turns, *fresh) if now - one.at <= WINDOW)


def tripped(turns: Sequence[Turn], field: str, now: datetime) -> bool:
    """More than MOST_TURNS within the window, between at most two values, none known to be a person's."""
    mine = [one for one in turns if one.field == field and now - one.at <= WINDOW and not one.human]
    if len(mine) <= MOST_TURNS or len({one.value for one in mine}) > 2:
        return False
    return sum(one.value != after.value for one, after in pairwise(mine)) >= MOST_TURNS // 2


def _human(decision: Decision) -> bool:
    return bool(
        decision.pushes and not decision.takes and decision.hub and decision.hub.human and decision.hub.link is None
    )


def _word(value: Value) -> str:
    return repr(sorted(value) if isinstance(value, tuple) else key(value))
