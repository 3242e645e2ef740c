"""What a monitor's alert starts with."""

import pytest

from rallypoint.catalog.model import Hosting, Layer, Service
from rallypoint.incidents.intake import judge_alert, worse


def service(tier: int) -> Service:
    return Service(
        id=1, key="checkout", name="checkout", description="", domain_id=1, team_id=None, tier=tier,
        hosting=Hosting.CLOUD, layer=Layer.APPLICATION, public=False, retired=False,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("severity", "urgency"),
    [("critical", "critical"), ("error", "high"), ("warning", "medium"), ("info", "low"), ("purple", None)],
)
def test_the_severity_says_how_urgent_and_an_unknown_one_stays_unknown(severity: str, urgency: str | None) -> None:
    assert judge_alert(severity, service(2)).urgency == urgency


@pytest.mark.parametrize(("tier", "impact"), [(1, "extensive"), (2, "significant"), (3, "moderate"), (4, "minor")])
def test_the_tier_says_how_much_depends_on_it(tier: int, impact: str) -> None:
    judged = judge_alert("error", service(tier))
    assert judged.impact == impact
    assert judged.reason == f"impact from checkout being tier {tier}, urgency from the alert's severity error"


def test_without_a_service_the_impact_is_unknown() -> None:
    assert judge_alert("error", None).impact is None


@pytest.mark.parametrize(
    ("severity", "than", "is_worse"),
    [("critical", "error", True), ("error", "error", False), ("info", None, True), ("purple", None, False),
     ("warning", "critical", False), ("warning", "purple", True)],
)  # fmt: skip
def test_worse(severity: str, than: str | None, is_worse: bool) -> None:
    assert worse(severity, than) is is_worse
