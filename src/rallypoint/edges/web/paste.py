"""What to paste into a sender, per kind, with its key already in it. Pure."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    title: str
    where: str
    text: str


def prometheus(base: str, key: str) -> Block:
    scheme, _, target = base.partition("://")
    return Block(
        title="Prometheus",
        where="in prometheus.yml; alerts then come here and nowhere else is changed",
        text=f"""alerting:
  alertmanagers:
    - scheme: {scheme}
      path_prefix: /in/{key}
      api_version: v2
      static_configs:
        - targets: ["{target}"]""",
    )


def alertmanager(base: str, key: str) -> Block:
    return Block(
        title="Alertmanager",
        where="under receivers in alertmanager.yml",
        text=f"""- name: rallypoint
  webhook_configs:
    - url: {base}/in/{key}/alertmanager
      send_resolved: true""",
    )


def pagerduty(base: str, key: str) -> Block:
    return Block(
        title="PagerDuty Events v2",
        where=f"point the sender at {base}/v2/enqueue with this routing key; or try it now",
        text=f"""curl -sS {base}/v2/enqueue -H 'content-type: application/json' -d '{{
  "routing_key": "{key}", "event_action": "trigger", "dedup_key": "try-1",
  "payload": {{"summary": "Trying the connection", "source": "my laptop", "severity": "info"}}}}'""",
    )


def generic(base: str, key: str) -> Block:
    return Block(
        title="Any JSON",
        where="only summary is needed; run it again with status resolved to clear it",
        text=f"""curl -sS {base}/in/{key} -H 'content-type: application/json' -d '{{
  "summary": "Trying the connection", "severity": "info", "status": "firing", "dedup_key": "try-1"}}'""",
    )


MAKERS = {"prometheus": (prometheus,), "alertmanager": (alertmanager,), "pagerduty": (pagerduty,), "generic": ()}


def blocks(kind: str, base: str, key: str) -> tuple[Block, ...]:
    """The blocks of a kind; the generic one always stands last, because curl is the quickest way to try."""
    makers = MAKERS.get(kind, (prometheus, alertmanager, pagerduty))
    return tuple(make(base, key) for make in (*makers, generic))
