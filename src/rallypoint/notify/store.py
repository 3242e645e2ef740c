"""SQL for pages, their gate, and reading deliveries."""

from rallypoint.db import Transaction
from rallypoint.notify.model import Delivery, Page

# A page's state follows from its deliveries and the gate; it is kept nowhere, so it cannot be wrong.
PAGE = """
    select p.id, p.incident, p.run_id, p.epoch, p.step, p.person_id, p.person_name, p.why, p.title, p.text, p.urgency,
           p.drill, p.created_at, p.acknowledged_at, gate.moved_at as voided_at,
           case when p.acknowledged_at is not null then 'acknowledged'
                when d.delivered then 'delivered'
                when d.sent then 'sent'
                when gate.moved_at is not null then 'voided'
                when d.pending then 'pending'
                else 'failed' end as state
      from page p
      cross join lateral (select min(g.moved_at) as moved_at from page_gate g
                           where g.incident = p.incident and g.epoch > p.epoch) gate
      cross join lateral (select bool_or(state = 'delivered') as delivered, bool_or(state = 'sent') as sent,
                                 bool_or(state in ('pending', 'sending')) as pending
                            from delivery where page_id = p.id) d"""

# A delivery that waits behind the gate is void, whether or not a claim has met it yet.
DELIVERY = """
    select id, reference, page_id, incident, person_id, person_name, method, address, purpose, title, text, url,
           case when state = 'pending' and exists (select 1 from page_gate g
                                                    where g.incident = d.incident and g.epoch > d.epoch)
                then 'voided' else state end as state,
           reason, due_at, attempts, created_at, sent_at, delivered_at, last_error
      from delivery d"""


async def gate(tx: Transaction, incident: int) -> int:
    """The epoch that new pages of this incident carry."""
    epoch: int = await tx.value(
        "select coalesce(max(epoch), 1) from page_gate where incident = :incident", incident=incident
    )
    return epoch


async def move_gate(tx: Transaction, incident: int, epoch: int) -> None:
    """Pages below this epoch are void from now on. The one row that silences everything pending."""
    await tx.execute(
        """
        insert into page_gate (incident, epoch, moved_at) values (:incident, :epoch, :now)
            on conflict (incident, epoch) do nothing""",
        incident=incident, epoch=epoch,
    )  # fmt: skip


async def add_page(
    tx: Transaction,
    *,
    incident: int,
    run_id: int,
    epoch: int,
    step: int,
    person_id: int,
    person_name: str,
    why: str,
    title: str,
    text: str,
    urgency: str,
    token_hash: bytes,
    drill: bool,
) -> int:
    page_id: int = await tx.value(
        """
        insert into page (incident, run_id, epoch, step, person_id, person_name, why, title, text, urgency,
                          token_hash, drill, created_at)
        values (:incident, :run_id, :epoch, :step, :person_id, :person_name, :why, :title, :text, :urgency,
                :token_hash, :drill, :now) returning id""",
        incident=incident, run_id=run_id, epoch=epoch, step=step, person_id=person_id, person_name=person_name,
        why=why, title=title, text=text, urgency=urgency, token_hash=token_hash, drill=drill,
    )  # fmt: skip
    return page_id


async def page(tx: Transaction, page_id: int) -> Page:
    return await tx.one(Page, f"{PAGE} where p.id = :id", missing=("page", page_id), id=page_id)


async def page_by_token(tx: Transaction, token_hash: bytes) -> Page | None:
    return await tx.maybe(Page, f"{PAGE} where p.token_hash = :token_hash", token_hash=token_hash)


async def pages_of(tx: Transaction, incident: int) -> list[Page]:
    """All pages of an incident, oldest first."""
    return await tx.fetch(Page, f"{PAGE} where p.incident = :incident order by p.id", incident=incident)


async def pages_of_step(tx: Transaction, run_id: int, step: int) -> list[Page]:
    return await tx.fetch(
        Page, f"{PAGE} where p.run_id = :run_id and p.step = :step order by p.id", run_id=run_id, step=step
    )


async def recent_pages(tx: Transaction, *, person_id: int | None, before: int, limit: int) -> list[Page]:
    """Newest first; of one person, or of everybody."""
    return await tx.fetch(
        Page,
        f"""{PAGE} where p.id < :before and (:person_id::bigint is null or p.person_id = :person_id)
            order by p.id desc limit :limit""",
        person_id=person_id, before=before, limit=limit,
    )  # fmt: skip


async def acknowledge(tx: Transaction, run_id: int, person_id: int) -> int:
    """The pages of this run that this person had are answered."""
    return await tx.execute(
        """
        update page set acknowledged_at = :now
         where run_id = :run_id and person_id = :person_id and acknowledged_at is null""",
        run_id=run_id, person_id=person_id,
    )  # fmt: skip


async def deliveries_of_pages(tx: Transaction, page_ids: list[int]) -> list[Delivery]:
    return await tx.fetch(Delivery, f"{DELIVERY} where page_id = any(:ids::bigint[]) order by id", ids=page_ids)


async def delivery(tx: Transaction, delivery_id: int) -> Delivery:
    return await tx.one(Delivery, f"{DELIVERY} where id = :id", missing=("delivery", delivery_id), id=delivery_id)


async def deliveries(tx: Transaction, *, incident: int | None, before: int, limit: int) -> list[Delivery]:
    """Newest first; of one incident, or all."""
    return await tx.fetch(
        Delivery,
        f"""{DELIVERY} where id < :before and (:incident::bigint is null or incident = :incident)
            order by id desc limit :limit""",
        incident=incident, before=before, limit=limit,
    )  # fmt: skip
