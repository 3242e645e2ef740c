"""The router tells each thing once, in the same transaction that writes down that it was told."""

from datetime import timedelta

import pytest

from rallypoint import alerts, catalog
from rallypoint.actors import SYSTEM
from rallypoint.alerts import AlertAcknowledged, AlertsCleared, AlertsRouted, Batch, Batcher, Integration
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.engine.loop import settle
from rallypoint.events import Fact
from tests.store.alerts.conftest import Ear, Say, signal


async def service(db: Database, key: str) -> catalog.Service:
    async with db.transaction(SYSTEM) as tx:
        return await catalog.create_service(tx, key=key, name=key, domain="production")


async def run(db: Database) -> None:
    await settle(db, alerts.works(db))


async def test_alerts_are_told_by_group_with_their_service(heard: Database, say: Say, ear: Ear) -> None:
    checkout = await service(heard, "checkout")
    one = await say(labels={"service": "checkout", "host": "a"}, severity="warning")
    two = await say(labels={"service": "checkout", "host": "b"}, severity="critical", summary="worst")
    three = await say("DiskFull", service="checkout", labels={})
    four = await say(labels={"service": "unheard-of"})
    await run(heard)
    by_key = {fact.grouping_key: fact for fact in ear.of(AlertsRouted)}
    down = by_key["checkout / alertname=DatabaseDown"]
    assert (down.alert_ids, down.severity, down.title, down.service_id) == (
        (one, two),
        "critical",
        "worst",
        checkout.id,
    )
    assert by_key["checkout / alertname=DiskFull"].alert_ids == (three,)
    lost = by_key["no service, Prometheus / alertname=DatabaseDown"]
    assert (lost.alert_ids, lost.service_id) == ((four,), None)
    assert "there is no service 'unheard-of'" in lost.reason
    async with heard.transaction(SYSTEM) as tx:
        alert = await alerts.alert(tx, one or 0)
    assert alert.service_id == checkout.id
    assert alert.route_reason == "service checkout: its label; grouped by alertname"
    assert alert.grouping_key == down.grouping_key


async def test_nothing_is_told_twice(heard: Database, say: Say, ear: Ear) -> None:
    await say()
    await run(heard)
    await say()
    await run(heard)
    assert len(ear.facts) == 1


async def test_acknowledged_and_resolved_are_told(heard: Database, say: Say, ear: Ear) -> None:
    one = await say()
    await run(heard)
    await say(status="acknowledged")
    await run(heard)
    await say(status="resolved")
    await run(heard)
    assert [type(fact) for fact in ear.facts] == [AlertsRouted, AlertAcknowledged, AlertsCleared]
    assert ear.of(AlertsCleared)[0].alert_ids == (one,)


async def test_what_was_over_before_it_was_told_is_told_in_full(heard: Database, say: Say, ear: Ear) -> None:
    await say()
    await say(status="resolved")
    await run(heard)
    assert [type(fact) for fact in ear.facts] == [AlertsRouted, AlertsCleared]


async def test_an_end_that_passes_is_told(heard: Database, say: Say, ear: Ear, clock: ManualClock) -> None:
    await say(ends_at=clock.now() + timedelta(minutes=5))
    await run(heard)
    clock.advance(timedelta(minutes=5))
    await run(heard)
    assert len(ear.of(AlertsCleared)) == 1


async def test_a_group_that_was_quiet_for_its_window_starts_anew(
    heard: Database, say: Say, ear: Ear, clock: ManualClock
) -> None:
    for name in ("a", "b"):
        await say(labels={"host": name})
        await run(heard)
        clock.advance(timedelta(hours=20))
    clock.advance(timedelta(hours=5))
    await say(labels={"host": "c"})
    await run(heard)
    keys = [fact.grouping_key for fact in ear.of(AlertsRouted)]
    assert keys[0] == keys[1]
    assert keys[2] == f"{keys[0]} (#2)"


async def test_what_poisons_a_group_is_quarantined_and_its_neighbours_are_told(
    heard: Database, say: Say, ear: Ear
) -> None:
    good, bad = await say(labels={"host": "a"}), await say(labels={"host": "b"})

    def refuse(fact: Fact) -> None:
        if isinstance(fact, AlertsRouted) and bad in fact.alert_ids and "quarantine" not in fact.grouping_key:
            raise ValueError("poison")

    ear.refuse = refuse
    await run(heard)
    told = {fact.alert_ids: fact for fact in ear.of(AlertsRouted)}
    assert set(told) == {(good,), (bad,)}
    assert told[(bad,)].service_id is None
    async with heard.transaction(SYSTEM) as tx:
        alert = await alerts.alert(tx, bad or 0)
    assert alert.quarantined_why == "could not be handled: ValueError('poison')"


async def test_an_alert_that_nobody_can_be_told_of_stays_untold_and_comes_again(
    heard: Database, say: Say, ear: Ear, clock: ManualClock
) -> None:
    bad, good = await say("Bad"), await say("Good")

    def refuse(fact: Fact) -> None:
        if isinstance(fact, AlertsRouted) and bad in fact.alert_ids:
            raise ValueError("nobody")

    ear.refuse = refuse
    await run(heard)
    assert [fact.alert_ids for fact in ear.of(AlertsRouted)] == [(good,)]
    ear.refuse = lambda fact: None
    await run(heard)
    assert len(ear.facts) == 1, "it is not tried again at once"
    clock.advance(timedelta(minutes=1))
    await run(heard)
    assert ear.of(AlertsRouted)[-1].alert_ids == (bad,)


async def test_a_storm_leaves_a_turn_to_others(
    heard: Database, batcher: Batcher, integration: Integration, say: Say, ear: Ear
) -> None:
    async with heard.transaction(SYSTEM) as tx:
        other = (await alerts.create_integration(tx, name="Other", kind="any")).integration
    await batcher.accept(integration, Batch(signals=[signal(f"Storm{n}") for n in range(300)]))
    calm = await say("Calm", sender=other)
    await alerts.route_new(heard)
    told = ear.of(AlertsRouted)
    assert (calm,) in [fact.alert_ids for fact in told]
    assert len(told) <= 12
    await run(heard)
    assert len(ear.of(AlertsRouted)) == 301


async def test_keys_are_found_rotated_and_disabled(heard: Database, clock: ManualClock) -> None:
    async with heard.transaction(SYSTEM) as tx:
        made = await alerts.create_integration(tx, name="One", kind="generic")
        assert len(made.key) == 32
        new = await alerts.rotate_key(tx, made.integration.id, keep_hours=1)
        for key in (made.key, new.key):
            found = await alerts.integration_by_key(tx, key)
            assert found is not None
            assert found.id == made.integration.id
        assert await alerts.integration_by_key(tx, "0" * 32) is None
    clock.advance(timedelta(hours=2))
    async with heard.transaction(SYSTEM) as tx:
        assert await alerts.integration_by_key(tx, made.key) is None
        changed = await alerts.update_integration(tx, made.integration.id, disabled=True, group_by=["cluster"])
        assert changed.group_by == ("cluster",)
    assert await alerts.Directory(heard).find(new.key) is None


@pytest.mark.parametrize("status", ["open", "firing", "acknowledged", "resolved", None])
async def test_lists_page_by_cursor(heard: Database, say: Say, status: str | None) -> None:
    for n in range(6):
        await say(f"A{n}")
    await say("A0", "resolved")
    await say("A1", "acknowledged")
    seen: list[int] = []
    cursor: str | None = None
    async with heard.transaction(SYSTEM) as tx:
        while True:
            page, cursor = await alerts.list_alerts(tx, status=status, cursor=cursor, limit=2)
            seen += [a.id for a in page]
            if cursor is None:
                break
    expected = {"open": 5, "firing": 4, "acknowledged": 1, "resolved": 1, None: 6}[status]
    assert len(seen) == len(set(seen)) == expected
    assert seen == sorted(seen, reverse=True)
