"""Where an alert goes, and why; windows of groups."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from rallypoint.alerts import rules
from rallypoint.alerts.model import Alert, Integration, Severity, Status

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)
SERVICES = {"checkout": 1, "mail": 2}
NAMES = {1: "checkout", 2: "mail"}


def alert(**words: Any) -> Alert:
    values: dict[str, Any] = {
        "id": 1, "integration_id": 1, "integration_name": "P", "fingerprint": "f", "dedup_key": "k",
        "status": Status.FIRING, "severity": Severity.CRITICAL, "summary": "S", "details": "", "source": "",
        "service_id": None, "labels": {}, "links": (), "count": 1, "starts_at": NOW, "first_received_at": NOW,
        "last_received_at": NOW, "ends_at": None, "acknowledged_at": None, "resolved_at": None, "resolved_why": "",
        "grouping_key": None, "routed_at": None, "route_reason": "", "quarantined_why": None,
    }  # fmt: skip
    return Alert(**{**values, **words})


def sender(**words: Any) -> Integration:
    return Integration(**{"id": 1, "name": "P", "kind": "any", "created_at": NOW, **words})


CASES = [
    ("named by the alert", {"service_key": "mail"}, {}, 2, "mail / S", "service mail: named by the alert"),
    ("its label", {"labels": {"service": "checkout"}}, {}, 1, "checkout / S", "service checkout: its label"),
    ("the sender's", {}, {"service_id": 2}, 2, "mail / S", "service mail: that of P"),
    ("unknown, the sender's", {"service_key": "x"}, {"service_id": 2}, 2, "mail / S", "there is no service 'x'"),
    ("none", {}, {}, None, "no service, P / S", "the alert names none and P has none"),
    ("by name", {"labels": {"alertname": "A"}}, {}, None, "no service, P / alertname=A", "grouped by alertname"),
    (
        "by labels", {"labels": {"a": "1", "b": "2"}}, {"group_by": ("a", "c")}, None, "no service, P / a=1, c=",
        "grouped by a, c",
    ),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "by", "service", "group", "why"), [case[1:] for case in CASES], ids=[c[0] for c in CASES]
)
def test_route(words: Any, by: Any, service: int | None, group: str, why: str) -> None:
    route = rules.route(alert(**words), sender(**by), SERVICES, NAMES)
    assert (route.service_id, route.group) == (service, group)
    assert why in route.reason


def test_long_groups_fit_an_index_and_stay_apart() -> None:
    keys = {rules.route(alert(summary="x" * 1000 + end), sender(), {}, {}).group for end in ("a", "b")}
    assert len(keys) == 2
    assert max(map(len, keys)) <= rules.KEY_LENGTH_MAX


@pytest.mark.parametrize(
    ("quiet", "minutes", "anew"), [(59, 60, False), (60, 60, False), (61, 60, True), (10**6, 0, False)]
)
def test_windows(quiet: int, minutes: int, anew: bool) -> None:
    assert rules.starts_anew(NOW - timedelta(minutes=quiet), minutes, now=NOW) is anew
