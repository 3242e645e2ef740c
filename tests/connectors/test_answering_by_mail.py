"""From a page's mail to the record: what somebody answers is done in that person's name."""

import re

import pytest

from rallypoint import access, incidents, notify, oncall
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.catalog import create_service
from rallypoint.connectors.smtp import read_reply
from rallypoint.connectors.smtp.letter import letter
from rallypoint.db import Database
from rallypoint.edges.mail import answer
from rallypoint.errors import NotFound, RallypointError
from rallypoint.notify.ports import Outgoing, Receipt


class Mailbox:
    kind = "email"

    def __init__(self) -> None:
        self.received: list[Outgoing] = []

    async def send(self, message: Outgoing) -> Receipt:
        self.received.append(message)
        return Receipt(delivered=False)


async def paged(db: Database) -> tuple[int, str]:
    """Bea is paged by mail; the incident and the address that her answer goes to."""
    async with db.transaction(SYSTEM) as tx:
        bea = await access.create_person(tx, name="Bea", email="bea@example.org", roles=[Role.RESPONDER])
        await create_service(tx, key="payments", name="payments", domain="production")
        await oncall.create_policy(tx, key="p", name="p", steps=[{"after_minutes": 0, "targets": [("person", bea.id)]}])
        await oncall.assign_policy(tx, "payments", "p")
        number = (await incidents.open_incident(tx, title="Card payments fail", service="payments")).number
    mailbox = Mailbox()
    await notify.send_due(db, {"email": mailbox})
    mails = [letter(m, sender="Rallypoint <pager@example.org>", replies=True) for m in mailbox.received if m.token]
    return number, re.findall(r"pager\+\w+@example.org", str(mails[0]["Reply-To"]))[0]


async def says(db: Database, address: str, text: str) -> None:
    reply = read_reply(f"From: bea@example.org\nTo: {address}\n\n{text}\n".encode())
    assert reply is not None
    await answer(db, reply)


async def test_ack_by_mail_takes_the_incident_in_beas_name(db: Database) -> None:
    number, address = await paged(db)
    await says(db, address, "Ack, looking at the pool")
    async with db.transaction(SYSTEM) as tx:
        incident = await incidents.incident(tx, number)
        entries, _ = await incidents.timeline(tx, number)
        views = await notify.pages_of(tx, number)
    assert incident.acknowledged_by == "Bea"
    assert "looking at the pool" in [e.text for e in entries]
    assert [v.page.state for v in views] == [notify.PageState.ACKNOWLEDGED]


async def test_resolve_by_mail_carries_its_words(db: Database) -> None:
    number, address = await paged(db)
    await says(db, address, "ack")
    await says(db, address, "resolve: restarted the pool")
    async with db.transaction(SYSTEM) as tx:
        assert (await incidents.incident(tx, number)).resolution == "restarted the pool"


async def test_anything_else_is_a_note(db: Database) -> None:
    number, address = await paged(db)
    await says(db, address, "Not mine, ask Platform.")
    async with db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, number)
        assert (await incidents.incident(tx, number)).acknowledged_at is None
    assert "Not mine, ask Platform." in [e.text for e in entries]


async def test_an_empty_or_made_up_answer_is_refused(db: Database) -> None:
    _, address = await paged(db)
    with pytest.raises(RallypointError):
        await says(db, address, "")
    with pytest.raises(NotFound):
        await says(db, f"pager+{'a' * 32}@example.org", "ack")
