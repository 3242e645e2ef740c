"""One alert as Prometheus and Alertmanager write it: labels, annotations, startsAt, endsAt, generatorURL.

The fast way decodes what well-behaved senders write; whatever does not fit goes the tolerant way.
"""

from datetime import datetime
from typing import Annotated, Any

import msgspec

from rallypoint.alerts.model import Signal, Unreadable
from rallypoint.connectors import reading
from rallypoint.errors import Invalid

FAST_BYTES = 1024
"""A member up to this size needs no cutting: nothing inside can be longer than its limit, save the summary's check."""

NO_SUMMARY = ("summary", "title", "message")
NOT_DETAILS = frozenset({*NO_SUMMARY, "description", "runbook_url", "dashboard_url"})


class Peek(msgspec.Struct, gc=False):
    """The only part of a repeated alert that changes."""

    endsAt: msgspec.Raw = msgspec.Raw(b"")


class Full(msgspec.Struct, gc=False):
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: Annotated[datetime, msgspec.Meta(tz=True)] | None = None
    generatorURL: str = ""
    endsAt: msgspec.Raw = msgspec.Raw(b"")
    status: str = ""
    fingerprint: str = ""


peek = msgspec.json.Decoder(Peek).decode
_full = msgspec.json.Decoder(Full).decode


def at_once(payload: bytes) -> Full | None:
    """The fast way; None for what is to be read with care."""
    if len(payload) > FAST_BYTES or b"\\u0000" in payload:
        return None
    try:
        return _full(payload)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def signal(
    payload: bytes, *, now: datetime, status: str, ends_at: datetime | None, raw_key: bytes, full: Full | None = None
) -> Signal:
    """A member as a signal; `full` if it was read already. Raises Invalid with the reason where it cannot be one."""
    notes: list[str] = []
    own_key = ""
    full = full or at_once(payload)
    if full is None:
        full, own_key = _careful(payload, now, notes)
    labels = full.labels
    if "" in labels.values() or "" in labels:
        labels = {name: value for name, value in labels.items() if name and value}
    if not labels:
        raise Invalid("labels", "must name at least one label with a value", '{"alertname": "DatabaseDown"}')
    said = labels.get("severity", "")
    severity = reading.SEVERITIES.get(said) or reading.severity(said, notes)
    annotations = full.annotations
    details = annotations.get("description", "")
    if not NOT_DETAILS.issuperset(annotations):
        rest = "\n".join(f"{name}: {value}" for name, value in annotations.items() if name not in NOT_DETAILS)
        details = f"{details}\n\n{rest}" if details else rest
    starts_at = full.startsAt
    if starts_at is not None and not reading.OLDEST <= starts_at <= now:
        starts_at = reading.start(starts_at, now, notes)
    return Signal(
        dedup_key=own_key,
        status=status,
        severity=severity,
        summary=_summary(labels, annotations),
        details=reading.cut(reading.with_notes(details, notes) if notes else details, reading.DETAILS_MAX),
        source=labels.get("instance") or labels.get("job") or "",
        service=labels.get("service", ""),
        labels=labels,
        links=_links(full.generatorURL, annotations),
        starts_at=starts_at,
        ends_at=ends_at,
        payload=payload,
        raw_key=raw_key,
    )


def unreadable(payload: bytes, place: int, problem: Invalid) -> Unreadable:
    return Unreadable(reason=f"alert {place}: {problem}", payload=payload)


def no_object(payload: bytes, place: int) -> Unreadable:
    return Unreadable(reason=f"alert {place}: must be an object, not {payload[:20]!r}", payload=payload)


def _summary(labels: dict[str, str], annotations: dict[str, str]) -> str:
    for name in NO_SUMMARY:
        if text := annotations.get(name):
            return reading.cut(text, reading.SUMMARY_MAX)
    name, where = labels.get("alertname", ""), labels.get("instance", "")
    if name:
        return reading.cut(f"{name} on {where}" if where else name, reading.SUMMARY_MAX)
    return reading.cut(", ".join(f"{key}={value}" for key, value in sorted(labels.items())), reading.SUMMARY_MAX)


def _links(url: str, annotations: dict[str, str]) -> list[str]:
    if "runbook_url" not in annotations and "dashboard_url" not in annotations:
        return [url] if url.startswith(("http://", "https://")) else []
    return reading.links(annotations.get("runbook_url"), annotations.get("dashboard_url"), url)


def _careful(payload: bytes, now: datetime, doubts: list[str]) -> tuple[Full, str]:
    """The tolerant way, and a name for the alert where its labels had to be shortened and no longer name it."""
    value: Any = reading.loads(payload)
    if not isinstance(value, dict):
        raise Invalid("alert", f"must be an object, not {reading.words(value, 60)}")
    said = value.get("labels")
    if not isinstance(said, dict):
        raise Invalid("labels", "must be an object of names and values", '{"alertname": "DatabaseDown"}')
    notes = value.get("annotations")
    labels = reading.labels(said)
    annotations = {
        reading.words(name, reading.SHORT_MAX): reading.words(text, reading.DETAILS_MAX)
        for name, text in list(notes.items() if isinstance(notes, dict) else ())[: reading.LABELS_MAX]
    }
    own_key = reading.name_of(reading.as_json(said)) if reading.is_cut(labels, said) else ""
    return Full(
        labels=labels,
        annotations={name: text for name, text in annotations.items() if name and text},
        startsAt=reading.start(value.get("startsAt"), now, doubts),
        generatorURL=reading.words(value.get("generatorURL"), reading.LABEL_VALUE_MAX),
        status=reading.words(value.get("status"), 60),
        fingerprint=reading.words(value.get("fingerprint"), 60),
    ), own_key
