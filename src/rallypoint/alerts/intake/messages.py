"""Which whole messages are kept: all with a problem, and of the others as many as a person could ever look at."""

from datetime import datetime

KEPT_BYTES = 262_144
BURST = 50.0
PER_SECOND = 2.0


class KeptMessages:
    """A budget per integration. In a storm each alert still keeps its own bytes; only whole messages are left out."""

    def __init__(self) -> None:
        self._left: dict[int, tuple[float, datetime]] = {}

    def choose(
        self, integration_id: int, receiver: str, body: bytes, problem: str, now: datetime
    ) -> tuple[str, bytes, str] | None:
        """What to store of this message: (receiver, body, problem), or None."""
        if not body and not problem:
            return None
        left, at = self._left.get(integration_id, (BURST, now))
        left = min(BURST, left + max(0.0, (now - at).total_seconds()) * PER_SECOND)
        if left < 1 and not problem:
            return None
        self._left[integration_id] = (max(0.0, left - 1), now)
        if len(body) > KEPT_BYTES:
            cut = f"Only the first {KEPT_BYTES} of its {len(body)} bytes are kept."
            body, problem = body[:KEPT_BYTES], f"{problem} {cut}".strip() if problem else ""
        return receiver, body, problem.replace("\0", "�")[:2000]
