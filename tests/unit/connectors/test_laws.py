"""Laws of every reader: whatever JSON says, the answer is signals or a clear refusal, and good neighbours survive."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rallypoint.alerts.model import Signal, Status
from rallypoint.alerts.ports import nothing_known
from rallypoint.connectors import reading
from rallypoint.connectors.signals import SOURCES
from rallypoint.edges.hooks.receivers import BY_SUFFIX
from rallypoint.edges.hooks.replies import Manners
from rallypoint.errors import Invalid
from tests.unit.connectors.test_signal_connectors import NOW

KEY = "k" * 32
LAW = settings(max_examples=60, deadline=None)
ODD_TEXT = st.one_of(
    st.text(st.characters(exclude_categories=()), max_size=30),  # surrogates and NUL too
    st.sampled_from(
        ["", " ", "\0", "\ud800", "firing", "resolved", "trigger", "critical", "http://x", "x" * 3000, "1970-01-01",
         "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-14:00", "2026-06-01T07:00:00+02:00", "2999-01-01T00:00:00Z"]
    ),
)  # fmt: skip
NUMBERS = st.one_of(st.integers(), st.floats(), st.sampled_from([10**400, 1e308, -1, 0, 1780000000, 1780000000000]))
LEAVES = st.one_of(st.none(), st.booleans(), NUMBERS, ODD_TEXT)
ANY = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(ODD_TEXT, inner, max_size=5), max_leaves=15
)


def objects(*fields: str) -> st.SearchStrategy[dict[str, Any]]:
    """Objects that have some of these fields, with anything in them, and perhaps other fields."""
    some = st.fixed_dictionaries({}, optional=dict.fromkeys(fields, ANY))
    return st.builds(lambda ours, others: {**others, **ours}, some, st.dictionaries(ODD_TEXT, ANY, max_size=3))


MEMBER = st.builds(
    lambda member, labels: {**member, "labels": labels},
    objects("labels", "annotations", "startsAt", "endsAt", "generatorURL", "status", "fingerprint"),
    st.one_of(ANY, st.dictionaries(st.sampled_from(["alertname", "service", "severity", "x"]), ANY, min_size=1)),
)
EVENT = st.builds(
    lambda event, payload: {"routing_key": KEY, **event, "payload": payload},
    objects("event_action", "dedup_key", "client", "client_url", "links", "images"),
    st.one_of(ANY, objects("summary", "source", "severity", "timestamp", "component", "group", "custom_details")),
)
PLAIN = objects("summary", "details", "severity", "status", "dedup_key", "service", "labels", "links", "timestamp")
GROUP = st.builds(lambda group, alerts: {**group, "alerts": alerts}, objects("status", "version"), st.lists(MEMBER))
NEAR = {
    "prometheus": st.lists(MEMBER, max_size=4),
    "alertmanager": GROUP,
    "pagerduty": EVENT,
    "generic": PLAIN | st.lists(PLAIN, max_size=4),
}
GOOD: dict[str, dict[str, Any]] = {
    "prometheus": {"labels": {"alertname": "Good"}, "annotations": {"summary": "Good"}},
    "alertmanager": {"labels": {"alertname": "Good"}, "annotations": {"summary": "Good"}, "status": "firing"},
    "generic": {"summary": "Good"},
}
RECEIVER = {"prometheus": "api/v2/alerts", "alertmanager": "alertmanager", "pagerduty": "v2/enqueue", "generic": ""}


def encoded(value: Any) -> bytes:
    return json.dumps(value).encode()


def read(kind: str, body: bytes) -> tuple[list[Signal], list[str]]:
    """Signals and the reasons of what could not be read."""
    signals: list[Signal] = []
    reasons: list[str] = []
    for part in SOURCES[kind].read(body, now=NOW, known=nothing_known):
        for one in part.signals:
            assert isinstance(one, Signal)
            signals.append(one)
        reasons += [one.reason for one in part.unreadable]
    return signals, reasons


def storable(text: str, limit: int) -> None:
    """PostgreSQL takes it, a socket takes it, and it is no longer than its column is meant for."""
    assert "\0" not in text
    text.encode()
    assert len(text) <= limit


def check_refusal(refusal: Invalid, manners: Manners) -> None:
    """It names fields and reasons, and can be said."""
    assert refusal.problems
    assert all(problem.field and problem.reason for problem in refusal.problems)
    assert json.loads(manners.invalid(refusal).body)


def check(kind: str, body: bytes) -> None:
    manners = BY_SUFFIX[RECEIVER[kind]].manners
    try:
        signals, reasons = read(kind, body)
    except Invalid as problem:
        check_refusal(problem, manners)
        return
    keys = [signal.dedup_key for signal in signals] or ["none"]
    assert manners.accepted([1] * len(signals), keys, reasons, "").status in (200, 202, 400)
    assert all(reasons)
    for signal in signals:
        Status(signal.status)
        assert signal.severity in ("critical", "error", "warning", "info")
        storable(signal.summary, reading.SUMMARY_MAX)
        storable(signal.details, reading.DETAILS_MAX)
        storable(signal.source, reading.LABEL_VALUE_MAX)
        assert len(signal.labels) <= reading.LABELS_MAX + 1
        for name, value in signal.labels.items():
            assert name
            assert value
            storable(name, reading.SHORT_MAX)
            storable(value, reading.LABEL_VALUE_MAX)
        assert "\0" not in signal.dedup_key
        signal.dedup_key.encode()
        assert signal.dedup_key or signal.labels, "an alert that nothing names"
        for link in signal.links:
            assert link.startswith(("http://", "https://"))
            storable(link, reading.LABEL_VALUE_MAX)
        for at in (signal.starts_at, signal.ends_at):
            assert at is None or at.utcoffset() is not None
        assert signal.starts_at is None or reading.OLDEST <= signal.starts_at <= NOW
        assert signal.status != "firing" or signal.summary


@pytest.mark.parametrize("kind", SOURCES)
@given(data=st.data())
@LAW
def test_any_json_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    check(kind, encoded(data.draw(ANY)))


@pytest.mark.parametrize("kind", SOURCES)
@given(data=st.data())
@LAW
def test_what_is_nearly_a_message_is_read_or_refused(kind: str, data: st.DataObject) -> None:
    check(kind, encoded(data.draw(NEAR[kind])))


@pytest.mark.parametrize("kind", SOURCES)
@given(body=st.binary(max_size=200) | st.text('[]{}",:\\0 1eE+-.nultrfase', max_size=60).map(str.encode))
@LAW
def test_any_bytes_are_read_or_refused(kind: str, body: bytes) -> None:
    check(kind, body)


@pytest.mark.parametrize("kind", GOOD)
@given(data=st.data())
@LAW
def test_a_good_member_survives_any_neighbours(kind: str, data: st.DataObject) -> None:
    """And each of them is there as well: as a signal, or as something unreadable with a reason."""
    others = data.draw(st.lists(ANY | MEMBER | PLAIN, max_size=4))
    place = data.draw(st.integers(0, len(others)))
    members = [*others[:place], GOOD[kind], *others[place:]]
    signals, reasons = read(kind, encoded({"alerts": members} if kind == "alertmanager" else members))
    assert "Good" in {signal.summary for signal in signals}
    assert len(signals) + len(reasons) == len(members)


@pytest.mark.parametrize("kind", GOOD)
@given(depth=st.integers(1, 30_000), width=st.integers(1, 4), as_object=st.booleans())
@settings(max_examples=15, deadline=None)
def test_no_depth_spoils_a_neighbour(kind: str, depth: int, width: int, as_object: bool) -> None:
    deep = b'{"a":' * depth + b"1" + b"}" * depth if as_object else b"[" * depth + b"]" * depth
    good = encoded(GOOD[kind])
    bad = b'{"labels": {"alertname": "Bad"}, "summary": "Bad", "x": %s}' % deep
    members = b"[" + b", ".join([bad] * width + [good]) + b"]"
    signals, reasons = read(kind, b'{"alerts": %s}' % members if kind == "alertmanager" else members)
    assert [signal.summary for signal in signals][-1] == "Good"
    assert len(signals) + len(reasons) == width + 1
