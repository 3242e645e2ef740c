"""The sandbox phone on a real database: it shows what the person would have got, and counts copies."""

from rallypoint.actors import SYSTEM
from rallypoint.connectors.sandbox import Sandbox, inbox
from rallypoint.db import Database
from rallypoint.notify.ports import Outgoing


async def test_the_phone_shows_each_message_once_and_counts_copies(db: Database) -> None:
    phone = Sandbox(db)
    first = Outgoing(
        reference="rp-1", address="bea", title="P1", text="down", url="http://x/i/1", ack_url="http://x/p/t",
        incident=1,
        person_id=7, person_name="Bea",
    )  # fmt: skip
    assert (await phone.send(first)).delivered
    await phone.send(first)
    await phone.send(Outgoing(reference="rp-2", address="bob", title="P2", text="slow", person_id=8, person_name="Bob"))
    async with db.transaction(SYSTEM) as tx:
        everybody, bea = await inbox(tx), await inbox(tx, 7)
    assert [m.reference for m in everybody] == ["rp-2", "rp-1"]
    assert [(m.times, m.ack_url, m.person_name) for m in bea] == [(2, "http://x/p/t", "Bea")]


async def test_the_phone_may_stand_in_for_a_mail_server(db: Database) -> None:
    assert Sandbox(db, kind="email").kind == "email"
