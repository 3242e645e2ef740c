"""A PostgreSQL of our own, so that Rallypoint runs from one folder with nothing else prepared.

    server = EmbeddedPostgres(settings.data)
    dsn = server.start()        # about a second the first time, a tenth after that; at once when it runs already
    server.stop()

It is started, never held: the server outlives the process that started it, and `start` finds it again. What a
kill -9 of everything leaves behind is judged and cleared away. See privileges.py for how it runs under root.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import structlog

from rallypoint import clock
from rallypoint.db import carrier, cluster, launch, postmaster
from rallypoint.db.place import settle, socket_folder
from rallypoint.db.privileges import account_for
from rallypoint.errors import OutsideFailure

log = structlog.get_logger(__name__)


class EmbeddedPostgres:
    """The server whose data lies in `data`/db. Any number of processes may hold one of these for the same folder."""

    def __init__(self, data: Path) -> None:
        self.data = data.absolute()

    @property
    def home(self) -> Path:
        """The folder with the data, the log, the password and, if its name is short enough, the socket."""
        return Path(os.path.realpath(self.data / "db"))

    @property
    def log_file(self) -> Path:
        return self.home / "server.log"

    @property
    def pid(self) -> int | None:
        """Process number of the living server."""
        found = postmaster.living(self.home / "data")
        return found.pid if found else None

    def running(self) -> bool:
        return self.pid is not None

    def start(self) -> str:
        """Start the server, unless it runs, and return its DSN."""
        with self._alone():
            home = settle(self.data)
            if postmaster.living(home / "data") is None:
                self._start(home)
            return self._dsn(home, launch.ready(home))

    def stop(self, fast: bool = True) -> None:
        """Stop the server, if it runs. `fast` ends sessions where they stand; otherwise they may finish first."""
        if self.running():
            with self._alone():
                launch.end(self.home, fast=fast)

    def remove(self) -> None:
        """Stop the server and delete its data, wherever that was placed. For tests and for starting over."""
        self.stop()
        home, link = self.home, self.data / "db"
        if home.is_dir() and not (sockets := socket_folder(home, account_for(home))).is_relative_to(home):
            shutil.rmtree(sockets)
        shutil.rmtree(home, ignore_errors=True)
        if link.is_symlink():
            link.unlink()

    def _start(self, home: Path) -> None:
        before, version, account = clock.monotonic(), home / "data" / "PG_VERSION", account_for(home)
        major = int(version.read_text()) if version.exists() else None
        programs = carrier.server_programs(account, major=major)
        if major is None:
            cluster.create(home, programs, account)
        sockets = socket_folder(home, account)
        name = "rallypoint-" + hashlib.sha256(str(home).encode()).hexdigest()[:12]
        cluster.configure(home, programs, account, sockets, name)
        found = launch.launch(home, programs, account, sockets, name)
        seconds = round(clock.monotonic() - before, 2)
        log.info("database.started", pid=found.pid, seconds=seconds, home=str(home), run_as=account.name)

    def _dsn(self, home: Path, found: postmaster.PidFile) -> str:
        password = (home / "password").read_text()
        folder = quote(found.socket_folder, safe="/")
        return f"postgresql://{cluster.ROLE}:{password}@/{cluster.DATABASE}?host={folder}&port={found.port}"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time starts or stops the server of a folder; the kernel lets go when that process dies."""
        descriptor = self._open_lock()
        try:
            if not launch.wait(lambda: _locked(descriptor), launch.READY_WITHIN + launch.ROOM_WITHIN):
                raise OutsideFailure(f"Another process is still starting the database of {self.data}.", retry=True)
            yield
        finally:
            os.close(descriptor)

    def _open_lock(self) -> int:
        try:
            if not self.data.exists():
                self.data.parent.mkdir(parents=True, exist_ok=True)
                # root's server runs as somebody else, who must pass through here; what lies inside has its own mode
                self.data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, exist_ok=True)
            return os.open(self.data / "db.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as problem:
            raise OutsideFailure(
                f"{self.data} cannot hold the embedded database: {problem.strerror} ({problem.filename}).",
                retry=False,
                help="Run as the user it belongs to, or set RALLYPOINT_DATA to a folder you may write.",
            ) from problem


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
