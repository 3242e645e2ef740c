"""The whole program on a clock that we move: the same engine, rules and SQL, only faster than life.

The demo's six weeks of history, the stories under tests/ and (later) game days run on this.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from rallypoint.clock import ManualClock
from rallypoint.engine.loop import Stepper
from rallypoint.house import House

STEPS_MAX = 100_000


class Simulation:
    """Moves time from one due instant to the next, so that nothing fires late and nothing is skipped."""

    def __init__(self, house: House, clock: ManualClock, *, without: Collection[str] = ()) -> None:
        """`without` names works that have nothing to do in this life, so that nobody asks them at each step."""
        self.house, self.clock = house, clock
        self._stepper = Stepper(house.db, [work for work in house.works if work.name not in without])

    @property
    def now(self) -> datetime:
        return self.clock.now()

    async def settle(self) -> int:
        """Do everything that is due at this instant."""
        return await self._stepper.settle()

    async def until(self, at: datetime) -> None:
        """Live through the time up to `at`, stopping at every instant at which something falls due."""
        for _ in range(STEPS_MAX):
            await self.settle()
            due = await self._stepper.next_due()
            if due is None or due > at:
                self.clock.set(max(at, self.now))
                return
            self.clock.set(max(due, self.now))
        raise RuntimeError(f"time does not pass: something falls due again and again before {at}")

    async def pass_time(self, **length: float) -> None:
        """Live through a stretch of time: `pass_time(minutes=30)`."""
        await self.until(self.now + timedelta(**length))
        await self.settle()
