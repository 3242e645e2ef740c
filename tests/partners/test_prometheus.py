"""Debian's Prometheus, pointed at us as at an Alertmanager, with the block of the setup page and nothing else."""

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.live import until
from tests.partners.conftest import Place
from tests.partners.exporter import Exporter
from tests.partners.programs import Partner, free_port, program

CONFIG = """
global:
  scrape_interval: 200ms
  evaluation_interval: 1s
rule_files: [rules.yml]
scrape_configs:
  - job_name: shop
    static_configs:
      - targets: ["{exporter}"]
"""
RULES = """
groups:
  - name: shop
    rules:
      - alert: QueueStuck
        expr: queue_waiting > 100
        labels: {severity: critical, service: shop}
        annotations:
          summary: 'The queue {{ $labels.queue }} is stuck'
          description: '{{ $value }} wait – für immer'
          runbook_url: https://runbooks.example.org/queue
      - alert: DiskFull
        expr: disk_used > 0.9
        labels: {severity: warning}
"""


@dataclass(frozen=True)
class Watched:
    prometheus: Partner
    shop: Exporter


@pytest.fixture(scope="module")
def watched(place: Place) -> Iterator[Watched]:
    found, promtool = program("prometheus", "prometheus"), program("promtool", "prometheus")
    folder = place.folder / "prometheus"
    folder.mkdir()
    shop = Exporter()
    (folder / "prometheus.yml").write_text(place.pasted("prometheus") + CONFIG.format(exporter=shop.address))
    (folder / "rules.yml").write_text(RULES)
    checked = subprocess.run(
        [promtool, "check", "config", str(folder / "prometheus.yml")], capture_output=True, text=True, timeout=20
    )
    port = free_port()
    command = [
        found, "--config.file=prometheus.yml", f"--web.listen-address=127.0.0.1:{port}", "--storage.tsdb.path=data",
        "--rules.alert.resend-delay=1s",
    ]  # fmt: skip
    prometheus = Partner(folder, port, command)
    try:
        assert checked.returncode == 0, checked.stdout + checked.stderr
        prometheus.ready()
        yield Watched(prometheus, shop)
    finally:
        prometheus.close()
        shop.close()


def test_an_alert_pages_is_told_again_as_one_and_resolves_series_by_series(place: Place, watched: Watched) -> None:
    figures = watched.shop.figures
    figures |= {'queue_waiting{queue="mail"}': 900, 'queue_waiting{queue="orders"}': 450}
    place.until_states("QueueStuck", "queue", {"mail": "firing", "orders": "firing"})

    incident = place.incident("QueueStuck")
    assert incident["service"] == "shop"
    [page] = place.paged(incident["number"])
    assert "The queue " in page.title
    until(lambda: all(a["count"] >= 3 for a in place.alerts("QueueStuck")), within=20, what="repeats that are counted")
    mail, orders = sorted(place.alerts("QueueStuck"), key=lambda alert: str(alert["labels"]["queue"]))
    assert (mail["summary"], mail["severity"]) == ("The queue mail is stuck", "critical")
    assert mail["details"] == "900 wait – für immer"
    assert mail["links"][0] == "https://runbooks.example.org/queue"
    assert mail["links"][1].startswith("http"), "the way back to the expression"
    assert mail["labels"]["job"] == "shop"
    assert orders["details"].startswith("450 ")

    figures['queue_waiting{queue="mail"}'] = 3
    place.until_states("QueueStuck", "queue", {"mail": "resolved", "orders": "firing"})
    assert place.incident("QueueStuck")["status_category"] == incident["status_category"], "half of it still burns"
    del figures['queue_waiting{queue="orders"}']  # the series itself is gone
    place.until_states("QueueStuck", "queue", {"mail": "resolved", "orders": "resolved"})

    until(
        lambda: place.incident("QueueStuck")["status_category"] == "restored", within=10, what="the incident restored"
    )
    assert len(place.paged(incident["number"])) == 1, "one incident, one page, whatever was repeated"
    assert watched.prometheus.figure("prometheus_notifications_errors_total") == 0
    assert watched.prometheus.figure("prometheus_notifications_dropped_total") == 0
    assert watched.prometheus.figure("prometheus_notifications_sent_total") >= 6


def test_when_prometheus_falls_silent_its_alert_ends_as_it_said(place: Place, watched: Watched) -> None:
    watched.shop.figures['disk_used{disk="a"}'] = 0.97
    place.until_states("DiskFull", "disk", {"a": "firing"})
    [alert] = place.alerts("DiskFull")
    assert alert["severity"] == "warning"
    assert alert["ends_at"] is not None
    watched.prometheus.kill()
    place.until_states("DiskFull", "disk", {"a": "resolved"})
    [alert] = place.alerts("DiskFull")
    assert alert["resolved_why"]
    assert alert["resolved_at"] >= alert["ends_at"]


def test_promtool_has_nothing_to_say_about_our_metrics(place: Place) -> None:
    promtool = program("promtool", "prometheus")
    assert place.live.alert("figures").status_code == 202
    text = place.live.client.get(f"{place.live.url}/metrics").content
    assert b"rallypoint_intake_alerts_total{" in text
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
