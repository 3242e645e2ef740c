"""Named places to die at, so that a test can kill a process exactly there. Nothing happens unless the environment asks.

`RALLYPOINT_CRASHPOINT=timers_claimed:3` kills the process with SIGKILL the third time it passes there.

`RALLYPOINT_CRASHPLAN=FILE` is for a program of many deaths: each line is `role name:count`. A process that starts in
this role takes the first line of its role out of the file; before it dies it appends the name to FILE.hit, synced.
"""

import fcntl
import os
import signal

HITS = ".hit"
"""Added to the name of the plan: the file with the places that were hit."""

_wanted = ""
_left = 0
_hits = ""


def arm(role: str) -> None:
    """Take on what the environment asks of this process. Called once, when its role is known."""
    global _hits
    if plan := os.environ.get("RALLYPOINT_CRASHPLAN", ""):
        _hits = plan + HITS
        _want(_take(plan, role))
    else:
        _want(os.environ.get("RALLYPOINT_CRASHPOINT", ""))


def crashpoint(name: str) -> None:
    """Die here if this is the place."""
    global _left
    if name == _wanted and name:
        _left -= 1
        if _left <= 0:
            _die(name)


def armed() -> bool:
    """Whether this process is to die somewhere: lets callers save the work of making up a name."""
    return bool(_wanted)


def _want(place: str) -> None:
    global _wanted, _left
    _wanted, _, count = place.strip().partition(":")
    _left = int(count or 1)


def _take(plan: str, role: str) -> str:
    """The next place for this role, removed from the plan; processes take turns by the file's lock."""
    with open(plan, "r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        lines = file.read().splitlines()
        mine = next((line for line in lines if line.split(maxsplit=1)[:1] == [role]), "")
        if mine:
            lines.remove(mine)
            file.seek(0)
            file.truncate()
            file.write("".join(f"{line}\n" for line in lines))
        return mine.partition(" ")[2]


def _die(name: str) -> None:
    if _hits:
        with open(_hits, "a", encoding="utf-8") as file:
            file.write(f"{name}\n")
            file.flush()
            os.fsync(file.fileno())
    os.kill(os.getpid(), signal.SIGKILL)
