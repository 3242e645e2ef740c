"""Named places to die at, for the kill loop: a no-op unless RALLYPOINT_CRASHPOINT names the place.

`RALLYPOINT_CRASHPOINT=timers_claimed:3` kills the process with SIGKILL the third time it passes there.
"""

import os
import signal

_wanted, _, _count = os.environ.get("RALLYPOINT_CRASHPOINT", "").partition(":")
_left = int(_count or 1)


def crashpoint(name: str) -> None:
    """Die here if the environment says so."""
    global _left
    if _wanted and name == _wanted:
        _left -= 1
        if _left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)
