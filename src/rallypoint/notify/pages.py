"""Paging a person, making pages void, and reading them."""

from rallypoint import access, ids, paging_cursor
from rallypoint.db import Transaction
from rallypoint.errors import NotFound
from rallypoint.notify import delivery_store, store
from rallypoint.notify.messages import new_reference, one_line, ways_of_drill, ways_to
from rallypoint.notify.model import Delivery, Page, PageView, Purpose

TOKEN_LENGTH = 32
"""160 bits. Lower-case letters and digits only, because it also travels in the reply address of a mail."""

NEWEST = 2**62


async def page_person(
    tx: Transaction,
    *,
    person_id: int,
    incident: int,
    run_id: int,
    epoch: int,
    step: int,
    why: str,
    title: str,
    text: str,
    urgency: str,
    drill: bool = False,
) -> Page:
    """Page a person: the page and all its deliveries, by the person's rules of this moment, in this transaction.

    The page's token opens the acknowledge page and answers a mail. The page keeps only its hash. The raw token stands
    in the deliveries until each is over: a delivery whose outcome is unknown has to be sent again, with its link.
    A drill reaches the sandbox phone of those who have one (in the demo), and everybody else like any page.
    """
    person = await access.person(tx, person_id)
    token = ids.token(TOKEN_LENGTH)
    page_id = await store.add_page(
        tx,
        incident=incident,
        run_id=run_id,
        epoch=epoch,
        step=step,
        person_id=person_id,
        person_name=person.name,
        why=why,
        title=one_line(title),
        text=text,
        urgency=urgency,
        token_hash=ids.digest(token),
        drill=drill,
    )
    for way in await (ways_of_drill if drill else ways_to)(tx, person, urgency):
        await delivery_store.add(
            tx,
            reference=new_reference(),
            method=way.kind,
            address=way.address,
            purpose=Purpose.PAGE,
            title=one_line(title),
            text=text,
            url=f"/i/{incident}",
            due_at=tx.now + way.after,
            reason=way.reason,
            page_id=page_id,
            incident=incident,
            epoch=epoch,
            person_id=person_id,
            person_name=person.name,
            contact_method_id=way.contact_method_id,
            token=token,
        )
    return await store.page(tx, page_id)


async def gate(tx: Transaction, incident: int) -> int:
    """The epoch that new pages of this incident carry."""
    return await store.gate(tx, incident)


async def void(tx: Transaction, incident: int, epoch: int) -> None:
    """Everything pending below this epoch is void from now on. One row says so; no page or delivery is touched."""
    await store.move_gate(tx, incident, epoch)
    tx.hint(f"incident:{incident}")


async def answered(tx: Transaction, run_id: int, person_id: int) -> int:
    """This person answered: their pages of the run count as acknowledged. Returns how many there were."""
    return await store.acknowledge(tx, run_id, person_id)


async def page_by_token(tx: Transaction, token: str) -> Page:
    """The page that a link or a reply address belongs to; NotFound for a token we never gave out."""
    found = await store.page_by_token(tx, ids.digest(token))
    if found is None:
        raise NotFound("page", "with this link")
    return found


async def pages_of(tx: Transaction, incident: int) -> list[PageView]:
    """Who was paged about an incident, why, by which ways, and how far each message got. Oldest first."""
    return await _with_deliveries(tx, await store.pages_of(tx, incident))


async def my_pages(tx: Transaction, person_id: int, *, limit: int = 20) -> list[PageView]:
    """A person's pages: those that still wait for an answer first, then the newest."""
    pages = await store.recent_pages(tx, person_id=person_id, before=NEWEST, limit=limit)
    return await _with_deliveries(tx, sorted(pages, key=lambda page: not page.live))


async def recent_pages(
    tx: Transaction, *, cursor: str | None = None, limit: int = 50
) -> tuple[list[PageView], str | None]:
    """Everybody's pages, newest first."""
    before = paging_cursor.number(cursor) if cursor else NEWEST
    pages = await store.recent_pages(tx, person_id=None, before=before, limit=limit + 1)
    more = paging_cursor.encode([pages[limit - 1].id]) if len(pages) > limit else None
    return await _with_deliveries(tx, pages[:limit]), more


async def list_deliveries(
    tx: Transaction, *, incident: int | None = None, cursor: str | None = None, limit: int = 50
) -> tuple[list[Delivery], str | None]:
    """Every message that went out or is to, newest first."""
    before = paging_cursor.number(cursor) if cursor else NEWEST
    found = await store.deliveries(tx, incident=incident, before=before, limit=limit + 1)
    more = paging_cursor.encode([found[limit - 1].id]) if len(found) > limit else None
    return found[:limit], more


async def _with_deliveries(tx: Transaction, pages: list[Page]) -> list[PageView]:
    by_page: dict[int | None, list[Delivery]] = {}
    for delivery in await store.deliveries_of_pages(tx, [page.id for page in pages]):
        by_page.setdefault(delivery.page_id, []).append(delivery)
    return [PageView(page=page, deliveries=tuple(by_page.get(page.id, ()))) for page in pages]
