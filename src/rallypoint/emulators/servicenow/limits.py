"""Requests an hour. Counted at once, but enforced by figures that are up to half a minute old, as an instance does."""

from datetime import UTC, datetime, timedelta

from rallypoint.emulators.base import Now
from rallypoint.emulators.servicenow.refusals import Refusal

FLUSH_SECONDS = 30
RULE = "5dc1e4a9db33220002e9f7d9ce961904"
LONG_AGO = datetime.min.replace(tzinfo=UTC)


class RateLimit:
    """`per_hour` None means no rule. The hour is that of the clock."""

    def __init__(self, clock: Now) -> None:
        self.clock = clock
        self.per_hour: int | None = None
        self._waiting: dict[str, int] = {}
        self._counted: dict[str, int] = {}
        self._hour = self._flushed = LONG_AGO

    def count(self, user: str) -> dict[str, str]:
        """Notes one request; the headers of its answer. Raises Refusal (429) when the known count is at the limit."""
        if self.per_hour is None:
            return {}
        now = self.clock.now()
        hour = now.replace(minute=0, second=0, microsecond=0)
        if hour != self._hour:
            self._hour, self._waiting, self._counted = hour, {}, {}
            self._flushed = now
        if now - self._flushed >= timedelta(seconds=FLUSH_SECONDS):
            for name, number in self._waiting.items():
                self._counted[name] = self._counted.get(name, 0) + number
            self._waiting, self._flushed = {}, now
        if self._counted.get(user, 0) >= self.per_hour:
            said = f"Rate limit of {self.per_hour} requests per hour for Table API exceeded"
            raise Refusal(429, "Rate limit exceeded", said)
        self._waiting[user] = self._waiting.get(user, 0) + 1
        return self._headers()

    def headers_of(self, no: Refusal) -> dict[str, str]:
        """What a refusal for this reason says besides."""
        if no.status != 429:
            return {}
        now = self.clock.now()
        left = self._hour + timedelta(hours=1) - now
        return self._headers() | {"retry-after": str(max(1, int(left.total_seconds())))}

    def _headers(self) -> dict[str, str]:
        ends = self._hour + timedelta(hours=1)
        return {
            "x-ratelimit-limit": str(self.per_hour),
            "x-ratelimit-reset": str(int(ends.timestamp())),
            "x-ratelimit-rule": RULE,
        }
