"""A connection: one account at one tool, and how it has been lately."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class ConnectionState(StrEnum):
    """REFUSED: the tool does not accept our credentials any more, so nothing is tried until a person looks."""

    ON = "on"
    PAUSED = "paused"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """`settings` are what the tool's connector asks for besides address and secrets. Skew is the tool's clock minus
    ours, in seconds. While `closed_until` lies ahead the breaker is open: nothing is sent.
    """

    id: int
    key: str
    name: str
    tool: str
    base_url: str
    settings: dict[str, Any] = field(default_factory=dict)
    state: ConnectionState = ConnectionState.ON
    state_reason: str = ""
    webhook: dict[str, Any] = field(default_factory=dict)
    cursor: str | None = None
    polled_at: datetime | None = None
    poll_due_at: datetime
    reconcile_after: str = ""
    reconcile_due_at: datetime | None = None
    succeeded_at: datetime | None = None
    failed_at: datetime | None = None
    failure: str = ""
    failures: int = 0
    closed_until: datetime | None = None
    skew_seconds: float = 0.0
    created_at: datetime
