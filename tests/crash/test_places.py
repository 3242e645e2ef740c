"""A process is killed at one named place, another one takes over; then the ledger outside is asked what arrived.

The places before and after each commit are those where a careless program loses or doubles something.
"""

import signal

import httpx2
import pytest

from tests.crash.conftest import Rig
from tests.live import until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(120)]


def retried(rig: Rig, case: str) -> httpx2.Response:
    """What a sender does: post, and post again after an error."""
    with pytest.raises(httpx2.HTTPError):
        rig.server.alert(case)
    assert rig.server.died("web") == signal.SIGKILL
    rig.server.start("web")
    return rig.server.alert(case)


@pytest.mark.parametrize("place", ["alerts_folded", "alerts_before_commit", "alerts_committed"])
def test_a_web_process_that_dies_while_it_accepts_loses_and_doubles_nothing(rig: Rig, place: str) -> None:
    case = rig.new_case()
    rig.web_that_dies_at(place)
    assert retried(rig, case).status_code == 202
    receipts = rig.paged(case)
    rig.settled(case)
    kept = [alert for alert in rig.server.everything("/alerts") if alert["dedup_key"] == case]
    assert len(kept) == 1
    assert kept[0]["count"] == (2 if place == "alerts_committed" else 1)
    assert [receipt.id for receipt in receipts] == [receipts[0].id]


@pytest.mark.parametrize(
    "place",
    [
        "alerts_routed_before_commit",
        "alerts_routed",
        "IncidentOpened.before_commit",
        "IncidentOpened.after_commit",
        "PersonPaged.before_commit",
        "delivery_claimed",
        "delivery_before_send",
    ],
)
def test_an_engine_that_dies_before_it_sends_leaves_exactly_one_page_to_the_next(rig: Rig, place: str) -> None:
    case = rig.new_case()
    rig.engine_that_dies_at(place)
    assert rig.server.alert(case).status_code == 202
    assert rig.server.died("engine") == signal.SIGKILL
    assert rig.ledger.of(case) == []
    rig.leases_run_out()
    rig.server.start("engine")
    rig.paged(case)
    assert rig.settled(case)["state"] == "delivered"
    assert len(rig.ledger.of(case)) == 1


def test_an_engine_that_dies_between_sending_and_recording_sends_once_more_and_says_so(rig: Rig) -> None:
    case = rig.new_case()
    rig.engine_that_dies_at("delivery_sent_before_record")
    assert rig.server.alert(case).status_code == 202
    assert rig.server.died("engine") == signal.SIGKILL
    assert len(rig.paged(case)) == 1
    rig.leases_run_out()
    rig.server.start("engine")
    first, second = rig.paged(case, times=2)
    delivery = rig.settled(case)
    assert first.id == second.id, "the far end can tell that it is the same page"
    assert delivery["state"] == "delivered"
    assert delivery["attempts"] == 2
    incident = rig.server.incident_of(case)
    assert incident is not None
    story = rig.server.get(f"/incidents/{incident['number']}/timeline")["items"]
    again = [line for line in story if "is sent again" in line["text"]]
    assert len(again) == 1
    assert "outcome of a try is not known" in again[0]["reason"]


def test_an_engine_that_dies_after_recording_sends_nothing_twice(rig: Rig) -> None:
    case = rig.new_case()
    rig.engine_that_dies_at("delivery_recorded")
    assert rig.server.alert(case).status_code == 202
    assert rig.server.died("engine") == signal.SIGKILL
    rig.leases_run_out()
    rig.server.start("engine")
    other = rig.new_case()
    rig.server.alert(other)
    rig.paged(other)  # the next engine works, and has had its chance
    assert len(rig.ledger.of(case)) == 1


@pytest.mark.parametrize("place", ["IncidentAcknowledged.before_commit", "IncidentAcknowledged.after_commit"])
def test_an_acknowledgement_is_never_lost_and_never_counted_twice(rig: Rig, place: str) -> None:
    case = rig.new_case()
    rig.server.again("engine")
    assert rig.server.alert(case).status_code == 202
    rig.paged(case)
    incident = rig.server.incident_of(case)
    assert incident is not None
    rig.web_that_dies_at(place)
    with pytest.raises(httpx2.HTTPError):
        rig.server.act(incident["number"], "acknowledge", key=case)
    assert rig.server.died("web") == signal.SIGKILL
    rig.server.start("web")
    until(rig.server.ready, within=20, what="the next web process")
    assert rig.server.act(incident["number"], "acknowledge", key=case).status_code == 200
    story = rig.server.get(f"/incidents/{incident['number']}/timeline")["items"]
    told = [line for line in story if line["kind"] == "state" and "cknowledged" in line["text"]]
    assert len(told) == 1


def test_after_all_of_that_no_open_run_is_without_a_timer(rig: Rig) -> None:
    assert rig.server.metric("rallypoint_orphaned_runs") == 0
    assert rig.server.metric("rallypoint_timers_quarantined") == 0
