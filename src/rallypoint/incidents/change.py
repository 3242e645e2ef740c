"""How every change of an incident goes: load it locked, decide, save by compare-and-set, write the history, announce.

Actions are made of these parts, so that none of the five can be forgotten.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from rallypoint import catalog
from rallypoint.access.check import Checks
from rallypoint.actors import Actor, ActorKind
from rallypoint.catalog.model import Domain, Status, StatusCategory
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.events import Fact
from rallypoint.incidents import history, store
from rallypoint.incidents.events import Lifecycle
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Incident, TimelineEntry

Step = TypeVar("Step", bound=Lifecycle)

AUTOMATIC = frozenset({ActorKind.MONITOR, ActorKind.SYSTEM})


async def load(tx: Transaction, number: int) -> tuple[Incident, Domain]:
    """The incident, locked, and its domain."""
    incident = await store.load(tx, number)
    return incident, await catalog.domain_by_id(tx, incident.domain_id)


async def write(
    tx: Transaction, before: Incident, *lines: Line, **changes: Any
) -> tuple[Incident, list[TimelineEntry]]:
    """Save the changes and the lines that tell of them. Wakes whoever watches the incident or the board."""
    await store.save(tx, replace(before, **changes))
    entries = await history.append(tx, before.number, *lines) if lines else []
    touch(tx, before.number)
    return next_of(before, changes), entries


def next_of(before: Incident, changes: Mapping[str, Any]) -> Incident:
    """The incident as it will stand once the changes are saved."""
    return replace(before, epoch=before.epoch + 1, **changes)


def touch(tx: Transaction, number: int) -> None:
    tx.hint(f"incident:{number}", "board")


async def moved_to(tx: Transaction, incident: Incident, category: StatusCategory) -> dict[str, Any]:
    """The changes that put an incident into a category: its default status, unless it is there already."""
    if incident.status_category is category:
        return {}
    status = await default_status(tx, incident.domain_id, category)
    return {
        "status_category": category,
        "status_id": status.id if status else None,
        "status": name_of(status, category),
    }


async def default_status(tx: Transaction, domain_id: int, category: StatusCategory) -> Status | None:
    """The first status of a category; None where a domain names none, and the category's own name stands in."""
    found = [status for status in await catalog.statuses(tx, domain_id) if status.category is category]
    return min(found, key=lambda status: status.position, default=None)


def name_of(status: Status | None, category: StatusCategory) -> str:
    return status.name if status else category.value.replace("_", " ").capitalize()


def step(
    fact: type[Step],
    before: Incident | None,
    after: Incident,
    by: Actor,
    *,
    at: datetime,
    reason: str = "",
    acknowledges: bool = False,
    **more: Any,
) -> Step:
    """A fact of the lifecycle, filled from the incident before and after."""
    return fact(
        number=after.number, epoch=after.epoch, kind=after.kind, domain_id=after.domain_id,
        service_id=after.service_id, title=after.title, priority=after.priority, urgency=after.paging_urgency,
        category=after.status_category, was=before.status_category if before else "", by=by.name,
        by_person=of_a_person(by), at=at, acknowledges=acknowledges, reason=reason, drill=after.drill, **more,
    )  # fmt: skip


def of_a_person(by: Actor) -> bool:
    """Whether an act counts as a person's: neither the program's own, nor a monitor's, nor a bot's."""
    return by.kind not in AUTOMATIC and not by.is_bot


def state_line(fact: Lifecycle, text: str, *, actor: Actor, kind: str = "state", **more: Any) -> Line:
    """The line that tells of a step. Its data is what the clocks are computed from again."""
    data: Mapping[str, Any] = {
        "category": fact.category,
        "was": fact.was,
        "by_person": fact.by_person,
        "acknowledges": fact.acknowledges,
        **more.pop("data", {}),
    }
    return Line(
        kind=kind, text=text, reason=fact.reason, occurred_at=fact.at, key=True, actor=actor, data=dict(data), **more
    )


async def announce(tx: Transaction, *facts: Fact) -> None:
    for fact in facts:
        await tx.announce(fact)


def words(field: str, value: str, *, longest: int = 10_000, needed: bool = True) -> str:
    """Text that somebody typed, in its stored form; raises Invalid with what is wrong."""
    checks = Checks()
    text = checks.text(field, value, longest=longest)
    checks.done()
    if needed and not text:
        raise Invalid(field, "is empty")
    return text


def one_line(field: str, value: str, *, longest: int = 200, needed: bool = True) -> str:
    checks = Checks()
    text = checks.name(field, value, longest=longest, empty=not needed)
    checks.done()
    return text


def past(field: str, at: datetime | None, *, now: datetime) -> datetime | None:
    """An instant that somebody says something happened at: aware, not in the future, not absurd."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise Invalid(field, "needs a time zone", "2026-06-01T08:00:00Z")
    if at > now:
        raise Invalid(field, "lies in the future")
    if at.year < 2000:
        raise Invalid(field, "lies before the year 2000")
    return at


def choice(field: str, value: Any, kind: type[Any]) -> Any:
    """One of an enum's values; None stays None."""
    if value is None or value == "":
        return None
    try:
        return kind(value)
    except ValueError as problem:
        raise Invalid(field, f"must be one of {', '.join(str(member) for member in kind)}") from problem
