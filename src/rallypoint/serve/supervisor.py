"""`rallypoint serve`: a small supervisor with two children, `web` and `engine`, and the embedded database beside them.

It holds the listening socket, so that a web child that is restarted loses no connection and port 0 stays the same
port; it brings back a child that dies; and on SIGTERM it lets both finish what they do. It works for nobody itself:
it imports little, so that it costs little.
"""

import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import FrameType

import structlog

from rallypoint import clock
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.errors import OutsideFailure, RallypointError
from rallypoint.serve import lifeline
from rallypoint.serve.database_use import database
from rallypoint.serve.listening import SOCKET_VARIABLE, answers, listen, url_of
from rallypoint.serve.running import announce, withdraw
from rallypoint.settings import Settings

ROLES = ("web", "engine")
DRAIN_SECONDS = 12.0
"""What children get to finish; with the database's own stop a SIGTERM takes 15 seconds at most."""
BACKOFF_MAX_SECONDS = 4.0
HEALTHY_AFTER_SECONDS = 20.0
TRIES_OF_ONCE = 3
LOOK_SECONDS = 1.0
READY_WITHIN_SECONDS = 60.0
NOT_READY = 4
"""What our commands end with where the database cannot be reached: then so do we."""

log = structlog.get_logger()


def command(*arguments: str) -> list[str]:
    """Our own command line in a process of its own; -P, so that files in the current folder are not imported."""
    return [sys.executable, "-P", "-m", "rallypoint.edges.cli.main", *arguments]


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """A process beside the roles, begun once we answer: it never makes anybody wait.

    `once` is one that ends when it is done; it is tried a few times. Both end with the supervisor.
    """

    name: str
    module: str
    environment: Mapping[str, str] = field(default_factory=dict)
    descriptors: tuple[int, ...] = ()
    once: bool = False


class Child:
    """One process of ours: started, watched, started again with growing patience."""

    def __init__(
        self,
        role: str,
        environment: Mapping[str, str],
        descriptors: Sequence[int],
        *,
        runs: Sequence[str] = (),
        once: bool = False,
    ) -> None:
        """`runs` is its command line, if it is not that of a role."""
        self.role, self._environment, self._descriptors = role, dict(environment), tuple(descriptors)
        self._runs, self._once = list(runs) or command("serve", "--role", role), once
        self.process: subprocess.Popen[bytes] | None = None
        self._started = self._again_at = 0.0
        self._failures = 0
        self._over = False

    def start(self) -> None:
        self._started = clock.monotonic()
        # a session of its own: Ctrl-C in a terminal reaches the supervisor only, which then stops its children in order
        self.process = subprocess.Popen(
            self._runs,
            env=self._environment,
            pass_fds=self._descriptors,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        log.info("child started", role=self.role, pid=self.process.pid)

    def look(self) -> None:
        """Notice a death; start again once its back-off is over."""
        if self.process is not None and (code := self.process.poll()) is not None:
            self.process = None
            if self._once and (code == 0 or self._failures >= TRIES_OF_ONCE):
                self._over = True
                log.log(logging.INFO if code == 0 else logging.ERROR, "child is done", role=self.role, code=code)
                return
            lived = clock.monotonic() - self._started
            self._failures = 0 if lived > HEALTHY_AFTER_SECONDS else self._failures + 1
            pause = min(BACKOFF_MAX_SECONDS, 0.1 * 2**self._failures)
            self._again_at = clock.monotonic() + pause
            log.error("child died", role=self.role, code=code, lived=round(lived, 1), restart_in=round(pause, 1))
        if self.process is None and not self._over and clock.monotonic() >= self._again_at:
            self.start()

    def signal(self, how: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(how)

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """Runs until told to stop. `prepare` gets the DSN before any child starts; `ready` the address once we answer."""

    def __init__(
        self,
        settings: Settings,
        *,
        prepare: Callable[[Mapping[str, str]], None],
        ready: Callable[[str], None],
        beside: Sequence[Beside] = (),
    ) -> None:
        self._settings, self._prepare, self._ready, self._beside = settings, prepare, ready, tuple(beside)
        self._stop_requests = 0

    def run(self) -> None:
        with ExitStack() as stack:
            bell = stack.enter_context(_Bell(self._asked_to_stop))
            door = stack.enter_context(listen(self._settings.host, self._settings.port))
            dsn = stack.enter_context(database(self._settings))
            theirs, ours = os.pipe()  # `ours` is never written to: that it is open says that we live
            stack.callback(os.close, ours)
            environment = self._environment(dsn, door, theirs)
            self._prepare(environment)
            announce(self._settings.data, url_of(door))
            stack.callback(withdraw, self._settings.data)
            children = [
                Child(role, environment, (theirs, door.fileno()) if role == "web" else (theirs,)) for role in ROLES
            ]
            later = [
                Child(
                    one.name,
                    {**environment, **one.environment},
                    (theirs, *one.descriptors),
                    runs=[sys.executable, "-P", "-m", one.module],
                    once=one.once,
                )
                for one in self._beside
            ]
            try:
                self._watch(bell, children, later, url_of(door))
            finally:
                self._drain(bell, children)
                os.close(theirs)

    def _environment(self, dsn: str, door: socket.socket, theirs: int) -> dict[str, str]:
        settings = self._settings
        return {
            **os.environ,
            "RALLYPOINT_DATABASE_URL": dsn,
            "RALLYPOINT_DATA": str(settings.data.absolute()),
            "RALLYPOINT_HOST": settings.host,
            "RALLYPOINT_PORT": str(door.getsockname()[1]),
            "RALLYPOINT_DEMO": "true" if settings.demo else "false",
            lifeline.VARIABLE: str(theirs),
            SOCKET_VARIABLE: str(door.fileno()),
        }

    def _watch(self, bell: "_Bell", children: list[Child], later: Sequence[Child], url: str) -> None:
        embedded = None if self._settings.database_url else EmbeddedPostgres(self._settings.data)
        deadline, told = clock.monotonic() + READY_WITHIN_SECONDS, False
        while not self._stop_requests:
            for child in children:
                child.look()
            if embedded is not None and not embedded.running():
                log.error("the embedded database died, starting it again")
                _try(embedded.start)
            if not told and answers(url + "/readyz"):
                told = True
                log.info("serving", url=url)
                self._ready(url)
                children += later
            elif not told and clock.monotonic() > deadline:
                deadline += READY_WITHIN_SECONDS
                log.error("still not ready", see=url + "/readyz")
            bell.wait(LOOK_SECONDS if told else 0.05)

    def _drain(self, bell: "_Bell", children: Sequence[Child]) -> None:
        for child in children:
            child.signal(signal.SIGTERM)
        deadline, requests = clock.monotonic() + DRAIN_SECONDS, self._stop_requests
        while any(child.alive for child in children):
            if clock.monotonic() > deadline or self._stop_requests > max(1, requests):
                for child in children:
                    child.signal(signal.SIGKILL)
            bell.wait(0.1)
        log.info("stopped")

    def _asked_to_stop(self) -> None:
        self._stop_requests += 1


class _Bell:
    """Wakes the supervisor at once for SIGTERM, SIGINT and a child's death."""

    def __init__(self, stop: Callable[[], None]) -> None:
        self._stop = stop
        self._read, self._write = os.pipe()
        self._before: dict[signal.Signals, object] = {}

    def __enter__(self) -> "_Bell":
        os.set_blocking(self._read, False)
        os.set_blocking(self._write, False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD):
            self._before[number] = signal.signal(number, self._heard)
        signal.set_wakeup_fd(self._write, warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        os.close(self._read)
        os.close(self._write)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number != signal.SIGCHLD:
            self._stop()

    def wait(self, seconds: float) -> None:
        if select.select([self._read], [], [], seconds)[0]:
            try:
                os.read(self._read, 4096)
            except BlockingIOError:
                pass


def _try(act: Callable[[], object]) -> None:
    try:
        act()
    except (RallypointError, OSError) as problem:
        log.error("that failed, trying again", problem=str(problem))


def _reason(printed: bytes) -> str:
    try:
        return str(json.loads(printed)["error"]["message"])
    except (ValueError, KeyError, TypeError):
        return printed.decode(errors="replace").strip() or "see its log above"


def run_apart(arguments: Sequence[str], environment: Mapping[str, str], *, undone: str) -> bytes:
    """Run one of our commands in a process of its own, so that its memory is not kept; returns what it printed.

    `undone` begins the message of a failure: what could not be done, in the words of who asked for it.
    """
    done = subprocess.run(command(*arguments), env=dict(environment), stdout=subprocess.PIPE, check=False)
    if done.returncode != 0:
        raise OutsideFailure(f"{undone}: {_reason(done.stdout)}", retry=done.returncode == NOT_READY)
    return done.stdout
