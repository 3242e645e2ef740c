"""Each receiver answers as its senders expect, and what it answered for is there."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import timedelta
from typing import Any

import pytest

from rallypoint import alerts
from rallypoint.actors import SYSTEM
from rallypoint.alerts import Alert, Batcher
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.edges.hooks import Hooks
from rallypoint.edges.hooks import body as bodies
from tests.hooks.conftest import KEY, Post

Kept = Callable[[], Awaitable[list[Alert]]]
PROMETHEUS = f"/in/{KEY}/api/v2/alerts"
ALERTMANAGER = f"/in/{KEY}/alertmanager"
GENERIC = f"/in/{KEY}"
EVENTS = "/v2/enqueue"


def member(name: str = "DatabaseDown", **words: Any) -> dict[str, Any]:
    labels = {"alertname": name, "service": "checkout", "severity": "critical"}
    return {"labels": labels, "annotations": {"summary": f"{name} happened"}, **words}


def webhook(*members: dict[str, Any], **words: Any) -> dict[str, Any]:
    return {"version": "4", "groupKey": "{}", "status": "firing", "alerts": list(members), **words}


def event(action: str = "trigger", **words: Any) -> dict[str, Any]:
    payload = {"summary": "DISK at 99%", "source": "host-1", "severity": "critical"}
    return {"routing_key": KEY, "event_action": action, "payload": payload, **words}


class TestPrometheus:
    async def test_an_empty_200_and_the_alert_is_there(self, post: Post, kept: Kept, clock: ManualClock) -> None:
        answer = await post(PROMETHEUS, [member()])
        assert (answer.status, answer.body) == (200, b"")
        [alert] = await kept()
        assert (alert.summary, alert.severity, alert.service_key) == ("DatabaseDown happened", "critical", "checkout")
        assert alert.starts_at == clock.now()
        assert alert.ends_at == clock.now() + timedelta(minutes=5)

    async def test_a_bad_member_is_told_and_the_good_ones_are_kept(self, post: Post, kept: Kept) -> None:
        answer = await post(PROMETHEUS, [member("A"), {"labels": {}}, 7, member("B")])
        assert answer.status == 400
        assert "alert 1" in answer.json
        assert "alert 2" in answer.json
        assert {a.labels["alertname"] for a in await kept()} == {"A", "B", "UnreadableMessage"}

    async def test_repeats_are_counted_and_move_the_end(self, post: Post, kept: Kept, clock: ManualClock) -> None:
        started = clock.now().isoformat()
        for minutes in (4, 5, 6):
            end = (clock.now() + timedelta(minutes=minutes)).isoformat()
            assert (await post(PROMETHEUS, [member(startsAt=started, endsAt=end)])).status == 200
        [alert] = await kept()
        assert (alert.count, alert.ends_at) == (3, clock.now() + timedelta(minutes=6))

    async def test_an_end_in_the_past_resolves_and_firing_again_is_new(
        self, post: Post, kept: Kept, clock: ManualClock
    ) -> None:
        began = (clock.now() - timedelta(minutes=9)).isoformat()
        await post(PROMETHEUS, [member(startsAt=began)])
        await post(PROMETHEUS, [member(startsAt=began, endsAt=clock.now().isoformat())])
        await post(PROMETHEUS, [member(startsAt=began, endsAt=clock.now().isoformat())])
        await post(PROMETHEUS, [member(startsAt=began)])
        assert [a.status for a in await kept()] == ["resolved", "firing"]

    async def test_the_zero_time_is_no_end(self, post: Post, kept: Kept) -> None:
        await post(PROMETHEUS, [member(endsAt="0001-01-01T00:00:00Z", startsAt="0001-01-01T00:00:00Z")])
        assert [a.status for a in await kept()] == ["firing"]

    async def test_the_older_api_and_a_trailing_slash(self, post: Post, kept: Kept) -> None:
        answer = await post(f"/in/{KEY}/api/v1/alerts/", [member()])
        assert (answer.status, answer.json) == (200, {"status": "success"})
        assert (await post(PROMETHEUS + "/", [member()])).status == 200
        assert [a.count for a in await kept()] == [2]

    async def test_a_long_batch_is_lossless(self, post: Post, db: Database) -> None:
        assert (await post(PROMETHEUS, [member(f"A{n}") for n in range(3000)], chunk=65536)).status == 200
        async with db.transaction(SYSTEM) as tx:
            assert await tx.value("select count(*) from alert") == 3000

    async def test_concurrent_batches_are_lossless(self, post: Post, db: Database) -> None:
        batches = [[member(f"A{(i * 37 + n) % 400}") for n in range(64)] for i in range(40)]
        answers = await asyncio.gather(*(post(PROMETHEUS, batch) for batch in batches))
        assert {a.status for a in answers} == {200}
        async with db.transaction(SYSTEM) as tx:
            counted = "select sum(count) + (select coalesce(sum(repeats), 0) from alert_pulse) from alert"
            assert await tx.value(counted) == 40 * 64

    async def test_an_unknown_key_is_not_found(self, post: Post, kept: Kept) -> None:
        assert (await post("/in/" + "x" * 32 + "/api/v2/alerts", [member()])).status == 404
        assert (await post("/in/x/api/v2/alerts", [member()])).status == 404
        assert await kept() == []


class TestAlertmanager:
    async def test_each_alert_fires_or_is_resolved_on_its_own(self, post: Post, kept: Kept, clock: ManualClock) -> None:
        now = clock.now().isoformat()
        await post(ALERTMANAGER, webhook(member("A", status="firing"), member("B", status="firing")))
        mixed = webhook(member("A", status="resolved", endsAt=now), member("B", status="firing"))
        answer = await post(ALERTMANAGER, mixed)
        assert (answer.status, answer.json) == (200, {"status": "accepted", "alerts": 2})
        assert [(a.labels["alertname"], a.status, a.count) for a in await kept()] == [
            ("A", "resolved", 1),
            ("B", "firing", 2),
        ]

    async def test_a_truncated_group_says_so_and_resolves_nothing(self, post: Post, kept: Kept, db: Database) -> None:
        await post(ALERTMANAGER, webhook(member("A", status="firing"), member("B", status="firing")))
        answer = await post(ALERTMANAGER, webhook(member("A", status="firing"), truncatedAlerts=1, status="resolved"))
        assert answer.json["note"] == "Alertmanager left out 1 alerts of this group (max_alerts)."
        assert [a.status for a in await kept()] == ["firing", "firing"]

    async def test_bad_members_do_not_make_it_come_again(self, post: Post, kept: Kept) -> None:
        answer = await post(ALERTMANAGER, webhook(member("A", status="firing"), {"labels": 3}))
        assert answer.status == 200
        assert len(answer.json["unreadable"]) == 1
        assert len(await kept()) == 2

    async def test_the_same_alert_from_prometheus_and_alertmanager_is_one(self, post: Post, kept: Kept) -> None:
        await post(PROMETHEUS, [member("A")])
        await post(ALERTMANAGER, webhook(member("A", status="firing")))
        assert [a.count for a in await kept()] == [2]


class TestPagerDuty:
    @pytest.mark.parametrize("path", [EVENTS, EVENTS + "/", f"/in/{KEY}/v2/enqueue"])
    async def test_exactly_202_and_success(self, post: Post, path: str) -> None:
        answer = await post(path, event(dedup_key="srv01/disk"))
        assert answer.status == 202
        assert answer.json == {"status": "success", "message": "Event processed", "dedup_key": "srv01/disk"}

    async def test_trigger_acknowledge_resolve(self, post: Post, kept: Kept) -> None:
        for action in ("trigger", "trigger", "acknowledge"):
            assert (await post(EVENTS, event(action, dedup_key="k"))).status == 202
        assert [(a.status, a.count, a.dedup_key) for a in await kept()] == [("acknowledged", 2, "k")]
        assert (await post(EVENTS, {"routing_key": KEY, "event_action": "resolve", "dedup_key": "k"})).status == 202
        await post(EVENTS, event(dedup_key="k"))
        assert [a.status for a in await kept()] == ["resolved", "firing"]

    async def test_what_is_unknown_is_acknowledged_and_resolved_in_silence(self, post: Post, kept: Kept) -> None:
        for action in ("acknowledge", "resolve"):
            assert (await post(EVENTS, event(action, dedup_key="never"))).status == 202
        assert await kept() == []

    async def test_without_a_dedup_key_each_trigger_is_new(self, post: Post, kept: Kept) -> None:
        keys = {(await post(EVENTS, event())).json["dedup_key"] for _ in range(2)}
        assert len(keys) == len(await kept()) == 2

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"event_action": "explode"}, "'event_action' is invalid"),
            ({"event_action": None}, "'event_action' is missing or blank"),
            ({"payload": {}}, "'payload.summary' is missing or blank"),
            ({"payload": {"summary": "x", "source": "y", "severity": "bad"}}, "'payload.severity' is invalid"),
            ({"event_action": "resolve"}, "'dedup_key' is missing or blank"),
        ],
    )
    async def test_what_pagerduty_refuses_is_refused_in_its_words(self, post: Post, change: Any, says: str) -> None:
        answer = await post(EVENTS, {**event(), **change})
        assert (answer.status, answer.json["status"]) == (400, "invalid event")
        assert any(error.startswith(says) for error in answer.json["errors"])

    async def test_wrong_keys(self, post: Post) -> None:
        answer = await post(EVENTS, event(routing_key="x" * 32))
        assert (answer.status, answer.json["errors"]) == (400, ["Invalid routing key"])
        answer = await post(EVENTS, event(routing_key="short"))
        assert answer.json["errors"] == ["Length of 'routing_key' is incorrect (should be 32 characters)"]
        answer = await post(EVENTS, b"{nonsense")
        assert answer.json["status"] == "Unrecognized object"


class TestGeneric:
    async def test_202_with_the_id(self, post: Post, kept: Kept) -> None:
        body = {"summary": "Queue is stuck", "service": "mail", "severity": "warning", "host": "m1", "labels": {"a": 1}}
        answer = await post(GENERIC, body)
        [alert] = await kept()
        assert (answer.status, answer.json["id"]) == (202, alert.id)
        assert (alert.service_key, alert.severity, alert.labels) == ("mail", "warning", {"a": "1"})
        assert '"host": "m1"' in alert.details

    async def test_by_dedup_key_through_its_life(self, post: Post, kept: Kept) -> None:
        ids = set()
        for status in ("firing", "acknowledged", "resolved"):
            answer = await post(GENERIC, {"summary": "x", "dedup_key": "q", "status": status})
            ids.add(answer.json["id"])
        assert len(ids) == 1
        assert [a.status for a in await kept()] == ["resolved"]

    async def test_a_retry_without_a_key_does_not_double(self, post: Post, kept: Kept) -> None:
        for _ in range(3):
            await post(GENERIC, {"summary": "Backup failed", "service": "db"})
        assert [a.count for a in await kept()] == [3]

    async def test_a_list_keeps_its_good_members(self, post: Post, kept: Kept) -> None:
        answer = await post(GENERIC, [{"summary": "a"}, {"nothing": 1}, {"summary": "b"}])
        assert answer.status == 202
        assert len(answer.json["ids"]) == 2
        assert len(answer.json["unreadable"]) == 1
        assert len(await kept()) == 3

    async def test_a_missing_summary_is_named_and_other_tools_are_recognised(self, post: Post) -> None:
        answer = await post(GENERIC, {"details": "x"})
        assert (answer.status, answer.json["errors"][0]["field"]) == (400, "summary")
        assert "/in/<key>/alertmanager" in (await post(GENERIC, webhook(member()))).json["message"]

    async def test_an_unknown_severity_counts_as_the_highest_and_says_so(self, post: Post, kept: Kept) -> None:
        await post(GENERIC, {"summary": "x", "severity": "purple"})
        [alert] = await kept()
        assert alert.severity == "critical"
        assert "'purple' is not one we know" in alert.details


class TestEveryReceiver:
    @pytest.mark.parametrize(
        ("path", "limit"), [(PROMETHEUS, 8 << 20), (ALERTMANAGER, 8 << 20), (EVENTS, 512 << 10), (GENERIC, 1 << 20)]
    )
    async def test_too_long_is_413_before_it_is_read_whole(self, post: Post, path: str, limit: int) -> None:
        declared = await post(path, b"[]", headers={"Content-Length": str(limit + 1)})
        assert declared.status == 413
        streamed = await post(path, b" " * (limit + 200_000), chunk=65_536)
        assert streamed.status == 413

    @pytest.mark.parametrize("path", [PROMETHEUS, ALERTMANAGER, EVENTS, GENERIC])
    async def test_other_methods_and_compression_are_refused(self, post: Post, path: str) -> None:
        answer = await post(path, method="GET")
        assert (answer.status, answer.headers[b"allow"]) == (405, b"POST")
        assert (await post(path, b"{}", headers={"Content-Encoding": "gzip"})).status == 415

    async def test_an_unknown_path_is_404(self, post: Post) -> None:
        for path in (f"/in/{KEY}/nonsense", "/in/", "/in//", "/v2/change/enqueue"):
            assert (await post(path, b"{}")).status == 404

    async def test_without_a_database_it_asks_to_come_again(self, post: Post, db: Database) -> None:
        assert (await post(GENERIC, {"summary": "x"})).status == 202
        await db.close()
        for path, body in ((GENERIC, {"summary": "x"}), (PROMETHEUS, [member()]), (EVENTS, event())):
            answer = await post(path, body)
            assert answer.status == 503, path
            assert int(answer.headers[b"retry-after"]) > 0

    async def test_the_bytes_are_kept_as_they_came(self, post: Post, db: Database) -> None:
        body = b'{"summary": "x",   "odd":\t"spacing"}'
        await post(GENERIC, body)
        async with db.transaction(SYSTEM) as tx:
            [integration] = await alerts.integrations(tx)
            [message] = await alerts.raw_messages(tx, integration.id)
            [alert], _ = await alerts.list_alerts(tx)
            assert message.body == body == await alerts.payload(tx, alert.id)
            assert (message.receiver, message.problem) == ("generic", "")


class TestSendersThatDoNotFinish:
    """A body that never becomes whole: nothing is stored, and nobody waits for ever."""

    async def test_who_hangs_up_gets_no_answer_and_leaves_nothing(
        self, db: Database, batcher: Batcher, post: Post, kept: Kept
    ) -> None:
        pieces = iter([{"type": "http.request", "body": b'{"summary"', "more_body": True}, {"type": "http.disconnect"}])

        async def receive() -> MutableMapping[str, Any]:
            return next(pieces)

        assert await self._said(db, batcher, receive) == []
        assert await kept() == []

    async def test_who_never_goes_on_is_told_so(
        self, db: Database, batcher: Batcher, post: Post, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(bodies, "WHOLE_SECONDS", 0.01)
        monkeypatch.setattr(bodies, "LEFT_SECONDS", 0.01)

        async def receive() -> MutableMapping[str, Any]:
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

        start, *_ = await self._said(db, batcher, receive)
        assert start["status"] == 408
        assert (b"connection", b"close") in start["headers"]
        assert await kept() == []

    async def _said(self, db: Database, batcher: Batcher, receive: Any) -> list[MutableMapping[str, Any]]:
        said: list[MutableMapping[str, Any]] = []

        async def send(message: MutableMapping[str, Any]) -> None:
            said.append(message)

        await Hooks(db, batcher)({"type": "http", "method": "POST", "path": GENERIC, "headers": []}, receive, send)
        return said
