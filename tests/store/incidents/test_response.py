"""Working together on it: command, roles, hypotheses, tasks, updates."""

from datetime import timedelta

import pytest

from rallypoint import incidents, notify
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.incidents import BoardFilter, Hypothesis, Incident, Task
from tests.store.incidents.people import Company
from tests.store.incidents.test_actions import act, said


async def test_command_is_taken_handed_over_with_a_brief_and_accepted(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    took: Incident = await act(db, them.responder, "take_command", number)
    assert (took.commander_name, took.owner_name) == ("Bob", "Bob")
    with pytest.raises(Refused) as refused:
        await act(db, them.other, "take_command", number)
    assert (refused.value.guard, refused.value.who_may) == ("commander", "Bob")
    clock.advance(timedelta(hours=2))
    with pytest.raises(Invalid):
        await act(db, them.responder, "hand_over", number, to=them.other.person_id, brief="")
    await act(db, them.responder, "hand_over", number, to=them.other.person_id, brief="Rolling back, 2 of 5 done")
    assert (await act(db, SYSTEM, "incident", number)).commander_name == "Bob"
    with pytest.raises(Refused) as refused:
        await act(db, them.manager, "accept_command", number)
    assert refused.value.who_may == "Bea"
    accepted: Incident = await act(db, them.other, "accept_command", number)
    assert accepted.commander_name == "Bea"
    held = await act(db, SYSTEM, "roles", number)
    assert [(h.role, h.person_name, h.since, h.until) for h in held] == [
        ("commander", "Bob", clock.now() - timedelta(hours=2), clock.now()),
        ("commander", "Bea", clock.now(), None),
    ]
    assert held[1].brief == "Rolling back, 2 of 5 done"
    assert await act(db, SYSTEM, "offered_command", number) is None
    with pytest.raises(Refused):
        await act(db, them.responder, "accept_command", number)


async def test_no_commander_is_visible(db: Database, them: Company, number: int) -> None:
    ranked, _ = await act(db, them.responder, "board", filter=BoardFilter(no_commander=True))
    assert [one.incident.number for one in ranked] == [number]
    await act(db, them.responder, "take_command", number)
    assert (await act(db, them.responder, "board", filter=BoardFilter(no_commander=True)))[0] == []
    await act(db, them.manager, "set_role", number, role="commander", person_id=None)
    assert (await act(db, SYSTEM, "incident", number)).commander_id is None
    assert "Bob left command" in await said(db, number, "role")


async def test_some_roles_have_one_holder_and_some_have_many(db: Database, them: Company, number: int) -> None:
    for person in (them.responder, them.other):
        for role in ("scribe", "responder"):
            await act(db, them.responder, "set_role", number, role=role, person_id=person.person_id)
    now = [(h.role, h.person_name) for h in await act(db, SYSTEM, "roles", number) if h.until is None]
    assert sorted(now) == [("responder", "Bea"), ("responder", "Bob"), ("scribe", "Bea")]
    mine, _ = await act(db, them.other, "board", filter=BoardFilter(mine=True))
    assert [one.incident.number for one in mine] == [number]


async def test_a_hypothesis_ends_and_what_did_not_help_is_kept(db: Database, them: Company, number: int) -> None:
    new: Hypothesis = await act(db, them.responder, "add_hypothesis", number, text="The pool is exhausted")
    settled: Hypothesis = await act(
        db, them.other, "settle_hypothesis", new.id, outcome="did not help", text="Doubled it; no change"
    )
    assert (settled.outcome, settled.settled_by) == ("did not help", "Bea")
    assert await said(db, number, "hypothesis") == [
        "The pool is exhausted", "The pool is exhausted: did not help"
    ]  # fmt: skip
    for wrong in ("open", "perhaps", ""):
        with pytest.raises(Invalid):
            await act(db, them.responder, "settle_hypothesis", new.id, outcome=wrong)
    with pytest.raises(NotFound):
        await act(db, them.responder, "settle_hypothesis", 999, outcome="fixed")


async def test_tasks_have_owners_and_are_done_once(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    first: Task = await act(db, them.responder, "add_task", number, title="Call the vendor")
    await act(
        db, them.responder, "add_task", number, title="Fail over", owner_id=them.other.person_id,
        due_at=clock.now() + timedelta(minutes=10),
    )  # fmt: skip
    assert [task.title for task in await act(db, SYSTEM, "tasks", number)] == ["Fail over", "Call the vendor"]
    for _ in range(2):
        done: Task = await act(db, them.other, "finish_task", first.id)
    assert (done.done_by, done.done_at) == ("Bea", clock.now())
    assert await said(db, number, "task") == [
        "Task: Call the vendor", "Task: Fail over, for Bea", "Done: Call the vendor"
    ]  # fmt: skip


async def test_updates_are_internal_unless_said_otherwise(db: Database, them: Company, number: int) -> None:
    with pytest.raises(Refused):
        await act(db, them.viewer, "publish_update", number, text="All is lost")
    with pytest.raises(Invalid):
        await act(db, them.responder, "publish_update", number, text="x", public_status="investigating")
    await act(db, them.responder, "publish_update", number, text="Between us")
    await act(
        db, them.responder, "publish_update", number, text="Some payments fail", audience="public",
        public_status="investigating",
    )  # fmt: skip
    async with db.transaction(SYSTEM) as tx:
        seen, _ = await incidents.timeline(tx, number, public_only=True)
    assert [line.text for line in seen] == ["Some payments fail"]


async def test_the_level_says_who_is_told(db: Database, them: Company) -> None:
    from rallypoint import access

    async with db.transaction(SYSTEM) as tx:
        await access.create_person(tx, name="Eve", email="eve@example.org", roles=["stakeholder"])
    new: Incident = await act(
        db, them.responder, "open_incident", title="Down", service="checkout", impact="extensive", urgency="critical"
    )
    async with db.transaction(SYSTEM) as tx:
        told, _ = await notify.list_deliveries(tx, incident=new.number)
    assert "eve@example.org" in {delivery.address for delivery in told if delivery.purpose == "update"}
    quiet: Incident = await act(
        db, them.responder, "open_incident", title="Slow", service="checkout", impact="minor", urgency="low"
    )
    async with db.transaction(SYSTEM) as tx:
        sent, _ = await notify.list_deliveries(tx, incident=quiet.number)
        assert "update" not in {delivery.purpose for delivery in sent}
    await act(db, them.responder, "set_priority", quiet.number, priority="P1", reason="everybody is hit")
    assert "Told: Eve, Mia" in await said(db, quiet.number, "system")
    drill: Incident = await act(db, them.responder, "open_incident", title="Drill", service="checkout", drill=True)
    with pytest.raises(Refused) as refused:
        await act(db, them.responder, "publish_update", drill.number, text="Down", audience="public")
    assert refused.value.guard == "drill"


async def test_a_workaround_and_links_are_kept(db: Database, them: Company, number: int) -> None:
    await act(db, them.responder, "set_workaround", number, text="Use the other shop")
    assert (await act(db, SYSTEM, "incident", number)).workaround == "Use the other shop"
    for title in ("Vendor case", "Vendor case 77"):
        await act(db, them.responder, "add_link", number, url="https://vendor.example/77", title=title, kind="case")
    assert [link.title for link in await act(db, SYSTEM, "links", number)] == ["Vendor case 77"]
    with pytest.raises(Invalid):
        await act(db, them.responder, "add_link", number, url="javascript:alert(1)")


async def test_related_are_those_of_the_same_service(db: Database, them: Company, number: int) -> None:
    other: Incident = await act(db, them.responder, "open_incident", title="Checkout again", service="checkout")
    await act(db, them.responder, "open_incident", title="Mail", service="mail")
    assert [one.number for one in await act(db, SYSTEM, "related", number)] == [other.number]
