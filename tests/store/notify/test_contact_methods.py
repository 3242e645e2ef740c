"""How people say where they can be reached."""

import base64
from datetime import timedelta
from typing import Any

import pytest

from rallypoint import access, notify
from rallypoint.access import Role
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Invalid, Refused
from rallypoint.notify import DeliveryState


class Box:
    """Stands for the vault: what matters here is that nothing else is stored."""

    def seal(self, text: str, bound_to: str) -> bytes:
        return bytes(reversed(f"{bound_to}|{text}".encode()))


def actor(person: access.Person) -> Actor:
    return Actor(
        kind=ActorKind.PERSON, name=person.name, origin="web", person_id=person.id,
        roles=frozenset(str(role) for role in person.roles),
    )  # fmt: skip


async def test_ones_own_address_counts_at_once_another_after_a_code(
    db: Database, bob: access.Person, phone: Any, clock: ManualClock
) -> None:
    async with db.transaction(actor(bob)) as tx:
        own = await notify.add_contact_method(tx, person_id=bob.id, kind="email", address="BOB@example.org")
        other = await notify.add_contact_method(tx, person_id=bob.id, kind="email", address="bob@home.example")
        again = await notify.add_contact_method(tx, person_id=bob.id, kind="email", address="Bob@Home.example")
        assert (own.usable, other.usable, again.id) == (True, False, other.id)
        sent = await notify.send_code(tx, other.id)
    assert sent.address == "bob@home.example"
    code = sent.title.split()[0]
    wrong = "000000" if code != "000000" else "111111"
    with pytest.raises(Invalid):
        async with db.transaction(actor(bob)) as tx:
            await notify.verify_contact_method(tx, other.id, wrong)
    with pytest.raises(Invalid):
        async with db.transaction(actor(bob)) as tx:
            await notify.verify_contact_method(tx, other.id, code)
    async with db.transaction(actor(bob)) as tx:
        code = (await notify.send_code(tx, other.id)).title.split()[0]
    clock.advance(timedelta(minutes=14))
    async with db.transaction(actor(bob)) as tx:
        assert (await notify.verify_contact_method(tx, other.id, f" {code} ")).usable


async def test_a_code_grows_old(db: Database, bob: access.Person, clock: ManualClock) -> None:
    async with db.transaction(actor(bob)) as tx:
        other = await notify.add_contact_method(tx, person_id=bob.id, kind="email", address="bob@home.example")
        code = (await notify.send_code(tx, other.id)).title.split()[0]
    clock.advance(timedelta(minutes=15))
    with pytest.raises(Invalid):
        async with db.transaction(actor(bob)) as tx:
            await notify.verify_contact_method(tx, other.id, code)


async def test_a_webhook_gets_a_secret_that_is_shown_once_and_kept_sealed(db: Database, bob: access.Person) -> None:
    async with db.transaction(actor(bob)) as tx:
        made = await notify.add_contact_method(
            tx, person_id=bob.id, kind="webhook", address="https://hooks.example.org/x", vault=Box()
        )
        assert made.secret is not None
        assert len(base64.b64decode(made.secret.removeprefix("whsec_"))) == 32
        assert [m.secret for m in await notify.contact_methods(tx, bob.id)] == [None, None]
        sealed = await tx.value("select sealed_secret from contact_method where id = :id", id=made.id)
    assert made.secret.encode() not in sealed


async def test_the_sealed_secret_reaches_the_channel_opened(db: Database, bob: access.Person, phone: Any) -> None:
    secret = "whsec_" + base64.b64encode(b"k" * 32).decode()
    async with db.transaction(SYSTEM) as tx:
        made = await notify.add_contact_method(
            tx, person_id=bob.id, kind="webhook", address="https://hooks.example.org/x", secret=secret, vault=Box(),
            verified=True,
        )  # fmt: skip
        await notify.send_test(tx, made.id)
    hook = type(phone)(kind="webhook")
    (lane,) = notify.lanes(
        db, {"webhook": hook}, unseal=lambda sealed: bytes(reversed(sealed)).decode().partition("|")[2]
    )
    while await lane.do():
        pass
    assert [m.secret for m in hook.received] == [secret]


@pytest.mark.parametrize(
    ("kind", "address", "words", "field"),
    [
        ("pigeon", "x", {}, "kind"),
        ("email", "not an address", {}, "address"),
        ("email", "a@example.org\r\nBcc: b@example.org", {}, "address"),
        ("webhook", "javascript:alert(1)", {"vault": Box()}, "address"),
        ("webhook", "https://user:pass@example.org/", {"vault": Box()}, "address"),
        ("webhook", "https://example.org/", {}, "secret"),
        ("webhook", "https://example.org/", {"vault": Box(), "secret": "whsec_short"}, "secret"),
        ("webhook", "https://example.org/", {"vault": Box(), "secret": "hunter2"}, "secret"),
    ],
)
async def test_what_cannot_be_reached_is_refused_by_field(
    db: Database, bob: access.Person, kind: str, address: str, words: dict[str, Any], field: str
) -> None:
    async with db.transaction(actor(bob)) as tx:
        with pytest.raises(Invalid) as wrong:
            await notify.add_contact_method(tx, person_id=bob.id, kind=kind, address=address, **words)
    assert [problem.field for problem in wrong.value.problems] == [field]


async def test_nobody_changes_how_somebody_else_is_reached(db: Database, bob: access.Person) -> None:
    async with db.transaction(SYSTEM) as tx:
        eve = await access.create_person(tx, name="Eve", email="eve@example.org", roles=[Role.MANAGER])
        ada = await access.create_person(tx, name="Ada", email="ada@example.org", roles=[Role.ADMIN])
        (mine,) = await notify.contact_methods(tx, bob.id)
    async with db.transaction(actor(eve)) as tx:
        for attempt in (
            notify.add_contact_method(tx, person_id=bob.id, kind="email", address="eve@example.org"),
            notify.remove_contact_method(tx, mine.id),
            notify.set_rules(tx, bob.id, "high", []),
            notify.send_code(tx, mine.id),
            notify.send_test(tx, mine.id),
        ):
            with pytest.raises(Refused):
                await attempt
    async with db.transaction(actor(ada)) as tx:
        made = await notify.add_contact_method(
            tx, person_id=bob.id, kind="email", address="bob@home.example", verified=True
        )
    assert made.usable


async def test_verified_is_not_ones_own_word(db: Database, bob: access.Person) -> None:
    async with db.transaction(actor(bob)) as tx:
        made = await notify.add_contact_method(
            tx, person_id=bob.id, kind="email", address="victim@example.org", verified=True
        )
    assert not made.usable


async def test_rules_are_replaced_as_a_whole_and_name_ones_own_methods(db: Database, bob: access.Person) -> None:
    async with db.transaction(actor(bob)) as tx:
        (phone,) = await notify.contact_methods(tx, bob.id)
        mail = await notify.add_contact_method(tx, person_id=bob.id, kind="email", address=bob.email)
        await notify.set_rules(tx, bob.id, "high", [(0, phone.id), (5, mail.id), (10, phone.id)])
        await notify.set_rules(tx, bob.id, "low", [(0, mail.id)])
        await notify.set_rules(tx, bob.id, "high", [(2, mail.id)])
        found = [(r.urgency, r.after_minutes, r.contact_method_id) for r in await notify.rules(tx, bob.id)]
        assert found == [("high", 2, mail.id), ("low", 0, mail.id)]
        with pytest.raises(Invalid):
            await notify.set_rules(tx, bob.id, "high", [(0, 999)])
        with pytest.raises(Invalid):
            await notify.set_rules(tx, bob.id, "sometimes", [])
        await notify.remove_contact_method(tx, mail.id)
        assert await notify.rules(tx, bob.id) == []


async def test_an_alarm_goes_by_every_loud_way_at_once(db: Database, bob: access.Person, phone: Any) -> None:
    async with db.transaction(SYSTEM) as tx:
        (first,) = await notify.contact_methods(tx, bob.id)
        mail = await notify.add_contact_method(tx, person_id=bob.id, kind="email", address=bob.email)
        await notify.set_rules(tx, bob.id, "high", [(0, first.id), (10, mail.id)])
        sent = await notify.alarm(tx, title="Unanswered P1", text="Nobody", incident=3, person_id=bob.id)
    assert [(d.method, d.due_at == d.created_at) for d in sent] == [("sandbox", True), ("email", True)]
    await notify.send_due(db, {"sandbox": phone})
    async with db.transaction(SYSTEM) as tx:
        items, _ = await notify.list_deliveries(tx, incident=3)
    assert {d.method: d.state for d in items} == {"email": DeliveryState.PENDING, "sandbox": DeliveryState.DELIVERED}
