"""The verbs on a real database: what each leaves behind in the record, its history and its clocks."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from rallypoint import access, incidents, notify, oncall, sla
from rallypoint.access import Role
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor
from rallypoint.catalog.model import StatusCategory
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import Conflict, Invalid, NotFound, Refused
from rallypoint.incidents import Confirmation, Incident, history, store
from rallypoint.insight import store as insight_store
from tests.store.incidents.people import Company


async def act(db: Database, actor: Actor, verb: str, *args: Any, **words: Any) -> Any:
    async with db.transaction(actor) as tx:
        return await getattr(incidents, verb)(tx, *args, **words)


async def said(db: Database, number: int, kind: str = "") -> list[str]:
    async with db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, number)
        assert (await incidents.verify_timeline(tx, number)).ok
    return [entry.text for entry in entries if kind in ("", entry.kind)]


async def clock_states(db: Database, number: int) -> dict[str, str]:
    async with db.transaction(SYSTEM) as tx:
        return {clock.kind: clock.state for clock in await sla.clocks_of(tx, number)}


async def mails(db: Database, number: int, purpose: str) -> list[notify.Delivery]:
    async with db.transaction(SYSTEM) as tx:
        found, _ = await notify.list_deliveries(tx, incident=number)
    return [delivery for delivery in found if delivery.purpose == purpose]


async def test_a_declared_incident_knows_what_was_said_and_leaves_the_rest_unknown(db: Database, them: Company) -> None:
    new: Incident = await act(db, them.responder, "open_incident", title="  Checkout is slow ", service="checkout")
    assert (new.title, new.service_key, new.domain_key) == ("Checkout is slow", "checkout", "production")
    assert (new.impact, new.urgency, new.priority) == (None, None, "P1")
    assert "unknown" in new.priority_reason
    assert (new.reporter_name, new.reporter_person_id, new.logged_by) == ("Bob", them.responder.person_id, "Bob")
    assert (new.impact_started_at, new.detected_at, new.reported_at) == (None, None, new.created_at)
    assert new.status_category is StatusCategory.TRIAGE
    assert await clock_states(db, new.number) == {"response": "running", "resolution": "running", "update": "running"}
    async with db.transaction(SYSTEM) as tx:
        assert [page.page.person_name for page in await notify.pages_of(tx, new.number)] == ["Bob"]


async def test_reporter_logger_and_affected_people_are_three_things(db: Database, them: Company) -> None:
    new: Incident = await act(
        db, them.desk, "open_incident", title="No label printer", domain="it-service", reporter_name="Wanda M",
        reporter_contact="wanda@example.org", affected_people=12, impact="moderate", urgency="low",
    )  # fmt: skip
    assert (new.reporter_name, new.reporter_person_id, new.logged_by) == ("Wanda M", them.reporter.person_id, "Dana")
    assert new.affected_people == 12
    (receipt,) = await mails(db, new.number, "notice")
    assert receipt.address == "wanda@example.org"
    assert new.name in receipt.title


async def test_anyone_may_report_and_a_service_request_pages_nobody(db: Database, them: Company) -> None:
    new: Incident = await act(
        db, ANONYMOUS, "open_incident", title="I need a second screen", kind="service request", service="mail",
        reporter_name="Wim", reporter_contact="extension 42",
    )  # fmt: skip
    assert (new.kind, new.logged_by) == ("service request", "Wim")
    async with db.transaction(SYSTEM) as tx:
        assert await notify.pages_of(tx, new.number) == []
        assert await oncall.runs_of(tx, new.number) == []
    assert await mails(db, new.number, "notice") == []


@pytest.mark.parametrize(
    ("words", "field"),
    [({"title": " "}, "title"), ({"title": "a\0b"}, "title"), ({"title": "x" * 201}, "title"),
     ({"impact": "huge"}, "impact"), ({"affected_people": -1}, "affected_people"), ({"kind": "wish"}, "kind"),
     ({"description": "\ud800"}, "description")],
)  # fmt: skip
async def test_bad_input_names_its_field(db: Database, them: Company, words: dict[str, Any], field: str) -> None:
    with pytest.raises(Invalid) as wrong:
        await act(db, them.responder, "open_incident", **({"title": "Slow", "service": "checkout"} | words))
    assert wrong.value.problems[0].field == field


async def test_times_in_the_future_are_refused(db: Database, them: Company, clock: ManualClock) -> None:
    with pytest.raises(Invalid):
        await act(
            db, them.responder, "open_incident", title="Slow", impact_started_at=clock.now() + timedelta(minutes=1)
        )
    with pytest.raises(NotFound):
        await act(db, them.responder, "open_incident", title="Slow", service="no-such-service")


async def test_acknowledging_stops_the_pages_and_makes_an_owner(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    clock.advance(timedelta(minutes=3))
    after: Incident = await act(db, them.responder, "acknowledge", number, via="phone")
    assert (after.status_category, after.acknowledged_by, after.owner_name) == (StatusCategory.ACTIVE, "Bob", "Bob")
    assert after.acknowledged_at == clock.now()
    assert (await clock_states(db, number))["response"] == "met"
    assert "Bob acknowledged it by phone" in await said(db, number)
    async with db.transaction(SYSTEM) as tx:
        assert [run.state for run in await oncall.runs_of(tx, number)] == ["acknowledged"]
    again: Incident = await act(db, them.other, "acknowledge", number)
    assert (again.epoch, again.acknowledged_by) == (after.epoch, "Bob")


async def test_a_bot_stops_the_pages_and_a_person_has_still_to_take_it_up(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    async with db.transaction(SYSTEM) as tx:
        token = (await access.create_key(tx, name="Runbook robot", roles=[Role.RESPONDER])).token
    bot = await key_holder(db, token)
    clock.advance(timedelta(minutes=1))
    after: Incident = await act(db, bot, "acknowledge", number)
    assert (after.status_category, after.acknowledged_by) == (StatusCategory.ACTIVE, "Runbook robot")
    assert (after.acknowledged_at, after.taken_up_at, after.owner_id) == (clock.now(), None, None)
    assert (await clock_states(db, number))["response"] == "running"
    assert await to_acknowledge(db, number) is None
    async with db.transaction(SYSTEM) as tx:
        assert [run.state for run in await oncall.runs_of(tx, number)] == ["acknowledged"]
    assert (await act(db, bot, "acknowledge", number)).epoch == after.epoch, "again changes nothing"
    clock.advance(timedelta(minutes=2))
    taken: Incident = await act(db, them.responder, "acknowledge", number)
    assert (taken.acknowledged_by, taken.taken_up_at, taken.owner_name) == ("Bob", clock.now(), "Bob")
    assert (await clock_states(db, number))["response"] == "met"
    assert await to_acknowledge(db, number) == clock.now()
    async with db.transaction(SYSTEM) as tx:
        marks = await history.marks(tx, number)
        assert [mark.at for mark in marks if mark.kind == "acknowledged"] == [clock.now()]
    assert (await act(db, bot, "acknowledge", number)).acknowledged_by == "Bob"


async def test_a_key_of_a_person_acknowledges_as_that_person(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    async with db.transaction(SYSTEM) as tx:
        token = (await access.create_key(tx, name="Bob's script", person_id=them.responder.person_id)).token
    after: Incident = await act(db, await key_holder(db, token), "acknowledge", number)
    assert (after.taken_up_at, after.owner_id) == (clock.now(), them.responder.person_id)
    assert (await clock_states(db, number))["response"] == "met"


async def test_what_a_bot_resolves_nobody_has_responded_to(db: Database, them: Company, number: int) -> None:
    async with db.transaction(SYSTEM) as tx:
        token = (await access.create_key(tx, name="Runbook robot", roles=[Role.RESPONDER])).token
    after: Incident = await act(db, await key_holder(db, token), "resolve", number, resolution="Restarted it.")
    assert (after.status_category, after.taken_up_at) == (StatusCategory.RESOLVED, None)
    assert (await clock_states(db, number))["response"] == "stopped"
    reopened: Incident = await act(db, them.desk, "reopen", number, reason="It is back.")
    assert reopened.status_category is StatusCategory.TRIAGE, "nobody has taken it up yet"


async def key_holder(db: Database, token: str) -> Actor:
    async with db.transaction(SYSTEM) as tx:
        found = await access.key_actor(tx, token)
    assert found is not None
    return found


async def to_acknowledge(db: Database, number: int) -> datetime | None:
    """Where the time to acknowledge of this incident ends, for Insight."""
    async with db.transaction(SYSTEM) as tx:
        start, end = tx.now - timedelta(days=1), tx.now + timedelta(days=1)
        cases = await insight_store.cases(tx, insight_store.Scope(), since=start, until=end, hurting_since=start)
    return next(case.acknowledged_at for case in cases if case.number == number)


async def test_an_escalated_incident_can_be_acknowledged_again(db: Database, them: Company, number: int) -> None:
    await act(db, them.responder, "acknowledge", number)
    await act(
        db, them.responder, "escalate", number, kind="hierarchical", to_person=them.other.person_id, note="need a hand"
    )
    assert "Bob escalated it (hierarchical) to Bea" in await said(db, number, "escalation")
    async with db.transaction(SYSTEM) as tx:
        assert any(run.state == "running" for run in await oncall.runs_of(tx, number))
    await act(db, them.other, "acknowledge", number)
    async with db.transaction(SYSTEM) as tx:
        assert not any(run.state == "running" for run in await oncall.runs_of(tx, number))
    assert (await act(db, SYSTEM, "incident", number)).acknowledged_by == "Bob"


async def test_who_may_not_is_told_who_may(db: Database, them: Company, number: int) -> None:
    for actor in (them.viewer, them.reporter, ANONYMOUS):
        with pytest.raises(Refused) as refused:
            await act(db, actor, "acknowledge", number)
        assert refused.value.permission
        assert "responder" in refused.value.who_may


async def test_hold_pauses_one_clock_and_resume_sets_it_going(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    with pytest.raises(Refused):
        await act(db, them.responder, "hold", number, reason="waiting for the vendor")
    await act(db, them.responder, "acknowledge", number)
    held: Incident = await act(db, them.responder, "hold", number, reason="waiting for the vendor")
    assert (held.status_category, held.hold_reason) == (StatusCategory.ON_HOLD, "waiting for the vendor")
    assert (await clock_states(db, number))["resolution"] == "paused"
    assert (await act(db, SYSTEM, "incident", number)).due_at is None
    clock.advance(timedelta(hours=5))
    resumed: Incident = await act(db, them.responder, "resume", number)
    assert (resumed.status_category, resumed.hold_reason) == (StatusCategory.ACTIVE, "")
    async with db.transaction(SYSTEM) as tx:
        resolution = next(c for c in await sla.clocks_of(tx, number) if c.kind == "resolution")
    assert resolution.paused_minutes == 300
    assert (await act(db, SYSTEM, "incident", number)).due_at == resolution.due_at


async def test_a_desk_holds_from_triage_and_has_taken_it_up(db: Database, them: Company) -> None:
    new: Incident = await act(db, them.desk, "open_incident", title="Mail is late", service="mail")
    await act(db, them.desk, "hold", new.number, reason="waiting for the caller")
    async with db.transaction(SYSTEM) as tx:
        assert not any(run.state == "running" for run in await oncall.runs_of(tx, new.number))
    assert (await clock_states(db, new.number))["response"] == "met"


async def test_restored_and_recovered_are_two_facts(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    await act(db, them.responder, "acknowledge", number)
    with pytest.raises(Refused):
        await act(db, them.responder, "recover", number)
    clock.advance(timedelta(minutes=30))
    restored: Incident = await act(db, them.responder, "restore", number, note="rolled back")
    assert (restored.restored_at, restored.recovered_at) == (clock.now(), None)
    clock.advance(timedelta(minutes=60))
    recovered: Incident = await act(db, them.responder, "recover", number, note="queue is worked off")
    assert (recovered.restored_at, recovered.recovered_at) == (restored.restored_at, clock.now())
    assert recovered.resolved_at is None


async def test_a_restoration_recorded_late_counts_from_when_it_happened(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    await act(db, them.responder, "acknowledge", number)
    happened = clock.now() + timedelta(minutes=20)
    clock.advance(timedelta(days=2))
    with pytest.raises(Invalid):
        await act(db, them.responder, "restore", number, at=clock.now() + timedelta(minutes=1))
    await act(db, them.responder, "restore", number, at=happened)
    async with db.transaction(SYSTEM) as tx:
        resolution = next(c for c in await sla.clocks_of(tx, number) if c.kind == "resolution")
    assert (resolution.state, resolution.used) == ("paused", timedelta(minutes=20))


async def test_a_first_line_fix_jumps_and_is_still_confirmed_and_closed(db: Database, them: Company) -> None:
    new: Incident = await act(
        db, them.desk, "open_incident", title="Password forgotten", domain="it-service",
        reporter_name="Wanda", reporter_contact="wanda@example.org",
    )  # fmt: skip
    resolved: Incident = await act(db, them.desk, "resolve", new.number, resolution="Set a new one with her")
    assert resolved.status_category is StatusCategory.RESOLVED
    assert "Dana resolved it, straight from triage to resolved" in await said(db, new.number, "resolution")
    (asked,) = await mails(db, new.number, "confirm")
    token = asked.url.rpartition("/")[2]
    with pytest.raises(Refused) as refused:
        await act(db, them.desk, "close", new.number)
    assert refused.value.guard == "confirmation"
    seen: Incident = await act(db, ANONYMOUS, "incident_by_reporter_token", token)
    assert seen.number == new.number
    confirmed: Incident = await act(db, ANONYMOUS, "confirm_by_reporter", token)
    assert confirmed.confirmation is Confirmation.BY_REPORTER
    assert "Wanda confirmed that it is solved" in await said(db, new.number, "confirmation")
    with pytest.raises(Refused) as refused:
        await act(db, them.responder, "close", new.number)
    assert refused.value.guard == "closure_policy"
    closed: Incident = await act(db, them.desk, "close", new.number)
    assert (closed.status_category, closed.closed_at) == (StatusCategory.CLOSED, closed.resolved_at)
    assert len(await mails(db, new.number, "notice")) == 2


async def test_the_desk_closes_without_an_answer_only_with_a_reason(db: Database, them: Company) -> None:
    new: Incident = await act(db, them.desk, "open_incident", title="Mail is late", service="mail")
    await act(db, them.desk, "resolve", new.number, resolution="cleared the queue")
    closed: Incident = await act(db, them.desk, "close", new.number, note="she has left the company")
    assert (closed.confirmed_at, closed.confirmation) == (None, Confirmation.BY_SILENCE)
    assert closed.confirmation_note == "she has left the company"


async def test_a_link_of_another_incident_or_none_opens_nothing(db: Database, them: Company, number: int) -> None:
    with pytest.raises(NotFound):
        await act(db, ANONYMOUS, "confirm_by_reporter", "a" * 43)


async def test_in_production_the_owner_closes_after_confirmation(db: Database, them: Company, number: int) -> None:
    await act(db, them.other, "acknowledge", number)
    await act(db, them.other, "resolve", number, resolution="rolled back")
    with pytest.raises(Refused) as refused:
        await act(db, them.other, "close", number)
    assert refused.value.guard == "confirmation"
    await act(db, them.responder, "confirm", number)  # Bob reported it
    with pytest.raises(Refused) as refused:
        await act(db, them.responder, "close", number)
    assert (refused.value.guard, "Bea" in refused.value.who_may) == ("closure_policy", True)
    closed: Incident = await act(db, them.other, "close", number)
    assert closed.status_category is StatusCategory.CLOSED


async def test_a_rejection_opens_it_again_and_pages_again(db: Database, them: Company, number: int) -> None:
    await act(db, them.other, "acknowledge", number)
    await act(db, them.other, "resolve", number, resolution="rolled back")
    with pytest.raises(Invalid):
        await act(db, them.responder, "reject", number, reason=" ")
    after: Incident = await act(db, them.responder, "reject", number, reason="still slow")
    assert (after.status_category, after.reopened) == (StatusCategory.ACTIVE, 1)
    assert (after.resolved_at, after.restored_at, after.confirmed_at) == (None, None, None)
    async with db.transaction(SYSTEM) as tx:
        assert any(run.state == "running" for run in await oncall.runs_of(tx, number))
    assert (await clock_states(db, number))["resolution"] == "running"


async def test_a_workaround_is_a_resolution(db: Database, them: Company, number: int) -> None:
    await act(db, them.responder, "resolve", number, resolution="Use the other shop", workaround=True)
    after: Incident = await act(db, SYSTEM, "incident", number)
    assert after.workaround == "Use the other shop"
    assert any("with a workaround" in line for line in await said(db, number, "resolution"))


async def test_priorities_go_up_freely_and_down_with_authority_and_a_reason(
    db: Database, them: Company, number: int
) -> None:
    for actor, reason, error in ((them.responder, "small", Refused), (them.desk, "small", Refused),
                                 (them.manager, "", Invalid)):  # fmt: skip
        with pytest.raises(error):
            await act(db, actor, "set_priority", number, impact="minor", urgency="low", reason=reason)
    lower: Incident = await act(
        db, them.manager, "set_priority", number, impact="minor", urgency="low", reason="one test shop"
    )
    assert lower.priority == "P4"
    assert "one test shop" in lower.priority_reason
    higher: Incident = await act(db, them.responder, "set_priority", number, priority="P2", reason="the press calls")
    assert (higher.priority, higher.priority_by_hand) == ("P2", True)
    assert await said(db, number, "priority") == ["P1 became P4", "P4 became P2"]
    async with db.transaction(SYSTEM) as tx:
        assert {clock.priority for clock in await sla.clocks_of(tx, number)} == {"P2"}


async def test_an_impact_fact_may_become_known_and_unknown_again(
    db: Database, them: Company, number: int, clock: ManualClock
) -> None:
    began = clock.now() - timedelta(minutes=9)
    after: Incident = await act(db, them.responder, "set_impact", number, affected_people=40, impact_started_at=began)
    assert (after.affected_people, after.impact_started_at) == (40, began)
    again: Incident = await act(db, them.responder, "set_impact", number, affected_people=40)
    assert again.epoch == after.epoch
    unknown: Incident = await act(db, them.responder, "set_impact", number, impact_started_at=None)
    assert (unknown.affected_people, unknown.impact_started_at) == (40, None)


async def test_a_better_title_and_description_keep_what_was_said_before(
    db: Database, them: Company, number: int
) -> None:
    async with db.transaction(SYSTEM) as tx:
        before = await incidents.incident(tx, number)
    after: Incident = await act(
        db, them.responder, "describe", number, title="Checkout takes 4 s", description="p99 4 s"
    )
    assert (after.title, after.description) == ("Checkout takes 4 s", "p99 4 s")
    same: Incident = await act(db, them.responder, "describe", number, title="Checkout takes 4 s")
    assert (same.epoch, same.description) == (after.epoch, "p99 4 s")
    async with db.transaction(SYSTEM) as tx:
        entries, _ = await incidents.timeline(tx, number)
    assert entries[-1].data["was"] == {"title": before.title, "description": before.description}
    with pytest.raises(Invalid):
        await act(db, them.responder, "describe", number, title="  ")
    with pytest.raises(Refused):
        await act(db, them.viewer, "describe", number, title="Mine")


async def test_a_category_routes_and_counts_reassignments(db: Database, them: Company) -> None:
    async with db.transaction(SYSTEM) as tx:
        from rallypoint import catalog

        desk = await access.create_team(tx, key="desk", name="Desk")
        network = await access.create_team(tx, key="network", name="Network")
        home = await catalog.domain(tx, "it-service")
        for key, team in (("printing", "desk"), ("lan", "network")):
            await catalog.save_category(
                tx, home, key=key, name=key.upper(), type_class="network issue", team=team,
                default_impact="minor", default_urgency="low",
            )  # fmt: skip
    new: Incident = await act(db, them.desk, "open_incident", title="It is slow", domain="it-service", category="lan")
    assert (new.team_id, new.priority, new.impact) == (network.id, "P4", None)
    assert "by its category" in new.priority_reason
    moved: Incident = await act(db, them.desk, "set_category", new.number, category="printing")
    assert (moved.team_id, moved.reassigned, moved.category_name) == (desk.id, 1, "PRINTING")


async def test_two_who_write_at_once_do_not_lose_each_other(db: Database, them: Company, number: int) -> None:
    async with db.transaction(them.responder) as tx:
        stale = await incidents.incident(tx, number)
    await act(db, them.responder, "note", number, text="looking")
    with pytest.raises(Conflict):
        async with db.transaction(them.other) as tx:
            await store.save(tx, stale)


async def test_a_cancelled_incident_is_over_and_its_clocks_too(db: Database, them: Company, number: int) -> None:
    await act(db, them.responder, "cancel", number, reason="a test alert")
    assert set((await clock_states(db, number)).values()) == {"stopped"}
    async with db.transaction(SYSTEM) as tx:
        assert await tx.value("select count(*) from timer where kind like 'sla.%'") == 0
        assert [run.state for run in await oncall.runs_of(tx, number)] == ["stopped"]
