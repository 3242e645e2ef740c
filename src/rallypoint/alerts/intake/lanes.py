"""A queue in which every integration has a lane of its own, so that a storm in one does not delay the others."""

from collections import deque
from typing import Generic, Protocol, TypeVar


class Weighed(Protocol):
    @property
    def lane(self) -> int: ...
    @property
    def weight(self) -> int: ...


J = TypeVar("J", bound=Weighed)


class Lanes(Generic[J]):
    """Jobs by lane, first come first served within a lane, in turns between lanes. Bounded per lane and in all."""

    def __init__(self, *, lane_limit: int, limit: int) -> None:
        self._lanes: dict[int, deque[J]] = {}
        self._weights: dict[int, int] = {}
        self._lane_limit, self._limit = lane_limit, limit
        self.weight = 0

    def __bool__(self) -> bool:
        return bool(self._lanes)

    def lane_is_full(self, lane: int) -> bool:
        return self._weights.get(lane, 0) >= self._lane_limit

    @property
    def is_full(self) -> bool:
        return self.weight >= self._limit

    def put(self, job: J) -> None:
        """Queue a job. A job that begins below the limit is taken whole, however heavy it is."""
        self._lanes.setdefault(job.lane, deque()).append(job)
        self._weights[job.lane] = self._weights.get(job.lane, 0) + job.weight
        self.weight += job.weight

    def take(self, weight: int) -> list[J]:
        """Jobs of about this weight: one of each lane in turn, so that a short lane is emptied at once."""
        taken: list[J] = []
        while self._lanes and weight > 0:
            for lane in list(self._lanes):
                job = self._lanes[lane].popleft()
                taken.append(job)
                weight -= job.weight
                self._left(lane, job.weight)
                if weight <= 0:
                    self._to_the_end(lane)
                    break
        return taken

    def take_all(self) -> list[J]:
        return self.take(max(1, self.weight) + len(self._lanes))

    def _left(self, lane: int, weight: int) -> None:
        self.weight -= weight
        self._weights[lane] -= weight
        if not self._lanes[lane]:
            del self._lanes[lane], self._weights[lane]

    def _to_the_end(self, lane: int) -> None:
        """The lanes before and including this one had their turn; the next `take` starts after it."""
        names = list(self._lanes)
        if lane in self._lanes:
            for name in names[: names.index(lane) + 1]:
                self._lanes[name] = self._lanes.pop(name)
