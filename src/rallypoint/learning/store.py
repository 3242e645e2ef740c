"""The SQL of learning: retrospectives and action items."""

from collections.abc import Mapping
from datetime import date, datetime

from rallypoint.db import Transaction
from rallypoint.learning.model import ActionItem, Depth, Entry, Facts, Improves, ItemState, Retrospective, State
from rallypoint.learning.rules import TEXTS

ITEMS = """
    select a.id, a.incident, a.title, a.improves, a.owner_id, p.name as owner_name, a.due_on, a.state, a.reason,
           a.created_at, a.created_by, a.finished_at, a.finished_by
      from action_item a join person p on p.id = a.owner_id"""


async def draft(
    tx: Transaction, facts: Facts, *, depth: Depth, resolved_at: datetime, meeting_due_at: datetime | None
) -> None:
    """Begin a retrospective, or bring the facts of one up to date. What people wrote is never touched.

    A published one stays as it was read, unless the incident has been resolved anew: then it is a draft again.
    """
    await tx.execute(
        """
        insert into retrospective as r
               (incident, depth, state, facts, resolved_at, meeting_due_at, created_at, updated_at)
        values (:incident, :depth, 'draft', :facts, :resolved_at, :meeting_due_at, :now, :now)
            on conflict (incident) do update
           set facts = excluded.facts, depth = excluded.depth, resolved_at = excluded.resolved_at,
               meeting_due_at = excluded.meeting_due_at, updated_at = excluded.updated_at,
               state = case when r.state = 'published' then 'draft' else r.state end
         where r.state <> 'published' or r.resolved_at <> excluded.resolved_at""",
        incident=facts.number, depth=depth.value, facts=facts, resolved_at=resolved_at, meeting_due_at=meeting_due_at,
    )  # fmt: skip


async def retrospective(tx: Transaction, number: int, *, lock: bool = False) -> Retrospective:
    sql = "select * from retrospective where incident = :number" + (" for update" if lock else "")
    return await tx.one(Retrospective, sql, number=number, missing=("retrospective of incident", number))


async def maybe(tx: Transaction, number: int) -> Retrospective | None:
    return await tx.maybe(Retrospective, "select * from retrospective where incident = :number", number=number)


async def save_texts(tx: Transaction, number: int, texts: Mapping[str, str]) -> None:
    """Write all texts; the version rises, so that a writer who read an older one is told."""
    columns = ", ".join(f"{key} = :{key}" for key in TEXTS)
    await tx.execute(
        f"update retrospective set {columns}, version = version + 1, updated_at = :now where incident = :number",
        number=number, **texts,
    )  # fmt: skip


async def save_state(tx: Transaction, number: int, state: State, *, published_by: str = "") -> None:
    await tx.execute(
        """
        update retrospective set state = :state, updated_at = :now, published_by = :by,
               published_at = case when :state = 'published' then :now::timestamptz end where incident = :number""",
        number=number, state=state.value, by=published_by,
    )  # fmt: skip


async def save_meeting(tx: Transaction, number: int, held_at: datetime) -> None:
    await tx.execute(
        "update retrospective set meeting_held_at = :at, updated_at = :now where incident = :number",
        number=number, at=held_at,
    )  # fmt: skip


async def page(tx: Transaction, *, state: State | None, after: tuple[datetime, int] | None, limit: int) -> list[Entry]:
    """Retrospectives, those resolved last first."""
    return await tx.fetch(
        Entry,
        """
        select r.incident, r.facts->>'name' as name, r.facts->>'title' as title, r.facts->>'service' as service,
               r.facts->>'priority' as priority, (r.facts->>'drill')::boolean as drill, r.depth, r.state, r.resolved_at,
               r.meeting_due_at, r.meeting_held_at, coalesce(a.open, 0) as open_items, coalesce(a.done, 0) as done_items
          from retrospective r
          left join lateral (select count(*) filter (where state = 'open') as open,
                                    count(*) filter (where state = 'done') as done
                               from action_item where incident = r.incident) a on true
         where (:state::text is null or r.state = :state)
           and (:at::timestamptz is null or (r.resolved_at, r.incident) < (:at, :number))
         order by r.resolved_at desc, r.incident desc limit :limit""",
        state=state and state.value, at=after and after[0], number=after[1] if after else 0, limit=limit,
    )  # fmt: skip


async def add_item(
    tx: Transaction, number: int, *, title: str, improves: Improves, owner_id: int, due_on: date
) -> ActionItem:
    item_id = await tx.value(
        """
        insert into action_item (incident, title, improves, owner_id, due_on, created_at, created_by)
        values (:number, :title, :improves, :owner_id, :due_on, :now, :by) returning id""",
        number=number, title=title, improves=improves.value, owner_id=owner_id, due_on=due_on, by=tx.actor.name,
    )  # fmt: skip
    return await item(tx, item_id)


async def item(tx: Transaction, item_id: int, *, lock: bool = False) -> ActionItem:
    sql = f"{ITEMS} where a.id = :id" + (" for update of a" if lock else "")
    return await tx.one(ActionItem, sql, id=item_id, missing=("action item", item_id))


async def save_item(tx: Transaction, item_id: int, *, title: str, owner_id: int, due_on: date) -> None:
    await tx.execute(
        "update action_item set title = :title, owner_id = :owner_id, due_on = :due_on where id = :id",
        id=item_id, title=title, owner_id=owner_id, due_on=due_on,
    )  # fmt: skip


async def finish_item(tx: Transaction, item_id: int, state: ItemState, *, reason: str) -> None:
    await tx.execute(
        """
        update action_item set state = :state, reason = :reason, finished_by = :by,
               finished_at = case when :state <> 'open' then :now::timestamptz end
         where id = :id""",
        id=item_id, state=state.value, reason=reason, by="" if state is ItemState.OPEN else tx.actor.name,
    )  # fmt: skip


async def items(tx: Transaction, number: int) -> list[ActionItem]:
    return await tx.fetch(ActionItem, f"{ITEMS} where a.incident = :number order by a.id", number=number)


async def open_items(
    tx: Transaction, *, owner_id: int | None, after: tuple[date, int] | None, limit: int
) -> list[ActionItem]:
    """Open action items, the soonest due first."""
    return await tx.fetch(
        ActionItem,
        f"""{ITEMS}
         where a.state = 'open' and (:owner_id::bigint is null or a.owner_id = :owner_id)
           and (:due::date is null or (a.due_on, a.id) > (:due, :id))
         order by a.due_on, a.id limit :limit""",
        owner_id=owner_id, due=after and after[0], id=after[1] if after else 0, limit=limit,
    )  # fmt: skip
