"""How a command comes to be: `--json`, the settings, and errors as exit codes, the same for all."""

import functools
from collections.abc import Callable
from typing import Any

import click

from rallypoint.edges.cli.output import Out

Body = Callable[..., Any]

ROLE_NAMES = ("admin", "manager", "desk1", "desk2", "desk3", "responder", "stakeholder", "reporter", "viewer")
"""Written out: the help must not import the room that has them. A test compares."""

AS = click.option("--as", "acting", metavar="EMAIL", help="Act as this person instead of as the command line.")


def named(parser: Callable[..., Any]) -> Callable[..., Any]:
    """The name of what is made, as the first word or as --name."""

    @functools.wraps(parser)
    def run(*arguments: Any, name: str | None, named_so: str | None, **values: Any) -> Any:
        if not (name or named_so) or (name and named_so):
            raise click.UsageError("Give it one name: the first word, or --name.")
        return parser(*arguments, name=name or named_so, **values)

    return click.argument("name", required=False)(
        click.option("--name", "named_so", metavar="NAME", help="The same, as an option.")(run)
    )


def command(group: click.Group, name: str, **options: Any) -> Callable[[Body], click.Command]:
    """Registers a command whose function takes `out` first, then its own options."""

    def register(body: Body) -> click.Command:
        @functools.wraps(body)
        def run(as_json: bool, **values: Any) -> Any:
            return body(Out(as_json), **values)

        flag = click.option("--json", "as_json", is_flag=True, help="Print one line of JSON and nothing else.")
        finish: Callable[[Body], click.Command] = click.command(name, **options)
        made = finish(flag(run))
        group.add_command(made)
        return made

    return register
