"""Starting, moving and reading clocks. Whoever calls has the incident locked, so clocks of one incident never race."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from rallypoint import engine
from rallypoint.catalog import priority_model
from rallypoint.db import Transaction
from rallypoint.sla import rules, store
from rallypoint.sla.events import ClockTouched, DeadlineMoved, TargetAtRisk, TargetBreached
from rallypoint.sla.model import Clock, Mark, Target


async def clocks_of(tx: Transaction, incident: int) -> list[Clock]:
    """The promises of one incident, as they stand: response, resolution, next update."""
    return await store.load(tx, incident)


async def clocks_for(tx: Transaction, numbers: Sequence[int]) -> dict[int, list[Clock]]:
    """The promises of several incidents, by number."""
    found: dict[int, list[Clock]] = {number: [] for number in numbers}
    for clock in await store.load_many(tx, numbers):
        found[clock.incident].append(clock)
    return found


async def start(tx: Transaction, incident: int, *, domain_id: int, opened: Mark) -> None:
    """An incident has begun: three promises begin with it."""
    clocks = rules.start(incident, opened, await targets(tx, domain_id), domain_id=domain_id)
    await _keep(tx, incident, [], list(clocks.values()))


async def note(tx: Transaction, incident: int, *marks: Mark) -> None:
    """Something happened that clocks look at."""
    before = await store.load(tx, incident, for_update=True)
    if before:
        aims = await targets(tx, before[0].domain_id)
        await _keep(tx, incident, before, [_after(clock, marks, aims) for clock in before])


async def recompute(tx: Transaction, incident: int, *, domain_id: int, marks: Iterable[Mark]) -> None:
    """Fold the whole history again: after a correction of it, or a step recorded later than it happened."""
    before = await store.load(tx, incident, for_update=True)
    clocks = rules.fold(incident, marks, await targets(tx, domain_id), domain_id=domain_id)
    await _keep(tx, incident, before, [rules.lapse(clock, tx.now) for clock in clocks.values()], told=True)


async def look(tx: Transaction, incident: int, kind: str) -> None:
    """A timer says that something fell due: note it, tell it, and set the next look."""
    await tx.announce(ClockTouched(incident=incident))
    before = await store.load(tx, incident, for_update=True)
    await _keep(tx, incident, before, [rules.lapse(c, tx.now) if c.kind == kind else c for c in before])


async def targets(tx: Transaction, domain_id: int) -> dict[str, Target]:
    """What each priority of a domain promises."""
    levels = (await priority_model(tx, domain_id)).levels
    return {
        level.key: Target(
            response=level.response_minutes, resolution=level.resolution_minutes, update=level.update_minutes
        )
        for level in levels
    }


def _after(clock: Clock, marks: Iterable[Mark], aims: dict[str, Target]) -> Clock:
    for mark in marks:
        clock = rules.advance(clock, mark, aims)
    return clock


async def _keep(
    tx: Transaction, incident: int, before: Sequence[Clock], after: Sequence[Clock], *, told: bool = False
) -> None:
    """Save what changed, move its timers, and announce what fell due (unless the history only was read again)."""
    was = {clock.kind: clock for clock in before}
    changed = [clock for clock in after if clock != was.get(clock.kind)]
    if not changed:
        return
    await store.save(tx, changed)
    for clock in changed:
        await _set_timer(tx, was.get(clock.kind), clock)
    old, new = rules.nearest(before), rules.nearest(after)
    if _deadline(old) != _deadline(new):
        warn_at, due_at = _deadline(new)
        await tx.announce(DeadlineMoved(incident=incident, warn_at=warn_at, due_at=due_at))
    if not told:
        for clock in changed:
            await _tell(tx, was.get(clock.kind), clock)


async def _set_timer(tx: Transaction, was: Clock | None, clock: Clock) -> None:
    """At most one timer per clock: the warning first, then the breach."""
    old = rules.next_look(was) if was else None
    new = rules.next_look(clock)
    if old == new:
        return
    subject = f"{clock.incident}:{clock.kind}"
    if old is not None and (new is None or new[0] != old[0]):
        await engine.cancel_timer(tx, f"sla.{old[0]}", subject)
    if new is not None:
        await engine.set_timer(tx, f"sla.{new[0]}", subject, new[1])


async def _tell(tx: Transaction, was: Clock | None, clock: Clock) -> None:
    if clock.breached_at is not None and (was is None or was.breached_at != clock.breached_at):
        await tx.announce(
            TargetBreached(incident=clock.incident, kind=clock.kind, due_at=clock.breached_at, priority=clock.priority)
        )
        return
    warned = clock.warned_at is not None and (was is None or was.warned_at != clock.warned_at)
    if warned and clock.counts and clock.due_at is not None:
        await tx.announce(
            TargetAtRisk(incident=clock.incident, kind=clock.kind, due_at=clock.due_at, priority=clock.priority)
        )


def _deadline(clock: Clock | None) -> tuple[datetime | None, datetime | None]:
    return (clock.warn_at, clock.due_at) if clock else (None, None)
