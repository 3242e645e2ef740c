"""What the engine keeps: timers and outbox rows under lease and fence."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

LEASE = timedelta(seconds=15)
"""How long a claim is held: the longest provider call (10 s) and some slack. After it another node takes over."""

ATTEMPTS_MAX = 3
"""A timer that failed this often is quarantined and raises an alarm, so that it cannot crash the worker for ever."""

OUTBOX_ATTEMPTS_MAX = 12
"""With the back-off below: about six hours of trying before a follow-up is set aside, visibly."""

BATCH = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Timer:
    """A claimed timer. A result is recorded only under the fence it was claimed with."""

    id: int
    kind: str
    subject: str
    epoch: int
    due_at: datetime
    fence: int = 0
    attempts: int = 0
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Followup:
    """A claimed outbox row: this handler still has to hear this fact."""

    id: int
    fact: str
    handler: str
    subject: str
    payload: dict[str, Any]
    fence: int
    attempts: int


def backoff(attempts: int) -> timedelta:
    """How long to wait before the next try: 1 s, 2 s, 4 s ... at most an hour."""
    return timedelta(seconds=min(3600, 2 ** max(0, attempts - 1)))
