"""The embedded server, for real: it keeps what it acknowledged, comes back from every death, and finds its place."""

import asyncio
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rallypoint import clock
from rallypoint.db import carrier, postmaster
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.db.place import LONGEST_SOCKET, SOCKET_NAME
from rallypoint.db.privileges import Account, account_for
from rallypoint.errors import OutsideFailure

pytestmark = pytest.mark.crash
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about what root does; run the tests as root to see it")


@contextmanager
def open_ground() -> Iterator[Path]:
    """A folder that everyone can pass through. Servers in it are ended and removed, wherever they lie."""
    folder = Path(tempfile.mkdtemp(prefix="rp-"))
    folder.chmod(0o711)
    yield folder
    for link in sorted(folder.rglob("db.lock")):
        EmbeddedPostgres(link.parent).remove()
    shutil.rmtree(folder)


@pytest.fixture
def ground() -> Iterator[Path]:
    with open_ground() as folder:
        yield folder


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """The data folder of a server that was started and stopped once."""
    with open_ground() as folder:
        server = EmbeddedPostgres(folder / "data")
        server.start()
        server.stop()
        yield server.data


@pytest.fixture
def server(ground: Path, made: Path) -> EmbeddedPostgres:
    """A server of its own, in a copy of the made folder."""
    subprocess.run(["cp", "-a", made, ground / "data"], check=True)
    return EmbeddedPostgres(ground / "data")


def ask(dsn: str, statement: str, *values: object) -> Any:
    async def once() -> Any:
        connection = await asyncpg.connect(dsn)
        try:
            return await connection.fetchval(statement, *values)
        finally:
            await connection.close()

    return asyncio.run(once())


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    deadline = clock.monotonic() + seconds
    while not true():
        assert clock.monotonic() < deadline, "it never came true"
        clock.pause(0.01)


def family(server: EmbeddedPostgres) -> list[int]:
    """The server and all its children."""
    title = f"postgres: {ask(server.start(), 'show cluster_name')}: "
    children = [p.pid for p in postmaster.everyone() if " ".join(p.command).startswith(title)]
    assert server.pid is not None
    assert len(children) >= 3
    return [server.pid, *children]


def test_a_stop_and_a_start_keep_the_data(server: EmbeddedPostgres) -> None:
    assert not server.running()
    dsn = server.start()
    ask(dsn, "create table kept as select 42 as answer")
    first = server.pid
    assert server.start() == dsn
    assert server.pid == first, "a second start finds the first"
    server.stop()
    assert not server.running()
    assert server.pid is None
    server.stop()
    assert ask(server.start(), "select answer from kept") == 42


def test_it_is_safe_and_private(server: EmbeddedPostgres) -> None:
    dsn = server.start()
    for setting, value in {
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "listen_addresses": "",
        "is_superuser": "off",
        "server_encoding": "UTF8",
        "timezone": "UTC",
        "jit": "off",
    }.items():
        assert ask(dsn, f"show {setting}") == value, setting
    assert ask(dsn, "select lower('ÄÖ')") == "äö"
    assert ask(dsn, "select data_checksums from (select current_setting('data_checksums') as data_checksums) s") == "on"
    for path in (server.home, server.home / "data", server.home / "run"):
        assert path.stat().st_mode & 0o777 == 0o700, path
    assert (server.home / "password").stat().st_mode & 0o777 == 0o600
    with pytest.raises(asyncpg.InvalidPasswordError):
        ask(dsn.replace((server.home / "password").read_text(), "guessed"), "select 1")
    for other in ("postgres", "nobody", "root"):
        with pytest.raises(asyncpg.InvalidAuthorizationSpecificationError):
            ask(dsn.replace("//rallypoint:", f"//{other}:"), "select 1")


class Ledger:
    """Counts outside the database what the database acknowledged."""

    acknowledged = 0

    async def write(self, dsn: str) -> None:
        connection = await asyncpg.connect(dsn)
        for number in itertools.count(1):
            await connection.execute("insert into ledger values ($1)", number)
            self.acknowledged = number


DEATH = (asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError)


@pytest.mark.parametrize("killed", ["the postmaster only", "all"])
def test_after_kill_9_it_starts_at_once_and_has_all_that_was_acknowledged(
    server: EmbeddedPostgres, killed: str
) -> None:
    dsn, ledger = server.start(), Ledger()
    ask(dsn, "create table ledger (number bigint)")
    victims = family(server)
    with ThreadPoolExecutor(1) as pool:
        writing = pool.submit(asyncio.run, ledger.write(dsn))
        until(lambda: ledger.acknowledged > 50)
        for pid in victims if killed == "all" else victims[:1]:
            postmaster.signal_to(pid, signal.SIGKILL)
        with pytest.raises(DEATH):
            writing.result(20)
    before = clock.monotonic()
    dsn = server.start()
    assert clock.monotonic() - before < 10
    found = ask(dsn, "select array_agg(number order by number) from ledger")
    assert found[: ledger.acknowledged] == list(range(1, ledger.acknowledged + 1))
    assert len(found) <= ledger.acknowledged + 1, "at most the one in flight"


@pytest.mark.parametrize("named", ["ourselves", "a program of the server's account", "a zombie", "nonsense"])
def test_a_stale_pid_file_is_judged_by_what_the_process_is(server: EmbeddedPostgres, named: str) -> None:
    ask(server.start(), "create table kept as select 1 as one")
    (pid_file, lock_file), texts = _files(server), [file.read_bytes() for file in _files(server)]
    pid = server.pid
    assert pid is not None
    server.stop()
    account = account_for(server.home)
    sleeper = subprocess.Popen(["sleep", "60"], user=account.uid, cwd="/")
    zombie = subprocess.Popen(["true"])
    until(lambda: (seen := postmaster.look_at(zombie.pid)) is not None and seen.zombie)
    try:
        number = {"ourselves": os.getpid(), "a zombie": zombie.pid}.get(named, sleeper.pid)
        for file, text in zip((pid_file, lock_file), texts, strict=True):
            stale = b"\xff\0 what" if named == "nonsense" else text.replace(str(pid).encode(), str(number).encode(), 1)
            file.write_bytes(stale)
            os.chown(file, account.uid, account.gid)
        assert not server.running()
        assert ask(server.start(), "select one from kept") == 1
        assert sleeper.poll() is None, "an unrelated program was harmed"
    finally:
        sleeper.kill()
        sleeper.wait()
        zombie.wait()


def _files(server: EmbeddedPostgres) -> tuple[Path, Path]:
    return server.home / "data" / "postmaster.pid", server.home / "run" / ".s.PGSQL.5432.lock"


START = """
import sys, pathlib
from rallypoint.db.embedded import EmbeddedPostgres
print(EmbeddedPostgres(pathlib.Path(sys.argv[1])).start())
"""


def test_two_starts_at_once_make_one_server(ground: Path) -> None:
    command = [sys.executable, "-c", START, str(ground / "data")]
    starts = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    dsns = {start.communicate(timeout=60)[0].splitlines()[-1] for start in starts}
    assert [start.returncode for start in starts] == [0, 0, 0]
    assert len(dsns) == 1
    assert ask(dsns.pop(), "select 1") == 1


@pytest.mark.parametrize("name", ["x" * 60, 'it\'s, "odd" \\ $HOME and long'])
def test_a_path_that_a_socket_cannot_have_gets_its_socket_elsewhere(ground: Path, name: str) -> None:
    server = EmbeddedPostgres(ground / name / name / "data")
    dsn = server.start()
    assert ask(dsn, "select 1") == 1
    said = postmaster.read_pid_file(server.home / "data")
    assert said is not None
    folder = Path(said.socket_folder)
    assert not folder.is_relative_to(ground)
    assert len(str(folder) + SOCKET_NAME) <= LONGEST_SOCKET
    assert folder.stat().st_mode & 0o777 == 0o700
    server.stop()
    assert server.start() == dsn, "it is found again"
    server.remove()
    assert not folder.exists()


def test_an_interrupted_first_start_begins_again(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.home / "data").rename(server.home / "data.unfinished")
    (server.home / "data.unfinished" / "PG_VERSION").unlink()
    assert ask(server.start(), "select 1") == 1


def test_data_of_a_version_that_is_not_here_is_named(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.home / "data" / "PG_VERSION").write_text("99\n")
    with pytest.raises(OutsideFailure, match="version 99"):
        server.start()


def test_what_the_server_says_when_it_cannot_start_is_passed_on(server: EmbeddedPostgres) -> None:
    server.start()
    server.stop()
    (server.home / "local.conf").write_text("shared_buffers = plenty\n")
    (server.home / "local.conf").chmod(0o644)
    with pytest.raises(OutsideFailure, match="shared_buffers"):
        server.start()
    (server.home / "local.conf").write_text("shared_buffers = 32MB\n")
    assert ask(server.start(), "show shared_buffers") == "32MB"


def test_a_folder_that_cannot_be_written_is_named(ground: Path) -> None:
    (ground / "file").write_text("")
    with pytest.raises(OutsideFailure, match="cannot hold the embedded database"):
        EmbeddedPostgres(ground / "file" / "data").start()


@as_root
def test_root_s_server_runs_as_nobody(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.home == server.data / "db", "in place, because everyone can pass through"
    assert {p.uid for pid in family(server) if (p := postmaster.look_at(pid))} == {pwd.getpwnam("nobody").pw_uid}


@as_root
def test_in_a_home_of_root_the_data_lies_where_nobody_can_reach_it(ground: Path) -> None:
    home = ground / "root"
    home.mkdir(mode=0o700)
    server = EmbeddedPostgres(home / "clone" / ".rallypoint")
    dsn = server.start()
    try:
        assert (server.data / "db").is_symlink()
        assert not server.home.is_relative_to(ground)
        assert home.stat().st_mode & 0o777 == 0o700
        assert home.stat().st_uid == 0, "modes of others stay"
        ask(dsn, "create table kept as select 7 as seven")
        server.stop()
        home.rename(ground / "moved")
        moved = EmbeddedPostgres(ground / "moved" / "clone" / ".rallypoint")
        assert ask(moved.start(), "select seven from kept") == 7
        moved.stop()
        moved.home.rename(ground / "lost")
        with pytest.raises(OutsideFailure, match="is gone"):
            moved.start()
        (ground / "lost").rename(moved.home)
    finally:
        EmbeddedPostgres(ground / "moved" / "clone" / ".rallypoint").remove()
    assert not server.home.exists()


@as_root
def test_programs_that_nobody_can_reach_are_copied_once(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nobody = account_for(ground / "nothing")
    original = carrier.server_programs(Account(0, 0))
    private = ground / "private"
    private.mkdir(mode=0o700)
    shutil.copytree(original.parents[1], private / original.parents[1].name)
    libraries = original.parents[1].with_name(f"{original.parents[1].name}.libs")
    if libraries.is_dir():
        shutil.copytree(libraries, private / libraries.name)
    hidden = private / original.relative_to(original.parents[2])
    monkeypatch.setattr(carrier, "_candidates", lambda programs: iter([hidden]))
    assert nobody.blocked_at(hidden) == private
    monkeypatch.setattr("rallypoint.db.privileges.SHELTERS", (ground / "shelter",))
    copy = carrier.server_programs(nobody)
    assert copy.is_relative_to(ground / "shelter")
    assert carrier.server_programs(nobody) == copy
    assert ask(EmbeddedPostgres(ground / "data").start(), "select 1") == 1
    server = EmbeddedPostgres(ground / "data")
    assert server.pid is not None
    seen = postmaster.look_at(server.pid)
    assert seen is not None
    assert seen.command[0] == str(copy / "postgres")


@as_root
def test_a_shelter_that_others_could_write_to_is_not_used(ground: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (ground / "trap").mkdir()
    (ground / "trap").chmod(0o777)
    monkeypatch.setattr("rallypoint.db.privileges.SHELTERS", (ground / "trap", ground / "own"))
    (ground / "closed").mkdir(mode=0o700)
    server = EmbeddedPostgres(ground / "closed" / "data")
    server.start()
    assert server.home.is_relative_to(ground / "own")


PLAIN = """
import asyncio, os, sys, pathlib, asyncpg, structlog
import rallypoint.db.embedded as embedded
from rallypoint.errors import OutsideFailure
async def one(dsn):
    connection = await asyncpg.connect(dsn)
    print(await connection.fetchval("select 'hello from ' || current_user"))
    await connection.close()
async def nothing(): pass
asyncio.run(nothing())                     # what is imported late must be imported while we still may read it
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(int(sys.argv[2]))
server = embedded.EmbeddedPostgres(pathlib.Path(sys.argv[1]))
try:
    dsn = server.start()
except OutsideFailure as problem:
    sys.exit(f"refused: {problem}")
asyncio.run(one(dsn)); server.stop(); asyncio.run(one(server.start()))
print("uid", os.stat(server.home).st_uid, "pid", server.pid)
"""


def as_plain_user(data: Path, uid: int) -> subprocess.CompletedProcess[str]:
    """Start, stop and start in a process that gives root up once everything is imported."""
    programs = carrier.server_programs(Account(uid, uid))
    script = f"""
import pathlib, rallypoint.db.carrier
rallypoint.db.carrier._candidates = lambda programs: iter([pathlib.Path({str(programs)!r})])
{PLAIN}"""
    command = [sys.executable, "-c", script, str(data), str(uid)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


@as_root
def test_as_a_plain_user_it_is_that_user_s(ground: Path) -> None:
    """In a home of mode 0700 owned by that user. Root, coming later, leaves everything that user's."""
    uid = pwd.getpwnam("nobody").pw_uid
    home = ground / "home"
    home.mkdir(mode=0o700)
    os.chown(home, uid, uid)
    done = as_plain_user(home / "data", uid)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("hello from rallypoint") == 2
    assert f"uid {uid} " in done.stdout
    server = EmbeddedPostgres(home / "data")
    assert ask(server.start(), "select 1") == 1, "root finds it running"
    server.stop()
    assert ask(server.start(), "select 1") == 1
    assert {seen.uid for pid in family(server) if (seen := postmaster.look_at(pid))} == {uid}


@as_root
def test_a_user_without_a_name_is_told_why_it_cannot_be(ground: Path) -> None:
    (ground / "home").mkdir()
    os.chown(ground / "home", 54321, 54321)
    done = as_plain_user(ground / "home" / "data", 54321)
    assert done.returncode == 1
    assert "has no name on this machine" in done.stderr


@as_root
def test_a_plain_user_is_told_that_the_folder_is_another_s(server: EmbeddedPostgres) -> None:
    done = as_plain_user(server.data, pwd.getpwnam("daemon").pw_uid)
    assert done.returncode == 1
    assert "cannot hold the embedded database: Permission denied" in done.stderr
