"""Starting and ending the server process of one data folder."""

import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import structlog

from rallypoint import clock
from rallypoint.db import postmaster
from rallypoint.db.postmaster import PidFile
from rallypoint.db.privileges import SHELL, Account
from rallypoint.errors import OutsideFailure

READY_WITHIN = 120.0
"""Seconds a start may take: replaying the log after a crash counts."""
ROOM_WITHIN = 15.0
"""Seconds that a dead server's children and shared memory may still stand in the way."""
LOG_LIMIT = 10_000_000

LAUNCH = 'log=$1; shift; { exec "$@"; } </dev/null >>"$log" 2>&1 & echo $!'
"""Starts a server that is nobody's child: no zombie of it can be ours, and no signal to us reaches it."""

log = structlog.get_logger(__name__)


def launch(home: Path, programs: Path, account: Account, sockets: Path, cluster: str) -> PidFile:
    """Start the server of `home`, after clearing away what a dead one left."""
    pgdata, server_log = home / "data", home / "server.log"
    if server_log.exists() and server_log.stat().st_size > LOG_LIMIT:
        server_log.rename(home / "server.log.1")
    deadline = clock.monotonic() + ROOM_WITHIN
    while True:
        postmaster.clear_away(pgdata, sockets, cluster, patience=ROOM_WITHIN / 3)
        offset = server_log.stat().st_size if server_log.exists() else 0
        begun = account.run([SHELL, "-c", LAUNCH, "sh", server_log, programs / "postgres", "-D", pgdata])
        wait(partial(_has_spoken, pgdata, int(begun.stdout)), READY_WITHIN)
        if found := postmaster.living(pgdata):
            return found
        said = _tail(server_log, offset)
        in_the_way = "still in use" in said or "already exists" in said
        if not in_the_way or clock.monotonic() > deadline:
            raise OutsideFailure(f"The embedded database does not start: {said}", retry=False, help=f"See {home}.")
        clock.pause(0.2)


def ready(home: Path) -> PidFile:
    """Wait until the living server accepts connections, and return what it says about itself."""
    pgdata = home / "data"
    wait(lambda: (said := postmaster.living(pgdata)) is None or said.status == postmaster.READY, READY_WITHIN)
    said = postmaster.living(pgdata)
    if said is None or said.status != postmaster.READY:
        tail = _tail(home / "server.log", 0)
        raise OutsideFailure(f"The embedded database is not ready: {tail}", retry=True, help=f"See {home}/server.log.")
    return said


def end(home: Path, *, fast: bool) -> None:
    """Stop the server of `home`, if it lives. A session that does not end in 30 s is cut off, without loss."""
    pgdata = home / "data"
    for how, patience in ((signal.SIGINT if fast else signal.SIGTERM, 30.0), (signal.SIGQUIT, 10.0)):
        found = postmaster.living(pgdata)
        if found is None:
            return
        postmaster.signal_to(found.pid, how)
        if wait(partial(_gone, found.pid, pgdata), patience):
            log.info("database.stopped", pid=found.pid)
            return
    raise OutsideFailure("The embedded database does not stop.", retry=True, help=f"See {home}/server.log.")


def wait(until: Callable[[], bool], seconds: float) -> bool:
    """Look every 10 ms; whether it came true in time."""
    deadline = clock.monotonic() + seconds
    while not until():
        if clock.monotonic() > deadline:
            return False
        clock.pause(0.01)
    return True


def _gone(pid: int, pgdata: Path) -> bool:
    return not postmaster.is_postmaster(pid, pgdata)


def _has_spoken(pgdata: Path, pid: int) -> bool:
    """Ready, or over."""
    found = postmaster.living(pgdata)
    process = postmaster.look_at(pid)
    return process is None or process.zombie or (found is not None and found.status == postmaster.READY)


def _tail(file: Path, offset: int) -> str:
    if not file.exists():
        return "it left no word."
    with file.open("rb") as opened:
        opened.seek(max(offset, file.stat().st_size - 2000))
        return opened.read().decode(errors="replace").strip()
