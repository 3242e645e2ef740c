"""The house, opened for the length of one command, with its database: the running one, or started for the occasion."""

import asyncio
import getpass
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from rallypoint.actors import Actor, ActorKind
from rallypoint.edges.cli.exits import Unready
from rallypoint.settings import Settings

if TYPE_CHECKING:
    from rallypoint.db import Transaction
    from rallypoint.house import House

T = TypeVar("T")


def settings() -> Settings:
    """This command's settings, from the environment; wrong ones in words."""
    from tomllib import TOMLDecodeError

    from pydantic import ValidationError

    from rallypoint.errors import Invalid, Problem

    config = os.environ.get("RALLYPOINT_CONFIG", "")
    if config and not os.path.isfile(config):
        raise Invalid("RALLYPOINT_CONFIG", f"there is no file {config!r}")
    try:
        return Settings()
    except TOMLDecodeError as problem:
        raise Invalid("RALLYPOINT_CONFIG", f"{config!r} is not TOML: {problem}") from None
    except ValidationError as problem:
        problems = [Problem("RALLYPOINT_" + str(e["loc"][0]).upper(), e["msg"]) for e in problem.errors()]
        raise Invalid(problems) from None


def actor() -> Actor:
    """Whoever sits at this machine's command line may do everything, under their name."""
    try:
        user = getpass.getuser()
    except (OSError, KeyError):
        user = f"user {os.getuid()}"
    return Actor(kind=ActorKind.SYSTEM, name=user, origin="cli")


def at_home(work: Callable[["House"], Awaitable[T]]) -> T:
    """Run `work` with an open house. The embedded database is started, and stopped again, where nobody runs it."""
    from rallypoint.serve.database_use import database

    mine = settings()
    with database(mine) as dsn:
        return asyncio.run(_open(mine, dsn, work))


def act(work: Callable[["Transaction"], Awaitable[T]], *, acting: str | None = None) -> T:
    """Run `work` in one transaction as the command line, or as the person whose e-mail address is `acting`."""

    async def whole(house: "House") -> T:
        me = await person(house, acting) if acting else actor()
        return await house.db.run(me, work)

    return at_home(whole)


async def _open(mine: Settings, dsn: str, work: Callable[["House"], Awaitable[T]]) -> T:
    from rallypoint.house import open_house

    await database_answers(dsn)
    async with open_house(mine.model_copy(update={"database_url": dsn}), dsn=dsn, role="cli") as house:
        await _schema_is_there(house)
        return await work(house)


async def database_answers(dsn: str) -> None:
    """Raises Unready, in words, unless the database lets us in."""
    import asyncpg

    try:
        connection = await asyncpg.connect(dsn, timeout=5)
        await connection.close()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, ValueError) as problem:
        said = f"The database cannot be reached: {str(problem) or type(problem).__name__}."
        raise Unready(f"{said} Start it, or correct RALLYPOINT_DATABASE_URL.") from None


async def _schema_is_there(house: "House") -> None:
    from rallypoint.db.migrate import check

    async with house.db.connection() as connection:
        if await check(connection):
            said = "The database does not have this version's schema."
            raise Unready(f"{said} Run `rallypoint migrate` first; `rallypoint serve` does it by itself.")


async def person(house: "House", email: str) -> Actor:
    """Somebody by their address, acting from the command line. Raises NotFound."""
    from rallypoint import access
    from rallypoint.errors import NotFound

    async with house.db.transaction(actor()) as tx:
        found = await access.person_by_email(tx, email)
        if found is None:
            raise NotFound("person with the e-mail address", email)
        return await access.actor_for(tx, found.id, origin="cli")
