"""Prometheus, pointed at us as one of its Alertmanagers: POST .../api/v2/alerts with a list of alerts."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial
from hashlib import blake2b
from typing import Any

import msgspec

from rallypoint.alerts.model import Batch, Repeat, Signal, Unreadable
from rallypoint.alerts.ports import PART, About, Known, Level
from rallypoint.connectors import reading
from rallypoint.connectors.prometheus import member
from rallypoint.errors import Invalid

RESOLVE_TIMEOUT = timedelta(minutes=5)
"""What an Alertmanager gives an alert without an end; Prometheus itself always sends one."""

_members = msgspec.json.Decoder(list[msgspec.Raw]).decode


class Prometheus:
    """Alerts by their labels; an end in the past, or the passing of the end, resolves them."""

    limit = 8 * 1024 * 1024
    about = About(
        kind="prometheus",
        name="Prometheus",
        says="Prometheus sends its alerts straight to Rallypoint, which stands in for an Alertmanager.",
        path="/in/{key}/api/v2/alerts",
        config_file="prometheus.yml",
        config=(
            "alerting:\n"
            "  alertmanagers:\n"
            "    - scheme: {scheme}\n"
            "      path_prefix: /in/{key}\n"
            "      api_version: v2\n"
            "      static_configs:\n"
            '        - targets: ["{host}"]\n'
        ),
        curl=(
            "curl -X POST {base}/in/{key}/api/v2/alerts -H 'Content-Type: application/json' -d '"
            '[{"labels": {"alertname": "Trying", "severity": "info"},'
            ' "annotations": {"summary": "Trying the connection"}}]\''
        ),
        teaches="docs/connectors/prometheus.md",
        level=Level.PARTNER_TESTED,
    )

    def read(self, body: bytes, *, now: datetime, known: Known) -> Iterator[Batch]:
        members = split(body)
        ends: dict[bytes, datetime | None] = {}
        for first in range(0, len(members), PART):
            yield self._part(members[first : first + PART], first, now, known, ends)

    def _part(
        self, members: list[bytes], first: int, now: datetime, known: Known, ends: dict[bytes, datetime | None]
    ) -> Batch:
        signals: list[Signal | Repeat] = []
        unreadable: list[Unreadable] = []
        news = False  # what follows a new alert is mostly new as well: it is read whole at once
        for place, payload in enumerate(members, first):
            if not payload.startswith(b"{"):
                unreadable.append(member.no_object(payload, place))
                continue
            full = member.at_once(payload) if news else None
            try:
                said = bytes((full or member.peek(payload)).endsAt)
            except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
                said = b""
            if said not in ends:
                ends[said] = _end(said)
            ends_at = ends[said] or now + RESOLVE_TIMEOUT
            raw_key = key_of(payload, said)
            if ends_at > now and (alert_id := known(raw_key)) is not None:
                signals.append(Repeat(alert_id, ends_at, (payload, ends_at, raw_key), raw_key))
                news = False
                continue
            news = True
            try:
                signals.append(_signal(payload, ends_at, raw_key, now=now, full=full))
            except Invalid as problem:
                unreadable.append(member.unreadable(payload, place, problem))
        return Batch(signals=signals, unreadable=unreadable, reread=partial(_again, now=now))


def split(body: bytes) -> list[bytes]:
    """The bytes of each member of a JSON list. Raises Invalid if it is no list."""
    try:
        # Only objects are alerts: what does not even begin with one is not worth cutting into a million pieces.
        found = _members(body) if body[:64].lstrip()[1:].lstrip().startswith(b"{") else None
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        found = None
    if found is not None:
        return [bytes(raw) for raw in reading.not_too_many(found)]
    value = reading.loads(body)
    if not isinstance(value, list):
        raise Invalid("body", "must be a list of alerts", '[{"labels": {"alertname": "DatabaseDown"}}]')
    return [reading.as_bytes(one) for one in reading.not_too_many(value)]


def key_of(payload: bytes, ends: bytes) -> bytes:
    """Names the bytes of a member without its end, which Prometheus moves on with every repetition."""
    return blake2b(payload.replace(ends, b"", 1) if ends else payload, digest_size=16).digest()


def _end(raw: bytes) -> datetime | None:
    """The end as sent; None where there is none, or it cannot be read."""
    try:
        return reading.moment(msgspec.json.decode(raw)) if 0 < len(raw) <= reading.TIME_MAX else None
    except (ValueError, OverflowError, UnicodeDecodeError, RecursionError):
        return None


def _signal(
    payload: bytes, ends_at: datetime, raw_key: bytes, *, now: datetime, full: member.Full | None = None
) -> Signal:
    status = "firing" if ends_at > now else "resolved"
    return member.signal(payload, now=now, status=status, ends_at=ends_at, raw_key=raw_key, full=full)


def _again(known: Any, *, now: datetime) -> Signal:
    return _signal(*known, now=now)
