"""How a clock runs: folded from the marks of an incident's history, one by one. Pure.

Folding all marks again gives the clock that was kept by folding them as they came; a test holds it to that. Rules:

- A target is met strictly before its deadline. The deadline passed first: breached, for good, whenever anyone looks.
- The response clock runs until a person acts. Hold does not pause it. A service that healed by itself stops it.
- The resolution clock pauses on hold and while the service is restored; resolving meets it; a re-opened incident goes
  on where it stood, without the time in between.
- The update clock starts again with every update and stops at resolution.
- A new priority brings a new target and keeps the time already used. A breach under the old one stays a breach.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from rallypoint.catalog.model import StatusCategory
from rallypoint.sla.calendar import ALWAYS, Calendar
from rallypoint.sla.model import Clock, ClockKind, ClockState, Mark, MarkKind, Target

WARN_AFTER = 0.75
"""The share of a target's time after which it is at risk."""

WORKING = frozenset({StatusCategory.TRIAGE, StatusCategory.ACTIVE})
WAITING = frozenset({StatusCategory.ON_HOLD, StatusCategory.RESTORED})
DONE = frozenset({StatusCategory.RESOLVED, StatusCategory.REVIEW, StatusCategory.CLOSED})
DROPPED = frozenset({StatusCategory.CANCELLED, StatusCategory.MERGED})

Clocks = Mapping[ClockKind, Clock]
Targets = Mapping[str, Target]


def fold(
    incident: int, marks: Iterable[Mark], targets: Targets, *, domain_id: int = 0, calendar: Calendar = ALWAYS
) -> dict[ClockKind, Clock]:
    """The clocks after the whole history."""
    clocks: dict[ClockKind, Clock] = {}
    for mark in marks:
        if mark.kind is MarkKind.OPENED:
            clocks = start(incident, mark, targets, domain_id=domain_id, calendar=calendar)
        else:
            clocks = {kind: advance(clock, mark, targets, calendar=calendar) for kind, clock in clocks.items()}
    return clocks


def start(
    incident: int, opened: Mark, targets: Targets, *, domain_id: int = 0, calendar: Calendar = ALWAYS
) -> dict[ClockKind, Clock]:
    """Three clocks from the moment of opening; `opened.value` is the priority."""
    target = targets[opened.value]
    return {
        kind: _deadlines(
            Clock(
                incident=incident, kind=kind, priority=opened.value, target_minutes=target.minutes(kind),
                started_at=opened.at, since=opened.at, used=timedelta(0), paused_for=timedelta(0),
                state=ClockState.RUNNING, domain_id=domain_id,
            ),
            calendar,
        )
        for kind in ClockKind
    }  # fmt: skip


def advance(clock: Clock, mark: Mark, targets: Targets, *, calendar: Calendar = ALWAYS) -> Clock:
    """The clock after one more mark. What fell due before the mark is noted first."""
    clock = lapse(clock, mark.at)
    match mark.kind:
        case MarkKind.ACKNOWLEDGED:
            return _meet(clock, mark.at, calendar) if clock.kind is ClockKind.RESPONSE else clock
        case MarkKind.PRIORITY:
            return _retarget(clock, mark, targets[mark.value], calendar)
        case MarkKind.UPDATED:
            return _restart(clock, mark.at, calendar) if clock.kind is ClockKind.UPDATE else clock
        case MarkKind.CATEGORY:
            return _moved(clock, mark, StatusCategory(mark.value), calendar)
        case MarkKind.OPENED:
            return clock


def lapse(clock: Clock, now: datetime) -> Clock:
    """Note what fell due by `now`: the warning, then the breach. Looking more often changes nothing."""
    if clock.state is not ClockState.RUNNING or clock.due_at is None or clock.warn_at is None:
        return clock
    if clock.warned_at is None and clock.warn_at <= now:
        clock = replace(clock, warned_at=clock.warn_at)
    if clock.due_at is not None and clock.due_at <= now:
        clock = replace(clock, state=ClockState.BREACHED, breached_at=clock.due_at)
    return clock


def next_look(clock: Clock) -> tuple[str, datetime] | None:
    """Which timer the clock needs next: ('warn' or 'breach', when). None where nothing can fall due."""
    if clock.state is not ClockState.RUNNING or clock.due_at is None or clock.warn_at is None:
        return None
    return ("warn", clock.warn_at) if clock.warned_at is None else ("breach", clock.due_at)


def nearest(clocks: Iterable[Clock]) -> Clock | None:
    """The promise to the customer that breaks first, or broke first: response or resolution."""
    counting = [c for c in clocks if c.counts and c.due_at is not None and c.kind is not ClockKind.UPDATE]
    return min(counting, key=lambda c: (c.due_at, c.kind), default=None)


def _moved(clock: Clock, mark: Mark, category: StatusCategory, calendar: Calendar) -> Clock:
    if clock.kind is ClockKind.RESPONSE:
        return _response_moved(clock, mark, category, calendar)
    if category in WORKING:
        return _resume(clock, mark.at, calendar)
    if category in WAITING:
        return _pause(clock, mark.at, calendar)
    if category in DONE and clock.kind is ClockKind.RESOLUTION:
        return _meet(clock, mark.at, calendar)
    return _stop(clock, mark.at, calendar)


def _response_moved(clock: Clock, mark: Mark, category: StatusCategory, calendar: Calendar) -> Clock:
    if clock.met_at is not None or category is StatusCategory.ON_HOLD:
        return clock
    if category in WORKING:
        return _resume(clock, mark.at, calendar)
    if mark.by_person and category not in DROPPED and clock.counts:
        return _meet(clock, mark.at, calendar)
    return _stop(clock, mark.at, calendar)


def _deadlines(clock: Clock, calendar: Calendar) -> Clock:
    """Warning and deadline of a clock that counts on from `since`."""
    if clock.state is ClockState.BREACHED:
        return clock
    target = timedelta(minutes=clock.target_minutes)
    left, until_warning = target - clock.used, target * WARN_AFTER - clock.used
    return replace(
        clock,
        due_at=calendar.add(clock.since, max(timedelta(0), left)),
        warn_at=calendar.add(clock.since, max(timedelta(0), until_warning)),
    )


def _bank(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    """Put the time counted so far into `used`."""
    used = clock.used + calendar.elapsed(clock.since, at) if clock.counts else clock.used
    return replace(clock, used=used, since=at)


def _pause(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    if not clock.counts:
        return clock
    clock = replace(_bank(clock, at, calendar), paused_at=at)
    if clock.state is ClockState.BREACHED:
        return clock
    return replace(clock, state=ClockState.PAUSED, due_at=None, warn_at=None)


def _resume(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    """Count on: after a pause, after a stop, and after a resolution that did not hold."""
    if clock.counts:
        return clock
    paused = calendar.elapsed(clock.paused_at, at) if clock.paused_at else timedelta(0)
    state = ClockState.BREACHED if clock.breached_at else ClockState.RUNNING
    clock = replace(
        clock, since=at, paused_at=None, paused_for=clock.paused_for + paused, met_at=None, state=state,
    )  # fmt: skip
    return lapse(_deadlines(clock, calendar), at)


def _meet(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    if clock.met_at is not None:
        return clock
    clock = _end_pause(_bank(clock, at, calendar), at, calendar)
    state = ClockState.BREACHED if clock.breached_at else ClockState.MET
    return replace(clock, met_at=at, state=state)


def _stop(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    """It no longer matters. A breach that happened stays on the record, and stops counting."""
    if clock.met_at is not None or clock.state is ClockState.STOPPED:
        return clock
    clock = _end_pause(_bank(clock, at, calendar), at, calendar)
    return replace(clock, state=ClockState.STOPPED, due_at=clock.breached_at, warn_at=None)


def _end_pause(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    if clock.paused_at is None:
        return clock
    return replace(clock, paused_at=None, paused_for=clock.paused_for + calendar.elapsed(clock.paused_at, at))


def _restart(clock: Clock, at: datetime, calendar: Calendar) -> Clock:
    """An update went out: the next one is due a full interval from here."""
    clock = replace(clock, started_at=at, since=at, used=timedelta(0), warned_at=None, breached_at=None)
    if clock.paused_at is not None:
        return replace(clock, state=ClockState.PAUSED, due_at=None, warn_at=None)
    if clock.state is ClockState.STOPPED:
        return clock
    return _deadlines(replace(clock, state=ClockState.RUNNING), calendar)


def _retarget(clock: Clock, mark: Mark, target: Target, calendar: Calendar) -> Clock:
    if clock.met_at is not None:
        return clock
    counting = clock.counts
    clock = replace(_bank(clock, mark.at, calendar), priority=mark.value, target_minutes=target.minutes(clock.kind))
    if not counting or clock.state is ClockState.BREACHED:
        return clock
    early = clock.used < timedelta(minutes=clock.target_minutes) * WARN_AFTER
    clock = replace(clock, warned_at=None if early else clock.warned_at)
    return lapse(_deadlines(clock, calendar), mark.at)
