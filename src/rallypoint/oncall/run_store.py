"""SQL for paging runs, and the query that says whether any of them has lost its timer."""

import msgspec

from rallypoint.db import Transaction
from rallypoint.oncall.model import About, EscalationPolicy, PagingRun

RUN = """
    select id, incident, state, epoch, turn, step, cycle, paged, heard, policy, about, why, started_at, wake_at,
           alarmed_at, ended_at from paging_run"""


async def start(
    tx: Transaction, *, incident: int, epoch: int, policy: EscalationPolicy, about: About, why: str
) -> PagingRun | None:
    """A new run, stamped with a copy of the policy; None where one is live (index paging_run_live)."""
    return await tx.maybe(
        PagingRun,
        """
        insert into paging_run (incident, state, epoch, policy, about, why, started_at)
        values (:incident, 'running', :epoch, :policy, :about, :why, :now)
            on conflict (incident) where state in ('running', 'exhausted') do nothing
     returning id, incident, state, epoch, turn, step, cycle, paged, heard, policy, about, why, started_at, wake_at,
               alarmed_at, ended_at""",
        incident=incident, epoch=epoch, policy=msgspec.to_builtins(policy), about=msgspec.to_builtins(about), why=why,
    )  # fmt: skip


async def live_run(tx: Transaction, incident: int) -> PagingRun | None:
    """The live run of an incident, locked until the end of the transaction."""
    return await tx.maybe(
        PagingRun,
        f"{RUN} where incident = :incident and state in ('running', 'exhausted') for no key update",
        incident=incident,
    )


async def run(tx: Transaction, run_id: int) -> PagingRun | None:
    return await tx.maybe(PagingRun, f"{RUN} where id = :id", id=run_id)


async def runs_of(tx: Transaction, incident: int) -> list[PagingRun]:
    """Oldest first."""
    return await tx.fetch(PagingRun, f"{RUN} where incident = :incident order by id", incident=incident)


async def save(tx: Transaction, run: PagingRun) -> None:
    """Write down where a run stands. The caller holds its lock."""
    await tx.execute(
        """
        update paging_run set state = :state, epoch = :epoch, turn = :turn, step = :step, cycle = :cycle,
               paged = :paged, heard = :heard, about = :about, why = :why, wake_at = :wake_at,
               alarmed_at = :alarmed_at, ended_at = :ended_at
         where id = :id""",
        id=run.id, state=str(run.state), epoch=run.epoch, turn=run.turn, step=run.step, cycle=run.cycle,
        paged=list(run.paged), heard=run.heard, about=msgspec.to_builtins(run.about), why=str(run.why),
        wake_at=run.wake_at, alarmed_at=run.alarmed_at, ended_at=run.ended_at,
    )  # fmt: skip


async def unanswered(tx: Transaction) -> list[PagingRun]:
    """Live runs that ran out of people: what the loud banner shows."""
    return await tx.fetch(PagingRun, f"{RUN} where state = 'exhausted' order by id")


async def orphans(tx: Transaction) -> list[int]:
    """Runs nobody would ever look at again: the invariant of paging as one query. Empty is well.

    An unanswered run has exactly one live timer, the one its turn names; or it is exhausted and the fallback was
    alarmed. A timer that was set aside after failing, or that belongs to an earlier turn, is not live.
    """
    rows = await tx.rows(
        """
        select r.id from paging_run r
         where (r.state = 'running'
                and 1 <> (select count(*) from timer t
                           where t.kind = 'paging.step' and t.subject = 'run:' || r.id || ':' || r.turn
                             and t.epoch = r.epoch and t.quarantined_at is null))
            or (r.state = 'exhausted' and r.alarmed_at is null)
         order by r.id"""
    )
    return [row["id"] for row in rows]


async def drop_timer(tx: Transaction, subject: str) -> None:
    """Tidy a timer away that means nothing any more, unless an engine holds it: never wait for it.

    Waiting would turn the order of locks around (an engine holds timers while it waits for the incident), and a
    timer left behind is harmless: it fires once, finds its turn over and does nothing.
    """
    await tx.execute(
        """
        delete from timer where id in (select id from timer where kind = 'paging.step' and subject = :subject
                                          for update skip locked)""",
        subject=subject,
    )  # fmt: skip
