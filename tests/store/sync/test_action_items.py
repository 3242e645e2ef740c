"""Action items that follow a work item elsewhere: made once, in step both ways, told where a rule says no."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import date, timedelta

import pytest

from rallypoint import access, incidents, learning
from rallypoint.actors import SYSTEM
from rallypoint.egress import Egress
from rallypoint.errors import Conflict, Refused
from rallypoint.learning import elsewhere, following
from rallypoint.learning.following import Following, follow_due
from rallypoint.learning.model import ActionItem
from rallypoint.settings import Settings
from rallypoint.sync import connecting, follower_store
from rallypoint.sync.follower_store import Standing
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.model import FieldKind, Person, RemoteField
from rallypoint.sync.ports import Outage, ValidationFailed
from rallypoint.sync.setting_up import SetUp
from tests.store.sync.conftest import Scene
from tests.store.sync.desk import Ticket

MORE = (
    RemoteField(id="due", name="Due date", kind=FieldKind.TIME),
    RemoteField(id="assignee", name="Assignee", kind=FieldKind.PERSON),
)
DUE = date(2027, 3, 1)


@dataclass
class Review:
    """A resolved incident with one action item, and the loop that lets it follow something."""

    scene: Scene
    number: int
    item: int
    following: Following

    async def send(self, **place: str) -> Standing:
        async with self.scene.db.transaction(self.scene.them.responder) as tx:
            return await elsewhere.send(tx, self.item, mapping_id=self.scene.mapping.id, **place)

    async def do(self, name: str, **more: object) -> None:
        async with self.scene.db.transaction(self.scene.them.responder) as tx:
            await getattr(learning, name)(tx, self.item, **more)

    async def go(self, rounds: int = 2, **length: float) -> None:
        for _ in range(rounds):
            await self.scene.sync(**(length or {"seconds": 61}))
            await follow_due(self.following)

    async def now(self) -> ActionItem:
        async with self.scene.db.transaction(SYSTEM) as tx:
            [found] = await learning.action_items(tx, self.number)
            return found

    async def standing(self) -> Standing:
        async with self.scene.db.transaction(SYSTEM) as tx:
            return await elsewhere.standing(tx, self.item)

    async def told(self) -> list[tuple[str, str, str]]:
        async with self.scene.db.transaction(SYSTEM) as tx:
            lines, _ = await incidents.timeline(tx, self.number, kinds=["review"], limit=100)
        return [(one.actor_name, one.text, one.reason) for one in sorted(lines, key=lambda one: one.position)]

    @property
    def tickets(self) -> list[Ticket]:
        """What the desk has besides the incident's own ticket."""
        return [one for one in self.scene.desk.tickets.values() if one.id != "T1"]


@pytest.fixture
async def set_up(scene: Scene) -> AsyncIterator[SetUp]:
    egress = Egress(Settings())
    tools = {"desk": scene.desk.tool}
    yield SetUp(scene.db, tools, scene.vault, egress, texts=PlainTexts(), base_url="https://rp.example")
    await egress.close()


@pytest.fixture
async def review(scene: Scene) -> AsyncIterator[Review]:
    scene.desk.more = MORE
    number = await scene.open("Payments fail")
    await scene.do(scene.them.responder, "acknowledge", number)
    await scene.do(scene.them.responder, "resolve", number, resolution="Rolled back.")
    async with scene.db.transaction(scene.them.responder) as tx:
        await learning.draw_up(tx, number)
        await learning.save(tx, number, summary="A deploy took the pool away.")
        assert scene.them.responder.person_id is not None
        item = await learning.add_action_item(
            tx, number, title="Alert on the pool", owner_id=scene.them.responder.person_id, due_on=DUE
        )
    await scene.sync()
    following = Following(scene.db, scene.lanes, texts=PlainTexts(), base_url="https://rp.example")
    yield Review(scene, number, item.id, following)
    await following.drain()


async def test_it_becomes_an_item_with_all_that_fits(review: Review) -> None:
    await review.send()
    assert (await review.standing()).state == "creating"
    await review.go()
    [ticket] = review.tickets
    assert ticket.fields["subject"] == "Alert on the pool"
    assert ticket.fields["due"] == "2027-03-01T12:00:00+00:00"
    assert ticket.fields["assignee"] == Person(email="bob@example.org", name="Bob")
    body = str(ticket.fields["body"])
    assert "https://rp.example/i/1/retrospective" in body
    assert "A deploy took the pool away." in body
    found = await review.standing()
    assert (found.state, found.remote_key, found.url) == ("active", ticket.key, f"https://desk.example/{ticket.key}")
    assert (found.due_at, found.error, found.held_back) == (None, None, [])


async def test_it_is_no_news_that_an_incident_begins_with(review: Review) -> None:
    await review.send()
    await review.go(rounds=4)
    async with review.scene.db.transaction(SYSTEM) as tx:
        board, _ = await incidents.board(tx, limit=10)
    assert [one.incident.number for one in board] == [review.number]
    assert len(review.scene.desk.tickets) == 2


async def test_done_there_is_done_here_by_name(review: Review) -> None:
    await review.send()
    await review.go()
    review.scene.desk.edit(review.tickets[0].id, state="solved")
    await review.go()
    item = await review.now()
    assert (item.state, item.finished_by) == ("done", "Noor in Desk")
    assert ("Noor in Desk", "Action item done: Alert on the pool", "") in await review.told()
    writes = len(review.scene.desk.writes)
    await review.go(rounds=3)
    assert len(review.scene.desk.writes) == writes, "both are at rest"


async def test_done_here_is_closed_there_and_opened_again(review: Review) -> None:
    await review.send()
    await review.go()
    await review.do("finish")
    await review.go()
    assert review.tickets[0].fields["state"] == "closed"
    review.scene.desk.edit(review.tickets[0].id, state="open")
    await review.go()
    assert (await review.now()).state == "open"
    assert ("Noor in Desk", "Action item open again: Alert on the pool", "opened again in Desk") in await review.told()


async def test_what_this_house_does_not_allow_is_told_once(review: Review) -> None:
    await review.send()
    await review.go()
    await review.do("finish")
    await review.go()
    async with review.scene.db.transaction(SYSTEM) as tx:
        person = await access.person_by_email(tx, "bob@example.org")
        assert person is not None
    async with review.scene.db.transaction(review.scene.them.admin) as tx:
        await access.deactivate_person(tx, person.id)
    review.scene.desk.edit(review.tickets[0].id, state="open")
    await review.go(rounds=4)
    assert (await review.now()).state == "done"
    told = [one for one in await review.told() if one[1].startswith("Desk says")]
    assert len(told) == 1
    assert "is not with us any more" in told[0][2]
    assert "is not with us any more" in (await review.standing()).held_back[0]["reason"]


async def test_a_new_title_goes_both_ways_and_a_new_day_goes_there(review: Review) -> None:
    await review.send()
    await review.go()
    ticket = review.tickets[0]
    await review.do("update_action_item", title="Alert on an empty pool", due_on=DUE + timedelta(days=7))
    await review.go()
    assert (ticket.fields["subject"], ticket.fields["due"]) == ("Alert on an empty pool", "2027-03-08T12:00:00+00:00")
    review.scene.desk.edit(ticket.id, subject="Alert before the pool is empty")
    await review.go()
    assert (await review.now()).title == "Alert before the pool is empty"
    await review.do("update_action_item", title="Ours")
    review.scene.desk.edit(ticket.id, subject="Theirs")
    await review.go()
    assert ((await review.now()).title, ticket.fields["subject"]) == ("Ours", "Ours")
    assert any("Desk says Theirs" in text for _, text, _ in await review.told())


async def test_what_is_dropped_here_is_over_there(review: Review) -> None:
    await review.send()
    await review.go()
    await review.do("drop", reason="The pool is gone.")
    await review.go(rounds=3)
    assert review.tickets[0].fields["state"] == "closed"
    assert (await review.now()).state == "dropped"


@pytest.mark.parametrize("lag", [0.0, 59.0])
async def test_a_lost_answer_makes_no_second(review: Review, lag: float) -> None:
    review.scene.desk.search_lag = lag
    await review.send()
    review.scene.desk.loses_answers = 1
    await review.go(rounds=30, seconds=5)
    [ticket] = review.tickets
    assert (await review.standing()).remote_key == ticket.key


async def test_a_call_that_never_arrived_is_made_again_when_the_search_has_surely_caught_up(review: Review) -> None:
    await review.send()
    review.scene.desk.loses_answers = 1
    await follow_due(review.following)
    del review.scene.desk.tickets[review.tickets[0].id]
    await review.go(rounds=18, seconds=5)
    assert not review.tickets, "a search of which nothing is promised may not show it yet"
    await review.go(rounds=6, seconds=5)
    assert len(review.tickets) == 1


async def test_a_pass_that_another_node_took_over_counts_no_more(review: Review) -> None:
    await review.send()
    async with review.scene.db.transaction(SYSTEM) as tx:
        [slow] = await follower_store.claim(tx, limit=5)
        assert await follower_store.claim(tx, limit=5) == [], "one pass at a time"
    review.scene.clock.advance(timedelta(minutes=2))
    async with review.scene.db.transaction(SYSTEM) as tx:
        [quick] = await follower_store.claim(tx, limit=5)
    async with review.scene.db.transaction(SYSTEM) as tx:
        assert await follower_store.hold(tx, slow.claim) is None
        assert await follower_store.hold(tx, quick.claim) is not None


async def test_what_the_tool_will_not_have_waits_for_a_person(review: Review) -> None:
    review.scene.desk.broken = ValidationFailed("Subject is needed.")
    await review.send()
    await follow_due(review.following)
    review.scene.desk.broken = None
    await review.go(rounds=3)
    found = await review.standing()
    assert (found.state, found.due_at) == ("creating", None)
    assert "Subject is needed." in str(found.error)
    async with review.scene.db.transaction(review.scene.them.responder) as tx:
        await elsewhere.try_again(tx, review.item)
    await review.go()
    assert len(review.tickets) == 1
    assert (await review.standing()).error is None


async def test_an_outage_heals_by_itself(review: Review) -> None:
    review.scene.desk.broken = Outage("Connection refused.")
    await review.send()
    await follow_due(review.following)
    found = await review.standing()
    assert found.due_at is not None
    assert "Connection refused." in str(found.error)
    review.scene.desk.broken = None
    await review.go(rounds=3)
    assert len(review.tickets) == 1


async def test_a_refused_field_is_named_and_the_rest_goes_across(review: Review) -> None:
    await review.send()
    await review.go()
    review.scene.desk.refuses = {"due": "No day before the sprint."}
    await review.do("update_action_item", title="Another", due_on=DUE + timedelta(days=1))
    await review.go()
    found = await review.standing()
    assert [one["field"] for one in found.held_back] == ["due_on"]
    assert "No day before the sprint." in found.held_back[0]["reason"]
    assert review.tickets[0].fields["subject"] == "Another"


async def test_one_follows_one_and_what_is_over_is_not_sent(review: Review) -> None:
    await review.send()
    with pytest.raises(Conflict):
        await review.send()
    await review.go()
    async with review.scene.db.transaction(review.scene.them.responder) as tx:
        await elsewhere.part(tx, review.item, reason="we do it here")
    review.scene.desk.edit(review.tickets[0].id, state="solved")
    await review.go()
    assert (await review.now()).state == "open", "they go their own ways"
    assert (await review.standing()).state_reason == "we do it here"
    async with review.scene.db.transaction(SYSTEM) as tx:
        board, _ = await incidents.board(tx, limit=10)
    assert len(board) == 1, "what was parted does not come back as an incident"
    await review.do("finish")
    with pytest.raises(Refused):
        await review.send()


async def test_what_is_deleted_there_goes_on_here(review: Review) -> None:
    await review.send()
    await review.go()
    ticket = review.tickets[0]
    ticket.gone = True
    ticket.revision += 1
    await review.go()
    found = await review.standing()
    assert found.state == "tombstone"
    assert (await review.now()).state == "open"
    assert any("follows nothing in Desk any more" in text for _, text, _ in await review.told())


async def test_an_item_that_is_there_keeps_what_it_says(review: Review, scene: Scene, set_up: SetUp) -> None:
    ticket = scene.desk.add(subject="Pool alerts", body="From the sprint.", state="open")
    with pytest.raises(Exception, match="cannot be read in Desk"):
        await elsewhere.link_existing(
            scene.db, set_up, scene.them.responder, review.item, mapping_id=scene.mapping.id, remote_id="T99"
        )
    await elsewhere.link_existing(
        scene.db, set_up, scene.them.responder, review.item, mapping_id=scene.mapping.id, remote_id=ticket.id
    )
    await review.go()
    assert (ticket.fields["subject"], ticket.fields["body"]) == ("Pool alerts", "From the sprint.")
    assert (await review.now()).title == "Alert on the pool"
    assert ticket.fields.get("state") == "open"
    scene.desk.edit(ticket.id, state="solved", subject="Alerts for pools")
    await review.go()
    item = await review.now()
    assert (item.state, item.title) == ("done", "Alerts for pools")


async def test_an_item_that_is_done_there_already_is_done_here(review: Review, scene: Scene, set_up: SetUp) -> None:
    ticket = scene.desk.add(subject="Pool alerts", state="solved")
    await elsewhere.link_existing(
        scene.db, set_up, scene.them.responder, review.item, mapping_id=scene.mapping.id,
        remote_id=ticket.id,
    )  # fmt: skip
    await review.go()
    assert (await review.now()).state == "done"


async def test_a_paused_connection_waits(review: Review, scene: Scene) -> None:
    async with scene.db.transaction(scene.them.manager) as tx:
        await connecting.pause(tx, "desk")
    await review.send()
    await review.go()
    assert not review.tickets
    async with scene.db.transaction(scene.them.manager) as tx:
        await connecting.resume(tx, "desk")
    await review.go()
    assert len(review.tickets) == 1


class Dies:
    """Lets the pass die at the nth of the places it comes by: nothing after it is done, and its lease stays."""

    def __init__(self, nth: int) -> None:
        self.left, self.died = nth, False

    def __call__(self, name: str) -> None:
        self.left -= 1
        if self.left == 0:
            self.died = True
            raise asyncio.CancelledError(name)


async def test_wherever_a_pass_dies_one_item_is_made_and_both_come_to_rest(
    review: Review, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = 0
    for nth in range(1, 40):
        dies = Dies(nth)
        async with review.scene.db.transaction(review.scene.them.responder) as tx:
            assert review.scene.them.responder.person_id is not None
            fresh = await learning.add_action_item(
                tx, review.number, title=f"Promise {nth}", owner_id=review.scene.them.responder.person_id, due_on=DUE
            )
            await elsewhere.send(tx, fresh.id, mapping_id=review.scene.mapping.id)
        monkeypatch.setattr(following, "crashpoint", dies)
        await review.go(rounds=1)
        async with review.scene.db.transaction(review.scene.them.responder) as tx:
            await learning.update_action_item(tx, fresh.id, title=f"Promise {nth}, better said")
            await learning.finish(tx, fresh.id)
        await review.go(rounds=4, seconds=100)
        made = [one for one in review.tickets if str(one.fields["subject"]).startswith(f"Promise {nth}")]
        assert [(one.fields["subject"], one.fields["state"]) for one in made] == [
            (f"Promise {nth}, better said", "closed")
        ]
        if not dies.died:
            break
        places += 1
    assert places >= 8, "journaled, answered, and what a pass does"
    async with review.scene.db.transaction(SYSTEM) as tx:
        standing = await elsewhere.standings(tx, await learning.action_items(tx, review.number))
    assert {(one.state, one.due_at, str(one.error)) for one in standing.values()} == {("active", None, "None")}
