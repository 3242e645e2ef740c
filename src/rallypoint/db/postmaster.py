"""Is the server of this data folder alive? Judged by what the process is, not by whether its number is taken.

After a kill -9 of everything, postmaster.pid is left behind and its number may by now belong to another program,
or to a zombie that nobody reaps. PostgreSQL itself then refuses to start; we look closer and remove the file.
"""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rallypoint import clock
from rallypoint.errors import OutsideFailure

READY = "ready"


@dataclass(frozen=True, slots=True)
class PidFile:
    """What a running server writes into its data folder about itself."""

    pid: int
    port: int
    socket_folder: str
    status: str


@dataclass(frozen=True, slots=True)
class Process:
    """What anyone may see of a process."""

    pid: int
    uid: int
    zombie: bool
    command: tuple[str, ...]


def read_pid_file(pgdata: Path) -> PidFile | None:
    """The running server's own words; None when there is no file or it is not (yet) complete."""
    try:
        lines = (pgdata / "postmaster.pid").read_text(errors="replace").splitlines()
        return PidFile(
            int(lines[0]),
            int(lines[3]),
            lines[4],
            lines[7].strip() if len(lines) > 7 else "",
        )
    except (OSError, ValueError, IndexError):
        return None


def living(pgdata: Path) -> PidFile | None:
    """The server of this folder, if it lives."""
    said = read_pid_file(pgdata)
    return said if said and is_postmaster(said.pid, pgdata) else None


def is_postmaster(pid: int, pgdata: Path) -> bool:
    """Whether this process is the PostgreSQL server of this very folder, run by its owner, and not a zombie."""
    process = look_at(pid)
    if process is None or process.zombie or process.uid != pgdata.stat().st_uid or not process.command:
        return False
    program, *arguments = process.command
    named = {os.path.realpath(argument) for argument in arguments if argument.startswith("/")}
    return os.path.basename(program) in ("postgres", "postmaster") and os.path.realpath(pgdata) in named


def orphans(cluster: str, uid: int) -> list[int]:
    """Server processes of this cluster, known by the title they give themselves, whoever their parent is now."""
    title = f"postgres: {cluster}: "
    return [p.pid for p in everyone() if p.uid == uid and not p.zombie and " ".join(p.command).startswith(title)]


def clear_away(pgdata: Path, socket_folder: Path, cluster: str, *, patience: float) -> None:
    """Make room for a new server when the old one is known to be dead.

    Its children end by themselves when they notice; while one lives it may still write, so nothing starts before the
    last is gone. One that is deaf to its parent's death is killed: what it had not committed is lost anyway.
    """
    deadline = clock.monotonic() + patience
    uid = pgdata.stat().st_uid
    while left := orphans(cluster, uid):
        if clock.monotonic() > deadline + patience:
            raise OutsideFailure(f"Processes {left} of a dead database server do not end.", retry=True)
        if clock.monotonic() > deadline:
            for pid in left:
                signal_to(pid, signal.SIGKILL)
        clock.pause(0.02)
    (pgdata / "postmaster.pid").unlink(missing_ok=True)
    if socket_folder.is_dir():
        for leftover in socket_folder.glob(".s.PGSQL.*"):
            leftover.unlink(missing_ok=True)


def signal_to(pid: int, what: signal.Signals) -> None:
    try:
        os.kill(pid, what)
    except ProcessLookupError:
        return


def look_at(pid: int) -> Process | None:
    """One process, by /proc; where there is none (macOS), by ps."""
    if not Path("/proc/self/status").exists():
        return next((process for process in _by_ps() if process.pid == pid), None)
    try:
        status = Path(f"/proc/{pid}/status").read_text(errors="replace")
        command = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="surrogateescape")
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    words = tuple(command.rstrip("\0").split("\0")) if command else ()
    return Process(pid, int(fields["Uid"].split()[1]), fields["State"].split()[0] in "ZX", words)


def everyone() -> Iterator[Process]:
    if not Path("/proc/self/status").exists():
        yield from _by_ps()
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit() and (process := look_at(int(entry))):
            yield process


def _by_ps() -> Iterator[Process]:
    listed = subprocess.run(
        ["/bin/ps", "-axo", "pid=,uid=,state=,command="],
        capture_output=True,
        text=True,
        errors="replace",
        check=True,
    )
    for line in listed.stdout.splitlines():
        pid, uid, state, *command = line.split(None, 3)
        yield Process(
            int(pid),
            int(uid),
            state.startswith("Z"),
            tuple(command[0].split(" ")) if command else (),
        )
