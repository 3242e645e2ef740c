"""Forward-only migrations: numbered SQL files, one transaction each, under an advisory lock.

The table `schema_migration` holds what ran, with the checksum of the file that ran. A database that knows a migration
we do not, or whose file has changed since, is refused: half-understood schemas are how pages get lost.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from importlib import resources

import asyncpg
import structlog

from rallypoint.errors import Refused

LOCK = 7255_0001
LOCK_TIMEOUT = "2s"
ATTEMPTS = 10

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Migration:
    name: str
    sql: str

    @property
    def checksum(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def migrations() -> list[Migration]:
    """All migrations of this version, in order."""
    folder = resources.files("rallypoint.db") / "migrations"
    files = sorted((f for f in folder.iterdir() if f.name.endswith(".sql")), key=lambda f: f.name)
    return [Migration(f.name.removesuffix(".sql"), f.read_text("utf-8")) for f in files]


async def migrate(dsn: str) -> list[str]:
    """Bring the database to this version's schema; returns the names that ran. Raises Refused for an unknown schema."""
    connection = await asyncpg.connect(dsn)
    try:
        await connection.execute("select pg_advisory_lock($1)", LOCK)
        await connection.execute("""
            create table if not exists schema_migration (
                name text primary key, checksum text not null, applied_at timestamptz not null)""")
        ran = []
        for migration in missing(await _applied(connection)):
            await _apply(connection, migration)
            ran.append(migration.name)
        return ran
    finally:
        await connection.close()


async def check(connection: asyncpg.Connection) -> list[str]:
    """Names of migrations still to run. Raises Refused where the schema is not one this version knows."""
    return [m.name for m in missing(await _applied(connection))]


async def _applied(connection: asyncpg.Connection) -> dict[str, str]:
    if await connection.fetchval("select to_regclass('schema_migration')") is None:
        return {}
    return {
        row["name"]: row["checksum"] for row in await connection.fetch("select name, checksum from schema_migration")
    }


def missing(applied: dict[str, str]) -> list[Migration]:
    """Migrations not in `applied`. Raises Refused for an unknown name, a changed file, or a gap."""
    known = migrations()
    names = {m.name for m in known}
    if unknown := sorted(set(applied) - names):
        raise Refused(
            f"The database has migrations this version does not know: {', '.join(unknown)}.",
            guard="schema",
            help="Start the newer version of Rallypoint that made them, or restore a backup from before the upgrade.",
        )
    if changed := [m.name for m in known if m.name in applied and applied[m.name] != m.checksum]:
        raise Refused(
            f"These migrations ran with another text than this version has: {', '.join(changed)}.",
            guard="schema",
            help="The schema is not what this version expects. Restore a backup, or use the version that made it.",
        )
    waiting = [m for m in known if m.name not in applied]
    if applied and waiting and waiting[0].name < max(applied):
        raise Refused(
            f"Migration {waiting[0].name} never ran, yet a later one did ({max(applied)}).",
            guard="schema",
            help="The schema is dirty. Restore a backup from before the upgrade.",
        )
    return waiting


async def _apply(connection: asyncpg.Connection, migration: Migration) -> None:
    """One migration and its record in one transaction; waits only briefly for locks, then tries again."""
    for attempt in range(ATTEMPTS):
        try:
            async with connection.transaction():
                await connection.execute(f"set local lock_timeout = '{LOCK_TIMEOUT}'")
                await connection.execute(migration.sql)
                await connection.execute(
                    "insert into schema_migration (name, checksum, applied_at) values ($1, $2, statement_timestamp())",
                    migration.name,
                    migration.checksum,
                )
            log.info("migrated", migration=migration.name)
            return
        except asyncpg.LockNotAvailableError:
            if attempt == ATTEMPTS - 1:
                raise
            await asyncio.sleep(0.2 * (attempt + 1))
