"""How often targets were kept. Open and past due counts as breached now; paused is neither, and is shown."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from enum import StrEnum

from rallypoint.insight.model import Adherence, ClockFact
from rallypoint.insight.summary import share_interval


class Verdict(StrEnum):
    """What one clock says today."""

    MET = "met"
    BREACHED = "breached"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"


def verdict(clock: ClockFact, *, now: datetime) -> Verdict:
    """Met in time, or not, or not decided yet. A target met after it was due is breached, whatever was stored."""
    late = clock.due_at is not None and (clock.met_at or now) > clock.due_at
    if clock.breached_at is not None or clock.state == "breached":
        return Verdict.BREACHED
    if clock.met_at is not None or clock.state == "met":
        return Verdict.BREACHED if clock.met_at is not None and late else Verdict.MET
    if clock.state == "paused":
        return Verdict.PAUSED
    if clock.state == "stopped":
        return Verdict.STOPPED
    return Verdict.BREACHED if late else Verdict.RUNNING


def adherence(clocks: Iterable[ClockFact], *, now: datetime) -> tuple[Adherence, ...]:
    """One line per priority and target: met / (met + breached), with its interval and what is in neither."""
    verdicts: Mapping[tuple[str, str], Counter[Verdict]] = defaultdict(Counter)
    minutes: dict[tuple[str, str], float] = defaultdict(float)
    for clock in clocks:
        line = (clock.priority, clock.kind)
        verdicts[line][verdict(clock, now=now)] += 1
        minutes[line] += clock.paused_minutes
    return tuple(
        _line(priority, kind, verdicts[priority, kind], minutes[priority, kind]) for priority, kind in sorted(verdicts)
    )


def _line(priority: str, kind: str, counts: Counter[Verdict], paused_minutes: float) -> Adherence:
    met, breached = counts[Verdict.MET], counts[Verdict.BREACHED]
    decided = met + breached
    interval = share_interval(met, decided)
    return Adherence(
        priority=priority,
        kind=kind,
        met=met,
        breached=breached,
        running=counts[Verdict.RUNNING],
        paused=counts[Verdict.PAUSED],
        stopped=counts[Verdict.STOPPED],
        paused_minutes=paused_minutes,
        share=met / decided if decided else None,
        low=interval[0] if interval else None,
        high=interval[1] if interval else None,
    )
