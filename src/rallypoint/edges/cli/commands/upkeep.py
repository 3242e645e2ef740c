"""`migrate`, `seed`, `backup`, `restore`."""

import asyncio
from pathlib import Path

import click

from rallypoint.edges.cli.at_home import database_answers, settings
from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.output import Out

group = click.Group("upkeep")

FILE = click.Path(dir_okay=False, path_type=Path)


@command(group, "migrate")
def migrate(out: Out) -> None:
    """Run what migrations are missing. Refuses a schema that this version does not know."""
    from rallypoint.serve.database_use import database

    with database(settings()) as dsn:
        ran = asyncio.run(_migrate(dsn))
    out.result({"ran": ran}, f"{len(ran)} migrations ran." if ran else "The schema is this version's already.")


@command(group, "seed")
@click.option("--demo", is_flag=True, help="The demo company Lantern with six weeks of history.")
def seed(out: Out, demo: bool) -> None:
    """Migrate, then add the two domains an empty database needs. Does nothing twice."""
    from rallypoint.serve.database_use import database

    mine = settings()
    with database(mine) as dsn:
        asyncio.run(_migrate(dsn))
        if not demo:
            out.result({"seeded": True}, "The domains are there.")
            return
        import uvloop

        from rallypoint import demo as lantern

        given = uvloop.run(lantern.seed(dsn, mine.model_copy(update={"demo": True, "database_url": dsn})))
    out.result(given, f"Lantern is there, with {given.incidents} incidents. API key: {given.api_key}")


@command(group, "backup")
@click.argument("file", type=FILE)
def backup(out: Out, file: Path) -> None:
    """Write the whole database into FILE, readable by nobody else. Serving may go on."""
    from rallypoint.db.backup import backup as write
    from rallypoint.serve.database_use import database

    mine = settings()
    with database(mine) as dsn:
        written = write(dsn, file)
    size = written.stat().st_size
    key = mine.secret_key_file or mine.data / "secret.key"
    words = f"{written} ({size:,} bytes)\nThe key that seals secrets is not in it: keep {key} as well."
    out.result({"file": str(written), "bytes": size}, words)


@command(group, "restore")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace what is there; it is saved in a file beside FILE first.")
def restore(out: Out, file: Path, force: bool) -> None:
    """Put a backup into the database, whole or not at all."""
    from rallypoint.db.backup import restore as put
    from rallypoint.serve.database_use import database

    with database(settings()) as dsn:
        aside = put(dsn, file, force=force)
    said = f"Restored. What was there before is in {aside}." if aside else "Restored."
    out.result({"restored": str(file), "saved_aside": str(aside) if aside else None}, said)


async def _migrate(dsn: str) -> list[str]:
    from rallypoint.db.migrate import migrate
    from rallypoint.house import prepare

    await database_answers(dsn)
    ran = await migrate(dsn)
    await prepare(dsn)
    return ran
