"""The budget of an account: requests an hour, and how much content a minute."""

import math
from collections import deque
from datetime import datetime, timedelta

from rallypoint.emulators.base import Now
from rallypoint.emulators.github.refusals import Refusal

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)


class Limit:
    """`per_hour` is the primary limit; `content_per_minute` the secondary one for what creates content, or None."""

    def __init__(self, clock: Now) -> None:
        self._clock = clock
        self.per_hour = 5000
        self.content_per_minute: int | None = None
        self._windows: dict[int, tuple[datetime, int]] = {}
        self._content: dict[int, deque[datetime]] = {}

    def headers(self, who: int) -> dict[str, str]:
        """As every answer has them."""
        began, used = self._window(who)
        return {
            "x-ratelimit-limit": str(self.per_hour),
            "x-ratelimit-remaining": str(max(0, self.per_hour - used)),
            "x-ratelimit-used": str(used),
            "x-ratelimit-reset": str(math.ceil((began + HOUR).timestamp())),
            "x-ratelimit-resource": "core",
        }

    def count(self, who: int) -> None:
        """Notes one request. Raises Refusal when the hour's are used up."""
        began, used = self._window(who)
        if used >= self.per_hour:
            raise Refusal(403, f"API rate limit exceeded for user ID {who}.")
        self._windows[who] = (began, used + 1)

    def give_back(self, who: int) -> None:
        """An answer that nothing changed costs nothing."""
        began, used = self._window(who)
        self._windows[who] = (began, max(0, used - 1))

    def content(self, who: int) -> None:
        """Notes one write. Raises Refusal when there were too many within a minute."""
        if self.content_per_minute is None:
            return
        now, written = self._clock.now(), self._content.setdefault(who, deque())
        while written and now - written[0] >= MINUTE:
            written.popleft()
        if len(written) >= self.content_per_minute:
            oldest = written[0] if written else now
            wait = max(1, math.ceil((oldest + MINUTE - now).total_seconds()))
            said = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            raise Refusal(403, said, headers={"retry-after": str(wait)})
        written.append(now)

    def _window(self, who: int) -> tuple[datetime, int]:
        now = self._clock.now()
        began, used = self._windows.get(who, (now, 0))
        return (now, 0) if now - began >= HOUR else (began, used)
