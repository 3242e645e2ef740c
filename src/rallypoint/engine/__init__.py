"""Work that must survive: durable timers, the outbox, leases, worker loops and the watchdog. It knows no incident word.

Others use `set_timer`, `cancel_timer`, `Timer` and, in wiring, `Engine` and `Work`.
"""

from rallypoint.engine.model import LEASE, Timer
from rallypoint.engine.store import cancel_timer, set_timer

__all__ = ["LEASE", "Timer", "cancel_timer", "set_timer"]
