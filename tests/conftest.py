"""A real PostgreSQL for every test that wants one: one server a run, a migrated template, a fresh copy a test."""

import asyncio
import itertools
import logging
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import structlog

from rallypoint.clock import ManualClock
from rallypoint.db import Database
from rallypoint.db.embedded import EmbeddedPostgres
from rallypoint.db.migrate import migrate

MONDAY_MORNING = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
TEMPLATE = "rallypoint_template"
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The DSN of a server's maintenance database, or of RALLYPOINT_TEST_DATABASE_URL if that is set."""
    if external := os.environ.get("RALLYPOINT_TEST_DATABASE_URL"):
        yield external
        return
    folder = Path(tempfile.mkdtemp(prefix="rp-test-", dir=_in_memory()))
    folder.chmod(0o711)  # so that root's server, which runs as nobody, finds its place here and is removed with it
    embedded = EmbeddedPostgres(folder)
    try:
        yield embedded.start()
    finally:
        embedded.remove()
        shutil.rmtree(folder, ignore_errors=True)


def _in_memory() -> str | None:
    """Where files are memory, if there is such a place: copying the template is thirty times faster there.

    Nobody pulls the plug on these databases. What is said of durability is tried on disks (test_embedded, crash).
    """
    place = Path("/dev/shm")
    if place.is_dir() and os.access(place, os.W_OK) and shutil.disk_usage(place).free > 2**30:
        return str(place)
    return None


def database_url(server: str, name: str) -> str:
    """The same server, another database."""
    parts = urlsplit(server)
    return urlunsplit(parts._replace(path=f"/{name}"))


@pytest.fixture(scope="session")
def template(server: str) -> str:
    """A database with every migration and the seeded domains, to copy from."""

    async def build() -> None:
        admin = await asyncpg.connect(server)
        await admin.execute(f"drop database if exists {TEMPLATE}")
        await admin.execute(f"create database {TEMPLATE}")
        await admin.close()
        dsn = database_url(server, TEMPLATE)
        await migrate(dsn)
        from rallypoint.house import prepare

        await prepare(dsn, clock=ManualClock(MONDAY_MORNING))

    asyncio.run(build())
    return TEMPLATE


@pytest.fixture(autouse=True)
def _logs_as_they_were() -> Iterator[None]:
    """A command under test directs the log at its own stderr, which is closed after the test."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    structlog.reset_defaults()
    root.handlers[:], root.level = handlers, level


@pytest.fixture
def clock() -> ManualClock:
    """Monday 1 June 2026, 08:00 UTC, and it stands still."""
    return ManualClock(MONDAY_MORNING)


@pytest.fixture
async def dsn(server: str, template: str) -> AsyncIterator[str]:
    """A fresh database of its own."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    admin = await asyncpg.connect(server)
    await admin.execute(f"create database {name} template {template} strategy file_copy")
    try:
        yield database_url(server, name)
    finally:
        try:
            await drop_database(admin, name)
        finally:
            await admin.close()


async def drop_database(admin: asyncpg.Connection, name: str) -> None:
    """Gently first: the server sends its own vacuum away, whom our role may not; then whoever is still in it."""
    for how in ("", " with (force)", ""):
        try:
            await admin.execute(f"drop database if exists {name}{how}")
            return
        except (asyncpg.ObjectInUseError, asyncpg.InsufficientPrivilegeError) as problem:
            kept = problem
    raise kept


@pytest.fixture
async def db(dsn: str, clock: ManualClock) -> AsyncIterator[Database]:
    """A pool on the fresh database, on the manual clock, with the product's own wiring."""
    from rallypoint.wiring import bus

    database = await Database.connect(dsn, clock=clock, bus=bus(), size=6)
    try:
        yield database
    finally:
        await database.close()
