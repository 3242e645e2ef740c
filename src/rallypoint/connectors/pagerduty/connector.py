"""PagerDuty's Events API v2: trigger, acknowledge and resolve by dedup_key.

The routing key is the integration's key.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from rallypoint.alerts.model import Batch, Signal
from rallypoint.alerts.ports import About, Known, Level
from rallypoint.connectors import reading
from rallypoint.errors import Invalid, Problem
from rallypoint.ids import token

STATUS = {"trigger": "firing", "acknowledge": "acknowledged", "resolve": "resolved"}
SEVERITIES = ("critical", "error", "warning", "info")
LABELS = ("component", "group", "class")
DEDUP_KEY_LENGTH = 32


class PagerDuty:
    """One event a request. Unknown things to acknowledge or resolve are accepted and change nothing, as there."""

    limit = 512 * 1024
    about = About(
        kind="pagerduty",
        name="PagerDuty Events API v2",
        says="A tool that can send to PagerDuty sends to Rallypoint when its Events URL is changed.",
        path="/v2/enqueue",
        config_file="the sender's settings",
        config="Events URL:   {base}/v2/enqueue\nRouting key:  {key}\n",
        curl=(
            "curl -X POST {base}/v2/enqueue -H 'Content-Type: application/json' -d '"
            '{"routing_key": "{key}", "event_action": "trigger", "dedup_key": "try-1", "payload":'
            ' {"summary": "Trying the connection", "source": "my laptop", "severity": "info"}}\''
        ),
        teaches="docs/connectors/pagerduty.md",
        level=Level.PARTNER_TESTED,
    )

    def read(self, body: bytes, *, now: datetime, known: Known) -> Iterator[Batch]:
        yield Batch(signals=[_signal(reading.loads(body), body, now)])


def routing_key(body: bytes) -> str:
    """The key inside an event; empty if there is none. Raises Invalid if the body is not JSON."""
    event = reading.loads(body)
    key = event.get("routing_key") if isinstance(event, dict) else None
    return key if isinstance(key, str) else ""


def _signal(event: Any, body: bytes, now: datetime) -> Signal:
    if not isinstance(event, dict):
        raise Invalid("event", "must be a JSON object")
    said = event.get("payload")
    payload: dict[str, Any] = said if isinstance(said, dict) else {}
    action = event.get("event_action")
    _check(event, payload, action)
    notes: list[str] = []
    given = event.get("dedup_key")
    custom = payload.get("custom_details")
    service = custom.get("service") if isinstance(custom, dict) else None
    status = STATUS[str(action)]
    return Signal(
        dedup_key=reading.clean(given) if isinstance(given, str) and given else token(DEDUP_KEY_LENGTH),
        status=status,
        severity=str(payload["severity"]) if status == "firing" else "info",
        summary=reading.words(payload.get("summary"), reading.SUMMARY_MAX),
        details=reading.cut(_details(event, custom, notes, payload, now), reading.DETAILS_MAX),
        source=reading.words(payload.get("source"), reading.SHORT_MAX),
        service=service
        if isinstance(service, str) and len(service) < reading.SHORT_MAX and "\0" not in service
        else "",
        labels=reading.labels({name: payload.get(name) for name in LABELS}),
        links=reading.links(event.get("client_url"), event.get("links"), event.get("images")),
        starts_at=reading.start(payload.get("timestamp"), now, []),
        payload=body,
    )


def _details(event: dict[str, Any], custom: Any, notes: list[str], payload: dict[str, Any], now: datetime) -> str:
    reading.start(payload.get("timestamp"), now, notes)
    client = reading.words(event.get("client"), reading.SHORT_MAX)
    parts = [reading.words(custom, reading.DETAILS_MAX)] if custom else []
    parts += [f"Sent by {client}."] if client else []
    return reading.with_notes("\n\n".join(parts), notes)


def _check(event: dict[str, Any], payload: dict[str, Any], action: Any) -> None:
    """What PagerDuty itself insists on, in its words: clients show these to people."""
    problems: list[Problem] = []
    if not isinstance(action, str) or action not in STATUS:
        action = action if isinstance(action, str) else bool(action)
        problems.append(_missing("event_action") if not action else _one_of("event_action", tuple(STATUS)))
    given = event.get("dedup_key")
    if given is not None and not isinstance(given, str):
        problems.append(Problem("dedup_key", "must be a string"))
    elif not given and action in ("acknowledge", "resolve"):
        problems.append(_missing("dedup_key"))
    if action == "trigger" or action not in STATUS:
        for name in ("summary", "source"):
            if not reading.words(payload.get(name), reading.SHORT_MAX):
                problems.append(_missing(f"payload.{name}"))
        if not payload.get("severity"):
            problems.append(_missing("payload.severity"))
        elif payload["severity"] not in SEVERITIES:
            problems.append(_one_of("payload.severity", SEVERITIES))
    if problems:
        raise Invalid(problems)


def _missing(field: str) -> Problem:
    return Problem(field, f"'{field}' is missing or blank")


def _one_of(field: str, values: tuple[str, ...]) -> Problem:
    return Problem(field, f"'{field}' is invalid (must be one of the following: {', '.join(map(repr, values))})")
