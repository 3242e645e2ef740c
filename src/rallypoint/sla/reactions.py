"""What the clocks hear: an incident opens, moves, changes priority, is updated; and time passes."""

from rallypoint.db import Transaction
from rallypoint.engine import Timer
from rallypoint.sla import actions
from rallypoint.sla.model import Mark, MarkKind
from rallypoint.sla.ports import Moved, Opened, Retargeted, Updated


async def start_clocks(tx: Transaction, fact: Opened) -> None:
    if fact.quiet:
        return
    opened = Mark(at=fact.at, kind=MarkKind.OPENED, value=fact.priority)
    await actions.start(tx, fact.number, domain_id=fact.domain_id, opened=opened)


async def note(tx: Transaction, fact: Moved) -> None:
    await actions.note(tx, fact.number, *marks_of(fact))


async def retarget(tx: Transaction, fact: Retargeted) -> None:
    await actions.note(tx, fact.number, Mark(at=fact.at, kind=MarkKind.PRIORITY, value=fact.now))


async def updated(tx: Transaction, fact: Updated) -> None:
    await actions.note(tx, fact.number, Mark(at=fact.at, kind=MarkKind.UPDATED))


async def look(tx: Transaction, timer: Timer) -> None:
    """For the timers sla.warn and sla.breach, whose subject is '<incident>:<kind>'."""
    number, _, kind = timer.subject.partition(":")
    await actions.look(tx, int(number), kind)


def marks_of(fact: Moved) -> list[Mark]:
    """A step of the lifecycle as the clocks see it: first that someone took it up, then where it went."""
    moved = Mark(at=fact.at, kind=MarkKind.CATEGORY, value=fact.category, by_person=fact.by_person)
    return [Mark(at=fact.at, kind=MarkKind.ACKNOWLEDGED, by_person=True), moved] if fact.acknowledges else [moved]
