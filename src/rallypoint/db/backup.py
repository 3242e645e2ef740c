"""The whole database in one file, and back. For the embedded server and for any other.

A backup appears under its name only when it is whole. A restore happens in one transaction: it succeeds, or the
database stays as it was. Both block; call them from a thread.
"""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any, cast

import structlog

from rallypoint.db.client import Target, check
from rallypoint.errors import OutsideFailure, Refused

Program = subprocess.Popen[bytes]

log = structlog.get_logger(__name__)

OTHERS = """
    select count(*) from pg_stat_activity
     where datname = current_database() and usesysid is not null and pid <> pg_backend_pid()"""
THINGS = """
    select count(*) from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"""
EMPTY_IT = """
    do $$ declare schema text; begin
      for schema in select nspname from pg_namespace where nspname !~ '^pg_' and nspname <> 'information_schema' loop
        execute format('drop schema %I cascade', schema);
      end loop;
    end $$;
    create schema public;"""
QUIET = "set local lock_timeout = '10s'; set local client_min_messages = warning;"
UNKNOWN_BEFORE_17 = b"SET transaction_timeout"


def backup(dsn: str, file: Path, programs: Path | None = None) -> Path:
    """Write the database into `file` (PostgreSQL's custom format, compressed), readable by nobody else."""
    target = Target.of(dsn, programs)
    file = file.absolute()
    file.parent.mkdir(parents=True, exist_ok=True)
    with _unfinished(file) as unfinished:
        target.run("pg_dump", "-Fc", "--no-owner", "--no-privileges", "-d", target.url, "-f", unfinished)
        _to_disk(unfinished)
        unfinished.rename(file)
        _to_disk(file.parent)
    log.info("database.backed_up", file=str(file), bytes=file.stat().st_size)
    return file


def restore(dsn: str, file: Path, *, force: bool = False, programs: Path | None = None) -> Path | None:
    """Put a backup into the database. Unless that is empty it takes `force`, and what was there is saved aside first.

    Returns the file that the old data was saved in, if there was any.
    """
    target = Target.of(dsn, programs)
    try:
        target.run("pg_restore", "--list", file)  # refuses what is no backup before anything is touched
    except OutsideFailure as problem:
        raise OutsideFailure(f"{file.name} is no backup that can be read. {problem.said}", retry=False) from problem
    if int(target.ask(OTHERS)):
        raise Refused("The database is in use.", guard="nobody is connected", help="Stop `rallypoint serve` first.")
    aside = None
    if int(target.ask(THINGS)):
        if not force:
            raise Refused(
                "The database is not empty.", guard="the database is empty", help="Restore with --force to replace it."
            )
        aside = backup(dsn, _free_name(file.absolute().parent), target.programs)
    _replay(target, file)
    log.info("database.restored", file=str(file), old_data=str(aside) if aside else None)
    return aside


def _replay(target: Target, file: Path) -> None:
    """Pipe the backup's statements into one transaction; it is committed only when all of them were written out."""
    old_server = int(target.ask("show server_version_num")) < 170_000
    reading = target.command("pg_restore", "--no-owner", "--no-privileges", "-f", "-", file)
    writing = target.command("psql", "-Xq", "-v", "ON_ERROR_STOP=1", "-d", target.url)
    with TemporaryFile() as read_said, TemporaryFile() as write_said, open(os.devnull, "wb") as nothing:
        with (
            _program(writing, target, stdin=subprocess.PIPE, stdout=nothing, stderr=write_said) as writer,
            _program(reading, target, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=read_said) as reader,
        ):
            heard = _pour(reader, writer, without=UNKNOWN_BEFORE_17 if old_server else None)
        if heard:  # else the writer gave up first, and its words are the ones to tell
            check("pg_restore", reader.returncode, _said(read_said))
        check("psql", writer.returncode or (0 if heard else 1), _said(write_said))


def _pour(reader: Program, writer: Program, *, without: bytes | None) -> bool:
    """Everything the reader says, inside one transaction. False when the writer stopped listening before the end."""
    source, sink = cast(IO[bytes], reader.stdout), cast(IO[bytes], writer.stdin)
    try:
        sink.write(f"begin; {QUIET} {EMPTY_IT}\n".encode())
        _copy(source, sink, without=without)
        if reader.wait() == 0:
            sink.write(b"\ncommit;\n")
        sink.close()  # an end without a commit undoes everything
    except BrokenPipeError:
        reader.kill()
        with suppress(BrokenPipeError):  # what is still buffered has nowhere to go
            sink.close()
        return False
    return True


def _copy(source: IO[bytes], sink: IO[bytes], *, without: bytes | None) -> None:
    for _ in range(40 if without else 0):  # the settings stand at the top, before any data
        line = source.readline()
        if not (without and line.startswith(without)):
            sink.write(line)
    while chunk := source.read(1 << 18):
        sink.write(chunk)


def _program(command: list[str], target: Target, **streams: Any) -> Program:
    return subprocess.Popen(command, env=target.environment, **streams)


def _said(words: IO[bytes]) -> str:
    words.seek(0)
    return words.read(10_000).decode(errors="replace")


@contextmanager
def _unfinished(file: Path) -> Iterator[Path]:
    """A name beside `file` that cannot be mistaken for a backup; nothing is left under it."""
    path = file.with_name(f".{file.name}.unfinished-{os.getpid()}")
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _free_name(folder: Path) -> Path:
    number = 1
    while (path := folder / f"before-restore-{number}.dump").exists():
        number += 1
    return path


def _to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
