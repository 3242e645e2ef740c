"""Processes of a server, started and ended by number; nothing that was not started here is ever touched."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rallypoint.clock import monotonic, pause
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.serve.listening import SOCKET_VARIABLE, listen, url_of
from tests.live.furniture import Given
from tests.live.outside import Outside
from tests.live.waiting import NotInTime, until

Process = subprocess.Popen[bytes]
PROGRAM = "rallypoint.edges.cli.main"


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder with a short name, passable for the account that runs the database under root; removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="rp-live-"))
    folder.chmod(0o711)
    data = folder / "data"
    try:
        yield data
    finally:
        for pid in processes_of(data):
            kill(pid)
        EmbeddedPostgres(data).remove()
        shutil.rmtree(folder, ignore_errors=True)


def serve(data: Path, *arguments: str, log: Path, pass_fds: Sequence[int] = (), **environment: str) -> Process:
    """`rallypoint serve` with these arguments, on this folder; nothing of the test's own environment leaks in."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("RALLYPOINT_")}
    ours = {"RALLYPOINT_DATA": str(data), "RALLYPOINT_ALLOW_PRIVATE_TARGETS": "true"}
    with log.open("ab") as file:
        return subprocess.Popen(
            [sys.executable, "-P", "-m", PROGRAM, "serve", "--json", *arguments],
            env=clean | ours | environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL if "--role" in arguments else subprocess.PIPE,
            stderr=file,
            cwd=data.parent,
            pass_fds=pass_fds,
        )


def end(process: Process) -> None:
    """SIGKILL, and nothing of it is left open."""
    process.kill()
    process.wait(10)
    if process.stdout is not None:
        process.stdout.close()


class Live(Outside):
    """The supervisor with its two children, as a user starts it."""

    def __init__(self, data: Path, given: Given, *, port: int = 0, **environment: str) -> None:
        super().__init__(data, given)
        self.port, self._environment = port, environment
        self._process: Process | None = None

    def start(self) -> "Live":
        """Start it, for the first time or again, and wait until it says that it is ready."""
        if self._process is not None:
            end(self._process)
        self._process = serve(self.data, "--port", str(self.port), log=self.log, **self._environment)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()  # ends at once where the process ends
        said = json.loads(line or "{}")
        if "url" not in said:
            end(self._process)
            raise NotInTime(f"`serve` ended before it was ready: {line!r}\n{self.tail()}")
        self.url = said["url"]
        self.port = int(self.url.rpartition(":")[2])
        return self

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def starts(self) -> bool:
        """Try to start: what is left of a killed predecessor may still hold the port."""
        try:
            self.start()
        except NotInTime:
            pause(0.2)
            return False
        return True

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def stop(self, *, within: float = 30.0) -> float:
        """SIGTERM; returns how many seconds it took to end."""
        assert self._process is not None
        before = monotonic()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(within)
        return monotonic() - before

    def kill_supervisor(self) -> None:
        assert self._process is not None
        end(self._process)

    def close(self) -> None:
        """End what still runs; `scratch` ends what a killed supervisor left behind."""
        if self._process is not None:
            if self._process.poll() is None:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self.stop()
            end(self._process)
        self.client.close()

    def child(self, role: str, *, other_than: int | None = None, within: float = 15.0) -> int:
        """The process number of a role's child, or of the next one after `other_than`."""

        def look() -> int | None:
            found = [pid for pid, its in roles_of(self.data).items() if its == role and pid != other_than]
            return found[0] if found else None

        return until(look, within=within, what=f"a {role} process", every=0.02)

    @property
    def postmaster(self) -> int | None:
        return EmbeddedPostgres(self.data).pid


class Roles(Outside):
    """Web and engine as processes of their own, as on several machines: each dies when a test says so, and no
    supervisor brings it back. The socket is ours, so that a client waits instead of being refused."""

    def __init__(self, data: Path, given: Given) -> None:
        super().__init__(data, given)
        self._door = listen("127.0.0.1", 0)
        self.url = url_of(self._door)
        self.processes: dict[str, Process] = {}

    def start(self, role: str, **environment: str) -> Process:
        assert role not in self.processes or self.processes[role].poll() is not None
        descriptors = (self._door.fileno(),) if role == "web" else ()
        if role == "web":
            environment[SOCKET_VARIABLE] = str(self._door.fileno())
        self.processes[role] = serve(self.data, "--role", role, log=self.log, pass_fds=descriptors, **environment)
        return self.processes[role]

    def again(self, role: str, **environment: str) -> Process:
        """Kill a role's process, if it lives, and start another one in this environment."""
        if (process := self.processes.get(role)) is not None:
            end(process)
        return self.start(role, **environment)

    def died(self, role: str, within: float = 20.0) -> int:
        """Wait for a role's process to die; the signal that it died of."""
        try:
            return -self.processes[role].wait(within)
        except subprocess.TimeoutExpired:
            raise NotInTime(f"the {role} did not pass the place where it was to die\n{self.tail()}") from None

    def close(self) -> None:
        for process in self.processes.values():
            end(process)
        self._door.close()
        self.client.close()


def kill(pid: int | None) -> bool:
    """SIGKILL; whether there was something to kill."""
    if pid is None:
        return False
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def roles_of(data: Path) -> dict[int, str]:
    """Process number -> role of the living processes that serve this folder in one role."""
    return {pid: words[words.index("--role") + 1] for pid, words in processes_of(data).items() if "--role" in words}


def processes_of(data: Path) -> dict[int, list[str]]:
    """Our processes on this folder, by what the kernel says: process number -> command line."""
    found = {}
    mark = f"RALLYPOINT_DATA={data}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if PROGRAM in words and mark in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = words
    return found
