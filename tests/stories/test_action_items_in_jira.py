"""An action item in a Jira whose workflow takes two steps from to do to done, and asks for a resolution on the way."""

from datetime import date, timedelta

from rallypoint import access, incidents, learning
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.emulators.jira import ENGINEER
from rallypoint.emulators.jira.model import Issue
from rallypoint.learning import elsewhere
from rallypoint.learning.following import Following, follow_due
from rallypoint.sync import store
from rallypoint.sync.texts import Texts
from tests.stories.test_two_jiras import DONE, FIXED, Both, both

__all__ = ["both"]

TO_DO, DOING = "10000", "3"
DUE = date(2027, 3, 1)


async def test_done_here_walks_the_workflow_there_and_done_there_is_done_here(both: Both) -> None:
    following = Following(both.db, both.lanes, texts=Texts(), base_url="https://rp.example")

    async def pass_time() -> None:
        for _ in range(3):
            await both.sync(1)
            await follow_due(following)

    async with both.db.transaction(SYSTEM) as tx:
        noor = await access.create_person(tx, name="Noor", email=both.works.mail(ENGINEER), roles=[Role.RESPONDER])
        mapping = next(one for one in await store.mappings(tx) if one.name == "works")
    async with both.db.transaction(both.them.responder) as tx:
        number = (await incidents.open_incident(tx, title="Checkout is slow", service="checkout")).number
        await incidents.acknowledge(tx, number)
        await incidents.resolve(tx, number, resolution="Rolled back.")
        await learning.draw_up(tx, number)
        promised = [
            await learning.add_action_item(tx, number, title=title, owner_id=noor.id, due_on=DUE)
            for title in ("A larger pool", "Alert on the pool")
        ]
        for one in promised:
            await elsewhere.send(tx, one.id, mapping_id=mapping.id)
    await pass_time()

    def issue(title: str) -> Issue:
        [found] = [one for one in both.works.site.issues.values() if one.fields["summary"] == title]
        return found

    pool, alert = issue("A larger pool"), issue("Alert on the pool")
    assert (pool.fields["duedate"], pool.fields["assignee"]) == (DUE.isoformat(), ENGINEER)
    assert pool.fields["status"] != DONE
    async with both.db.transaction(both.them.responder) as tx:
        await learning.update_action_item(tx, promised[0].id, due_on=DUE + timedelta(days=1))
        await learning.finish(tx, promised[0].id)
    both.step(both.works, alert, "11")
    await pass_time()
    assert (pool.fields["status"], pool.fields["resolution"]) == (DONE, FIXED)
    assert pool.fields["duedate"] == (DUE + timedelta(days=1)).isoformat()
    both.step(both.works, alert, "31", resolution={"id": FIXED})
    await pass_time()
    async with both.db.transaction(SYSTEM) as tx:
        items = await learning.action_items(tx, number)
        standing = await elsewhere.standings(tx, items)
    assert [one.state for one in items] == ["done", "done"]
    assert items[1].finished_by.endswith(" in Works")
    assert [(one.due_at, one.error, one.held_back) for one in standing.values()] == [(None, None, [])] * 2

    async with both.db.transaction(both.them.responder) as tx:
        await learning.reopen(tx, promised[0].id, reason="The pool leaks.")
    await pass_time()
    assert pool.fields["status"] in (TO_DO, DOING), "by the step that is open there, whichever open status it leads to"
    async with both.db.transaction(SYSTEM) as tx:
        assert [one.state for one in await learning.action_items(tx, number)] == ["open", "done"]
    await following.drain()
