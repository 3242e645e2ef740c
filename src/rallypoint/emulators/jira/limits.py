"""Budgets: points an hour of an account, bursts of a second for one kind of call, writes of one issue."""

import math
from collections import deque
from datetime import datetime, timedelta

from rallypoint.emulators.base import Now
from rallypoint.emulators.jira.definitions import Edition
from rallypoint.emulators.jira.refusals import Refusal

NEARLY = 0.2


class Limits:
    """None is no limit. `hourly` is of an account, `burst` per second of account and path, `per_issue` of a window."""

    def __init__(self, clock: Now, edition: Edition) -> None:
        self._clock, self._cloud = clock, edition is Edition.CLOUD
        self.hourly: int | None = None
        self.burst: int | None = None
        self.per_issue: int | None = None
        self.window = timedelta(seconds=2)
        """In which the writes of one issue are counted."""
        self._asked: dict[tuple[str, ...], deque[datetime]] = {}

    def count(self, who: str, method: str, path: str, issue: str) -> dict[str, str]:
        """Headers for the answer. Raises Refusal (429) with when to come again."""
        headers: dict[str, str] = {}
        if self.hourly is not None:
            headers = self._take(("hour", who), self.hourly, timedelta(hours=1), "jira-quota-global-based")
        if self.burst is not None:
            headers |= self._take(("burst", who, method, path), self.burst, timedelta(seconds=1), "jira-burst-based")
        if self.per_issue is not None and issue and method != "GET":
            # Of this one nothing is told before it is spent.
            self._take(("issue", issue), self.per_issue, self.window, "jira-per-issue-on-write")
        return headers

    def _take(self, bucket: tuple[str, ...], most: int, window: timedelta, reason: str) -> dict[str, str]:
        now = self._clock.now()
        asked = self._asked.setdefault(bucket, deque())
        while asked and now - asked[0] >= window:
            asked.popleft()
        left = most - len(asked)
        ends = (asked[0] if asked else now) + window
        headers = {"x-ratelimit-limit": str(most), "x-ratelimit-remaining": str(max(0, left - 1))}
        if self._cloud:
            headers |= {"x-ratelimit-reset": ends.strftime("%Y-%m-%dT%H:%MZ")}
            if left <= most * NEARLY:
                headers["x-ratelimit-nearlimit"] = "true"
        else:
            headers |= {
                "x-ratelimit-fillrate": str(most),
                "x-ratelimit-interval-seconds": str(int(window.total_seconds())),
            }
        if left <= 0:
            wait = max(1, math.ceil((ends - now).total_seconds()))
            told = {"retry-after": str(wait)} | ({"ratelimit-reason": reason} if self._cloud else {})
            raise Refusal(429, "Rate limit exceeded.", headers={**headers, **told})
        asked.append(now)
        return headers
