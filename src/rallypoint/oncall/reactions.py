"""What paging does when something happened elsewhere. The facts come from rooms further on, so only their fields are
known here."""

from typing import Protocol

from rallypoint import catalog
from rallypoint.db import Transaction
from rallypoint.engine import Timer
from rallypoint.notify.events import PageFailed
from rallypoint.oncall import runs
from rallypoint.oncall.model import About, RunState
from rallypoint.oncall.why import Why

PAGED_KIND = "incident"
"""Service requests page nobody."""

WORKED_ON = "active"
"""The status category in which somebody has taken the incident."""


class IncidentFact(Protocol):
    number: int
    kind: str
    service_id: int | None
    title: str
    priority: str
    urgency: str
    category: str
    drill: bool


class OpenedFact(IncidentFact, Protocol):
    quiet: bool


class PriorityFact(Protocol):
    number: int
    now: str
    urgency: str


async def start_run(tx: Transaction, fact: OpenedFact) -> None:
    """An incident was opened: page by its service's policy."""
    if fact.kind == PAGED_KIND and not fact.quiet:
        await runs.begin(tx, fact.number, service_id=fact.service_id, about=await _about(tx, fact))


async def restart_run(tx: Transaction, fact: IncidentFact) -> None:
    """An incident was opened again: page from the first step."""
    if fact.kind == PAGED_KIND:
        about = await _about(tx, fact)
        await runs.begin(tx, fact.number, service_id=fact.service_id, about=about, because=Why.REOPENED)


async def stop_run(tx: Transaction, fact: IncidentFact) -> None:
    """Somebody took the incident, or it is over: nobody else is paged."""
    state = RunState.ACKNOWLEDGED if fact.category == WORKED_ON else RunState.STOPPED
    await runs.stop(tx, fact.number, state=state)


async def priority_changed(tx: Transaction, fact: PriorityFact) -> None:
    await runs.retell(tx, fact.number, priority=fact.now, urgency=fact.urgency)


async def page_failed(tx: Transaction, fact: PageFailed) -> None:
    await runs.page_failed(tx, fact.incident, fact.run_id)


async def step_due(tx: Transaction, timer: Timer) -> None:
    """The handler of the timer kind "paging.step"; its subject is run:<id>:<turn>."""
    _, run_id, turn = timer.subject.split(":")
    await runs.step_due(tx, int(run_id), int(turn), timer.epoch)


async def _about(tx: Transaction, fact: IncidentFact) -> About:
    service = await catalog.service_by_id(tx, fact.service_id) if fact.service_id is not None else None
    return About(
        title=fact.title,
        priority=fact.priority,
        urgency=fact.urgency,
        service=service.key if service else "",
        summary=getattr(fact, "summary", ""),
        drill=fact.drill,
    )
