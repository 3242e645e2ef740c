"""Alertmanager's webhook, version 4: a group of alerts, each of which fires or is resolved on its own.

The group's own status says nothing that its alerts do not say, and a truncated group says less, so it is not used.
"""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from typing import Any

import msgspec

from rallypoint.alerts.model import Batch, Repeat, Signal, Unreadable
from rallypoint.alerts.ports import PART, About, Known, Level
from rallypoint.connectors import reading
from rallypoint.connectors.prometheus import member
from rallypoint.connectors.prometheus.connector import key_of
from rallypoint.errors import Invalid


class Envelope(msgspec.Struct, gc=False):
    alerts: list[msgspec.Raw]
    truncatedAlerts: int = 0
    status: str = ""


class Peek(msgspec.Struct, gc=False):
    status: str = ""
    endsAt: msgspec.Raw = msgspec.Raw(b"")


_envelope = msgspec.json.Decoder(Envelope).decode
_peek = msgspec.json.Decoder(Peek).decode


class Alertmanager:
    """Each alert by its labels; resolved only where its own status says so."""

    limit = 8 * 1024 * 1024
    about = About(
        kind="alertmanager",
        name="Alertmanager",
        says="Alertmanager groups and silences, and hands what is left to Rallypoint by its webhook.",
        path="/in/{key}/alertmanager",
        config_file="alertmanager.yml",
        config=(
            "receivers:\n"
            "  - name: rallypoint\n"
            "    webhook_configs:\n"
            '      - url: "{base}/in/{key}/alertmanager"\n'
            "        send_resolved: true\n"
            "route:\n"
            "  receiver: rallypoint\n"
        ),
        curl=(
            "curl -X POST {base}/in/{key}/alertmanager -H 'Content-Type: application/json' -d '"
            '{"version": "4", "status": "firing", "alerts": [{"status": "firing",'
            ' "labels": {"alertname": "Trying", "severity": "info"},'
            ' "annotations": {"summary": "Trying the connection"}}]}\''
        ),
        teaches="docs/connectors/alertmanager.md",
        level=Level.PARTNER_TESTED,
    )

    def read(self, body: bytes, *, now: datetime, known: Known) -> Iterator[Batch]:
        members, left_out = _open(body)
        note = f"Alertmanager left out {left_out} alerts of this group (max_alerts)." if left_out else ""
        for first in range(0, len(members), PART) if members else (0,):
            yield self._part(members[first : first + PART], first, now, known, note)

    def _part(self, members: list[bytes], first: int, now: datetime, known: Known, note: str) -> Batch:
        signals: list[Signal | Repeat] = []
        unreadable: list[Unreadable] = []
        for place, payload in enumerate(members, first):
            if not payload.startswith(b"{"):
                unreadable.append(member.no_object(payload, place))
                continue
            status, ends, ends_at = _status(payload, now)
            raw_key = key_of(payload, ends)
            if status == "firing" and (alert_id := known(raw_key)) is not None:
                signals.append(Repeat(alert_id, None, (payload, ends_at, status, raw_key), raw_key))
                continue
            try:
                signals.append(_signal(payload, ends_at, status, raw_key, now=now))
            except Invalid as problem:
                unreadable.append(member.unreadable(payload, place, problem))
        return Batch(signals=signals, unreadable=unreadable, reread=partial(_again, now=now), note=note)


def _open(body: bytes) -> tuple[list[bytes], int]:
    """The bytes of each alert, and how many the sender left out. Raises Invalid if it is no such message."""
    try:
        envelope = _envelope(body)
        return [bytes(raw) for raw in reading.not_too_many(envelope.alerts)], envelope.truncatedAlerts
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        value = reading.loads(body)
    alerts = value.get("alerts") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(alerts, list):
        raise Invalid("alerts", "must be a list: this is not a message of Alertmanager's webhook, version 4")
    left_out = value.get("truncatedAlerts")
    return [reading.as_bytes(one) for one in reading.not_too_many(alerts)], left_out if isinstance(left_out, int) else 0


def _status(payload: bytes, now: datetime) -> tuple[str, bytes, datetime | None]:
    """Firing or resolved, the bytes of the end, and the end of a resolved alert."""
    try:
        seen = _peek(payload)
        said, ends = seen.status, bytes(seen.endsAt)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        said, ends = "", b""
    try:
        ends_at = reading.moment(msgspec.json.decode(ends)) if 0 < len(ends) <= reading.TIME_MAX else None
    except (ValueError, OverflowError, UnicodeDecodeError, RecursionError):
        ends_at = None
    over = said == "resolved" or (said != "firing" and ends_at is not None and ends_at <= now)
    return ("resolved", ends, ends_at) if over else ("firing", ends, None)


def _signal(payload: bytes, ends_at: datetime | None, status: str, raw_key: bytes, *, now: datetime) -> Signal:
    return member.signal(payload, now=now, status=status, ends_at=ends_at, raw_key=raw_key)


def _again(known: Any, *, now: datetime) -> Signal:
    return _signal(*known, now=now)
