"""Action items on the page of a retrospective, and what they follow in another tool."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from rallypoint import incidents, learning
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.house import House
from rallypoint.learning import elsewhere
from rallypoint.learning.following import Following, follow_due
from rallypoint.sync import connecting, store
from rallypoint.sync.lanes import Lanes
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.mapping import CreateRule, Mapping
from rallypoint.sync.ports import ValidationFailed
from tests.api.conftest import house_on
from tests.store.sync.conftest import FIELDS, STATUS
from tests.store.sync.desk import Desk
from tests.web.conftest import Window

Opens = Callable[..., AbstractAsyncContextManager[Window]]
PAGE = "/i/1/retrospective"


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db.clock.now)


@pytest.fixture
async def house(db: Database, dsn: str, tmp_path: Path, desk: Desk) -> AsyncIterator[House]:
    async with house_on(db, dsn, tmp_path, desk) as found:
        yield found


async def looked_back_on(house: House, bea: Window) -> None:
    """A resolved incident with an action item of Bea, and a desk with a mapping."""
    async with house.db.transaction(SYSTEM) as tx:
        number = (await incidents.open_incident(tx, title="Payments fail")).number
        await incidents.acknowledge(tx, number)
        await incidents.resolve(tx, number, resolution="Rolled back.")
        await learning.draw_up(tx, number)
        made = await connecting.connect(
            tx, house.tools, house.vault, key="desk", tool="desk", base_url="https://desk.example", name="Desk",
            secrets_={"password": "open sesame"},
        )  # fmt: skip
        mapping = Mapping(
            id=await store.new_mapping_id(tx), version=1, connection=made.connection.id, name="Tickets", fields=FIELDS,
            status=STATUS, create=CreateRule(project="desk", type="ticket"),
        )  # fmt: skip
        await store.save_mapping(tx, mapping, by="Mia")
    made_item = await bea.post(
        PAGE, what="item", title="Alert on the pool", owner_id=bea.person.id, due_on="2027-03-01", improves="tooling"
    )
    assert made_item.status_code == 303, made_item.text


async def pass_by(house: House) -> None:
    """What the engine would do now."""

    async def alarm(*_: object) -> None:
        raise AssertionError("nobody has to be told")

    lanes = Lanes(house.db, house.tools, house.vault, house.egress, base_url="", texts=PlainTexts(), alarm=alarm)
    following = Following(house.db, lanes, texts=PlainTexts(), base_url="https://rp.example")
    await follow_due(following)
    await lanes.drain()


def words(page: str) -> str:
    section = page[page.index('aria-labelledby="h-items"') :]
    return " ".join(re.sub(r"<[^>]+>", " ", section[: section.index("Add one")]).split())


async def test_it_is_sent_followed_and_parted(house: House, window: Opens, desk: Desk) -> None:
    async with window("Bea", "responder") as bea:
        await looked_back_on(house, bea)
        assert (await bea.post(PAGE + "/elsewhere", item=1, mapping=1)).headers["location"] == PAGE
        assert "is being created" in words((await bea.get(PAGE)).text)
        await pass_by(house)
        shown = (await bea.get(PAGE)).text
        assert 'href="https://desk.example/DESK-1"' in shown
        assert "DESK-1 Desk in step" in words(shown)
        told = (await bea.get(PAGE + ".md")).text
        assert "- [ ] Alert on the pool (Bea, due 2027-03-01) Desk DESK-1 https://desk.example/DESK-1" in told
        twice = await bea.post(PAGE + "/elsewhere", item=1, mapping=1)
        assert (twice.status_code, "follows an item elsewhere already" in twice.text) == (409, True)
        await bea.post(PAGE, what="change", item=1, title="Alert sooner", owner_id=bea.person.id, due_on="2027-04-01")
        await bea.post(PAGE, what="finish", item=1)
        await pass_by(house)
        assert (desk.tickets["T1"].fields["subject"], desk.tickets["T1"].fields["state"]) == ("Alert sooner", "closed")
        await bea.post(PAGE, what="reopen", item=1, reason="not yet")
        await bea.post(PAGE, what="part", item=1, reason="we do it here")
        assert "parted" in words((await bea.get(PAGE)).text)
        assert "we do it here" in words((await bea.get(PAGE)).text)
        await bea.post(PAGE, what="drop", item=1, reason="No pool, no alert.")
        await pass_by(house)
        assert desk.tickets["T1"].fields["state"] == "closed"


async def test_trouble_has_a_reason_and_a_way_out(house: House, window: Opens, desk: Desk) -> None:
    async with window("Bea", "responder") as bea:
        await looked_back_on(house, bea)
        desk.broken = ValidationFailed("Subject is <needed>.")
        await bea.post(PAGE + "/elsewhere", item=1, mapping=1)
        await pass_by(house)
        desk.broken = None
        shown = (await bea.get(PAGE)).text
        assert "Subject is &lt;needed&gt;." in shown
        assert "in error" in words(shown)
        assert "Try again" in words(shown)
        await bea.post(PAGE, what="again", item=1)
        await pass_by(house)
        assert "in step" in words((await bea.get(PAGE)).text)


async def test_one_that_is_there_is_followed_and_a_mistake_is_told_where_it_was_made(
    house: House, window: Opens, desk: Desk
) -> None:
    desk.add(subject="Pool alerts", state="open")
    async with window("Bea", "responder") as bea:
        await looked_back_on(house, bea)
        wrong = await bea.post(PAGE + "/elsewhere", what="elsewhere", item=1, mapping=1, remote_id="T99")
        assert wrong.status_code == 422
        assert 'value="T99"' in wrong.text
        assert "annot be read in Desk" in wrong.text
        assert (await bea.post(PAGE + "/elsewhere", item=1, mapping=1, remote_id="T1")).status_code == 303
        await pass_by(house)
        assert "DESK-1 Desk in step" in words((await bea.get(PAGE)).text)


async def test_what_was_typed_wrong_stays_in_its_own_form(house: House, window: Opens, desk: Desk) -> None:
    async with window("Bea", "responder") as bea:
        await looked_back_on(house, bea)
        wrong = await bea.post(PAGE, what="change", item=1, title="Sooner", owner_id=bea.person.id, due_on="soon")
        assert wrong.status_code == 422
        assert "ay by which day" in wrong.text
        assert wrong.text.count('value="Sooner"') == 1, "the form for another one is not filled with it"
        ids = re.findall(r' id="([^"]+)"', wrong.text)
        assert len(ids) == len(set(ids)), "a label leads to one field"
        assert (await bea.post(PAGE, what="drop", item=1, reason="")).status_code == 422
        assert (await bea.post(PAGE, what="drop", item=99, reason="gone")).status_code == 404


async def test_who_may_only_read_sees_it_and_changes_nothing(house: House, window: Opens, desk: Desk) -> None:
    async with window("Bea", "responder") as bea:
        await looked_back_on(house, bea)
        await bea.post(PAGE + "/elsewhere", item=1, mapping=1)
        await pass_by(house)
    async with window("Vic", "viewer") as vic:
        shown = (await vic.get(PAGE)).text
        assert "DESK-1" in shown
        assert "Send to another tool" not in shown
        assert (await vic.post(PAGE + "/elsewhere", item=1, mapping=1)).status_code == 403
    async with house.db.transaction(SYSTEM) as tx:
        assert (await elsewhere.standing(tx, 1)).state == "active"
