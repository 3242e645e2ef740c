"""Backup and restore on a real server: whole or not at all, in both directions."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.db.backup import backup, restore
from rallypoint.db.client import Target
from rallypoint.errors import OutsideFailure, Refused
from tests.conftest import drop_database

CONTENT = """
    create schema odd; create type odd.mood as enum ('calm', 'alarmed');
    create table incident (number bigint generated always as identity primary key, title text not null, raw bytea);
    insert into incident (title, raw) select 'ünï ' || n, decode('00ff' || lpad(to_hex(n), 4, '0'), 'hex')
      from generate_series(1, 5000) n;
    create table odd.felt (incident bigint references incident, mood odd.mood);
    insert into odd.felt values (1, 'alarmed');"""
PRINT = "select md5(string_agg(i::text, '|' order by number)) from incident i"


@pytest.fixture
async def empty(server: str) -> Any:
    async for dsn in _database(server, "empty"):
        yield dsn


@pytest.fixture
async def full(server: str) -> Any:
    async for dsn in _database(server, "full"):
        await execute(dsn, CONTENT)
        yield dsn


async def _database(server: str, name: str) -> Any:
    name = f"backup_{name}_{os.getpid()}"
    await execute(server, f"drop database if exists {name}")
    await execute(server, f"create database {name}")
    head, tail = server.rsplit("/rallypoint?", 1) if "/rallypoint?" in server else (server.rsplit("/", 1)[0], "")
    yield f"{head}/{name}?{tail}"
    admin = await asyncpg.connect(server)
    try:
        await drop_database(admin, name)
    finally:
        await admin.close()


async def execute(dsn: str, statement: str) -> None:
    connection = await asyncpg.connect(dsn)
    await connection.execute(statement)
    await connection.close()


async def ask(dsn: str, statement: str) -> Any:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval(statement)
    finally:
        await connection.close()


async def test_files_of_incidents_are_in_a_backup(db: Database, dsn: str, empty: str, tmp_path: Path) -> None:
    content = bytes(range(256)) * 9000

    async def chunks() -> AsyncIterator[bytes]:
        yield content

    async with incidents.held(chunks(), largest=10**7) as whole:
        sha256 = await incidents.keep(db, whole)
    async with db.transaction(SYSTEM) as tx:
        number = (await incidents.open_incident(tx, title="Slow")).number
        await incidents.attach(tx, number, sha256=sha256, name="dump.bin")
    restore(empty, backup(dsn, tmp_path / "all.dump"))
    restored = await Database.connect(empty, clock=db.clock, bus=db.bus, size=1)
    try:
        async with restored.transaction(SYSTEM) as tx:
            [file] = await incidents.files(tx, number)
        assert b"".join([piece async for piece in incidents.stream(restored, file.sha256)]) == content
    finally:
        await restored.close()


async def test_what_was_backed_up_comes_back(full: str, empty: str, tmp_path: Path) -> None:
    file = backup(full, tmp_path / "new" / "all.dump")
    assert file.stat().st_mode & 0o777 == 0o600
    assert restore(empty, file) is None
    assert await ask(empty, PRINT) == await ask(full, PRINT)
    assert await ask(empty, "select mood::text from odd.felt") == "alarmed"
    assert await ask(empty, "insert into incident (title) values ('next') returning number") == 5001
    assert os.listdir(file.parent) == ["all.dump"]


async def test_a_database_with_something_in_it_takes_force_and_is_saved_aside(full: str, tmp_path: Path) -> None:
    file = backup(full, tmp_path / "all.dump")
    print_then = await ask(full, PRINT)
    await execute(full, "delete from odd.felt; delete from incident where number > 10; create table newer (x int)")
    print_now = await ask(full, PRINT)
    with pytest.raises(Refused, match="not empty"):
        restore(full, file)
    assert await ask(full, PRINT) == print_now
    aside = restore(full, file, force=True)
    assert await ask(full, PRINT) == print_then
    assert await ask(full, "select to_regclass('newer')") is None
    assert aside == tmp_path / "before-restore-1.dump"
    assert restore(full, aside, force=True) == tmp_path / "before-restore-2.dump"
    assert await ask(full, PRINT) == print_now
    assert await ask(full, "select to_regclass('newer')::text") == "newer"


async def test_a_restore_that_fails_leaves_everything_as_it_was(full: str, tmp_path: Path) -> None:
    file = backup(full, tmp_path / "all.dump")
    print_then = await ask(full, PRINT)
    torn = tmp_path / "torn.dump"
    torn.write_bytes(file.read_bytes()[: file.stat().st_size * 3 // 4])
    text = tmp_path / "text.dump"
    text.write_text("not a backup")
    for bad in (torn, text, tmp_path / "missing.dump"):
        with pytest.raises(OutsideFailure):
            restore(full, bad, force=True)
        assert await ask(full, PRINT) == print_then
        assert await ask(full, "select count(*) from odd.felt") == 1
    with pytest.raises(OutsideFailure, match="is no backup that can be read"):
        restore(full, text, force=True)


async def test_a_restore_that_the_server_refuses_leaves_everything_as_it_was(
    full: str, empty: str, tmp_path: Path
) -> None:
    """The reader is fine, the writer stops: a check that fails on the first of many rows."""
    await execute(
        full,
        """create function strict_about(t text) returns text immutable language plpgsql as
             $$ begin if current_database() like '%empty%' then raise 'not here'; end if; return t; end $$;
           alter table incident add constraint picky check (public.strict_about(title) <> '');""",
    )
    file = backup(full, tmp_path / "all.dump")
    with pytest.raises(OutsideFailure, match="not here"):
        restore(empty, file)
    assert await ask(empty, "select to_regclass('incident')") is None


async def test_a_restore_under_a_running_product_is_refused(full: str, tmp_path: Path) -> None:
    file = backup(full, tmp_path / "all.dump")
    connection = await asyncpg.connect(full)
    with pytest.raises(Refused, match="in use"):
        restore(full, file, force=True)
    await connection.close()


async def test_a_backup_that_fails_leaves_the_older_one(full: str, tmp_path: Path) -> None:
    file = backup(full, tmp_path / "all.dump")
    before = file.read_bytes()
    with pytest.raises(OutsideFailure, match="pg_dump"):
        backup(full.replace("backup_full", "no_such"), file)
    assert file.read_bytes() == before
    assert os.listdir(tmp_path) == ["all.dump"]


def test_the_password_is_not_on_the_command_line(tmp_path: Path) -> None:
    for dsn in ("postgresql://me:s%2Fcret@db.test:5433/prod", "postgres://me@db.test:5433/prod?password=s%2Fcret"):
        target = Target.of(dsn, tmp_path)
        assert target.url.removesuffix("?") == "postgresql://me@db.test:5433/prod"
        assert target.environment["PGPASSWORD"] == "s/cret"
    target = Target.of("postgresql://rallypoint:x@/rallypoint?host=/run/x&port=5432", tmp_path)
    assert target.url == "postgresql://rallypoint@/rallypoint?host=/run/x&port=5432"
