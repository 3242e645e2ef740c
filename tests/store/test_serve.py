"""`rallypoint serve` as its users meet it: real processes, real signals, a database of its own."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rallypoint import clock
from rallypoint.db.embedded import EmbeddedPostgres

pytestmark = [pytest.mark.crash, pytest.mark.timeout(150)]
COMMAND = [sys.executable, "-P", "-m", "rallypoint.edges.cli.main"]


class Served:
    """A supervisor under test; what it printed and where it is."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self._log = (data / "test.log").open("ab")
        self.process = subprocess.Popen(
            [*COMMAND, *(arguments or ("serve", "--json"))],
            env=os.environ | {"RALLYPOINT_DATA": str(data), "RALLYPOINT_PORT": "0", "RALLYPOINT_DATABASE_URL": ""},
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line, self.log
        self.said: dict[str, Any] = json.loads(line)
        self.url: str = self.said["url"]

    @property
    def log(self) -> str:
        return (self.data / "test.log").read_text()

    def get(self, path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as problem:
            with problem:
                return problem.code, problem.read().decode()

    def child(self, role: str) -> int | None:
        """The process number of the role's child, straight from the kernel."""
        return next((pid for pid, command in children(self.process.pid) if f"--role\0{role}" in command), None)

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(30)
        assert self.process.stdout is not None
        self.process.stdout.close()
        self._log.close()


def children(parent: int) -> list[tuple[int, str]]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status, command = (folder / "stat").read_text(), (folder / "cmdline").read_text()
        except OSError:
            continue
        if int(status.rpartition(")")[2].split()[1]) == parent:
            found.append((int(folder.name), command))
    return found


def lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def within(seconds: float, holds: Callable[[], Any]) -> Any:
    """What `holds` returns once it is true; fails after `seconds`."""
    deadline = clock.monotonic() + seconds
    while not (found := holds()):
        assert clock.monotonic() < deadline, "it did not happen in time"
        clock.pause(0.05)
    return found


@contextmanager
def folder() -> Iterator[Path]:
    data = Path(tempfile.mkdtemp(prefix="rp-serve-"))
    data.chmod(0o711)
    yield data
    EmbeddedPostgres(data).remove()
    shutil.rmtree(data)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """One server for the tests below, in their order; the last one stops it."""
    with folder() as data:
        found = Served(data)
        yield found
        found.end()


def test_it_says_where_it_is_and_is_ready_then(served: Served) -> None:
    assert served.said.keys() == {"url", "pid"}
    assert served.said["pid"] == served.process.pid
    assert served.get("/livez") == (200, "ok\n")
    status, body = served.get("/readyz")
    assert (status, json.loads(body)["ready"]) == (200, True)
    assert "rallypoint_orphaned_runs 0.0" in served.get("/metrics")[1]


def test_a_command_beside_it_leaves_the_database_alone(served: Served) -> None:
    environment = os.environ | {"RALLYPOINT_DATA": str(served.data), "RALLYPOINT_DATABASE_URL": ""}
    add = ["user", "add", "--name", "Ines", "--email", "ines@example.com", "--role", "admin", "--json"]
    done = subprocess.run([*COMMAND, *add], env=environment, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["login_url"].startswith(served.url + "/login/")
    assert done.stdout.count("\n") == 1
    assert served.get("/readyz")[0] == 200


@pytest.mark.parametrize("role", ["web", "engine"])
def test_a_child_that_dies_is_back_in_five_seconds(served: Served, role: str) -> None:
    before = served.child(role)
    assert before is not None
    os.kill(before, signal.SIGKILL)
    within(5, lambda: served.child(role) not in (None, before))
    assert '"event": "child died"' in served.log
    within(20, lambda: served.get("/readyz")[0] == 200)  # on the same port


def test_the_database_is_brought_back(served: Served) -> None:
    database = EmbeddedPostgres(served.data)
    before = database.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    within(20, lambda: database.pid not in (None, before))
    within(20, lambda: served.get("/readyz")[0] == 200)


def test_sigterm_drains_in_fifteen_seconds(served: Served) -> None:
    within(10, lambda: all(served.child(role) for role in ("web", "engine")))
    pids = [served.child("web"), served.child("engine"), EmbeddedPostgres(served.data).pid]
    before = clock.monotonic()
    served.process.terminate()
    assert served.process.wait(20) == 0
    assert clock.monotonic() - before < 15
    assert not any(lives(pid) for pid in pids if pid)
    assert not (served.data / "serve.json").exists()


def test_children_of_a_dead_supervisor_end_and_the_next_one_starts() -> None:
    with folder() as data:
        served = Served(data)
        pids = [served.child("web"), served.child("engine")]
        assert all(pids)
        served.process.kill()
        served.end()
        within(15, lambda: not any(lives(pid) for pid in pids if pid))
        assert EmbeddedPostgres(data).running()  # nobody's child: the next start finds it
        again = Served(data)
        assert again.get("/livez")[0] == 200
        again.end()


def test_a_taken_port_is_said_at_once() -> None:
    with folder() as data, socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = subprocess.run(
            [*COMMAND, "serve", "--port", str(port)],
            env=os.environ | {"RALLYPOINT_DATA": str(data)},
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
        assert not (data / "db").exists()
    assert done.returncode == 1
    assert f"Port {port} on 127.0.0.1 is already in use." in done.stderr
    assert "RALLYPOINT_PORT" in done.stderr
