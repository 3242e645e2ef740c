"""Working on it: notes, hypotheses with outcomes, tasks, the workaround, links, and updates to those who wait."""

from datetime import datetime
from typing import Any

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.access.check import Checks
from rallypoint.actors import SYSTEM
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import change, history_store, work_store
from rallypoint.incidents.events import IncidentChanged, UpdatePublished
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Hypothesis, Incident, Link, Outcome, Task, TimelineEntry, Visibility

NOTES = frozenset({"note", "decision", "call", "projection"})
"""Kinds of line that a person writes freely. A projection says what is expected, and what would set it off (R50)."""

PUBLIC_STATUSES = frozenset({"investigating", "identified", "monitoring", "resolved"})
COMPONENT_STATUSES = frozenset(
    {"operational", "degraded_performance", "partial_outage", "major_outage", "under_maintenance"}
)


async def note(
    tx: Transaction,
    number: int,
    *,
    text: str,
    kind: str = "note",
    visibility: str = Visibility.INTERNAL,
    occurred_at: datetime | None = None,
    ended_at: datetime | None = None,
    key: bool = False,
) -> TimelineEntry:
    """A line in someone's own words. It may tell of something earlier; when it was written down is kept as well."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    if kind not in NOTES:
        raise Invalid("kind", f"must be one of {', '.join(sorted(NOTES))}")
    shown = change.choice("visibility", visibility, Visibility) or Visibility.INTERNAL
    if shown is Visibility.PUBLIC:
        access.require(tx.actor, Permission.PUBLISH_UPDATE)
    text = change.words("text", text)
    line = Line(
        kind=kind, text=text, occurred_at=change.past("occurred_at", occurred_at, now=tx.now),
        ended_at=change.past("ended_at", ended_at, now=tx.now), key=key or kind == "decision",
        visibility=shown,
    )  # fmt: skip
    return await _say(tx, number, line)


async def remark(tx: Transaction, number: int, *, text: str, reason: str = "", **data: Any) -> TimelineEntry:
    """A line of the program's own about what it did or left undone; nobody said it."""
    return await _say(tx, number, Line(kind="system", text=text, reason=reason, data=data, actor=SYSTEM))


async def correct(tx: Transaction, number: int, *, entry: int, text: str) -> TimelineEntry:
    """A line was wrong: the correction is a line of its own that names it. Nothing is overwritten."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    wrong = await history_store.entry(tx, entry)
    if wrong.incident != number:
        raise Invalid("entry", "is a line of another incident")
    text = change.words("text", text)
    return await _say(tx, number, Line(kind="correction", text=text, data={"corrects": entry, "was": wrong.text[:500]}))


async def publish_update(
    tx: Transaction,
    number: int,
    *,
    text: str,
    audience: str = Visibility.INTERNAL,
    public_status: str | None = None,
    components: dict[str, str] | None = None,
) -> TimelineEntry:
    """Tell those who wait: stakeholders (internal), or everybody by the status page (public)."""
    access.require(tx.actor, Permission.PUBLISH_UPDATE)
    text = change.words("text", text)
    if audience not in (Visibility.INTERNAL, Visibility.PUBLIC):
        raise Invalid("audience", "must be internal or public")
    visibility = Visibility(audience)
    _check_public(visibility, public_status, components)
    before, _ = await change.load(tx, number)
    if before.drill and visibility is Visibility.PUBLIC:
        raise Refused(f"{before.name} is a drill; the public is not told.", guard="drill", who_may="nobody")
    data = {"audience": audience, "public_status": public_status, "components": components}
    line = Line(kind="update", text=text, visibility=visibility, key=True, data=data)
    after, entries = await change.write(tx, before, line)
    await tx.announce(
        UpdatePublished(
            number=number, epoch=after.epoch, entry_id=entries[0].id, audience=audience, text=text,
            public_status=public_status, components=components, title=before.title, by=tx.actor.name, at=tx.now,
            drill=before.drill,
        )
    )  # fmt: skip
    return entries[0]


def _check_public(visibility: Visibility, public_status: str | None, components: dict[str, str] | None) -> None:
    if visibility is Visibility.INTERNAL:
        if public_status or components:
            raise Invalid("audience", "must be public to change what the public sees")
        return
    if public_status is not None and public_status not in PUBLIC_STATUSES:
        raise Invalid("public_status", f"must be one of {', '.join(sorted(PUBLIC_STATUSES))}")
    for key, status in (components or {}).items():
        if status not in COMPONENT_STATUSES:
            raise Invalid(f"components.{key[:80]}", f"must be one of {', '.join(sorted(COMPONENT_STATUSES))}")


async def set_workaround(tx: Transaction, number: int, *, text: str) -> Incident:
    """How to live with it until it is fixed. Often the answer people need first (R52)."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    before, _ = await change.load(tx, number)
    text = change.words("text", text)
    after, _ = await change.write(tx, before, Line(kind="workaround", text=text, key=True), workaround=text)
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return after


async def add_hypothesis(tx: Transaction, number: int, *, text: str) -> Hypothesis:
    """What might be the matter. It is kept with how it ended, also where it was wrong (R43)."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    text = change.words("text", text, longest=2000)
    await change.load(tx, number)
    new = await work_store.add_hypothesis(tx, number, text)
    await _say(tx, number, Line(kind="hypothesis", text=text, data={"hypothesis": new.id}))
    return new


async def settle_hypothesis(tx: Transaction, id: int, *, outcome: str, text: str = "") -> Hypothesis:
    """How a hypothesis ended. It may be settled again: both ends are in the history."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    ended = change.choice("outcome", outcome, Outcome)
    if ended is None or ended is Outcome.OPEN:
        raise Invalid("outcome", f"must be one of {', '.join(o for o in Outcome if o is not Outcome.OPEN)}")
    text = change.words("text", text, longest=2000, needed=False)
    number = (await work_store.hypothesis(tx, id)).incident
    await change.load(tx, number)
    settled = await work_store.settle(tx, id, outcome=ended, text=text)
    line = Line(
        kind="hypothesis", text=f"{settled.text}: {ended}", reason=text, key=ended is Outcome.FIXED,
        data={"hypothesis": id, "outcome": ended},
    )  # fmt: skip
    await _say(tx, number, line)
    return settled


async def hypotheses(tx: Transaction, number: int) -> list[Hypothesis]:
    return await work_store.hypotheses(tx, number)


async def add_task(
    tx: Transaction, number: int, *, title: str, owner_id: int | None = None, due_at: datetime | None = None
) -> Task:
    access.require(tx.actor, Permission.WORK_INCIDENT)
    title = change.one_line("title", title)
    if due_at is not None and due_at.tzinfo is None:
        raise Invalid("due_at", "needs a time zone", "2026-06-01T08:00:00Z")
    await change.load(tx, number)
    owner = (await access.person(tx, owner_id)).name if owner_id is not None else ""
    new = await work_store.add_task(tx, number, title=title, owner_id=owner_id, owner_name=owner, due_at=due_at)
    text = f"Task: {title}" + (f", for {owner}" if owner else "")
    await _say(tx, number, Line(kind="task", text=text, data={"task": new.id}))
    return new


async def finish_task(tx: Transaction, id: int) -> Task:
    """It is done. Saying so twice changes nothing."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    task = await work_store.task(tx, id)
    await change.load(tx, task.incident)
    if await work_store.finish_task(tx, id):
        await _say(tx, task.incident, Line(kind="task", text=f"Done: {task.title}", data={"task": id, "done": True}))
    return await work_store.task(tx, id)


async def tasks(tx: Transaction, number: int) -> list[Task]:
    return await work_store.tasks(tx, number)


async def add_link(tx: Transaction, number: int, *, url: str, title: str = "", kind: str = "link") -> Link:
    """Something elsewhere that belongs to it: a document, a call, a ticket of a vendor."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    checks = Checks()
    url, kind = checks.url("url", url), checks.name("kind", kind, longest=40)
    title = checks.name("title", title, empty=True) or url[:200]
    checks.done()
    await change.load(tx, number)
    new = await work_store.add_link(tx, number, kind=kind, title=title, url=url)
    await _say(tx, number, Line(kind="note", text=f"Link: {title}", data={"link": new.id, "url": url}))
    return new


async def links(tx: Transaction, number: int) -> list[Link]:
    return await work_store.links(tx, number)


async def _say(tx: Transaction, number: int, line: Line) -> TimelineEntry:
    """One line and nothing else: the record stays, the epoch moves on, watchers hear of it."""
    before, _ = await change.load(tx, number)
    after, entries = await change.write(tx, before, line)
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch, said=True))
    return entries[0]
