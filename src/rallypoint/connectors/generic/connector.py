"""Generic JSON: one object, or a list of them. Only `summary` is required; what we do not know is kept as details."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rallypoint.alerts.model import Batch, Signal, Unreadable
from rallypoint.alerts.ports import PART, About, Known, Level
from rallypoint.connectors import reading
from rallypoint.errors import Invalid, Problem

STATUSES = {
    **dict.fromkeys(("", "firing", "alerting", "triggered", "trigger", "open", "problem"), "firing"),
    **dict.fromkeys(("acknowledged", "acknowledge", "ack"), "acknowledged"),
    **dict.fromkeys(("resolved", "resolve", "ok", "closed", "close", "recovered"), "resolved"),
}
FIELDS = frozenset(
    ("summary", "details", "severity", "status", "dedup_key", "service", "labels", "links", "timestamp", "source")
)


class Generic:
    """Alerts by their dedup_key; without one, by service, summary and labels, so that a retry does not double."""

    limit = 1024 * 1024
    about = About(
        kind="generic",
        name="Generic JSON",
        says="Any script or tool that can send a web request.",
        path="/in/{key}",
        config_file="a script",
        config=(
            "POST {base}/in/{key}\n"
            "summary (required), details, severity (critical, error, warning, info),\n"
            "status (firing, acknowledged, resolved), dedup_key, service, labels, links, timestamp\n"
        ),
        curl=(
            "curl -X POST {base}/in/{key} -H 'Content-Type: application/json' -d '"
            '{"summary": "Trying the connection", "severity": "info", "dedup_key": "try-1"}\''
        ),
        teaches="docs/connectors/generic.md",
        level=Level.CONTRACT_TESTED,
    )

    def read(self, body: bytes, *, now: datetime, known: Known) -> Iterator[Batch]:
        value = reading.loads(body)
        if not isinstance(value, list):
            yield Batch(signals=[_signal(value, body, now)])
            return
        reading.not_too_many(value)
        for first in range(0, len(value), PART):
            yield _part(value[first : first + PART], first, now)


def _part(members: list[Any], first: int, now: datetime) -> Batch:
    signals: list[Signal] = []
    unreadable: list[Unreadable] = []
    for place, value in enumerate(members, first):
        payload = reading.as_bytes(value)
        try:
            signals.append(_signal(value, payload, now))
        except Invalid as problem:
            unreadable.append(Unreadable(reason=f"alert {place}: {problem}", payload=payload))
    return Batch(signals=signals, unreadable=unreadable)


def _signal(value: Any, payload: bytes, now: datetime) -> Signal:
    if not isinstance(value, dict):
        raise Invalid("body", "must be a JSON object", '{"summary": "The checkout database does not answer"}')
    notes: list[str] = []
    summary = reading.words(value.get("summary"), reading.SUMMARY_MAX)
    said = reading.words(value.get("status"), 60).lower()
    key = value.get("dedup_key")
    dedup_key = "" if key is None else reading.clean(key if isinstance(key, str) else reading.as_json(key))
    _check(value, summary, said, dedup_key)
    service = reading.words(value.get("service"), reading.SHORT_MAX)
    labels = reading.labels(value.get("labels") or {})
    status = STATUSES[said]
    severity = reading.severity(value.get("severity"), notes) if status == "firing" else "info"
    starts_at = reading.start(value.get("timestamp"), now, notes)
    return Signal(
        dedup_key=dedup_key or reading.name_of(service, summary, repr(sorted(labels.items()))),
        status=status,
        severity=severity,
        summary=summary,
        details=reading.cut(_details(value, notes), reading.DETAILS_MAX),
        source=reading.words(value.get("source"), reading.SHORT_MAX),
        service=service,
        labels=labels,
        links=reading.links(value.get("links")),
        starts_at=starts_at,
        payload=payload,
    )


def _check(value: dict[str, Any], summary: str, status: str, dedup_key: str) -> None:
    problems: list[Problem] = []
    if status not in STATUSES:
        problems.append(Problem("status", "must be firing, acknowledged or resolved", "firing"))
    if not summary and not (dedup_key and STATUSES.get(status, "firing") != "firing"):
        hint = _hint(value)
        problems.append(Problem("summary", f"is required{hint}", "The checkout database does not answer"))
    if not isinstance(value.get("labels") or {}, dict):
        problems.append(Problem("labels", "must be an object of names and values", '{"region": "eu"}'))
    if problems:
        raise Invalid(problems)


def _hint(value: dict[str, Any]) -> str:
    """Where a message that speaks another tool's language should have gone."""
    if "alerts" in value and "groupKey" in value:
        return "; this looks like Alertmanager's webhook: send it to /in/<key>/alertmanager"
    if "event_action" in value:
        return "; this looks like a PagerDuty event: send it to /v2/enqueue"
    if "annotations" in value:
        return "; this looks like a Prometheus alert: send a list of them to /in/<key>/api/v2/alerts"
    return ""


def _details(value: dict[str, Any], notes: list[str]) -> str:
    """The sender's details, then every field we have no place for, then what we had to assume."""
    rest = {name: one for name, one in value.items() if name not in FIELDS}
    parts = [reading.words(value.get("details"), reading.DETAILS_MAX)]
    if rest:
        parts.append(reading.words(rest, reading.DETAILS_MAX))
    return reading.with_notes("\n\n".join(part for part in parts if part), notes)
