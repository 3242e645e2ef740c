"""Signals become rows: one open alert per sender and fingerprint, counted, resolved, fired again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from rallypoint import alerts
from rallypoint.actors import SYSTEM
from rallypoint.alerts import Batch, Batcher, Busy, Integration, Repeat, Signal, Status, Unreadable
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.errors import OutsideFailure
from tests.store.alerts.conftest import Say, signal

GOOD_TEXT = {"labels": {"alertname": "x"}}


async def everything(db: Database) -> list[alerts.Alert]:
    async with db.transaction(SYSTEM) as tx:
        return (await alerts.list_alerts(tx, limit=200))[0]


async def test_one_open_alert_counts_its_repetitions(heard: Database, say: Say, clock: ManualClock) -> None:
    first = await say()
    clock.advance(timedelta(seconds=30))
    assert await say(summary="worse") == first
    [alert] = await everything(heard)
    assert (alert.count, alert.summary, alert.status) == (2, "worse", Status.FIRING)
    assert alert.last_received_at == clock.now() == alert.first_received_at + timedelta(seconds=30)


async def test_a_resolved_alert_that_fires_again_is_a_new_one(heard: Database, say: Say) -> None:
    first = await say()
    assert await say(status="resolved") == first
    assert await say() != first
    assert [a.status for a in await everything(heard)] == ["firing", "resolved"]


async def test_resolving_or_acknowledging_what_is_not_open_changes_nothing(heard: Database, say: Say) -> None:
    assert await say(status="resolved") is None
    assert await say(status="acknowledged") is None
    assert await everything(heard) == []


async def test_a_late_resolve_of_an_earlier_firing_is_ignored(heard: Database, say: Say, clock: ManualClock) -> None:
    started = clock.now() - timedelta(minutes=1)
    await say(starts_at=started)
    assert await say(status="resolved", ends_at=started - timedelta(minutes=10)) is None
    assert (await everything(heard))[0].status == Status.FIRING


async def test_a_message_in_which_an_alert_fires_ends_and_fires_again_keeps_the_order(
    heard: Database, batcher: Batcher, integration: Integration
) -> None:
    batch = Batch(signals=[signal(), signal(status="resolved"), signal(), signal()])
    ids = (await batcher.accept(integration, batch)).ids
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert [(a.status, a.count) for a in await everything(heard)] == [("firing", 2), ("resolved", 1)]


async def test_in_a_storm_two_commits_are_under_way_and_each_alert_keeps_its_order(
    heard: Database, batcher: Batcher, integration: Integration
) -> None:
    """One alert fires and ends in turn, among hundreds of others; what was sent first counts first."""
    messages = [
        Batch(signals=[*(signal(f"Other {turn}-{n}") for n in range(200)), signal("Turns", status=status)])
        for turn in range(8)
        for status in ("firing", "resolved")
    ]
    sent = [asyncio.ensure_future(batcher.accept(integration, one)) for one in messages]
    together = 0
    while not all(one.done() for one in sent):
        together = max(together, len(batcher._flights))
        await asyncio.sleep(0)
    assert together == 2
    ids = [(await one).ids[-1] for one in sent]
    fired, ended = ids[::2], ids[1::2]
    assert fired == ended
    assert len(set(fired)) == 8
    async with heard.transaction(SYSTEM) as tx:
        turns = await tx.rows("select status from alert where labels->>'alertname' = 'Turns'")
    assert [row["status"] for row in turns] == ["resolved"] * 8


async def test_after_nothing_but_new_alerts_one_that_is_open_is_counted_all_the_same(
    heard: Database, batcher: Batcher, integration: Integration
) -> None:
    for turn in range(2):
        await batcher.accept(integration, Batch(signals=[signal(f"New {turn}-{n}") for n in range(5)]))
    mixed = [signal("New 0-3", summary="again"), signal("Newer"), signal("New 1-0"), signal("Newer", status="resolved")]
    ids = (await batcher.accept(integration, Batch(signals=mixed), b"whole")).ids
    assert ids[1] == ids[3]
    found = {a.labels["alertname"]: (a.count, a.status) for a in await everything(heard)}
    assert len(found) == 11
    assert found["New 0-3"] == found["New 1-0"] == (2, Status.FIRING)
    assert found["Newer"] == (1, Status.RESOLVED)
    assert {count for count, _ in found.values()} == {1, 2}


async def test_texts_are_kept_whatever_is_in_them(heard: Database, batcher: Batcher, integration: Integration) -> None:
    odd = ["", "\x1f", "a\x1fb\x1fc", "\x1f\x1f", '{"quoted"} \\ \n \t', "naïve 🦊 ☃", "null", "NULL", " "]
    batch = [signal(f"A{n}", summary=text, details=odd[-1 - n], source=text) for n, text in enumerate(odd)]
    await batcher.accept(integration, Batch(signals=batch))
    found = sorted(await everything(heard), key=lambda alert: alert.id)
    told = {alert.labels["alertname"]: (alert.summary, alert.details, alert.source) for alert in found}
    assert told == {f"A{n}": (text, odd[-1 - n], text) for n, text in enumerate(odd)}
    await batcher.accept(integration, Batch(signals=[signal("Lone", summary="", details="")]))
    assert (await everything(heard))[0].summary == ""


async def test_two_integrations_do_not_share_alerts(heard: Database, say: Say) -> None:
    async with heard.transaction(SYSTEM) as tx:
        other = (await alerts.create_integration(tx, name="Other", kind="any")).integration
    assert await say() != await say(sender=other)


async def test_a_repeat_counts_on_the_open_alert_and_fires_anew_on_a_closed_one(
    heard: Database, batcher: Batcher, integration: Integration, say: Say
) -> None:
    first = await say()
    assert first is not None

    def reread(member: Any) -> Signal:
        return signal(summary=member)

    def repeat() -> Batch:
        return Batch(signals=[Repeat(first, None, "again", b"k")], reread=reread)

    assert (await batcher.accept(integration, repeat())).ids == (first,)
    assert (await everything(heard))[0].count == 2
    await say(status="resolved")
    [second] = (await batcher.accept(integration, repeat())).ids
    assert second != first
    assert [(a.status, a.summary) for a in await everything(heard)] == [
        ("firing", "again"),
        ("resolved", "DatabaseDown is on"),
    ]


async def test_a_repeat_of_a_deleted_alert_fires_anew(
    heard: Database, batcher: Batcher, integration: Integration, say: Say
) -> None:
    first = await say()
    assert first is not None
    async with heard.transaction(SYSTEM) as tx:
        await tx.execute("delete from alert")
    batch = Batch(signals=[Repeat(first, None, None, b"k")], reread=lambda _: signal())
    [second] = (await batcher.accept(integration, batch)).ids
    assert [a.id for a in await everything(heard)] == [second]
    assert second != first


async def test_a_repeat_beside_a_resolve_of_the_same_alert_keeps_the_order(
    heard: Database, batcher: Batcher, integration: Integration, say: Say
) -> None:
    first = await say()
    assert first is not None
    batch = Batch(signals=[signal(status="resolved"), Repeat(first, None, None, b"k")], reread=lambda _: signal())
    ids = (await batcher.accept(integration, batch)).ids
    assert ids[0] == first != ids[1]
    assert [a.status for a in await everything(heard)] == ["firing", "resolved"]


async def test_concurrent_messages_about_one_alert_make_one_row(
    heard: Database, batcher: Batcher, integration: Integration
) -> None:
    batches = [Batch(signals=[signal(f"A{n % 7}") for n in range(start, start + 40)]) for start in range(50)]
    done = await asyncio.gather(*(batcher.accept(integration, b) for b in batches))
    found = await everything(heard)
    assert len(found) == 7
    assert sum(a.count for a in found) == 50 * 40
    assert {i for one in done for i in one.ids} == {a.id for a in found}


async def test_two_processes_make_one_row(heard: Database, batcher: Batcher, integration: Integration) -> None:
    other = Batcher(heard)
    sent = [(batcher, other)[n % 2].accept(integration, Batch(signals=[signal(f"A{n % 5}")])) for n in range(200)]
    await asyncio.gather(*sent)
    await other.close()
    found = await everything(heard)
    assert (len(found), sum(a.count for a in found)) == (5, 200)


async def test_an_alert_ends_when_its_end_passes_unless_it_was_repeated(
    heard: Database, batcher: Batcher, integration: Integration, say: Say, clock: ManualClock
) -> None:
    in_5 = clock.now() + timedelta(minutes=5)
    short, long = await say("Short", ends_at=in_5), await say("Long", ends_at=in_5)
    assert short is not None
    assert long is not None
    again = Repeat(long, in_5 + timedelta(minutes=3), None, b"k")
    await batcher.accept(integration, Batch(signals=[again]))
    clock.set(in_5)
    assert await alerts.expire_due(heard) == 2
    assert await alerts.expire_due(heard) == 0
    states = {a.id: a for a in await everything(heard)}
    assert states[short].status == Status.RESOLVED
    assert states[short].resolved_why == "its end passed and its sender said no more"
    assert states[long].status == Status.FIRING
    clock.set(in_5 + timedelta(minutes=3))
    assert await alerts.expire_due(heard) == 1
    assert all(a.status == Status.RESOLVED for a in await everything(heard))


async def test_what_cannot_be_read_is_kept_and_becomes_an_alert(
    heard: Database, batcher: Batcher, integration: Integration
) -> None:
    batch = Batch(signals=[signal()], unreadable=[Unreadable(reason="alert 1: no labels", payload=b'{"x":1}')])
    accepted = await batcher.accept(integration, batch, b"[the whole message]", receiver="prometheus")
    assert len(accepted.ids) == 1
    found = {a.summary: a for a in await everything(heard)}
    about = found["Prometheus sent something that could not be read"]
    assert (about.details, about.severity) == ("alert 1: no labels", "warning")
    async with heard.transaction(SYSTEM) as tx:
        [message] = await alerts.raw_messages(tx, integration.id)
    assert (message.body, message.problem) == (b"[the whole message]", "alert 1: no labels")


async def test_what_postgresql_refuses_does_not_lose_its_neighbours(
    heard: Database, batcher: Batcher, integration: Integration
) -> None:
    """Connectors clean what they read; should one ever forget, the batch is saved all the same."""
    batch = Batch(signals=[signal("Good"), signal("Bad", summary="a\0b"), signal("Better"), signal("Lone \ud800")])
    with_neighbour = asyncio.gather(
        batcher.accept(integration, batch), batcher.accept(integration, Batch(signals=[signal("Other")]))
    )
    first, second = await with_neighbour
    assert second.ids[0] is not None
    assert len(first.ids) == 4
    names = {a.labels["alertname"] for a in await everything(heard)}
    assert names == {"Good", "Better", "Other", "UnreadableMessage"}


async def test_a_full_lane_is_refused_and_others_are_not(heard: Database, integration: Integration) -> None:
    small = Batcher(heard, lane_alerts=10, waiting_alerts=1000)
    async with heard.transaction(SYSTEM) as tx:
        other = (await alerts.create_integration(tx, name="Other", kind="any")).integration
    jobs = small.submit(integration, Batch(signals=[signal(f"A{n}") for n in range(12)]))
    with pytest.raises(Busy):
        await small.accept(integration, Batch(signals=[signal()]))
    assert (await small.accept(other, Batch(signals=[signal()]))).ids[0]
    await small.committed(jobs)
    await small.close()


async def test_a_lost_database_is_an_outside_failure_and_the_next_message_finds_it_again(
    heard: Database, batcher: Batcher, integration: Integration, say: Say, dsn: str
) -> None:
    await say()
    async with heard.connection() as killer:
        await killer.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )
        problems = 0
        for _ in range(3):
            try:
                await say()
                break
            except OutsideFailure as problem:
                problems += problem.retry
    assert problems <= 2
    assert (await everything(heard))[0].count >= 2


async def test_the_integration_shows_when_it_was_heard_last(
    heard: Database, integration: Integration, say: Say, clock: ManualClock
) -> None:
    assert integration.last_seen_at is None
    await say()
    async with heard.transaction(SYSTEM) as tx:
        assert (await alerts.integration(tx, integration.id)).last_seen_at == clock.now()


async def test_the_fingerprint_is_the_one_alertmanager_shows(heard: Database, say: Say) -> None:
    """Known fingerprints of known labels."""
    labels = {
        "alertname": "InstanceDown", "code": "200", "instance": "127.0.0.1:9090",
        "job": "prometheus", "monitor": "codelab-monitor", "severity": "critical",
    }  # fmt: skip
    await say("InstanceDown", labels=labels)
    await say("InstanceDown", labels={**labels, "instance": "localhost:9090"})
    assert [a.fingerprint for a in await everything(heard)] == ["8df98227bdd81384", "791cec13fcba0368"]
