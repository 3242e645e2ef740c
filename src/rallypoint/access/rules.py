"""Pure rules of signing in: how long to hold off after failures, when a session has had its time."""

from datetime import datetime, timedelta

FREE_FAILURES = 4
"""Typing mistakes are free; from the fifth failure on, each doubles the wait."""
FREE_FAILURES_OF_ADDRESS = 20
"""Many people may share one network address, so it may fail more often than one account."""
LONGEST_WAIT = timedelta(minutes=15)
FAILURES_FADE = timedelta(hours=24)

IDLE = timedelta(days=7)
ABSOLUTE = timedelta(days=30)
TOUCH = timedelta(minutes=1)
"""`last_seen` is written at most this often, so that reading pages does not write."""

REPLY_KEPT = timedelta(hours=24)
PASSWORD_LEAST, PASSWORD_MOST = 8, 256


def wait_after(failures: int, *, free: int = FREE_FAILURES) -> timedelta:
    """How long the next try has to wait after so many failures in a row: 0, then 2 s, 4 s, 8 s ... 15 minutes."""
    over = failures - free
    return timedelta(0) if over <= 0 else min(LONGEST_WAIT, timedelta(seconds=2 ** min(over, 20)))


def may_try_at(failures: int, last_at: datetime, *, now: datetime, free: int = FREE_FAILURES) -> datetime:
    """The instant from which another try is looked at; failures older than a day are forgotten."""
    return now if now - last_at > FAILURES_FADE else last_at + wait_after(failures, free=free)


def session_is_over(created_at: datetime, last_seen_at: datetime, *, now: datetime) -> bool:
    """Idle for a week, or a month old however busy."""
    return now - last_seen_at > IDLE or now - created_at > ABSOLUTE
