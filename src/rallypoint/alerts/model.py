"""What comes in, and what is kept of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Status(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Severity(StrEnum):
    """How bad the sender thinks it is, worst first."""

    CRITICAL = "critical"
    ERROR = "error"
    WARNING = "warning"
    INFO = "info"

    @property
    def badness(self) -> int:
        return _BADNESS[self]


_BADNESS = {Severity.CRITICAL: 3, Severity.ERROR: 2, Severity.WARNING: 1, Severity.INFO: 0}


class Signal(msgspec.Struct, kw_only=True, gc=False):
    """One thing a sender said about one alert. Connectors make these; they are plain and fast, not frozen.

    `dedup_key` is the sender's own name for the alert; empty means that its labels say which alert it is.
    `raw_key` names the bytes it was read from, so that the same bytes need not be read again.
    """

    dedup_key: str
    status: str
    severity: str
    summary: str
    details: str = ""
    source: str = ""
    service: str = ""
    labels: dict[str, str] = {}
    links: Sequence[str] = ()
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    payload: bytes = b""
    raw_key: bytes = b""


class Repeat(msgspec.Struct, gc=False):
    """A message we know byte for byte: only its count, its time and its end are news."""

    alert_id: int
    ends_at: datetime | None
    member: Any
    raw_key: bytes


class Unreadable(msgspec.Struct, kw_only=True, gc=False):
    """A member of a message that could not be read: why, and its bytes."""

    reason: str
    payload: bytes


@dataclass(slots=True, kw_only=True)
class Batch:
    """What one message, or a part of a long one, says, in its order.

    `reread` turns a repeat's member into a signal after all.
    """

    signals: Sequence[Signal | Repeat] = ()
    unreadable: Sequence[Unreadable] = ()
    reread: Callable[[Any], Signal] | None = None
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """A committed batch: for each of its signals the id of the alert it concerns, or None where there was none."""

    ids: tuple[int | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Integration:
    """A sender with a key of its own. `group_by` names labels; empty means the alert's name."""

    id: int
    name: str
    kind: str
    service_id: int | None = None
    key_prefix: str = ""
    disabled: bool = False
    created_at: datetime
    last_seen_at: datetime | None = None
    group_by: tuple[str, ...] = ()
    group_minutes: int = 1440


@dataclass(frozen=True, slots=True, kw_only=True)
class NewIntegration:
    """The only moment at which the key is known."""

    key: str
    integration: Integration


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """One alert from its first message until it is resolved. Firing again makes a new one."""

    id: int
    integration_id: int
    integration_name: str
    fingerprint: str
    dedup_key: str
    status: Status
    severity: Severity
    summary: str
    details: str
    source: str
    service_id: int | None
    labels: dict[str, str]
    links: tuple[str, ...]
    count: int
    starts_at: datetime
    first_received_at: datetime
    last_received_at: datetime
    ends_at: datetime | None
    acknowledged_at: datetime | None
    resolved_at: datetime | None
    resolved_why: str
    grouping_key: str | None
    routed_at: datetime | None
    route_reason: str
    quarantined_why: str | None
    service_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """A whole message as it came; `problem` says why it, or a part of it, could not be read."""

    id: int
    integration_id: int
    received_at: datetime
    receiver: str
    body: bytes
    problem: str
