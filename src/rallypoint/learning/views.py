"""What screens and programs read of learning."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

from rallypoint import paging_cursor
from rallypoint.access.permissions import Permission, require
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.learning import elsewhere, rules, store
from rallypoint.learning.document import to_markdown
from rallypoint.learning.model import ActionItem, Entry, Retrospective, RetrospectiveView, State


async def retrospective(tx: Transaction, number: int) -> Retrospective:
    """Raises NotFound while there is none: it is drawn up when the incident is resolved."""
    require(tx.actor, Permission.READ_INCIDENT)
    return await store.retrospective(tx, number)


async def maybe_retrospective(tx: Transaction, number: int) -> Retrospective | None:
    """The same, or None."""
    require(tx.actor, Permission.READ_INCIDENT)
    return await store.maybe(tx, number)


async def view(tx: Transaction, number: int) -> RetrospectiveView:
    """A retrospective with its sections, its action items, and what is still missing."""
    found = await retrospective(tx, number)
    texts, held = rules.texts(found), found.meeting_held_at is not None
    late = found.meeting_due_at is not None and not held and found.meeting_due_at < tx.now
    items = tuple(await store.items(tx, number))
    return RetrospectiveView(
        retrospective=found,
        sections=rules.sections(found.depth, texts),
        items=items,
        elsewhere=await elsewhere.standings(tx, items),
        missing=rules.missing(found.depth, texts, meeting_held=held),
        meeting_overdue=late,
        now=tx.now,
    )


async def markdown(tx: Transaction, number: int, *, zone: str = "UTC") -> str:
    """A retrospective as Markdown, its times in a zone, UTC where none is named."""
    return to_markdown(await view(tx, number), zone=ZoneInfo(zone))


async def list_retrospectives(
    tx: Transaction, *, state: str | None = None, cursor: str | None = None, limit: int = 50
) -> tuple[list[Entry], str | None]:
    """Those resolved last first, and the cursor of the next page."""
    require(tx.actor, Permission.READ_INCIDENT)
    if state is not None and state not in set(State):
        raise Invalid("state", f"must be one of {', '.join(State)}")
    after: tuple[datetime, int] | None = None
    if cursor:
        at, number = paging_cursor.decode(cursor, length=2)
        after = (paging_cursor.instant(at), paging_cursor.whole(number))
    found = await store.page(tx, state=State(state) if state else None, after=after, limit=limit + 1)
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], paging_cursor.encode([last.resolved_at.isoformat(), last.incident])


async def action_items(tx: Transaction, number: int) -> list[ActionItem]:
    """All action items of one retrospective."""
    require(tx.actor, Permission.READ_INCIDENT)
    return await store.items(tx, number)


async def action_item(tx: Transaction, item_id: int) -> ActionItem:
    """Raises NotFound."""
    require(tx.actor, Permission.READ_INCIDENT)
    return await store.item(tx, item_id)


async def open_action_items(
    tx: Transaction, *, owner_id: int | None = None, cursor: str | None = None, limit: int = 50
) -> tuple[list[ActionItem], str | None]:
    """Open action items of everyone or one person, the soonest due first."""
    require(tx.actor, Permission.READ_INCIDENT)
    after: tuple[date, int] | None = None
    if cursor:
        due, item_id = paging_cursor.decode(cursor, length=2)
        after = (paging_cursor.instant(due).date(), paging_cursor.whole(item_id))
    found = await store.open_items(tx, owner_id=owner_id, after=after, limit=limit + 1)
    if len(found) <= limit:
        return found, None
    last = found[limit - 1]
    return found[:limit], paging_cursor.encode([last.due_on.isoformat(), last.id])
