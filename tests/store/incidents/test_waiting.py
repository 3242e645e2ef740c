"""What time does to a resolved incident, and to targets."""

from datetime import timedelta

from rallypoint import catalog, incidents, sla
from rallypoint.actors import SYSTEM
from rallypoint.catalog.model import ClosurePolicy, StatusCategory
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.incidents import Confirmation, Incident
from tests.store.incidents.living import pass_time
from tests.store.incidents.people import Company
from tests.store.incidents.test_actions import act, mails, said


async def resolved(db: Database, them: Company, **words: object) -> int:
    new: Incident = await act(
        db, them.desk, "open_incident", title="Mail is late", service="mail", reporter_name="Wim",
        reporter_contact="wim@example.org", impact="minor", urgency="low", **words,
    )  # fmt: skip
    await act(db, them.desk, "acknowledge", new.number)
    await act(db, them.desk, "resolve", new.number, resolution="cleared the queue")
    return new.number


async def test_silence_is_reminded_of_and_then_accepted_as_what_it_is(
    db: Database, them: Company, clock: ManualClock
) -> None:
    number = await resolved(db, them)
    assert len(await mails(db, number, "confirm")) == 1
    await pass_time(db, clock, hours=25)
    assert len(await mails(db, number, "confirm")) == 2
    await pass_time(db, clock, hours=48)
    assert len(await mails(db, number, "confirm")) == 3
    await pass_time(db, clock, hours=46)
    assert (await act(db, SYSTEM, "incident", number)).confirmed_at is None
    await pass_time(db, clock, hours=2)
    accepted: Incident = await act(db, SYSTEM, "incident", number)
    assert accepted.confirmation is Confirmation.BY_SILENCE
    assert accepted.status_category is StatusCategory.RESOLVED
    assert "Not confirmed: the reporter did not answer, so it is accepted by time" in await said(db, number)
    await act(db, them.desk, "close", number)
    assert len(await mails(db, number, "confirm")) == 3


async def test_an_answer_ends_the_waiting(db: Database, them: Company, clock: ManualClock) -> None:
    number = await resolved(db, them)
    await act(db, them.desk, "confirm", number, note="she said so on the phone")
    await pass_time(db, clock, days=10)
    confirmed: Incident = await act(db, SYSTEM, "incident", number)
    assert confirmed.confirmation is Confirmation.BY_DESK
    assert len(await mails(db, number, "confirm")) == 1


async def test_where_the_policy_says_so_it_closes_by_itself_after_business_days(
    db: Database, them: Company, clock: ManualClock
) -> None:
    async with db.transaction(SYSTEM) as tx:
        home = await catalog.domain(tx, "it-service")
        await catalog.save_domain(
            tx, key=home.key, name=home.name, workflow=home.workflow, description=home.description,
            closure_policy=ClosurePolicy.AUTO_AFTER_N_BUSINESS_DAYS, settings={"close_after_business_days": 5},
        )  # fmt: skip
    number, major = await resolved(db, them), await resolved(db, them)
    begin = clock.now()
    await act(db, them.desk, "reopen", major, reason="worse than we thought")
    await act(db, them.desk, "set_priority", major, priority="P1", reason="the whole company")
    await act(db, them.desk, "resolve", major, resolution="new gateway")
    await pass_time(db, clock, days=6, hours=23)
    assert (await act(db, SYSTEM, "incident", number)).status_category is StatusCategory.RESOLVED
    await pass_time(db, clock, days=2)
    closed: Incident = await act(db, SYSTEM, "incident", number)
    assert (closed.status_category, closed.closed_at) == (StatusCategory.CLOSED, begin + timedelta(days=7))
    assert (await act(db, SYSTEM, "incident", major)).status_category is StatusCategory.RESOLVED


async def test_targets_warn_and_breach_on_the_minute_and_the_story_says_so(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    async with db.transaction(SYSTEM) as tx:
        response = (await sla.clocks_of(tx, number))[0]
    assert response.due_at is not None
    await pass_time(db, clock, minutes=response.target_minutes)
    async with db.transaction(SYSTEM) as tx:
        response = (await sla.clocks_of(tx, number))[0]
        entries, _ = await incidents.timeline(tx, number, kinds=["sla"])
    assert (response.state, response.breached_at) == ("breached", clock.now())
    mine = [entry for entry in entries if entry.data["clock"] == "response"]
    assert [entry.data["state"] for entry in mine] == ["at risk", "breached"]
    assert mine[0].recorded_at == response.started_at + timedelta(minutes=response.target_minutes) * 0.75
    ranked, _ = await act(db, them.responder, "board")
    assert ranked[0].rank_reason == "P1, target missed: nothing matters more right now"
    assert ranked[0].next_deadline == response


async def test_an_update_moves_the_next_one(db: Database, them: Company, number: int, clock: ManualClock) -> None:
    await act(db, them.responder, "acknowledge", number)
    clock.advance(timedelta(minutes=5))
    await act(db, them.responder, "publish_update", number, text="We are rolling back.")
    async with db.transaction(SYSTEM) as tx:
        update = (await sla.clocks_of(tx, number))[2]
    assert update.due_at == clock.now() + timedelta(minutes=update.target_minutes)
