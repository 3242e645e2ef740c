"""Waiting for an answer: reminders, acceptance by time, a monitor's silence, business days."""

from datetime import UTC, datetime, timedelta

import pytest

from rallypoint.catalog.model import ClosurePolicy, Workflow
from rallypoint.incidents import closure
from tests.unit.incidents.make import NOW, domain, incident, minutes

WAITING = closure.patience(domain())


@pytest.mark.parametrize(
    ("said", "word", "after_hours"), [(0, "remind", 24), (1, "remind", 48), (2, "accept", 72), (9, "accept", 72)]
)
def test_silence_leads_to_reminders_and_then_to_acceptance(said: int, word: str, after_hours: int) -> None:
    assert closure.next_word(NOW, WAITING, said=said) == (word, NOW + timedelta(hours=after_hours))


def test_a_domain_sets_its_own_patience() -> None:
    waiting = closure.patience(domain(confirmation_days=1, confirmation_reminder_hours=[2, 30]))
    assert closure.next_word(NOW, waiting, said=0) == ("remind", NOW + timedelta(hours=2))
    assert closure.next_word(NOW, waiting, said=1) == ("accept", NOW + timedelta(days=1))


def test_a_monitor_confirms_by_staying_healthy_and_not_before_somebody_called_it_resolved() -> None:
    assert closure.healthy_until(NOW, NOW, WAITING) == NOW + minutes(15)
    assert closure.healthy_until(NOW, NOW - minutes(10), WAITING) == NOW + minutes(5)
    assert closure.healthy_until(NOW, NOW - minutes(60), WAITING) == NOW


def test_business_days_leave_out_the_weekend() -> None:
    friday = datetime(2026, 6, 5, 17, 0, tzinfo=UTC)
    assert closure.business_days_after(friday, 1) == datetime(2026, 6, 8, 17, 0, tzinfo=UTC)
    assert closure.business_days_after(friday, 5) == datetime(2026, 6, 12, 17, 0, tzinfo=UTC)


def test_only_the_policy_that_says_so_closes_by_itself_and_never_the_highest_priority() -> None:
    auto = domain(Workflow.ITSM, ClosurePolicy.AUTO_AFTER_N_BUSINESS_DAYS)
    assert closure.closes_itself(incident(), auto, WAITING) == datetime(2026, 6, 8, 8, 0, tzinfo=UTC)
    assert closure.closes_itself(incident(priority_common=1), auto, WAITING) is None
    assert closure.closes_itself(incident(), domain(), WAITING) is None
