"""How a person is told, and what follows from how a try went: tables."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.errors import OutsideFailure
from rallypoint.notify.model import Claim, ContactMethod, ContactRule, DeliveryState, MethodKind, Purpose, Receipt
from rallypoint.notify.rules import after_failure, after_success, headline, plan

NOW = datetime(2026, 6, 1, 8, tzinfo=UTC)


def method(id: int, kind: str = "email", *, verified: bool = True, disabled: bool = False) -> ContactMethod:
    return ContactMethod(
        id=id, person_id=1, kind=MethodKind(kind), label="", address=f"a{id}@example.org",
        verified_at=NOW if verified else None, disabled_at=NOW if disabled else None,
    )  # fmt: skip


def rule(minutes: int, method_id: int, *, urgency: str = "high", position: int = 1) -> ContactRule:
    return ContactRule(
        person_id=1, urgency=urgency, position=position, after_minutes=minutes, contact_method_id=method_id
    )


WAYS = [
    ("by their own rules, in order of time", [rule(10, 2), rule(0, 1)], [method(1), method(2)],
     [("a1@example.org", 0), ("a2@example.org", 10)]),
    ("rules of another urgency do not count", [rule(10, 1, urgency="low")], [method(1)], [("a1@example.org", 0)]),
    ("without rules by every usable method at once", [], [method(1), method(2), method(3, verified=False)],
     [("a1@example.org", 0), ("a2@example.org", 0)]),
    ("a rule of a method that is not verified is passed over", [rule(0, 1), rule(5, 2)],
     [method(1, verified=False), method(2)], [("a2@example.org", 5)]),
    ("rules that lead nowhere fall back to every method", [rule(0, 1)], [method(1, disabled=True), method(2)],
     [("a2@example.org", 0)]),
    ("without a method by the account's address", [rule(0, 9)], [method(1, verified=False)], [("me@example.org", 0)]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "rules", "methods", "expected"), WAYS, ids=[way[0] for way in WAYS])
def test_how_a_person_is_told(
    name: str, rules: list[ContactRule], methods: list[ContactMethod], expected: list[tuple[str, int]]
) -> None:
    ways = plan("high", rules=rules, methods=methods, email="me@example.org")
    assert [(way.address, way.after / timedelta(minutes=1)) for way in ways] == expected
    assert all(way.reason for way in ways)


@given(
    rules=st.lists(st.builds(rule, st.integers(0, 60), st.integers(1, 4), urgency=st.sampled_from(["high", "low"]))),
    methods=st.lists(
        st.builds(method, st.integers(1, 4), verified=st.booleans(), disabled=st.booleans()), unique_by=lambda m: m.id
    ),
)
def test_nobody_is_unreachable_because_of_a_setting(rules: list[ContactRule], methods: list[ContactMethod]) -> None:
    ways = plan("high", rules=rules, methods=methods, email="me@example.org")
    assert ways
    if usable := {m.id for m in methods if m.usable}:
        assert {way.contact_method_id for way in ways} <= usable


@pytest.mark.parametrize(
    ("priority", "service", "title", "expected"),
    [
        ("P1", "payments", "Card payments fail", "P1 payments: Card payments fail"),
        ("P2", "", "Disk full", "P2: Disk full"),
        ("", "", "Disk\r\nBcc: x", "Disk Bcc: x"),
        ("P1", "payments", "x" * 200, "P1 payments: " + "x" * 106 + "…"),
    ],
)
def test_the_first_line_says_how_bad_where_and_what(priority: str, service: str, title: str, expected: str) -> None:
    assert headline(priority, service, title) == expected


def claim(*, attempts: int = 1, unknowns: int = 0, purpose: Purpose = Purpose.PAGE) -> Claim:
    return Claim(
        id=1, fence=1, reference="rp-x", state=DeliveryState.SENDING, page_id=1, incident=1, person_id=1,
        person_name="Bob", method=MethodKind.EMAIL, address="a", purpose=purpose, title="t", text="", url="",
        token=None,
        sealed_secret=None, reason="", attempts=attempts, unknowns=unknowns, why=None, urgency=None, run_id=1, step=1,
    )  # fmt: skip


BUSY, GONE, CUT = (
    OutsideFailure("busy", retry=True),
    OutsideFailure("gone", retry=False),
    OutsideFailure("cut", retry=True, unknown=True),
)


@pytest.mark.parametrize(
    ("of", "problem", "state", "wait"),
    [
        (claim(), BUSY, DeliveryState.PENDING, 1),
        (claim(attempts=5), BUSY, DeliveryState.PENDING, 16),
        (claim(attempts=6), BUSY, DeliveryState.FAILED, None),
        (claim(attempts=6, purpose=Purpose.CONFIRM), BUSY, DeliveryState.PENDING, 32),
        (claim(attempts=12, purpose=Purpose.CONFIRM), BUSY, DeliveryState.FAILED, None),
        (claim(), GONE, DeliveryState.FAILED, None),
        (claim(), CUT, DeliveryState.PENDING, 1),
        (claim(attempts=2, unknowns=1), CUT, DeliveryState.UNKNOWN, None),
    ],
)
def test_what_follows_from_a_failure(
    of: Claim, problem: OutsideFailure, state: DeliveryState, wait: int | None
) -> None:
    verdict = after_failure(of, problem, now=NOW)
    assert verdict.state is state
    assert (verdict.due_at - NOW).total_seconds() == wait if verdict.due_at else wait is None
    assert verdict.reason


def test_sent_is_not_delivered() -> None:
    assert after_success(claim(), Receipt(delivered=False)).state is DeliveryState.SENT
    assert after_success(claim(), Receipt(delivered=True)).state is DeliveryState.DELIVERED
