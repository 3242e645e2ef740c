"""A family of incidents is a family of work items: said on any side, it is so on every side where both are linked."""

from dataclasses import replace

import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.connectors.trackers import TOOLS
from rallypoint.emulators.azure_devops import ENGINEER, AzureDevOps
from rallypoint.emulators.azure_devops.organization import Item
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.sync import linking, store
from rallypoint.sync.mapping import LinkRule
from rallypoint.sync.setting_up import SetUp, bare_rules
from rallypoint.sync.texts import Texts
from tests.stories.test_service_desk_elsewhere import Desk
from tests.stories.test_ten_steps import both

__all__ = ["both"]

PARENT, RELATED = "System.LinkTypes.Hierarchy-Reverse", "System.LinkTypes.Related"


class Family:
    """Three incidents, each with a record at the desk and a work item."""

    def __init__(self, desk: Desk, works: AzureDevOps, numbers: dict[str, int], records: dict[str, str]) -> None:
        self.desk, self.works, self.numbers, self.records = desk, works, numbers, records

    def item(self, name: str) -> Item:
        return next(one for one in self.works.organization.items.values() if one.last.fields["System.Title"] == name)

    def at_work(self, name: str, rel: str) -> set[str]:
        ids = {one.id: str(one.last.fields["System.Title"]) for one in self.works.organization.items.values()}
        rows = (row for row in self.item(name).last.relations if row["rel"] == rel)
        return {ids[int(row["url"].rsplit("/", 1)[1])] for row in rows}

    def at_the_desk(self, name: str) -> str:
        parent = self.desk.row(self.records[name])["parent_incident"]
        return next((title for title, sys_id in self.records.items() if sys_id == parent), "")

    async def here(self, name: str) -> set[tuple[str, str]]:
        async with self.desk.db.transaction(SYSTEM) as tx:
            found = await incidents.relations(tx, self.numbers[name])
        return {(incidents.tie_of(one).value, one.title) for one in found}

    async def relate(self, name: str, tie: str, other: str) -> None:
        to = self.numbers[other]
        await self.desk.do(self.desk.them.responder, "relate", self.numbers[name], to=to, tie=tie)

    def engineer(self, name: str, rel: str, other: str) -> None:
        organization = self.works.organization
        value = {"rel": rel, "url": f"https://x.example/_apis/wit/workItems/{self.item(other).id}"}
        operations = [{"op": "add", "path": "/relations/-", "value": value}]
        organization.update(self.item(name), operations, organization.users[ENGINEER])

    def engineer_parts(self, name: str, rel: str) -> None:
        rows = self.item(name).last.relations
        place = next(place for place, row in enumerate(rows) if row["rel"] == rel)
        organization = self.works.organization
        operations = [{"op": "remove", "path": f"/relations/{place}"}]
        organization.update(self.item(name), operations, organization.users[ENGINEER])

    async def told(self, name: str) -> list[str]:
        async with self.desk.db.transaction(SYSTEM) as tx:
            entries, _ = await incidents.timeline(tx, self.numbers[name], limit=1000)
        return [f"{entry.text}: {entry.reason}" for entry in entries if entry.data.get("notice") == "relation"]

    async def expect_rest(self) -> None:
        await self.desk.sync()
        before = self.desk.there.faults.acts + self.works.faults.acts
        await self.desk.sync(3)
        assert self.desk.there.faults.acts + self.works.faults.acts == before


@pytest.fixture
async def family(both: tuple[Desk, AzureDevOps]) -> Family:
    desk, works = both
    async with desk.db.transaction(desk.them.manager) as tx:
        for one in await store.mappings(tx):
            rule = LinkRule(parents=True, related=True)
            await store.save_mapping(tx, replace(one, version=2, links=rule), by="Mia")
    await desk.sync(1)
    records = {
        name: desk.log(short_description=name, impact="3", urgency="3")["sys_id"] for name in ("Shop", "Cart", "Card")
    }
    await desk.sync()
    async with desk.db.transaction(SYSTEM) as tx:
        rows, _ = await incidents.board(tx, limit=5)
    return Family(desk, works, {row.incident.title: row.incident.number for row in rows}, records)


async def test_said_here_it_is_so_everywhere_and_taken_back_it_is_gone(family: Family) -> None:
    await family.relate("Cart", "parent", "Shop")
    await family.relate("Shop", "related", "Card")
    await family.desk.sync()
    assert family.at_work("Cart", PARENT) == {"Shop"}
    assert family.at_the_desk("Cart") == "Shop"
    assert family.at_work("Card", RELATED) == {"Shop"}
    await family.expect_rest()
    async with family.desk.db.transaction(family.desk.them.responder) as tx:
        for one in await incidents.relations(tx, family.numbers["Shop"]):
            await incidents.unrelate(tx, family.numbers["Shop"], one.id)
    await family.desk.sync()
    assert (family.at_work("Cart", PARENT), family.at_work("Card", RELATED)) == (set(), set())
    assert family.at_the_desk("Cart") == ""
    await family.expect_rest()


async def test_a_preview_says_what_would_be_said_where(family: Family) -> None:
    await family.relate("Cart", "parent", "Shop")
    family.engineer("Card", PARENT, "Cart")
    lanes, db = family.desk.lanes, family.desk.db
    set_up = SetUp(
        db, TOOLS, lanes._benches._vault, lanes._benches._egress, texts=Texts(), base_url="https://rp.example"
    )
    async with db.transaction(SYSTEM) as tx:
        [mapping] = [one for one in await store.mappings(tx) if one.name == "Bugs"]
    seen = {}
    for name in ("Cart", "Card"):
        number = family.numbers[name]
        shown = await set_up.preview(
            family.desk.them.admin, "azure", bare_rules(mapping), incident=number, id=mapping.id
        )
        seen[name] = [(one.act, one.kind, one.incident) for one in shown.relations]
        assert not shown.idle
    numbers = family.numbers
    assert seen["Cart"] == [("take", "child", numbers["Card"]), ("write", "parent", numbers["Shop"])]
    assert seen["Card"] == [("take", "parent", numbers["Cart"])]
    assert family.at_work("Cart", PARENT) == set(), "nothing was written"


async def test_said_by_an_engineer_it_is_so_at_the_desk(family: Family) -> None:
    family.engineer("Card", PARENT, "Cart")
    await family.desk.sync()
    assert await family.here("Card") == {("parent", "Cart")}
    assert await family.here("Cart") == {("child", "Card")}
    assert family.at_the_desk("Card") == "Cart"
    family.engineer_parts("Card", PARENT)
    await family.desk.sync()
    assert (await family.here("Card"), family.at_the_desk("Card")) == (set(), "")
    await family.expect_rest()


async def test_a_circle_between_two_sides_is_declined_and_told_once(family: Family) -> None:
    family.works.organization.update(
        family.item("Shop"),
        [{"op": "add", "path": "/fields/System.Title", "value": "Shop"}],
        family.works.organization.users[ENGINEER],
    )
    await family.relate("Cart", "parent", "Shop")
    family.engineer("Shop", PARENT, "Cart")
    await family.desk.sync(5)
    assert await family.here("Cart") == {("parent", "Shop")}, "who was here first stays"
    assert family.at_the_desk("Cart") == "Shop"
    assert any("circle" in said for said in await family.told("Shop") + await family.told("Cart"))
    before = len(await family.told("Shop") + await family.told("Cart"))
    await family.desk.sync(3)
    assert len(await family.told("Shop") + await family.told("Cart")) == before
    await family.expect_rest()


async def test_a_lost_answer_is_found_out_by_reading(family: Family) -> None:
    family.works.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="PATCH", path="/workitems/"))
    family.desk.there.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="PATCH", path="/table/incident"))
    await family.relate("Cart", "parent", "Shop")
    await family.desk.sync(8)
    assert (family.at_work("Cart", PARENT), family.at_the_desk("Cart")) == ({"Shop"}, "Shop")
    assert await family.told("Cart") == []
    await family.expect_rest()


async def test_a_relation_waits_until_both_ends_are_linked(family: Family) -> None:
    async with family.desk.db.transaction(family.desk.them.responder) as tx:
        [link] = [one for one in await store.links_of(tx, family.numbers["Shop"]) if one["connection"] == "azure"]
        await linking.part(tx, link["id"])
    await family.relate("Cart", "parent", "Shop")
    await family.desk.sync()
    assert (family.at_work("Cart", PARENT), family.at_the_desk("Cart")) == (set(), "Shop")
    async with family.desk.db.transaction(family.desk.them.responder) as tx:
        [mapping] = [one for one in await store.mappings(tx) if one.name == "Bugs"]
        number, item = family.numbers["Shop"], str(family.item("Shop").id)
        await store.change_link(tx, link["id"], remote_id="0")
        await linking.link_existing(tx, number, mapping_id=mapping.id, remote_id=item)
    await family.desk.sync()
    assert family.at_work("Cart", PARENT) == {"Shop"}
    await family.expect_rest()
