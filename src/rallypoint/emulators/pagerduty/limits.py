"""Requests a minute of each key, as every answer tells."""

import math
from datetime import datetime, timedelta

from rallypoint.emulators.base import Now
from rallypoint.emulators.pagerduty.refusals import Refusal

MINUTE = timedelta(minutes=1)


class Limit:
    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self.per_minute = 960
        self._windows: dict[str, tuple[datetime, int]] = {}

    def count(self, who: str) -> dict[str, str]:
        """Headers for the answer. Raises Refusal when the minute's are used up; such answers say how long to wait."""
        now = self._clock.now()
        began, used = self._windows.get(who, (now, 0))
        if now - began >= MINUTE:
            began, used = now, 0
        spent = used >= self.per_minute
        self._windows[who] = (began, used if spent else used + 1)
        headers = {
            "ratelimit-limit": str(self.per_minute),
            "ratelimit-remaining": str(max(0, self.per_minute - used - 1)),
            "ratelimit-reset": str(max(1, math.ceil((began + MINUTE - now).total_seconds()))),
        }
        if spent:
            raise Refusal(429, "Rate Limit Exceeded", 2020, headers=headers)
        return headers
