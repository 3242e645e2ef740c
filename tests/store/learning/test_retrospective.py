"""A real incident, from declared to resolved, and the retrospective that its record writes."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from rallypoint import access, catalog, incidents, learning
from rallypoint.access.model import Role
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.engine.loop import drain_outbox
from rallypoint.errors import Conflict, Invalid, NotFound, Refused
from rallypoint.incidents.events import Lifecycle
from rallypoint.learning import reactions

START = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
IMPACT = {"impact": "extensive", "urgency": "critical"}
SMALL = {"impact": "minor", "urgency": "low"}


async def no_alarm(tx: Transaction, subject: str, what: str) -> None:
    raise AssertionError(f"{subject}: {what}")


async def deliver(db: Database) -> None:
    """Everything that waits in the outbox is heard."""
    while await drain_outbox(db, no_alarm):
        pass


@pytest.fixture
async def bea(db: Database) -> Actor:
    """Somebody who is on duty, and a shop to be on duty for."""
    async with db.transaction(SYSTEM) as tx:
        await catalog.create_service(tx, key="checkout", name="Checkout", domain="production", public=True)
        person = await access.create_person(tx, name="Bea", email="bea@example.com", roles=[Role.RESPONDER])
    return Actor(
        kind=ActorKind.PERSON, name="Bea", origin="web", person_id=person.id, roles=frozenset({Role.RESPONDER.value})
    )


async def lived_through(db: Database, clock: ManualClock, bea: Actor, **known: Any) -> int:
    """An incident that was declared, worked on for an hour, and resolved."""
    async with db.transaction(bea) as tx:
        opened = await incidents.open_incident(
            tx,
            title="Payments fail",
            service="checkout",
            impact_started_at=tx.now - timedelta(minutes=10),
            **known or IMPACT,
        )
        number = opened.number
    clock.advance(timedelta(minutes=5))
    async with db.transaction(bea) as tx:
        await incidents.acknowledge(tx, number)
        await incidents.take_command(tx, number)
        tried = await incidents.add_hypothesis(tx, number, text="The index is missing")
        await incidents.settle_hypothesis(tx, tried.id, outcome="ruled out", text="it is there")
        await incidents.add_task(tx, number, title="Look at the deploys")
        await incidents.note(tx, number, text="coffee")
        await incidents.note(tx, number, text="Roll back the deploy", kind="decision")
    clock.advance(timedelta(minutes=25))
    async with db.transaction(bea) as tx:
        await incidents.restore(tx, number)
        await incidents.resolve(tx, number, resolution="Rolled back.")
    await deliver(db)
    return number


async def test_resolving_drafts_a_retrospective_from_the_record(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea)
    async with db.transaction(bea) as tx:
        view = await learning.view(tx, number)
    about, facts = view.retrospective, view.retrospective.facts
    assert (about.depth, about.state) == ("full", "draft")
    assert about.meeting_due_at == START + timedelta(minutes=30, hours=24)
    assert (facts.title, facts.service, facts.priority, facts.resolution) == (
        "Payments fail",
        "Checkout",
        "P1",
        "Rolled back.",
    )
    times = {t.name: t.minutes for t in facts.times if t.outcome == "recorded"}
    assert times["Time to restore service"] == 40
    assert [(p.role, p.name) for p in facts.people] == [("commander", "Bea")]
    assert [(t.text, t.outcome) for t in facts.tried] == [("The index is missing", "ruled out")]
    told = [moment.text for moment in facts.story]
    assert "Roll back the deploy" in told
    assert "coffee" not in told
    assert [(t.title, t.done) for t in facts.tasks] == [("Look at the deploys", False)]
    assert {t.kind for t in facts.targets} >= {"response", "resolution"}
    assert all(section.text == "" for section in view.sections)
    assert len(view.missing) == 4
    assert not view.meeting_overdue


async def test_a_small_one_is_light_and_has_no_meeting(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea, **SMALL)
    async with db.transaction(bea) as tx:
        about = await learning.retrospective(tx, number)
    assert (about.depth, about.meeting_due_at) == ("light", None)


async def test_a_second_delivery_keeps_what_was_written(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea)
    async with db.transaction(bea) as tx:
        before = await learning.save(tx, number, summary="Payments failed for half an hour.")
    fact = Lifecycle(
        number=number, epoch=1, kind="incident", domain_id=1, service_id=None, title="", priority="P1", urgency="high",
        category="resolved", was="active", by="Bea", by_person=True, at=clock.now(),
    )  # fmt: skip
    await reactions.draft(db, fact)
    async with db.transaction(bea) as tx:
        assert await learning.retrospective(tx, number) == before
        found, _ = await learning.list_retrospectives(tx)
    assert [entry.incident for entry in found] == [number]


async def test_what_is_not_over_or_not_an_incident_has_none(db: Database, bea: Actor) -> None:
    async with db.transaction(bea) as tx:
        still_open = await incidents.open_incident(tx, title="Open", service="checkout")
        request = await incidents.open_incident(tx, title="A new keyboard", kind="service request")
        assert await learning.draw_up(tx, still_open.number) is None
        assert await learning.draw_up(tx, request.number) is None
        with pytest.raises(NotFound):
            await learning.retrospective(tx, still_open.number)


async def test_from_draft_to_published_and_back(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea)
    async with db.transaction(bea) as tx:
        with pytest.raises(Refused, match="Summary is not written yet"):
            await learning.publish(tx, number)
        await learning.save(tx, number, summary="s", customer_impact="i", contributing_factors="f")
        with pytest.raises(Refused, match="meeting has not been held"):
            await learning.publish(tx, number)
        for wrong in (clock.now() + timedelta(minutes=1), START - timedelta(days=1)):
            with pytest.raises(Invalid):
                await learning.hold_meeting(tx, number, at=wrong)
        await learning.hold_meeting(tx, number)
        assert (await learning.send_to_review(tx, number)).state == "in review"
        done = await learning.publish(tx, number)
        assert (done.state, done.published_by, done.published_at) == ("published", "Bea", clock.now())
        for act in (learning.save(tx, number, summary="x"), learning.publish(tx, number)):
            with pytest.raises(Refused):
                await act
        assert (await learning.take_back(tx, number, reason="a number was wrong")).state == "draft"
        lines, _ = await incidents.timeline(tx, number, kinds=["review"])
    assert [line.text for line in lines] == [
        "The retrospective was talked over",
        "Bea published the retrospective",
        "Bea took the retrospective back",
    ]
    async with db.transaction(SYSTEM) as tx:
        assert (await incidents.verify_timeline(tx, number)).ok


async def test_two_writers_do_not_undo_each_other(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea)
    async with db.transaction(bea) as tx:
        version = (await learning.retrospective(tx, number)).version
        await learning.save(tx, number, version=version, summary="mine")
        with pytest.raises(Conflict):
            await learning.save(tx, number, version=version, summary="yours")
        assert (await learning.save(tx, number, what_went_well="the rollback")).summary == "mine"
        with pytest.raises(Invalid):
            await learning.save(tx, number, state="published")


async def test_a_published_one_is_frozen_until_the_incident_is_resolved_anew(
    db: Database, clock: ManualClock, bea: Actor
) -> None:
    number = await lived_through(db, clock, bea, **SMALL)
    async with db.transaction(bea) as tx:
        await learning.save(tx, number, summary="s")
        before = await learning.publish(tx, number)
        assert await learning.draw_up(tx, number) == before
        await incidents.reopen(tx, number, reason="it is back")
    clock.advance(timedelta(hours=1))
    async with db.transaction(bea) as tx:
        await incidents.resolve(tx, number, resolution="For good.")
    await deliver(db)
    async with db.transaction(bea) as tx:
        again = await learning.retrospective(tx, number)
    assert (again.state, again.summary, again.facts.resolution) == ("draft", "s", "For good.")
    assert again.facts.reopened == 1


async def test_action_items_have_an_owner_and_a_date(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea)
    assert bea.person_id is not None
    async with db.transaction(bea) as tx:
        due = date(2026, 6, 15)
        item = await learning.add_action_item(
            tx, number, title="Alert on the pool", owner_id=bea.person_id, due_on=due, improves="tooling"
        )
        other = await learning.add_action_item(
            tx, number, title="Runbook", owner_id=bea.person_id, due_on=date(2026, 6, 9)
        )
        assert (item.owner_name, item.state) == ("Bea", "open")
        with pytest.raises(Invalid):
            await learning.add_action_item(tx, number, title=" ", owner_id=bea.person_id, due_on=date(2020, 1, 1))
        with pytest.raises(NotFound):
            await learning.add_action_item(tx, number, title="x", owner_id=999, due_on=due)
        soonest, cursor = await learning.open_action_items(tx, owner_id=bea.person_id, limit=1)
        rest, end = await learning.open_action_items(tx, cursor=cursor, limit=1)
        assert ([i.id for i in soonest + rest], end) == ([other.id, item.id], None)
        moved = await learning.update_action_item(tx, other.id, due_on=date(2026, 6, 30))
        assert (moved.due_on, moved.title) == (date(2026, 6, 30), "Runbook")
        done = await learning.finish(tx, item.id)
        assert await learning.finish(tx, item.id) == done
        assert (done.state, done.finished_by) == ("done", "Bea")
        await learning.drop(tx, other.id, reason="the service goes away")
        with pytest.raises(Refused):
            await learning.finish(tx, other.id)
        (entry,), _ = await learning.list_retrospectives(tx)
        text = await learning.markdown(tx, number, zone="Europe/Berlin")
    assert (entry.open_items, entry.done_items, entry.name) == (0, 1, f"INC-{number}")
    assert "- [x] Alert on the pool (Bea, due 2026-06-15)" in text
    assert "- [ ] Runbook (Bea, due 2026-06-30, dropped: the service goes away)" in text
    assert "Times in Europe/Berlin." in text


async def test_a_list_has_pages(db: Database, clock: ManualClock, bea: Actor) -> None:
    numbers = [await lived_through(db, clock, bea, **SMALL) for _ in range(3)]
    async with db.transaction(bea) as tx:
        first, cursor = await learning.list_retrospectives(tx, limit=2)
        rest, end = await learning.list_retrospectives(tx, cursor=cursor, limit=2)
        assert ([e.incident for e in first + rest], end) == (numbers[::-1], None)
        assert (await learning.list_retrospectives(tx, state="published"))[0] == []
        with pytest.raises(Invalid):
            await learning.list_retrospectives(tx, state="lost")


async def test_the_meeting_is_overdue_a_day_later(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea)
    clock.advance(timedelta(hours=25))
    async with db.transaction(bea) as tx:
        assert (await learning.view(tx, number)).meeting_overdue


async def test_only_those_who_review_may_write(db: Database, clock: ManualClock, bea: Actor) -> None:
    number = await lived_through(db, clock, bea)
    vera = Actor(kind=ActorKind.PERSON, name="Vera", origin="web", person_id=1, roles=frozenset({"viewer"}))
    rita = Actor(kind=ActorKind.PERSON, name="Rita", origin="web", person_id=1, roles=frozenset({"reporter"}))
    async with db.transaction(vera) as tx:
        await learning.view(tx, number)
        for act in (
            learning.save(tx, number, summary="x"),
            learning.publish(tx, number),
            learning.hold_meeting(tx, number),
            learning.draw_up(tx, number),
            learning.add_action_item(tx, number, title="x", owner_id=1, due_on=date(2026, 7, 1)),
        ):
            with pytest.raises(Refused):
                await act
    async with db.transaction(rita) as tx:
        with pytest.raises(Refused):
            await learning.view(tx, number)
