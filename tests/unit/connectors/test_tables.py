"""What becomes of which field, sender by sender: each row is a promise of docs/connectors."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rallypoint.connectors import reading
from rallypoint.errors import Invalid
from tests.unit.connectors.test_signal_connectors import NOW, read, signals

SEVEN = datetime(2026, 6, 1, 7, tzinfo=UTC)


def fields(signal: Any, wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: list(value) if name == "links" else value for name in wanted for value in [getattr(signal, name)]}


def labelled(**labels: str) -> dict[str, Any]:
    return {"labels": {"alertname": "Down", **labels}}


def annotated(**annotations: str) -> dict[str, Any]:
    return {**labelled(), "annotations": annotations}


PROMETHEUS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("the summary is the annotation of that name", annotated(summary="S", title="T"), {"summary": "S"}),
    ("else the title", annotated(title="T", message="M"), {"summary": "T"}),
    ("else the message", annotated(message="M"), {"summary": "M"}),
    ("else the alertname and where", labelled(instance="db-1"), {"summary": "Down on db-1"}),
    ("else the alertname", labelled(), {"summary": "Down"}),
    ("else all labels", {"labels": {"b": "2", "a": "1"}}, {"summary": "a=1, b=2"}),
    ("the description and further annotations are the details", annotated(summary="S", description="D", impact="none"),
     {"details": "D\n\nimpact: none\n\nIts sender gave no severity, so it counts as critical."}),
    ("runbook, dashboard and the way back are links",
     {**annotated(runbook_url="https://r", dashboard_url="https://d"), "generatorURL": "https://g"},
     {"links": ["https://r", "https://d", "https://g"]}),
    ("what is no web address is no link", {**annotated(runbook_url="javascript:x"), "generatorURL": "ftp://g"},
     {"links": []}),
    ("the instance is the source", labelled(instance="db-1", job="pg"), {"source": "db-1"}),
    ("else the job", labelled(job="pg"), {"source": "pg"}),
    ("the label service names the service", labelled(service="checkout"), {"service": "checkout"}),
    ("the label severity says how bad", labelled(severity="warning"), {"severity": "warning", "details": ""}),
    ("other words for it are known", labelled(severity="PAGE"), {"severity": "critical", "details": ""}),
    ("an unknown one counts as the highest and says so", labelled(severity="purple"),
     {"severity": "critical", "details": "Its severity 'purple' is not one we know, so it counts as critical."}),
    ("labels name the alert, so there is no other name", labelled(a="1"),
     {"dedup_key": "", "labels": {"alertname": "Down", "a": "1"}}),
    ("an empty label is none", labelled(a=""), {"labels": {"alertname": "Down"}}),
    ("numbers as labels are text", {"labels": {"alertname": "Down", "n": 7, "t": True}},
     {"labels": {"alertname": "Down", "n": "7", "t": "true"}}),
    ("it began when it says", {**labelled(), "startsAt": "2026-06-01T09:00:00+02:00"}, {"starts_at": SEVEN}),
    ("in the future it cannot have begun", {**labelled(severity="info"), "startsAt": "2999-01-01T00:00:00Z"},
     {"starts_at": None, "details": "Its start '2999-01-01 00:00:00+00:00' cannot be; the time of receipt is used."}),
    ("nor in 1970", {**labelled(), "startsAt": "1970-01-01T00:00:00Z"}, {"starts_at": None}),
    ("an end to come ends it then", {**labelled(), "endsAt": "2026-06-01T08:04:00Z"},
     {"status": "firing", "ends_at": NOW + timedelta(minutes=4)}),
    ("no end is five minutes", labelled(), {"status": "firing", "ends_at": NOW + timedelta(minutes=5)}),
    ("an end in the past is the end", {**labelled(), "endsAt": "2026-06-01T07:00:00Z"},
     {"status": "resolved", "ends_at": SEVEN}),
]  # fmt: skip

ALERTMANAGER: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("firing has no end, whatever is written there",
     {**labelled(), "status": "firing", "endsAt": "2026-06-01T07:00:00Z"}, {"status": "firing", "ends_at": None}),
    ("resolved at its end", {**labelled(), "status": "resolved", "endsAt": "2026-06-01T07:00:00Z"},
     {"status": "resolved", "ends_at": SEVEN}),
    ("resolved without an end", {**labelled(), "status": "resolved"}, {"status": "resolved", "ends_at": None}),
    ("without a status the end decides", {**labelled(), "endsAt": "2026-06-01T07:00:00Z"}, {"status": "resolved"}),
    ("and the zero time is no end", {**labelled(), "endsAt": "0001-01-01T00:00:00Z"}, {"status": "firing"}),
    ("a status that is no word fires", {**labelled(), "status": 7}, {"status": "firing"}),
    ("its own fingerprint is not used, labels name it", {**labelled(), "status": "firing", "fingerprint": "f"},
     {"dedup_key": "", "labels": {"alertname": "Down"}}),
]  # fmt: skip


def event(action: str = "trigger", more: dict[str, Any] | None = None, **payload: Any) -> dict[str, Any]:
    said = {"summary": "S", "source": "db-1", "severity": "error", **payload}
    return {"routing_key": "k" * 32, "event_action": action, "dedup_key": "d", "payload": said, **(more or {})}


PAGERDUTY: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("trigger fires", event(), {"status": "firing", "severity": "error", "summary": "S", "source": "db-1",
                                "dedup_key": "d", "details": "", "labels": {}, "service": ""}),
    ("acknowledge", event("acknowledge"), {"status": "acknowledged"}),
    ("resolve", event("resolve"), {"status": "resolved"}),
    ("resolve without a payload", event("resolve", {"payload": None}), {"status": "resolved", "summary": ""}),
    ("component, group and class are labels", event(component="c", group="g", **{"class": "k"}),
     {"labels": {"component": "c", "group": "g", "class": "k"}}),
    ("custom details are the details, who sent it the last line", event(more={"client": "Zabbix"}, custom_details="x"),
     {"details": "x\n\nSent by Zabbix."}),
    ("a service may be named in them", event(custom_details={"service": "checkout"}), {"service": "checkout"}),
    ("links and images are links",
     event(more={"client_url": "https://c", "links": [{"href": "https://l", "text": "t"}, {"text": "no address"}],
                 "images": [{"src": "https://i"}]}),
     {"links": ["https://c", "https://l", "https://i"]}),
    ("its time is the start", event(timestamp="2026-06-01T07:00:00.000+0000"), {"starts_at": SEVEN}),
    ("a time that is none is said", event(timestamp="yesterday"),
     {"starts_at": None, "details": "Its start 'yesterday' is not a time; the time of receipt is used."}),
    ("a long summary is cut where one sees it", event(summary="x" * 2000),
     {"summary": "x" * 1000 + "… (cut, 2000 characters)"}),
]  # fmt: skip

GENERIC: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("only a summary: it fires, as critical", {"summary": "S"},
     {"summary": "S", "status": "firing", "severity": "critical",
      "details": "Its sender gave no severity, so it counts as critical."}),
    ("everything has its place",
     {"summary": "S", "details": "D", "severity": "low", "status": "firing", "dedup_key": "d", "service": "checkout",
      "labels": {"a": 1}, "links": ["https://l", {"href": "https://h", "text": "t"}], "timestamp": 1780297200,
      "source": "cron"},
     {"summary": "S", "details": "D", "severity": "info", "dedup_key": "d", "service": "checkout", "labels": {"a": "1"},
      "links": ["https://l", "https://h"], "starts_at": SEVEN, "source": "cron"}),
    ("anything else is kept as details", {"summary": "S", "severity": "info", "host": "m1", "n": 1},
     {"details": '{\n  "host": "m1",\n  "n": 1\n}'}),
    ("details may be JSON", {"summary": "S", "severity": "info", "details": {"a": 1}}, {"details": '{\n  "a": 1\n}'}),
    ("a number as dedup_key is text", {"summary": "S", "dedup_key": 7}, {"dedup_key": "7"}),
    ("acknowledged needs no summary", {"dedup_key": "d", "status": "acknowledged"}, {"status": "acknowledged"}),
    ("one link is a list of one", {"summary": "S", "links": "https://l"}, {"links": ["https://l"]}),
    ("milliseconds are a time as well", {"summary": "S", "timestamp": 1780297200000}, {"starts_at": SEVEN}),
]  # fmt: skip


@pytest.mark.parametrize(("why", "body", "wanted"), PROMETHEUS, ids=[row[0] for row in PROMETHEUS])
def test_prometheus(why: str, body: dict[str, Any], wanted: dict[str, Any]) -> None:
    [one] = signals("prometheus", [body])
    assert fields(one, wanted) == wanted


@pytest.mark.parametrize(("why", "body", "wanted"), ALERTMANAGER, ids=[row[0] for row in ALERTMANAGER])
def test_alertmanager(why: str, body: dict[str, Any], wanted: dict[str, Any]) -> None:
    [one] = signals("alertmanager", {"version": "4", "status": "firing", "alerts": [body]})
    assert fields(one, wanted) == wanted


@pytest.mark.parametrize(("why", "body", "wanted"), PAGERDUTY, ids=[row[0] for row in PAGERDUTY])
def test_pagerduty(why: str, body: dict[str, Any], wanted: dict[str, Any]) -> None:
    [one] = signals("pagerduty", body)
    assert fields(one, wanted) == wanted


@pytest.mark.parametrize(("why", "body", "wanted"), GENERIC, ids=[row[0] for row in GENERIC])
def test_generic(why: str, body: dict[str, Any], wanted: dict[str, Any]) -> None:
    [one] = signals("generic", body)
    assert fields(one, wanted) == wanted


REFUSALS: list[tuple[str, Any, str]] = [
    ("prometheus", {"labels": {}}, "must be a list of alerts"),
    ("prometheus", b"", "is not JSON"),
    ("prometheus", b"[" * 100_000, "nested too deeply"),
    ("alertmanager", [{"labels": {"a": "b"}}], "not a message of Alertmanager's webhook"),
    ("alertmanager", {"alerts": {}}, "must be a list"),
    ("pagerduty", {}, "'event_action' is missing or blank"),
    ("pagerduty", event("explode"), "'event_action' is invalid"),
    ("pagerduty", event(summary=" "), "'payload.summary' is missing or blank"),
    ("pagerduty", event(source=None), "'payload.source' is missing or blank"),
    ("pagerduty", event(severity="purple"), "'payload.severity' is invalid"),
    ("pagerduty", event("resolve", {"dedup_key": ""}), "'dedup_key' is missing or blank"),
    ("pagerduty", event(more={"dedup_key": 7}), "must be a string"),
    ("generic", {}, "is required"),
    ("generic", {"summary": "S", "status": "exploded"}, "must be firing, acknowledged or resolved"),
    ("generic", {"summary": "S", "labels": "a=b"}, "must be an object of names and values"),
    ("generic", {"status": "resolved"}, "is required"),
    ("generic", {"event_action": "trigger"}, "looks like a PagerDuty event"),
    ("generic", {"annotations": {}}, "looks like a Prometheus alert"),
]


@pytest.mark.parametrize(("kind", "body", "reason"), REFUSALS)
def test_what_is_refused_names_its_reason(kind: str, body: Any, reason: str) -> None:
    with pytest.raises(Invalid, match=reason):
        read(kind, body)


def test_without_a_dedup_key_equal_things_have_the_equal_name() -> None:
    """Service, summary and labels make the name; what changes from time to time does not."""
    base = {"summary": "S", "service": "a", "labels": {"x": "1", "y": "2"}}
    names = {
        signals("generic", {**base, **change})[0].dedup_key
        for change in ({}, {"details": "other"}, {"severity": "info"}, {"labels": {"y": "2", "x": "1"}})
    }
    assert len(names) == 1
    for change in ({"service": "b"}, {"summary": "T"}, {"labels": {"x": "1"}}):
        assert signals("generic", {**base, **change})[0].dedup_key not in names


def test_too_many_labels_are_left_out_and_counted_and_the_telling_ones_stay() -> None:
    for many in (200, 5000):
        said = {**{f"l{n:05}": "v" for n in range(many)}, "severity": "info", "alertname": "A", "service": "s"}
        [one] = signals("prometheus", [{"labels": said}])
        assert len(one.labels) == reading.LABELS_MAX + 1
        assert one.labels["labels_left_out"] == str(many + 3 - reading.LABELS_MAX)
        assert (one.labels["alertname"], one.service, one.severity) == ("A", "s", "info")
        [other] = signals("prometheus", [{"labels": {**said, "l00199": "w"}}])
        assert one.dedup_key != other.dedup_key, "labels that are no longer seen still tell alerts apart"


@pytest.mark.parametrize("length", [10, reading.SHORT_MAX, reading.LABEL_VALUE_MAX, 10_000])
def test_labels_that_are_equal_only_after_a_cut_stay_apart(length: int) -> None:
    long = "x" * length
    as_value = [{"labels": {"alertname": "A", "path": long + end}} for end in "12"]
    as_name = [{"labels": {"alertname": "A", long + end: "v"}} for end in "12"]
    for members in (as_value, as_name):
        first, second = signals("prometheus", members)
        assert (first.dedup_key, first.labels) != (second.dedup_key, second.labels)
