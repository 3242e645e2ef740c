"""The budgets of an account: requests in a minute, exports in a minute, updates of one ticket by one person."""

import math
from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rallypoint.emulators.base import Now
from rallypoint.emulators.zendesk.refusals import Refusal

MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Budget:
    """`most` in a sliding window; None is no limit."""

    most: int | None
    window: timedelta = MINUTE
    _asked: dict[Hashable, deque[datetime]] = field(default_factory=dict)

    def take(self, who: Hashable, now: datetime) -> tuple[int, float, bool]:
        """(what is left, seconds until there is more, whether this one was allowed)"""
        if self.most is None:
            return 0, 0.0, True
        asked = self._asked.setdefault(who, deque())
        while asked and now - asked[0] >= self.window:
            asked.popleft()
        allowed = len(asked) < self.most
        if allowed:
            asked.append(now)
        wait = (asked[0] + self.window - now).total_seconds() if asked else 0.0
        return self.most - len(asked), wait, allowed


class Limits:
    """All budgets of one account."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self.requests = Budget(700)
        self.exports = Budget(10)
        self.updates = Budget(30, timedelta(minutes=10))

    def request(self) -> dict[str, str]:
        """Headers for the answer. Raises Refusal when the account asked too much within the minute."""
        left, wait, allowed = self.requests.take("account", self._clock.now())
        if self.requests.most is None:
            return {}
        headers = {
            "x-rate-limit": str(self.requests.most),
            "x-rate-limit-remaining": str(left),
            "ratelimit-limit": str(self.requests.most),
            "ratelimit-remaining": str(left),
            "ratelimit-reset": str(math.ceil(wait)),
        }
        if not allowed:
            said = "Number of allowed API requests per minute exceeded"
            after = {"retry-after": str(max(1, math.ceil(wait)))}
            raise Refusal(429, {"error": "APIRateLimitExceeded", "description": said}, {**headers, **after})
        return headers

    def export(self) -> dict[str, str]:
        left, wait, allowed = self.exports.take("account", self._clock.now())
        name = "zendesk-ratelimit-incremental-exports-cursor"
        headers = {name: f"total={self.exports.most}; remaining={left}; resets={math.ceil(wait)}"}
        self._stop(
            allowed, wait, headers, "Number of allowed incremental ticket export API requests per minute exceeded"
        )
        return headers

    def update(self, user: int, ticket: int) -> None:
        """Each person may change one ticket thirty times in ten minutes, however much is left of the rest."""
        _, wait, allowed = self.updates.take((user, ticket), self._clock.now())
        self._stop(allowed, wait, {}, "Too many updates to this ticket by this user, please wait")

    def _stop(self, allowed: bool, wait: float, headers: dict[str, str], said: str) -> None:
        if not allowed:
            after = {"retry-after": str(max(1, math.ceil(wait)))}
            raise Refusal(429, {"error": "TooManyRequests", "description": said}, {**headers, **after})
