"""What each connector makes of real messages. Pure: bytes in, signals out."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import rallypoint.connectors
from rallypoint.alerts.model import Batch, Repeat, Signal
from rallypoint.alerts.ports import nothing_known
from rallypoint.connectors import reading
from rallypoint.connectors.pagerduty import routing_key
from rallypoint.connectors.signals import SOURCES
from rallypoint.errors import Invalid

NOW = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
FOLDER = Path(rallypoint.connectors.__file__).parent


def read(kind: str, body: Any, known: Any = nothing_known) -> Batch:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    parts = list(SOURCES[kind].read(data, now=NOW, known=known))
    return Batch(
        signals=[s for part in parts for s in part.signals],
        unreadable=[u for part in parts for u in part.unreadable],
        reread=parts[0].reread if parts else None,
        note=parts[0].note if parts else "",
    )


def signals(kind: str, body: Any) -> list[Signal]:
    found = []
    for one in read(kind, body).signals:
        assert isinstance(one, Signal)
        found.append(one)
    return found


def payload(kind: str, name: str) -> bytes:
    return (FOLDER / kind / "payloads" / f"{name}.json").read_bytes()


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*/payloads/*.json")), ids=lambda p: f"{p.parts[-3]}/{p.stem}")
def test_every_real_message_is_read_whole(path: Path) -> None:
    kind = path.parts[-3]
    if kind not in SOURCES:
        pytest.skip(f"{kind} brings no signals in")
    batch = read(kind, path.read_bytes())
    assert batch.signals
    assert not batch.unreadable


@pytest.mark.parametrize("kind", SOURCES)
def test_each_says_how_to_set_it_up(kind: str) -> None:
    about = SOURCES[kind].about
    text = about.for_key(about.config + about.curl, base="https://rp.example.org/", key="k" * 32)
    assert "https://rp.example.org" in text
    assert "k" * 32 in text
    assert "{" not in text or "{key}" not in text


def test_prometheus_firing() -> None:
    down, watchdog = signals("prometheus", payload("prometheus", "v2_firing"))
    assert (down.status, down.severity, down.service) == ("firing", "critical", "checkout")
    assert down.summary == "The checkout database does not answer"
    assert down.source == "checkout-db-1:9187"
    assert down.links[0] == "https://runbooks.example.org/database-down"
    assert down.starts_at is not None
    assert abs(down.starts_at - datetime(2026, 6, 1, 7, 58, 30, 123456, tzinfo=UTC)) <= timedelta(microseconds=1)
    assert down.ends_at == NOW + timedelta(minutes=4)
    assert (watchdog.severity, watchdog.summary) == ("info", "Watchdog")


def test_prometheus_resolved_and_without_an_end() -> None:
    assert signals("prometheus", payload("prometheus", "v2_resolved"))[0].status == "resolved"
    [minimal] = signals("prometheus", payload("prometheus", "v2_minimal"))
    assert minimal.status == "firing"
    assert minimal.ends_at == NOW + timedelta(minutes=5)
    assert minimal.starts_at is None
    assert "gave no severity" in minimal.details


ENDS = [
    ("0001-01-01T00:00:00Z", "firing"),
    ("2026-06-01T08:00:00Z", "resolved"),
    ("2026-06-01T08:00:00.000001Z", "firing"),
    ("2026-06-01T10:00:00+02:00", "resolved"),
    ("1970-01-01T00:00:00Z", "resolved"),
    ("2999-01-01T00:00:00Z", "firing"),
    ("nonsense", "firing"),
    ("", "firing"),
    (None, "firing"),
]


@pytest.mark.parametrize(("ends", "status"), ENDS)
def test_prometheus_resolves_by_the_end(ends: str | None, status: str) -> None:
    [one] = signals("prometheus", [{"labels": {"alertname": "A"}, "endsAt": ends}])
    assert one.status == status


def test_empty_labels_are_no_labels() -> None:
    [one] = signals("prometheus", [{"labels": {"alertname": "A", "b": ""}}])
    assert one.labels == {"alertname": "A"}
    assert not read("prometheus", [{"labels": {"b": ""}}]).signals


def test_a_known_member_is_a_repeat_and_only_its_end_may_differ() -> None:
    def body(end: str, **words: Any) -> list[dict[str, Any]]:
        return [{"labels": {"alertname": "A"}, "endsAt": end, "startsAt": "2026-06-01T07:00:00Z", **words}]

    [first] = signals("prometheus", body("2026-06-01T08:04:00Z"))
    known = {first.raw_key: 7}.get
    batch = read("prometheus", body("2026-06-01T08:05:00Z"), known)
    [repeat] = batch.signals
    assert isinstance(repeat, Repeat)
    assert (repeat.alert_id, repeat.ends_at) == (7, NOW + timedelta(minutes=5))
    assert batch.reread is not None
    assert batch.reread(repeat.member).labels == {"alertname": "A"}
    for other in (
        body("2026-06-01T07:00:00Z"),
        body("2026-06-01T08:05:00Z", annotations={"summary": "worse"}),
        [{**body("2026-06-01T08:05:00Z")[0], "labels": {"alertname": "A", "x": "2026-06-01T08:05:00Z"}}],
    ):
        assert isinstance(read("prometheus", other, known).signals[0], Signal)


def test_labels_that_hold_the_end_itself_stay_apart() -> None:
    """The end is left out of a member's name; the same text in a label must not be."""
    keys = set()
    for label, end in (("T1", "T1"), ("T2", "T2"), ("T1", "T2"), ("T2", "T1")):
        times = {"T1": "2026-06-01T08:05:00Z", "T2": "2026-06-01T08:06:00Z"}
        for order in (("labels", "endsAt"), ("endsAt", "labels")):
            whole = {"labels": {"alertname": "A", "x": times[label]}, "endsAt": times[end]}
            [one] = signals("prometheus", [{name: whole[name] for name in order}])
            keys.add((label, order, one.raw_key))
    by_key: dict[bytes, set[Any]] = {}
    for label, order, key in keys:
        by_key.setdefault(key, set()).add((label, order))
    assert all(len(meant) == 1 for meant in by_key.values())


def test_alertmanager_resolves_each_on_its_own() -> None:
    gone, still = signals("alertmanager", payload("alertmanager", "v4_mixed"))
    assert (gone.status, gone.ends_at) == ("resolved", datetime(2026, 6, 1, 7, 50, tzinfo=UTC))
    assert (still.status, still.ends_at) == ("firing", None)
    assert "12 alerts" in read("alertmanager", payload("alertmanager", "v4_truncated")).note


def test_pagerduty_trigger() -> None:
    [one] = signals("pagerduty", payload("pagerduty", "trigger"))
    assert (one.dedup_key, one.status, one.severity) == ("srv01/mysql", "firing", "critical")
    assert one.summary == "DISK at 99% on machine prod-datapipe03.example.com"
    assert one.labels == {"component": "mysql", "group": "prod-datapipe", "class": "disk"}
    assert list(one.links) == [
        "https://monitoring.example.org", "https://dash.example.org/1", "https://dash.example.org/1.png"
    ][: len(one.links)]  # fmt: skip
    assert '"free space": "1%"' in one.details
    assert "Sample Monitoring Service" in one.details
    assert len(routing_key(payload("pagerduty", "trigger"))) == 32


def test_generic_full() -> None:
    [one] = signals("generic", payload("generic", "full"))
    assert (one.dedup_key, one.service, one.severity, one.status) == ("checkout/db", "checkout", "critical", "firing")
    assert one.labels == {"region": "eu", "shard": "3"}
    assert list(one.links) == ["https://dash.example.org/db", "https://runbooks.example.org/db"]
    assert one.details.startswith("No answer since 07:58.")
    assert '"ticket": "OPS-17"' in one.details


@pytest.mark.parametrize("said", ["resolved", "RESOLVE", "ok", "closed"])
def test_generic_resolves_without_a_summary(said: str) -> None:
    assert signals("generic", {"dedup_key": "k", "status": said})[0].status == "resolved"


NO_MESSAGES: list[tuple[str, Any]] = [
    ("prometheus", {"labels": {}}),
    ("prometheus", b"[{"),
    ("alertmanager", []),
    ("alertmanager", {"version": "4"}),
    ("pagerduty", []),
    ("generic", "x"),
    ("generic", {"summary": "x", "status": "exploded"}),
    ("generic", {"summary": "x", "labels": [1]}),
]


@pytest.mark.parametrize(("kind", "body"), NO_MESSAGES)
def test_what_is_no_message_is_refused_with_a_reason(kind: str, body: Any) -> None:
    with pytest.raises(Invalid, match=r"\w"):
        read(kind, body)


STARTS = [
    ("2026-06-01T07:00:00Z", datetime(2026, 6, 1, 7, tzinfo=UTC)),
    ("2026-06-01T08:00:30Z", NOW),
    ("2026-06-02T08:00:00Z", None),
    ("1970-01-01T00:00:00Z", None),
    ("0001-01-01T00:00:00Z", None),
    (1780297200, datetime(2026, 6, 1, 7, tzinfo=UTC)),
    (1780297200000, datetime(2026, 6, 1, 7, tzinfo=UTC)),
    (1e300, None),
    ([], None),
]


@pytest.mark.parametrize(("said", "at"), STARTS)
def test_a_start_that_cannot_be_is_unknown(said: Any, at: datetime | None) -> None:
    notes: list[str] = []
    assert reading.start(said, NOW, notes) == at
    assert bool(notes) == (at is None and said != "0001-01-01T00:00:00Z")
