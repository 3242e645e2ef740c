"""SQL that moves deliveries: make, claim under lease and fence, record under the fence."""

from datetime import datetime

from rallypoint.db import Transaction
from rallypoint.notify.model import SEND_LEASE, Claim
from rallypoint.notify.rules import PAGE_TRIES, Verdict


async def add(
    tx: Transaction,
    *,
    reference: str,
    method: str,
    address: str,
    purpose: str,
    title: str,
    text: str,
    url: str,
    due_at: datetime,
    reason: str,
    page_id: int | None = None,
    incident: int | None = None,
    epoch: int | None = None,
    person_id: int | None = None,
    person_name: str = "",
    contact_method_id: int | None = None,
    token: str | None = None,
) -> int:
    delivery_id: int = await tx.value(
        """
        insert into delivery (reference, page_id, incident, epoch, person_id, person_name, method, contact_method_id,
                              address, purpose, title, text, url, token, reason, due_at, created_at)
        values (:reference, :page_id, :incident, :epoch, :person_id, :person_name, :method, :contact_method_id,
                :address, :purpose, :title, :text, :url, :token, :reason, :due_at, :now) returning id""",
        reference=reference, page_id=page_id, incident=incident, epoch=epoch, person_id=person_id,
        person_name=person_name, method=method, contact_method_id=contact_method_id, address=address,
        purpose=purpose, title=title, text=text, url=url, token=token, reason=reason, due_at=due_at,
    )  # fmt: skip
    if due_at <= tx.now:
        tx.hint("delivery", f"delivery:{method}")
    return delivery_id


async def claim(tx: Transaction, method: str, *, limit: int) -> list[Claim]:
    """Deliveries of one lane that are due and that no one holds. The claim raises the fence and counts the attempt.

    The same statement looks at the gate: what an acknowledgement has made void becomes 'voided' here and is never
    sent. A delivery whose lease ran out while 'sending' has an unknown outcome and is sent again, as long as tries
    are left. Only rows that come back as 'sending' are to be sent.
    """
    return await tx.fetch(
        Claim,
        """
        with due as (
            select d.id, d.page_id, d.state as was, d.purpose = 'page' and d.attempts >= :tries as spent,
                   exists (select 1 from page_gate g where g.incident = d.incident and g.epoch > d.epoch) as void,
                   m.disabled_at is not null as disabled, m.sealed_secret
              from delivery d left join contact_method m on m.id = d.contact_method_id
             where d.method = :method and d.state in ('pending', 'sending') and d.due_at <= :now
               and (d.state = 'pending' or d.lease_until <= :now)
             order by d.due_at, d.id limit :limit for update of d skip locked),  -- nodes never wait for each other
        decided as (
            select due.*, case when was = 'sending' and (void or spent) then 'unknown'
                               when void or disabled then 'voided'
                               else 'sending' end as becomes from due)
        update delivery d
           set state = becomes, fence = d.fence + 1,
               lease_until = case when becomes = 'sending' then :until::timestamptz end,
               attempts = d.attempts + case when becomes = 'sending' then 1 else 0 end,
               unknowns = d.unknowns + case when was = 'sending' then 1 else 0 end,
               token = case when becomes = 'sending' then d.token end,
               reason = case when was = 'sending' and becomes = 'sending'
                                  then 'The outcome of a try is not known, so it is sent again with the same reference.'
                             when was = 'sending' then 'The outcome of the last try is not known. It may have arrived.'
                             when void then 'No longer needed: the incident was answered first.'
                             when disabled then 'The contact method was switched off.'
                             else d.reason end
          from decided left join page p on p.id = decided.page_id
         where d.id = decided.id
     returning d.id, d.fence, d.reference, d.state, d.page_id, d.incident, d.person_id, d.person_name, d.method,
               d.address, d.purpose, d.title, d.text, d.url, d.token, decided.sealed_secret, d.reason, d.attempts,
               d.unknowns, p.why, p.urgency, p.run_id, p.step""",
        method=method, limit=limit, until=tx.now + SEND_LEASE, tries=PAGE_TRIES,
    )  # fmt: skip


async def record(tx: Transaction, claim: Claim, verdict: Verdict, *, error: str, provider_reference: str) -> bool:
    """Write down how a try went, under the fence it was claimed with; False where another node has it by now.

    The raw token goes as soon as the delivery is over.
    """
    done = await tx.execute(
        """
        update delivery
           set state = :state, reason = :reason, due_at = coalesce(:due_at, due_at), lease_until = null,
               unknowns = unknowns + :unknown::int, last_error = :error,
               provider_reference = :provider_reference,
               token = case when :state in ('pending', 'sending') then token end,
               sent_at = case when :state in ('sent', 'delivered') then :now else sent_at end,
               delivered_at = case when :state = 'delivered' then :now else delivered_at end
         where id = :id and fence = :fence and state = 'sending'""",
        state=str(verdict.state), reason=verdict.reason, due_at=verdict.due_at, error=error[:2000],
        unknown=int(verdict.unknown), provider_reference=provider_reference[:500], id=claim.id, fence=claim.fence,
    )  # fmt: skip
    return done == 1


async def give_back(tx: Transaction, claim: Claim) -> None:
    """Undo a claim that led to no try."""
    await tx.execute(
        """
        update delivery set state = 'pending', lease_until = null, attempts = attempts - 1
         where id = :id and fence = :fence and state = 'sending'""",
        id=claim.id, fence=claim.fence,
    )  # fmt: skip


async def alone_with(tx: Transaction, page_id: int) -> None:
    """Let results of one page be recorded one after the other, so that the last failure knows that it is the last.

    An advisory lock and not the page's row, because acknowledging writes that row while it holds the incident, and
    recording announces to the incident: two orders would be a deadlock.
    """
    await tx.execute("select pg_advisory_xact_lock(hashtext('page.record'), (:page_id::bigint % 2147483647)::int)",
                     page_id=page_id)  # fmt: skip


async def hurry_next(tx: Transaction, page_id: int, reason: str) -> str | None:
    """Make the next waiting delivery of a page due now; its method, or None where none waits."""
    method: str | None = await tx.value(
        """
        update delivery set due_at = least(due_at, :now), reason = :reason
         where id = (select id from delivery where page_id = :page_id and state = 'pending'
                      order by due_at, id limit 1 for update skip locked)
     returning method""",
        page_id=page_id, reason=reason,
    )  # fmt: skip
    return method


async def all_failed(tx: Transaction, page_id: int) -> bool:
    """No delivery of this page has arrived, is on its way, or still waits."""
    return bool(
        await tx.value(
            """
            select bool_and(state in ('failed', 'unknown', 'voided')) and bool_or(state in ('failed', 'unknown'))
              from delivery where page_id = :page_id""",
            page_id=page_id,
        )
    )


async def next_due(tx: Transaction, method: str) -> datetime | None:
    """When this lane has something to do next."""
    at: datetime | None = await tx.value(
        """
        select min(case when state = 'pending' then due_at else lease_until end)
          from delivery where method = :method and state in ('pending', 'sending')""",
        method=method,
    )
    return at


async def backlog(tx: Transaction) -> dict[str, dict[str, float]]:
    """Per kind: how many deliveries are overdue and by how many seconds, for readiness and /metrics."""
    rows = await tx.rows(
        """
        select method, count(*) as waiting, extract(epoch from :now - min(due_at))::float8 as lag_seconds
          from delivery where state = 'pending' and due_at <= :now group by method"""
    )
    return {row["method"]: {"waiting": row["waiting"], "lag_seconds": row["lag_seconds"]} for row in rows}
