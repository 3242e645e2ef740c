"""How a child notices that its supervisor is gone: it holds one end of a pipe that the supervisor never writes to.

When the supervisor dies, however it dies, the kernel closes the other end. A thread waits for that, because an event
loop that is stuck must end as well.
"""

import os
import signal
import threading

import structlog

from rallypoint import clock

VARIABLE = "RALLYPOINT_LIFELINE"
GRACE_SECONDS = 12.0


def hold() -> None:
    """In a child: end, first politely, once the supervisor is gone. Does nothing in a process that has none."""
    descriptor = os.environ.pop(VARIABLE, "")
    if descriptor:
        os.set_inheritable(int(descriptor), False)
        threading.Thread(target=_wait, args=(int(descriptor),), name="lifeline", daemon=True).start()


def _wait(descriptor: int) -> None:
    os.read(descriptor, 1)
    structlog.get_logger().warning("the supervisor is gone, stopping")
    os.kill(os.getpid(), signal.SIGTERM)
    clock.pause(GRACE_SECONDS)
    os._exit(1)
