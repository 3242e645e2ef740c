"""Folding loses nothing, keeps the order, and names alerts as Alertmanager does."""

from collections import Counter
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from rallypoint.alerts import fingerprint
from rallypoint.alerts.intake.fold import Change, fold
from rallypoint.alerts.intake.lanes import Lanes
from rallypoint.alerts.intake.memory import Memory
from rallypoint.alerts.intake.messages import BURST, KeptMessages
from rallypoint.alerts.model import Batch, Signal

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
STATUSES = st.sampled_from(["firing", "firing", "resolved", "acknowledged"])
SAID = st.lists(st.tuples(st.integers(1, 2), st.sampled_from("abc"), STATUSES), max_size=40)
LABELS = st.dictionaries(st.text(min_size=1, max_size=8), st.text(min_size=1, max_size=8), min_size=1, max_size=6)


def signal(name: str, status: str) -> Signal:
    return Signal(dedup_key="", status=status, severity="info", summary=name, labels={"alertname": name})


@given(SAID)
def test_played_in_rounds_it_ends_as_if_played_one_by_one(said: list[tuple[int, str, str]]) -> None:
    plan = fold([(one, Batch(signals=[signal(name, status)])) for one, name, status in said], NOW)
    order = [c for changes in plan.rounds for c in changes.values()]
    by_alert: dict[bytes, list[Change]] = {}
    for change in order:
        by_alert.setdefault(change.key, []).append(change)
    for changes in by_alert.values():
        assert [c.round for c in changes] == list(range(len(changes)))
        assert all(a.kind != b.kind for a, b in pairwise(changes))
    expected: dict[tuple[int, str], list[str]] = {}
    for one, name, status in said:
        line = expected.setdefault((one, name), [])
        if not line or line[-1] != status:
            line.append(status)
    played = {(c[0].integration_id, c[0].signal.summary): [x.kind for x in c] for c in by_alert.values()}
    assert played == expected
    assert sum(c.count for c in order) == len(said)
    assert [len(answers) for answers in plan.answers] == [1] * len(said)


@given(LABELS)
def test_identity_does_not_depend_on_the_order_of_labels(labels: dict[str, str]) -> None:
    turned = dict(reversed(labels.items()))
    assert fingerprint.canonical(labels) == fingerprint.canonical(turned)
    assert fingerprint.fnv(labels) == fingerprint.fnv(turned)


@given(LABELS, LABELS)
def test_different_labels_are_different_alerts(one: dict[str, str], other: dict[str, str]) -> None:
    same = fingerprint.of_labels(fingerprint.canonical(one)) == fingerprint.of_labels(fingerprint.canonical(other))
    assert same == (one == other)


def test_fingerprints_of_alertmanager() -> None:
    labels = {
        "alertname": "InstanceDown", "code": "200", "instance": "127.0.0.1:9090",
        "job": "prometheus", "monitor": "codelab-monitor", "severity": "critical",
    }  # fmt: skip
    assert fingerprint.fnv(labels) == "791cec13fcba0368"
    assert fingerprint.fnv({**labels, "instance": "localhost:9090", "empty": ""}) == "8df98227bdd81384"


class Parcel:
    def __init__(self, lane: int, weight: int, number: int) -> None:
        self.lane, self.weight, self.number = lane, weight, number


PARCELS = st.lists(st.tuples(st.integers(1, 4), st.integers(1, 9)), max_size=60)


@given(PARCELS, st.integers(1, 30))
def test_lanes_lose_nothing_and_keep_each_lane_in_order(parcels: list[tuple[int, int]], size: int) -> None:
    lanes: Lanes[Parcel] = Lanes(lane_limit=10**6, limit=10**6)
    for number, (lane, weight) in enumerate(parcels):
        lanes.put(Parcel(lane, weight, number))
    taken: list[Parcel] = []
    while lanes:
        some = lanes.take(size)
        assert some
        taken += some
    assert lanes.weight == 0
    for lane in range(1, 5):
        numbers = [p.number for p in taken if p.lane == lane]
        assert numbers == sorted(numbers)
    assert Counter(p.number for p in taken) == Counter(range(len(parcels)))


def test_a_short_lane_is_not_behind_a_long_one() -> None:
    lanes: Lanes[Parcel] = Lanes(lane_limit=10**6, limit=10**6)
    for number in range(100):
        lanes.put(Parcel(1, 10, number))
    lanes.put(Parcel(2, 1, 1000))
    assert 1000 in [p.number for p in lanes.take(20)]


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=2), st.integers(1, 5)), max_size=50))
def test_memory_is_bounded_and_knows_an_alert_by_its_latest_bytes(learnt: list[tuple[bytes, int]]) -> None:
    memory = Memory(size=3)
    for raw, alert_id in learnt:
        memory.learn(raw, alert_id)
        assert memory.get(raw) == alert_id
        assert len(memory) <= 3
    latest: dict[int, Any] = {}
    for raw, alert_id in learnt:
        latest[alert_id] = raw
    for raw, alert_id in learnt:
        if latest[alert_id] != raw:
            assert memory.get(raw) != alert_id


def test_messages_with_a_problem_are_always_kept() -> None:
    kept = KeptMessages()
    for _ in range(int(BURST)):
        assert kept.choose(1, "generic", b"x", "", NOW)
    assert kept.choose(1, "generic", b"x", "", NOW) is None
    assert kept.choose(1, "generic", b"x", "broken", NOW)
    assert kept.choose(2, "generic", b"x", "", NOW)
