"""Verbs of looking back: draw up the facts, write, meet, publish, and decide what will be done about it."""

from collections.abc import Callable
from datetime import date, datetime, timedelta

from rallypoint import access, incidents, notify, sla
from rallypoint.access.check import Checks
from rallypoint.access.permissions import Permission, require
from rallypoint.catalog.model import Kind
from rallypoint.db import Transaction
from rallypoint.errors import Conflict, Invalid, Refused
from rallypoint.incidents.history import Line, append
from rallypoint.incidents.model import Incident, TimelineEntry
from rallypoint.learning import facts, reminders, rules, store
from rallypoint.learning.model import ActionItem, Improves, ItemState, Retrospective, State
from rallypoint.sync import follower_store

TEXT_MAX, TITLE_MAX = 20_000, 300
LINES_MAX = 1000


async def draw_up(tx: Transaction, number: int) -> Retrospective | None:
    """Begin the retrospective of a resolved incident, or bring its facts up to date. None: there is nothing to look
    back on, because it is a service request or not over."""
    require(tx.actor, Permission.EDIT_REVIEW)
    incident = await incidents.incident(tx, number)
    if incident.kind is not Kind.INCIDENT or not incident.status_category.fixed or incident.resolved_at is None:
        return await store.maybe(tx, number)
    drawn = facts.draw_up(await _record(tx, incident), now=tx.now)
    depth = rules.depth(incident.priority_common)
    due = rules.meeting_due(depth, incident.resolved_at)
    await store.draft(tx, drawn, depth=depth, resolved_at=incident.resolved_at, meeting_due_at=due)
    tx.hint(f"incident:{number}")
    return await store.retrospective(tx, number)


async def save(tx: Transaction, number: int, *, version: int | None = None, **texts: str) -> Retrospective:
    """Write some of the texts (see rules.TEXTS). With `version`, only if nobody saved since that was read."""
    require(tx.actor, Permission.EDIT_REVIEW)
    if unknown := sorted(set(texts) - set(rules.TEXTS)):
        raise Invalid(unknown[0], "is not a section of a retrospective")
    checks = Checks()
    written = {key: checks.text(key, text, longest=TEXT_MAX) for key, text in texts.items()}
    checks.done()
    was = await store.retrospective(tx, number, lock=True)
    rules.may_edit(was)
    if version is not None and version != was.version:
        raise Conflict("Somebody else saved this retrospective in the meantime. Nothing of yours was stored.")
    await store.save_texts(tx, number, rules.texts(was) | written)
    return await store.retrospective(tx, number)


async def send_to_review(tx: Transaction, number: int) -> Retrospective:
    """Ask others to read it. It can still be changed."""
    return await _move(tx, number, State.IN_REVIEW, rules.may_edit)


async def publish(tx: Transaction, number: int) -> Retrospective:
    """It is done: from now on it reads the same for everyone."""
    after = await _move(tx, number, State.PUBLISHED, rules.may_publish)
    await _tell(tx, number, f"{tx.actor.name} published the retrospective")
    return after


async def take_back(tx: Transaction, number: int, *, reason: str) -> Retrospective:
    """Make a published retrospective a draft again, and say why."""
    checks = Checks()
    reason = checks.name("reason", reason, longest=TITLE_MAX)
    checks.done()
    after = await _move(tx, number, State.DRAFT, lambda was: None)
    await _tell(tx, number, f"{tx.actor.name} took the retrospective back", reason=reason)
    return after


async def hold_meeting(tx: Transaction, number: int, *, at: datetime | None = None) -> Retrospective:
    """The retrospective was talked over, now or at a time in the past."""
    require(tx.actor, Permission.EDIT_REVIEW)
    was = await store.retrospective(tx, number, lock=True)
    rules.may_edit(was)
    held_at = at or tx.now
    if held_at > tx.now:
        raise Invalid("at", "lies in the future; note the meeting when it was held")
    if held_at < was.facts.created_at:
        raise Invalid("at", "lies before the incident")
    await store.save_meeting(tx, number, held_at)
    await _tell(tx, number, "The retrospective was talked over", at=held_at)
    return await store.retrospective(tx, number)


async def add_action_item(
    tx: Transaction, number: int, *, title: str, owner_id: int, due_on: date, improves: str = Improves.SERVICE
) -> ActionItem:
    """Somebody will do something by a day. Without an owner and a date nothing happens, so both are needed."""
    require(tx.actor, Permission.EDIT_REVIEW)
    checks = Checks()
    title = checks.name("title", title, longest=TITLE_MAX)
    checks.choice("improves", improves, [kind.value for kind in Improves])
    if due_on < tx.now.date() - timedelta(days=1):  # it may still be yesterday where the writer sits
        checks.fault("due_on", "lies in the past")
    checks.done()
    await _owner(tx, owner_id)
    await store.retrospective(tx, number)
    item = await store.add_item(tx, number, title=title, improves=Improves(improves), owner_id=owner_id, due_on=due_on)
    await _tell(tx, number, f"Action item for {item.owner_name}, due {item.due_on}: {item.title}")
    await reminders.plan(tx, item)
    return item


async def update_action_item(
    tx: Transaction, item_id: int, *, title: str | None = None, owner_id: int | None = None, due_on: date | None = None
) -> ActionItem:
    """Give it to someone else, move its date, or say it better."""
    require(tx.actor, Permission.EDIT_REVIEW)
    was, checks = await store.item(tx, item_id, lock=True), Checks()
    title = checks.name("title", was.title if title is None else title, longest=TITLE_MAX)
    checks.done()
    if owner_id is not None:
        await _owner(tx, owner_id)
    await store.save_item(tx, item_id, title=title, owner_id=owner_id or was.owner_id, due_on=due_on or was.due_on)
    item = await store.item(tx, item_id)
    if changes := rules.changes(was, item):
        await _tell(tx, was.incident, f"Action item changed: {was.title}", reason="; ".join(changes))
        await _follow(tx, item)
    return item


async def finish(tx: Transaction, item_id: int) -> ActionItem:
    """It is done. Doing it again changes nothing."""
    return await _finish(tx, item_id, ItemState.DONE)


async def drop(tx: Transaction, item_id: int, *, reason: str) -> ActionItem:
    """It will not be done, and this is why."""
    checks = Checks()
    reason = checks.name("reason", reason, longest=TITLE_MAX)
    checks.done()
    return await _finish(tx, item_id, ItemState.DROPPED, reason=reason)


async def reopen(tx: Transaction, item_id: int, *, reason: str) -> ActionItem:
    """It is to be done after all. One that is open stays as it is."""
    require(tx.actor, Permission.EDIT_REVIEW)
    checks = Checks()
    reason = checks.name("reason", reason, longest=TITLE_MAX)
    checks.done()
    was = await store.item(tx, item_id, lock=True)
    if was.state is ItemState.OPEN:
        return was
    rules.may_reopen(was, owner_active=(await access.person(tx, was.owner_id)).active)
    await store.finish_item(tx, item_id, ItemState.OPEN, reason="")
    await _tell(tx, was.incident, f"Action item open again: {was.title}", reason=reason)
    item = await store.item(tx, item_id)
    await _follow(tx, item)
    return item


async def _finish(tx: Transaction, item_id: int, state: ItemState, *, reason: str = "") -> ActionItem:
    require(tx.actor, Permission.EDIT_REVIEW)
    was = await store.item(tx, item_id, lock=True)
    if was.state is state:
        return was
    if was.state is not ItemState.OPEN:
        raise Refused(f"This action item is {was.state} already.", guard="state")
    await store.finish_item(tx, item_id, state, reason=reason)
    await _tell(tx, was.incident, f"Action item {state}: {was.title}", reason=reason)
    item = await store.item(tx, item_id)
    await _follow(tx, item)
    return item


async def _follow(tx: Transaction, item: ActionItem) -> None:
    """What follows from a change: the owner's next reminder, and the item elsewhere that it is followed by."""
    await reminders.plan(tx, item)
    await follower_store.mark_item(tx, item.id)


async def _move(tx: Transaction, number: int, state: State, allowed: Callable[[Retrospective], None]) -> Retrospective:
    require(tx.actor, Permission.EDIT_REVIEW)
    allowed(await store.retrospective(tx, number, lock=True))
    by = tx.actor.name if state is State.PUBLISHED else ""
    await store.save_state(tx, number, state, published_by=by)
    return await store.retrospective(tx, number)


async def _owner(tx: Transaction, person_id: int) -> None:
    if not (await access.person(tx, person_id)).active:
        raise Invalid("owner_id", "is not with us any more")


async def _tell(tx: Transaction, number: int, text: str, *, reason: str = "", at: datetime | None = None) -> None:
    """What is learned belongs to the incident's own history too."""
    line = Line(kind="review", text=text, reason=reason, occurred_at=at)
    await append(tx, number, line)
    tx.hint(f"incident:{number}")


async def _record(tx: Transaction, incident: Incident) -> facts.Record:
    """Everything that is known about an incident, from the rooms that know it."""
    number = incident.number
    return facts.Record(
        incident=incident,
        timeline=await _worth_telling(tx, number),
        roles=await incidents.roles(tx, number),
        pages=await notify.pages_of(tx, number),
        hypotheses=await incidents.hypotheses(tx, number),
        alerts=await incidents.alerts_of(tx, number),
        clocks=await sla.clocks_of(tx, number),
        tasks=await incidents.tasks(tx, number),
    )


async def _worth_telling(tx: Transaction, number: int) -> list[TimelineEntry]:
    """Marked lines and those of telling kinds, each once. A storm leaves thousands of others; they are not read."""
    marked, _ = await incidents.timeline(tx, number, key_only=True, limit=LINES_MAX)
    telling, _ = await incidents.timeline(tx, number, kinds=sorted(facts.TOLD), limit=LINES_MAX)
    return list({entry.id: entry for entry in (*marked, *telling)}.values())
