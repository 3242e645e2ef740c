"""The engine's SQL: set, claim and finish timers and outbox rows."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rallypoint.db import Transaction
from rallypoint.engine.model import BATCH, LEASE, Followup, Timer


async def set_timer(
    tx: Transaction, kind: str, subject: str, due_at: datetime, *, epoch: int = 0, data: dict[str, Any] | None = None
) -> None:
    """Look at `subject` again at `due_at`. Moves the timer where there is one (index timer_one_per_subject).

    Moving raises the fence, so a node that still holds the old claim can record nothing under it.
    """
    await tx.execute(
        """
        insert into timer (kind, subject, epoch, data, due_at, created_at)
        values (:kind, :subject, :epoch, :data, :due_at, :now)
            on conflict (kind, subject) do update
           set due_at = excluded.due_at, epoch = excluded.epoch, data = excluded.data,
               lease_until = null, fence = timer.fence + 1, attempts = 0, quarantined_at = null""",
        kind=kind, subject=subject, epoch=epoch, data=data or {}, due_at=due_at,
    )  # fmt: skip
    if due_at <= tx.now:
        tx.hint("timer")


async def cancel_timer(tx: Transaction, kind: str, subject: str) -> None:
    await tx.execute("delete from timer where kind = :kind and subject = :subject", kind=kind, subject=subject)


async def claim_timers(tx: Transaction, *, limit: int = BATCH) -> list[Timer]:
    """Timers due at tx.now that no one holds, oldest first. The claim raises the fence and counts the attempt."""
    return await tx.fetch(
        Timer,
        """
        update timer t set lease_until = :until, fence = t.fence + 1, attempts = t.attempts + 1
          from (select id from timer
                 where quarantined_at is null and due_at <= :now and (lease_until is null or lease_until <= :now)
                 order by due_at for update skip locked limit :limit) due  -- nodes never wait for each other
         where t.id = due.id
     returning t.id, t.kind, t.subject, t.epoch, t.due_at, t.fence, t.attempts, t.data""",
        until=tx.now + LEASE, limit=limit,
    )  # fmt: skip


async def held_timers(tx: Transaction, timers: Sequence[Timer]) -> set[int]:
    """The ids of claimed timers that are still ours. Locks nothing."""
    rows = await tx.rows(
        """
        select t.id from timer t join unnest(:ids::bigint[], :fences::bigint[]) as mine(id, fence)
            on t.id = mine.id and t.fence = mine.fence""",
        ids=[t.id for t in timers], fences=[t.fence for t in timers],
    )  # fmt: skip
    return {row["id"] for row in rows}


async def finish_timers(tx: Transaction, timers: Sequence[Timer]) -> set[int]:
    """Delete claimed timers, after their handlers ran in this transaction; returns the ids that were still ours.

    One that its handler set anew has a higher fence by now, and stays.
    """
    rows = await tx.rows(
        """
        delete from timer t using unnest(:ids::bigint[], :fences::bigint[]) as mine(id, fence)
         where t.id = mine.id and t.fence = mine.fence returning t.id""",
        ids=[t.id for t in timers], fences=[t.fence for t in timers],
    )  # fmt: skip
    return {row["id"] for row in rows}


async def taken_timers(tx: Transaction, timers: Sequence[Timer]) -> int:
    """How many of these another node claimed while we worked: our lease had run out, so nothing we did may count."""
    taken: int = await tx.value(
        """
        select count(*) from timer t join unnest(:ids::bigint[], :fences::bigint[]) as mine(id, fence)
            on t.id = mine.id and t.fence > mine.fence and t.lease_until is not null""",
        ids=[t.id for t in timers], fences=[t.fence for t in timers],
    )  # fmt: skip
    return taken


async def fail_timer(tx: Transaction, timer: Timer, error: str, *, again_at: datetime | None) -> None:
    """Note why a timer's handler failed; `again_at` None sets it aside (quarantine)."""
    await tx.execute(
        """
        update timer set last_error = :error, lease_until = null, due_at = coalesce(:again_at, due_at),
               quarantined_at = case when :again_at::timestamptz is null then :now::timestamptz end
         where id = :id and fence = :fence""",
        error=error[:2000], again_at=again_at, id=timer.id, fence=timer.fence,
    )  # fmt: skip


async def claim_followups(tx: Transaction, *, limit: int = BATCH) -> list[Followup]:
    """Outbox rows due now, at most the oldest of each handler and subject: a subject's facts are heard in order."""
    return await tx.fetch(
        Followup,
        """
        update outbox o set lease_until = :until, fence = o.fence + 1, attempts = o.attempts + 1
          from (select id from outbox c
                 where quarantined_at is null and due_at <= :now and (lease_until is null or lease_until <= :now)
                   and not exists (select 1 from outbox e where e.handler = c.handler and e.subject = c.subject
                                      and e.id < c.id and e.quarantined_at is null)
                 order by due_at, id for update skip locked limit :limit) due
         where o.id = due.id
     returning o.id, o.fact, o.handler, o.subject, o.payload, o.fence, o.attempts""",
        until=tx.now + LEASE, limit=limit,
    )  # fmt: skip


async def finish_followup(tx: Transaction, followup: Followup) -> bool:
    """Delete a claimed outbox row; False where another node has it by now."""
    sql = "delete from outbox where id = :id and fence = :fence"
    return await tx.execute(sql, id=followup.id, fence=followup.fence) == 1


async def fail_followup(tx: Transaction, followup: Followup, error: str, *, again_at: datetime | None) -> None:
    await tx.execute(
        """
        update outbox set last_error = :error, lease_until = null, due_at = coalesce(:again_at, due_at),
               quarantined_at = case when :again_at::timestamptz is null then :now::timestamptz end
         where id = :id and fence = :fence""",
        error=error[:2000], again_at=again_at, id=followup.id, fence=followup.fence,
    )  # fmt: skip


async def next_due(tx: Transaction) -> datetime | None:
    """When the next timer or outbox row is due: how long a loop may rest, how far a ManualClock may jump.

    A claimed row is due again when its lease ends.
    """
    at: datetime | None = await tx.value(
        """
        select least((select min(due_at) from timer where quarantined_at is null and lease_until is null),
                     (select min(lease_until) from timer where quarantined_at is null and lease_until is not null),
                     (select min(due_at) from outbox where quarantined_at is null and lease_until is null),
                     (select min(lease_until) from outbox where quarantined_at is null and lease_until is not null))"""
    )
    return at


async def beat(tx: Transaction, node: str, role: str, detail: dict[str, Any]) -> None:
    """This process finished a full green cycle."""
    await tx.execute(
        """
        insert into heartbeat (node, role, at, detail) values (:node, :role, :now, :detail)
            on conflict (node, role) do update set at = excluded.at, detail = excluded.detail""",
        node=node, role=role, detail=detail,
    )  # fmt: skip


async def last_beat(tx: Transaction, role: str) -> datetime | None:
    """The latest green cycle of any process with this role."""
    at: datetime | None = await tx.value("select max(at) from heartbeat where role = :role", role=role)
    return at


async def backlog(tx: Transaction) -> dict[str, Any]:
    """How much waits and for how long, for readiness and /metrics: counts, seconds overdue, set aside."""
    row = (await tx.rows(
        """
        select (select count(*) from timer where quarantined_at is null and due_at <= :now) as timers_due,
               (select count(*) from timer where quarantined_at is not null) as timers_quarantined,
               (select coalesce(extract(epoch from :now - min(due_at)), 0)::float8 from timer
                 where quarantined_at is null and due_at <= :now) as timer_lag_seconds,
               (select count(*) from outbox where quarantined_at is null) as followups_waiting,
               (select count(*) from outbox where quarantined_at is not null) as followups_quarantined,
               (select coalesce(extract(epoch from :now - min(due_at)), 0)::float8 from outbox
                 where quarantined_at is null and due_at <= :now) as followup_lag_seconds"""
    ))[0]  # fmt: skip
    return dict(row)
