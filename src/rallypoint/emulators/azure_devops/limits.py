"""The budget of an account in a sliding window: first a hint on answers that are good, then delay, then refusal."""

import math
from collections import deque
from datetime import datetime, timedelta

from rallypoint.emulators.azure_devops.refusals import Refusal
from rallypoint.emulators.base import Now

WINDOW = timedelta(minutes=5)
NEARLY = 0.8


class Limit:
    """`most` requests in five minutes for each account; None is no limit."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self.most: int | None = None
        self._asked: dict[str, deque[datetime]] = {}

    def count(self, who: str) -> dict[str, str]:
        """Headers for the answer; Retry-After also with a good one. Raises Refusal when nothing is left."""
        if self.most is None:
            return {}
        now = self._clock.now()
        asked = self._asked.setdefault(who, deque())
        while asked and now - asked[0] >= WINDOW:
            asked.popleft()
        left = self.most - len(asked)
        wait = math.ceil((asked[0] + WINDOW - now).total_seconds()) if asked else 0
        headers = {
            "x-ratelimit-resource": "WorkItemTracking",
            "x-ratelimit-limit": str(self.most),
            "x-ratelimit-remaining": str(max(0, left - 1)),
            "x-ratelimit-reset": str(int((now + timedelta(seconds=wait)).timestamp())),
        }
        if left <= 0:
            said = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource " \
                   "'WorkItemTracking' in namespace ''."  # fmt: skip
            raise Refusal(429, said, "RequestBlockedException", headers={**headers, "retry-after": str(wait)})
        asked.append(now)
        if len(asked) >= self.most * NEARLY:
            headers |= {"retry-after": str(max(1, wait)), "x-ratelimit-delay": "1.500"}
        return headers
