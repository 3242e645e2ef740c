"""*My page*: how one is reached, one's password."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from rallypoint import access, notify
from rallypoint.access.rules import FREE_FAILURES
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from tests.web.conftest import Window

Opens = Callable[..., AbstractAsyncContextManager[Window]]
NEW = "correct horse battery"


async def test_outside_the_demo_a_form_made_by_hand_adds_no_sandbox_phone(window: Opens, db: Database) -> None:
    async with window("Bea", "responder") as bea:
        refused = await bea.post("/me/methods", kind="sandbox", address="phone", label="mine")
        assert refused.status_code == 422
        assert "belongs to the demo" in refused.text
        async with db.transaction(SYSTEM) as tx:
            assert await notify.contact_methods(tx, bea.person.id) == []
        added = await bea.post("/me/methods", kind="email", address="bea@home.example", label="")
        assert added.status_code == 303, added.text


async def test_a_first_password_is_set_and_opens_the_door(window: Opens, db: Database) -> None:
    async with window("Bea", "responder") as here, window("Bea") as elsewhere:
        page = (await here.get("/me")).text
        assert 'name="current"' not in page, "there is none yet"
        assert (await elsewhere.get("/me")).status_code == 200
        answer = await here.post("/me/password", new=NEW, again=NEW)
        assert answer.status_code == 303, answer.text
        assert (await elsewhere.get("/me")).status_code != 200, "signed out"
        page = (await here.get("/me")).text
        assert 'name="current"' in page, "the session that set it goes on, under a new token"
        answer = await elsewhere.post("/signin", email="bea@example.com", password=NEW)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
    async with db.transaction(SYSTEM) as tx:
        entries, _ = await access.audit_entries(tx)
    (set_once,) = (entry for entry in entries if entry.action == "password set")
    assert (set_once.actor_name, set_once.subject) == ("Bea", f"person:{here.person.id}")


async def test_who_has_a_password_types_it_first(window: Opens, db: Database) -> None:
    async with window("Bea", "viewer") as bea:
        async with db.transaction(SYSTEM) as tx:
            await access.set_password(tx, bea.person.id, "the old one")
    async with window("Bea") as bea:
        for current in ("", "not it"):
            refused = await bea.post("/me/password", current=current, new=NEW, again=NEW)
            assert refused.status_code == 422
            assert "Is not your password" in refused.text
            assert NEW not in refused.text
        answer = await bea.post("/me/password", current="the old one", new=NEW, again=NEW)
        assert answer.status_code == 303


async def test_each_fault_of_a_new_password_stands_beside_its_field(window: Opens) -> None:
    async with window("Bea", "viewer") as bea:
        for new, again, told in [
            ("short", "short", {"password-new-wrong": "Must have 8 to 256 characters"}),
            (NEW, NEW + " ", {"password-again-wrong": "Is not the same as the new one"}),
            ("a\ttab in it", "a\ttab in it", {"password-new-wrong": "Has control characters in it"}),
            ("x" * 257, "y", {"password-new-wrong": "Must have", "password-again-wrong": "Is not the same"}),
        ]:
            refused = await bea.post("/me/password", new=new, again=again)
            assert refused.status_code == 422
            for place, reason in told.items():
                assert reason in refused.text.partition(f'id="{place}"')[2][:400], (new, place)
        assert (await bea.get("/me")).status_code == 200, "nobody was signed out by a mistake"


async def test_guessing_the_current_password_has_to_wait(window: Opens, db: Database) -> None:
    async with window("Bea", "viewer") as bea:
        async with db.transaction(SYSTEM) as tx:
            await access.set_password(tx, bea.person.id, "the old one")
    async with window("Bea") as bea:
        for _ in range(FREE_FAILURES + 1):
            assert (await bea.post("/me/password", current="a guess", new=NEW, again=NEW)).status_code == 422
        held_off = await bea.post("/me/password", current="the old one", new=NEW, again=NEW)
        assert held_off.status_code == 403
        assert "too many failed tries" in held_off.text
        async with db.transaction(SYSTEM) as tx:
            assert (await access.audit_entries(tx))[0][0].action != "password set"


async def test_a_blank_at_the_end_of_a_password_belongs_to_it(window: Opens) -> None:
    async with window("Bea", "viewer") as bea:
        assert (await bea.post("/me/password", new=NEW + " ", again=NEW + " ")).status_code == 303
    async with window("Ann", "viewer") as ann:
        ann.http.cookies.clear()
        assert (await ann.post("/signin", email="bea@example.com", password=NEW)).status_code == 403
        assert (await ann.post("/signin", email="bea@example.com", password=NEW + " ")).status_code == 303
