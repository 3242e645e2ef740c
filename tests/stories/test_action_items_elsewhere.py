"""What a retrospective promised is done where engineers plan: two action items, two items there, nobody copies."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from rallypoint import access, incidents, learning
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.emulators.azure_devops import ENGINEER, AzureDevOps
from rallypoint.emulators.azure_devops.organization import Item
from rallypoint.emulators.base import Fault, FaultKind
from rallypoint.learning import elsewhere
from rallypoint.learning.following import Following, follow_due
from rallypoint.learning.model import ActionItem
from rallypoint.sync import store
from rallypoint.sync.texts import Texts
from tests.stories.test_service_desk_elsewhere import Desk
from tests.stories.test_ten_steps import both

__all__ = ["both"]

DUE = date(2027, 3, 1)
DUE_DATE = "Microsoft.VSTS.Scheduling.DueDate"


@dataclass
class Review:
    """An incident that is looked back on; its action items, by title; the tasks there, by title."""

    desk: Desk
    works: AzureDevOps
    number: int
    noor: access.Person
    following: Following

    async def promise(self, title: str) -> ActionItem:
        async with self.desk.db.transaction(self.desk.them.responder) as tx:
            return await learning.add_action_item(tx, self.number, title=title, owner_id=self.noor.id, due_on=DUE)

    async def send(self, item: ActionItem, type: str = "Task") -> None:
        """By the mapping for bugs, but as a task unless said otherwise."""
        async with self.desk.db.transaction(self.desk.them.responder) as tx:
            mapping = next(one for one in await store.mappings(tx) if one.name == "Bugs")
            await elsewhere.send(tx, item.id, mapping_id=mapping.id, type=type)

    @property
    def tasks(self) -> dict[str, Item]:
        every = self.works.organization.items.values()
        items = [one for one in every if one.last.fields["System.Title"] != "Card payments fail"]
        found = {str(one.last.fields["System.Title"]): one for one in items}
        assert len(found) == len(items), "one for each"
        return found

    def set(self, item: Item, **fields: str) -> None:
        """Noor changes something over there."""
        patch = [
            {"op": "add", "path": f"/fields/System.{name}", "value": value} for name, value in fields.items()
        ]  # fmt: skip
        self.works.organization.update(item, patch, self.works.organization.users[ENGINEER])

    async def pass_time(self, rounds: int = 2) -> None:
        for _ in range(rounds):
            await self.desk.sync(1)
            await follow_due(self.following)

    async def items(self) -> dict[str, ActionItem]:
        async with self.desk.db.transaction(SYSTEM) as tx:
            return {one.title: one for one in await learning.action_items(tx, self.number)}

    async def at_rest(self) -> None:
        """Time passes and nothing is written anywhere."""
        before = {title: item.last.rev for title, item in self.tasks.items()}
        await self.pass_time(4)
        assert {title: item.last.rev for title, item in self.tasks.items()} == before
        async with self.desk.db.transaction(SYSTEM) as tx:
            standing = await elsewhere.standings(tx, await learning.action_items(tx, self.number))
        assert {(one.state, one.due_at, str(one.error), str(one.held_back)) for one in standing.values()} == {
            ("active", None, "None", "[]")
        }


@pytest.fixture
async def review(both: tuple[Desk, AzureDevOps]) -> AsyncIterator[Review]:
    desk, works = both
    async with desk.db.transaction(SYSTEM) as tx:
        noor = await access.create_person(tx, name="Noor", email=ENGINEER, roles=[Role.RESPONDER])
    async with desk.db.transaction(desk.them.responder) as tx:
        number = (await incidents.open_incident(tx, title="Card payments fail", service="checkout")).number
        await incidents.acknowledge(tx, number)
        await incidents.resolve(tx, number, resolution="Rolled back.")
        await learning.draw_up(tx, number)
    following = Following(desk.db, desk.lanes, texts=Texts(), base_url="https://rp.example")
    yield Review(desk, works, number, noor, following)
    await following.drain()


async def test_one_is_done_there_and_one_here_and_both_come_to_rest(review: Review) -> None:
    alert, pool = await review.promise("Alert on the pool"), await review.promise("A larger pool")
    await review.send(alert)
    await review.send(pool, type="")
    await review.pass_time(3)
    task, larger = review.tasks["Alert on the pool"], review.tasks["A larger pool"]
    assert (task.type, larger.type) == ("Task", "Bug")
    assert task.last.fields["System.AssignedTo"] == ENGINEER
    assert DUE_DATE not in task.last.fields, "tasks have no such field, and do without"
    assert larger.last.fields[DUE_DATE].date() == DUE
    assert f"https://rp.example/i/{review.number}/retrospective" in str(task.last.fields["System.Description"])

    review.set(task, State="Closed", Title="An alert on the pool")
    async with review.desk.db.transaction(review.desk.them.responder) as tx:
        await learning.update_action_item(tx, pool.id, due_on=DUE + timedelta(days=7))
        await learning.finish(tx, pool.id)
    await review.pass_time(3)

    items = await review.items()
    assert {(one.title, one.state, one.finished_by) for one in items.values()} == {
        ("An alert on the pool", "done", "Noor Haddad in Azure DevOps"), ("A larger pool", "done", "Bob"),
    }  # fmt: skip
    assert larger.last.fields["System.State"] == "Closed"
    assert larger.last.fields[DUE_DATE].date() == DUE + timedelta(days=7)
    async with review.desk.db.transaction(SYSTEM) as tx:
        lines, _ = await incidents.timeline(tx, review.number, kinds=["review"], limit=100)
    assert ("Noor Haddad in Azure DevOps", "Action item done: An alert on the pool") in {
        (one.actor_name, one.text) for one in lines
    }
    await review.at_rest()

    review.set(task, State="Active")
    await review.pass_time()
    assert (await review.items())["An alert on the pool"].state == "open"
    await review.at_rest()


@pytest.mark.parametrize("kind", [FaultKind.RESET_AFTER, FaultKind.AFTER, FaultKind.RESET])
async def test_a_lost_answer_makes_no_second(review: Review, kind: FaultKind) -> None:
    item = await review.promise("Alert on the pool")
    review.works.faults.plan(Fault(kind=kind, method="POST", path="$Task", status=503))
    await review.send(item)
    await review.pass_time(6)
    assert list(review.tasks) == ["Alert on the pool"]
    await review.at_rest()


async def test_a_lost_answer_to_a_change_is_found_out_by_reading(review: Review) -> None:
    item = await review.promise("Alert on the pool")
    await review.send(item)
    await review.pass_time(3)
    review.works.faults.plan(Fault(kind=FaultKind.RESET_AFTER, method="PATCH", path="workitems"))
    async with review.desk.db.transaction(review.desk.them.responder) as tx:
        await learning.drop(tx, item.id, reason="The pool is gone.")
    await review.pass_time(4)
    task = review.tasks["Alert on the pool"]
    assert task.last.fields["System.State"] == "Removed"
    assert [one.fields["System.State"] for one in task.revisions].count("Removed") == 1
    assert (await review.items())["Alert on the pool"].state == "dropped"
    await review.at_rest()
