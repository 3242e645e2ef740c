"""Which bytes made which open alert: the short way for messages that repeat.

Bounded, and only a hint: whether the alert is still open is asked of the database in the same commit.
"""

from collections import OrderedDict


class Memory:
    """The last `size` messages we stored, oldest forgotten first. One entry per alert: its latest bytes."""

    def __init__(self, size: int = 100_000) -> None:
        self._size = size
        # ordered: in a plain dict the way to the oldest leads over the holes that all the forgotten ones left
        self._alert_of: OrderedDict[bytes, int] = OrderedDict()
        self._bytes_of: dict[int, bytes] = {}

    def __len__(self) -> int:
        return len(self._alert_of)

    def get(self, raw_key: bytes) -> int | None:
        return self._alert_of.get(raw_key)

    def learn(self, raw_key: bytes, alert_id: int) -> None:
        """These bytes are now what the alert says; what it said before is no longer a mere repeat."""
        before = self._bytes_of.get(alert_id)
        if before == raw_key:
            return
        if before is not None:
            self._alert_of.pop(before, None)
        if (other := self._alert_of.get(raw_key)) is not None:
            self._bytes_of.pop(other, None)
        self._alert_of[raw_key] = alert_id
        self._bytes_of[alert_id] = raw_key
        while len(self._alert_of) > self._size:
            self.forget(next(iter(self._alert_of)))

    def forget(self, raw_key: bytes) -> None:
        alert_id = self._alert_of.pop(raw_key, None)
        if alert_id is not None and self._bytes_of.get(alert_id) == raw_key:
            del self._bytes_of[alert_id]
