"""Debian's Alertmanager, with the file of the setup page: it groups, and hands over what fires and what is over."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest

from rallypoint.clock import process_time
from tests.live import until
from tests.partners.conftest import Place
from tests.partners.programs import Partner, free_port, program

QUICK = """  group_by: [alertname]
  group_wait: 300ms
  group_interval: 1s
"""
CUT = """
  routes:
    - matchers: [alertname = ManyDisks]
      receiver: a few of many
    - matchers: [alertname = OldHabits]
      receiver: as PagerDuty
"""
RECEIVERS = """
  - name: a few of many
    webhook_configs:
      - url: "{base}/in/{alertmanager}/alertmanager"
        send_resolved: true
        max_alerts: 1
  - name: as PagerDuty
    pagerduty_configs:
      - routing_key: {pagerduty}
        url: {base}/v2/enqueue
route:
"""


@dataclass(frozen=True)
class Sender:
    alertmanager: Partner
    amtool: str

    def fire(self, alertname: str, *labels: str, summary: str = "") -> None:
        """As a person at a shell does."""
        words = [f"alertname={alertname}", *labels, *([f"--annotation=summary={summary}"] if summary else [])]
        self._amtool("alert", "add", *words)

    def end(self, alertname: str, **labels: str) -> None:
        """As a Prometheus does: the same labels, over now."""
        now = process_time()
        said = {
            "labels": {"alertname": alertname, **labels},
            "startsAt": (now - timedelta(minutes=1)).isoformat(),
            "endsAt": now.isoformat(),
        }
        answer = self.alertmanager.client.post("/api/v2/alerts", json=[said])
        assert answer.status_code == 200, answer.text

    def _amtool(self, *words: str) -> None:
        command = [self.amtool, f"--alertmanager.url={self.alertmanager.url}", *words]
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
        assert done.returncode == 0, done.stderr

    def failed(self, integration: str) -> float:
        return self.alertmanager.figure("alertmanager_notifications_failed_total", integration=integration)


@pytest.fixture(scope="module")
def sender(place: Place) -> Iterator[Sender]:
    found = program("prometheus-alertmanager", "prometheus-alertmanager")
    amtool = program("amtool", "prometheus-alertmanager")
    folder = place.folder / "alertmanager"
    folder.mkdir()
    more = RECEIVERS.format(
        base=place.live.url, alertmanager=place.key("alertmanager"), pagerduty=place.key("pagerduty")
    )
    (folder / "alertmanager.yml").write_text(place.pasted("alertmanager").replace("\nroute:\n", more) + QUICK + CUT)
    port = free_port()
    command = [
        found, "--config.file=alertmanager.yml", f"--web.listen-address=127.0.0.1:{port}", "--storage.path=data",
        "--cluster.listen-address=",
    ]  # fmt: skip
    alertmanager = Partner(folder, port, command)
    try:
        yield Sender(alertmanager.ready(), amtool)
    finally:
        alertmanager.close()


def test_a_group_is_one_incident_and_each_of_its_alerts_ends_on_its_own(place: Place, sender: Sender) -> None:
    sender.fire("NodeDown", "instance=n1", "severity=critical", summary="Node n1 is gone – weg")
    sender.fire("NodeDown", "instance=n2", "severity=critical", summary="Node n2 is gone")
    place.until_states("NodeDown", "instance", {"n1": "firing", "n2": "firing"})
    assert {alert["summary"] for alert in place.alerts("NodeDown")} == {"Node n1 is gone – weg", "Node n2 is gone"}
    assert {alert["source"] for alert in place.alerts("NodeDown")} == {"n1", "n2"}
    number = place.incident("NodeDown")["number"]
    assert len(place.paged(number)) == 1

    sender.end("NodeDown", instance="n1", severity="critical")
    place.until_states("NodeDown", "instance", {"n1": "resolved", "n2": "firing"})
    sender.end("NodeDown", instance="n2", severity="critical")
    place.until_states("NodeDown", "instance", {"n1": "resolved", "n2": "resolved"})

    sender.fire("NodeDown", "instance=n1", "severity=critical", summary="Node n1 is gone – weg")
    until(lambda: len(place.alerts("NodeDown")) == 3, within=20, what="a new alert after the old one's end")
    assert [a["status"] for a in place.alerts("NodeDown") if a["labels"]["instance"] == "n1"] == ["resolved", "firing"]
    assert sender.failed("webhook") == 0


def test_a_group_that_is_cut_short_says_so_and_ends_nothing_that_is_not_in_it(place: Place, sender: Sender) -> None:
    for disk in ("a", "b", "c"):
        sender.fire("ManyDisks", f"disk={disk}", "severity=warning")
    until(lambda: place.alerts("ManyDisks"), within=20, what="an alert of the group")
    notes = until(lambda: _notes(place), within=20, what="a note that alerts were left out")
    assert "max_alerts" in notes
    assert {alert["status"] for alert in place.alerts("ManyDisks")} == {"firing"}


def _notes(place: Place) -> str:
    found = "select string_agg(problem, ' ') from alert_message where problem like '%left out%'"
    return str(place.live.sql(found) or "")


def test_its_pagerduty_receiver_speaks_to_us_as_to_pagerduty(place: Place, sender: Sender) -> None:
    sender.fire("OldHabits", "severity=critical", summary="Habits die hard")

    def ours() -> list[dict[str, str]]:
        found = [a for a in place.live.everything("/alerts") if "OldHabits" in a["summary"]]
        return [{"status": a["status"], "service": a["service_id"], "key": a["dedup_key"]} for a in found]

    [alert] = until(ours, within=20, what="the event as an alert")
    assert alert["status"] == "firing"
    assert len(alert["key"]) == 64
    sender.end("OldHabits", severity="critical")
    until(lambda: [a["status"] for a in ours()] == ["resolved"], within=20, what="its end")
    assert sender.failed("pagerduty") == 0
