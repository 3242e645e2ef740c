"""What alerts do to incidents: one incident per group, joined while open, back when it comes back."""

import asyncio
from datetime import timedelta

import pytest

from rallypoint import catalog, incidents, notify, oncall
from rallypoint.actors import SYSTEM, monitor
from rallypoint.alerts.events import AlertAcknowledged, AlertsCleared, AlertsRouted
from rallypoint.catalog.model import StatusCategory
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.incidents import Confirmation, Incident
from tests.store.incidents.living import pass_time
from tests.store.incidents.people import Company
from tests.store.incidents.test_actions import act, said

BY = monitor("prometheus")


async def fire(
    db: Database, clock: ManualClock, *ids: int, key: str = "checkout/ErrorRate", severity: str = "critical",
    service: str | None = "checkout",
) -> Incident:  # fmt: skip
    async with db.transaction(BY) as tx:
        service_id = (await catalog.service(tx, service)).id if service else None
        fact = AlertsRouted(
            integration_id=1, integration_name="prometheus", service_id=service_id, grouping_key=key, alert_ids=ids,
            severity=severity, title="Error rate is high", starts_at=clock.now() - timedelta(minutes=2),
        )  # fmt: skip
        return await incidents.open_or_join(tx, fact)


async def clear(db: Database, *ids: int) -> None:
    async with db.transaction(BY) as tx:
        await tx.announce(AlertsCleared(alert_ids=ids))


async def test_an_alert_opens_an_incident_and_the_next_joins_it(
    db: Database, them: Company, clock: ManualClock
) -> None:
    first = await fire(db, clock, 1)
    assert (first.title, first.origin, first.severity) == ("Error rate is high", "monitor:prometheus", "critical")
    assert (first.detected_at, first.reported_at) == (clock.now() - timedelta(minutes=2), None)
    assert first.impact_started_at is None
    assert (first.priority, first.impact, first.urgency) == ("P1", "extensive", "critical")
    assert "tier 1" in first.priority_reason
    second = await fire(db, clock, 2, 3)
    assert second.number == first.number
    assert await said(db, first.number, "joined") == [
        "An alert joined: Error rate is high", "2 alerts joined: Error rate is high"
    ]  # fmt: skip
    assert await act(db, SYSTEM, "number_of_alert", 3) == first.number
    async with db.transaction(SYSTEM) as tx:
        assert len(await notify.pages_of(tx, first.number)) == 1


async def test_an_alert_told_twice_joins_once(db: Database, them: Company, clock: ManualClock) -> None:
    first = await fire(db, clock, 1)
    await fire(db, clock, 1)
    assert len(await said(db, first.number, "joined")) == 1


async def test_thousands_of_alerts_join_in_one_go(db: Database, them: Company, clock: ManualClock) -> None:
    first = await fire(db, clock, *range(1, 5001))
    await clear(db, *range(1, 5000))
    assert (await act(db, SYSTEM, "incident", first.number)).status_category is StatusCategory.TRIAGE
    await clear(db, 5000)
    assert (await act(db, SYSTEM, "incident", first.number)).status_category is StatusCategory.RESTORED


async def test_no_service_is_no_reason_to_drop_it(db: Database, them: Company, clock: ManualClock) -> None:
    new = await fire(db, clock, 1, service=None)
    assert (new.domain_key, new.service_id, new.impact) == ("production", None, None)
    assert "impact unknown, counted as extensive" in new.priority_reason
    assert "No service is known for this alert, so the fallback is paged." in await said(db, new.number)


async def test_a_worse_alert_raises_the_priority_and_a_milder_one_lowers_nothing(
    db: Database, them: Company, clock: ManualClock
) -> None:
    first = await fire(db, clock, 1, severity="info")
    raised = await fire(db, clock, 2, severity="critical")
    assert raised.priority < first.priority
    assert (raised.severity, raised.urgency) == ("critical", "critical")
    same = await fire(db, clock, 3, severity="warning")
    assert (same.priority, same.severity) == (raised.priority, "critical")


async def test_two_routers_at_once_open_one_incident(db: Database, them: Company, clock: ManualClock) -> None:
    opened = await asyncio.gather(*(fire(db, clock, number) for number in range(1, 5)))
    assert len({one.number for one in opened}) == 1


async def test_when_nothing_fires_the_monitor_restores_and_paging_stops(
    db: Database, them: Company, clock: ManualClock
) -> None:
    number = (await fire(db, clock, 1, 2)).number
    await clear(db, 1)
    assert (await act(db, SYSTEM, "incident", number)).restored_at is None
    clock.advance(timedelta(minutes=4))
    await clear(db, 2)
    now: Incident = await act(db, SYSTEM, "incident", number)
    assert (now.status_category, now.restored_at, now.acknowledged_at) == (StatusCategory.RESTORED, clock.now(), None)
    async with db.transaction(SYSTEM) as tx:
        assert [run.state for run in await oncall.runs_of(tx, number)] == ["stopped"]
        entries, _ = await incidents.timeline(tx, number, key_only=True)
    assert entries[-1].reason == "every alert of this incident is over"
    assert (entries[-1].actor_kind, entries[-1].actor_name) == ("monitor", "prometheus")


async def test_firing_again_after_restoration_opens_it_again_and_pages(
    db: Database, them: Company, clock: ManualClock
) -> None:
    number = (await fire(db, clock, 1)).number
    await clear(db, 1)
    clock.advance(timedelta(hours=3))
    back = await fire(db, clock, 2)
    assert (back.number, back.status_category, back.reopened) == (number, StatusCategory.TRIAGE, 0)
    assert back.restored_at is None
    async with db.transaction(SYSTEM) as tx:
        assert [run.state for run in await oncall.runs_of(tx, number)][-1] == "running"


@pytest.mark.parametrize(("minutes", "same"), [(29, True), (31, False)])
async def test_after_resolution_it_comes_back_within_the_window_and_is_new_later(
    db: Database, them: Company, clock: ManualClock, minutes: int, same: bool
) -> None:
    number = (await fire(db, clock, 1)).number
    await act(db, them.responder, "acknowledge", number)
    await act(db, them.responder, "resolve", number, resolution="rolled back")
    await clear(db, 1)
    clock.advance(timedelta(minutes=minutes))
    back = await fire(db, clock, 2)
    assert (back.number == number) is same
    if same:
        assert (back.status_category, back.reopened) == (StatusCategory.ACTIVE, 1)


async def test_a_closed_one_never_comes_back_and_an_old_one_reopened_by_hand_lets_the_new_one_take_alerts(
    db: Database, them: Company, clock: ManualClock
) -> None:
    old = (await fire(db, clock, 1)).number
    await act(db, them.responder, "acknowledge", old)
    await act(db, them.responder, "resolve", old, resolution="rolled back")
    clock.advance(timedelta(hours=2))
    new = (await fire(db, clock, 2)).number
    assert new != old
    reopened: Incident = await act(db, them.responder, "reopen", old, reason="it was never fixed")
    assert not reopened.joins
    assert (await fire(db, clock, 3)).number == new


async def test_a_monitor_confirms_by_staying_healthy(db: Database, them: Company, clock: ManualClock) -> None:
    number = (await fire(db, clock, 1)).number
    await act(db, them.responder, "acknowledge", number)
    await act(db, them.responder, "resolve", number, resolution="rolled back")
    await pass_time(db, clock, hours=1)
    assert (await act(db, SYSTEM, "incident", number)).confirmed_at is None  # it still fires
    await clear(db, 1)
    cleared_at = clock.now()
    await pass_time(db, clock, minutes=14)
    assert (await act(db, SYSTEM, "incident", number)).confirmed_at is None
    await pass_time(db, clock, minutes=2)
    confirmed: Incident = await act(db, SYSTEM, "incident", number)
    assert confirmed.confirmation is Confirmation.BY_MONITOR
    assert confirmed.confirmed_at == cleared_at + timedelta(minutes=15)
    assert "Confirmed by prometheus: it stayed healthy" in await said(db, number, "confirmation")
    await act(db, them.responder, "close", number)


async def test_an_acknowledgement_in_the_tool_counts_here(db: Database, them: Company, clock: ManualClock) -> None:
    number = (await fire(db, clock, 1)).number
    async with db.transaction(BY) as tx:
        await tx.announce(AlertAcknowledged(alert_ids=(1,)))
    now: Incident = await act(db, SYSTEM, "incident", number)
    assert (now.acknowledged_by, now.status_category) == ("prometheus", StatusCategory.ACTIVE)
    async with db.transaction(SYSTEM) as tx:
        assert [run.state for run in await oncall.runs_of(tx, number)] == ["acknowledged"]
