"""Messages that are not pages: notices, questions to a reporter, updates, alarms, tests."""

from rallypoint import access, ids
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.notify import delivery_store, method_store, store
from rallypoint.notify.model import ContactMethod, Delivery, MethodKind, Purpose
from rallypoint.notify.rules import Planned, drill, plan

TITLE_MAX = 300


async def message(
    tx: Transaction,
    *,
    purpose: str,
    title: str,
    text: str,
    incident: int | None = None,
    person_id: int | None = None,
    address: str | None = None,
    url: str = "",
    person_name: str = "",
    contact_method: ContactMethod | None = None,
) -> Delivery:
    """Send one message: to an e-mail address, to a person's e-mail address, or by one given contact method.

    It goes out after the commit and is tried for about half an hour. `url` may begin with "/": a page of ours.
    """
    if person_id is not None and (not address or not person_name):
        person = await access.person(tx, person_id)
        address, person_name = address or person.email, person_name or person.name
    if contact_method is not None:
        address = contact_method.address
    if not address:
        raise Invalid("address", "a message needs a person or an address")
    delivery_id = await delivery_store.add(
        tx,
        reference=new_reference(),
        method=contact_method.kind if contact_method else MethodKind.EMAIL,
        contact_method_id=contact_method.id if contact_method else None,
        address=address,
        purpose=Purpose(purpose),
        title=one_line(title),
        text=text,
        url=url or (f"/i/{incident}" if incident is not None else ""),
        due_at=tx.now,
        reason="",
        incident=incident,
        person_id=person_id,
        person_name=person_name,
    )
    return await store.delivery(tx, delivery_id)


async def alarm(
    tx: Transaction,
    *,
    title: str,
    text: str,
    incident: int | None = None,
    person_id: int | None = None,
    address: str | None = None,
) -> list[Delivery]:
    """Tell a person by every method of their loudest rules at once, or an address: paging itself needs help."""
    if person_id is None:
        to = await message(tx, purpose=Purpose.ALARM, title=title, text=text, incident=incident, address=address)
        return [to]
    sent = []
    person = await access.person(tx, person_id)
    for way in await ways_to(tx, person, "high"):
        delivery_id = await delivery_store.add(
            tx, reference=new_reference(), method=way.kind, address=way.address, purpose=Purpose.ALARM,
            title=one_line(title), text=text, url=f"/i/{incident}" if incident is not None else "/",
            due_at=tx.now, reason=way.reason, incident=incident, person_id=person_id, person_name=person.name,
            contact_method_id=way.contact_method_id,
        )  # fmt: skip
        sent.append(await store.delivery(tx, delivery_id))
    return sent


async def ways_to(tx: Transaction, person: access.Person, urgency: str) -> tuple[Planned, ...]:
    """The deliveries that telling this person means, by their rules of this moment."""
    methods = await method_store.of_person(tx, person.id)
    rules = await method_store.rules_of(tx, person.id)
    return plan(urgency, rules=rules, methods=methods, email=person.email)


async def ways_of_drill(tx: Transaction, person: access.Person, urgency: str) -> tuple[Planned, ...]:
    """The same for a drill: the sandbox phone of those who have one."""
    return drill(await ways_to(tx, person, urgency), methods=await method_store.of_person(tx, person.id))


def new_reference() -> str:
    """The name by which the outside knows a delivery: the same for every try, so that a copy can be recognised."""
    return f"rp-{ids.token(26)}"


def one_line(title: str) -> str:
    line = " ".join(title.split())
    return line if len(line) <= TITLE_MAX else line[: TITLE_MAX - 1] + "…"
