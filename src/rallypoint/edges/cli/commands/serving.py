"""`serve` and `demo`."""

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import settings
from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.output import Out
from rallypoint.serve import lifeline
from rallypoint.settings import Settings

if TYPE_CHECKING:
    from rallypoint.serve.sandboxes import Opened
    from rallypoint.serve.supervisor import Beside

group = click.Group("serving")

PORT = click.option("--port", type=click.IntRange(0, 65535), help="Instead of RALLYPOINT_PORT; 0 takes any free one.")
HOST = click.option("--host", help="Instead of RALLYPOINT_HOST.")
DATA = click.option("--data", type=click.Path(file_okay=False, path_type=Path), help="Instead of RALLYPOINT_DATA.")


@command(group, "serve")
@click.option("--role", type=click.Choice(["all", "web", "engine"]), default="all", show_default=True,
              help="all: both, supervised. One alone: for many machines on one database.")  # fmt: skip
@PORT
@HOST
@DATA
def serve(out: Out, role: str, port: int | None, host: str | None, data: Path | None) -> None:
    """Serve until SIGTERM; then end within 15 seconds, with nothing lost."""
    mine = _with(port, host, data)
    if role == "all":
        _supervise(out, mine, prepare=_migrate, ready=lambda url: _serving(out, url))
    else:
        _alone(role, mine)


def _serving(out: Out, url: str) -> None:
    out.result(
        {"url": url, "pid": os.getpid()},
        f"\nRallypoint is ready at {url}\n\n"
        '  The first person     rallypoint user add --name "Your name" --email you@example.com\n'
        "  What is missing      rallypoint doctor\n"
        f"  API                  {url}/api/v1/docs\n\n"
        "Ctrl-C ends it; the data stays.",
    )


@command(group, "demo")
@PORT
@HOST
@DATA
def demo(out: Out, port: int | None, host: str | None, data: Path | None) -> None:
    """The shop Lantern: a seeded company with six weeks of history and a P1 being paged.

    With --json one line says where it is and how to get in, once it is ready; it serves until SIGTERM.
    """
    from rallypoint.serve.sandboxes import open_doors

    mine = _with(port, host, data).model_copy(update={"demo": True})
    os.environ.setdefault("RALLYPOINT_ALLOW_PRIVATE_TARGETS", "true")
    given: dict[str, Any] = {}

    def prepare(environment: Mapping[str, str]) -> None:
        from rallypoint.serve.supervisor import run_apart

        out.say("Seeding the demo company Lantern ...")
        undone = "The demo company could not be founded"
        given.update(json.loads(run_apart(["seed", "--demo", "--json"], environment, undone=undone)))

    def ready(url: str) -> None:
        access = {
            "url": url,
            "login_url": f"{url}/login/{given['login_token']}",
            "api_key": given["api_key"],
            "integrations": {
                name: {"key": key, "url": f"{url}/in/{key}"} for name, key in given["integrations"].items()
            },
            "sandboxes": {kind: one.shown() for kind, one in opened.sandboxes.items()},
            "pid": os.getpid(),
        }
        out.result(access, _welcome(access))

    with open_doors(mine.data) as opened:
        _supervise(out, mine, prepare=prepare, ready=ready, beside=_beside(opened))


def _beside(opened: "Opened") -> tuple["Beside", ...]:
    """The sandboxes, and the one who links the P1 to them: neither is waited for."""
    from rallypoint.serve.supervisor import Beside

    told = opened.environment
    return (
        Beside(name="sandboxes", module="rallypoint.serve.sandboxes", environment=told, descriptors=opened.descriptors),
        Beside(name="demo links", module="rallypoint.serve.demo_links", environment=told, once=True),
    )


def _welcome(access: Mapping[str, Any]) -> str:
    ways = "\n".join(f"    {name:<18} {way['url']}" for name, way in access["integrations"].items())
    others = "\n".join(f"    {name:<18} {one['url']}" for name, one in access["sandboxes"].items())
    return (
        f"\nRallypoint is ready at {access['url']}\n\n"
        f"  Sign in (once)       {access['login_url']}\n"
        f"  API key              {access['api_key']}\n"
        f"  API                  {access['url']}/api/v1/docs\n"
        f"  Send alerts to\n{ways}\n"
        f"  The P1 is linked to, in a moment\n{others}\n\n"
        "Ctrl-C ends it; the data stays."
    )


def _with(port: int | None, host: str | None, data: Path | None) -> Settings:
    given = {"port": port, "host": host, "data": data}
    return settings().model_copy(update={name: value for name, value in given.items() if value is not None})


def _migrate(environment: Mapping[str, str]) -> None:
    from rallypoint.serve.supervisor import run_apart

    run_apart(["migrate", "--json"], environment, undone="The database could not be brought up to date")


def _supervise(out: Out, mine: Settings, **hooks: Any) -> None:
    from rallypoint.serve.supervisor import Supervisor

    Supervisor(mine, **hooks).run()


def _alone(role: str, mine: Settings) -> None:
    """A child of the supervisor, or one role by itself. The database must then be named, or run already."""
    from rallypoint.serve.database_use import database
    from rallypoint.serve.listening import inherited, listen

    lifeline.hold()
    door = inherited() if role == "web" else None
    with database(mine) as dsn:
        os.environ["RALLYPOINT_DATABASE_URL"] = dsn
        if role == "engine":
            from rallypoint.edges.ops.roles import run_engine

            run_engine(mine.model_copy(update={"database_url": dsn}))
            return
        from rallypoint.edges.ops.roles import run_web

        if door is None:
            door = listen(mine.host, mine.port)
            os.environ["RALLYPOINT_HOST"], os.environ["RALLYPOINT_PORT"] = mine.host, str(door.getsockname()[1])
        sys.stdout.flush()
        run_web(mine, door)
