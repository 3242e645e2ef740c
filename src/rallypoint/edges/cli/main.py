"""The entry point: finds the command, imports only what it needs, and ends with a documented exit code."""

import importlib
import os
import sys
from typing import Any

import click

from rallypoint.edges.cli.exits import MEANINGS, Exit, exit_code, words

WHERE = "rallypoint.edges.cli.commands."
COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Run": {
        "demo": ("serving", "The demo company, ready to click through."),
        "serve": ("serving", "The server: web and engine under one supervisor."),
        "migrate": ("upkeep", "Bring the database to this version's schema."),
        "seed": ("upkeep", "What an empty database needs; --demo: a whole company."),
        "doctor": ("doctor", "Look at everything that a page depends on."),
    },
    "Work": {
        "incident": ("incident", "List, show and work on incidents."),
        "action": ("action", "What was promised in retrospectives."),
        "alert": ("alert", "Send an alert to an integration."),
        "oncall": ("oncall", "Who is on call, and who would be paged."),
    },
    "Set up": {
        "user": ("user", "People: add, list, password, login link."),
        "key": ("key", "API keys."),
        "integration": ("integration", "Where alerts come in."),
        "sync": ("sync", "Work items in other tools, kept in step."),
        "sandbox": ("sandbox", "A tool to try that on, on this machine."),
        "export": ("code", "The set-up as files."),
        "plan": ("code", "What applying files would change."),
        "apply": ("code", "Make the set-up what the files say."),
    },
    "Keep": {
        "backup": ("upkeep", "The whole database in one file."),
        "restore": ("upkeep", "Put a backup back."),
        "completion": ("completion", "Completion for your shell."),
    },
}
PLACES = {name: place for table in COMMANDS.values() for name, (place, _) in table.items()}


class Lazy(click.Group):
    """Knows the commands by name; imports one only to run it. Listing them costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(PLACES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in PLACES:
            return None
        group: click.Group = importlib.import_module(WHERE + PLACES[cmd_name]).group
        return group if group.name == cmd_name else group.commands[cmd_name]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, table in COMMANDS.items():
            with formatter.section(heading):
                formatter.write_dl([(name, help) for name, (_, help) in table.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(int(code)), meaning) for code, meaning in MEANINGS.items()])
        with formatter.section("Settings"):
            formatter.write_dl(
                [
                    ("RALLYPOINT_PORT", "8080; 0 takes any free port"),
                    ("RALLYPOINT_HOST", "127.0.0.1"),
                    ("RALLYPOINT_DATA", "./.rallypoint"),
                    ("RALLYPOINT_DATABASE_URL", "unset: the embedded PostgreSQL in RALLYPOINT_DATA"),
                    ("RALLYPOINT_CONFIG", "a TOML file with any of the settings"),
                ]
            )


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="rallypoint", message="%(prog)s %(version)s")
@click.pass_context
def cli(context: click.Context) -> None:
    """Incident management in one place. Every command takes --json."""
    _logs(context.invoked_subcommand or "")


def main(arguments: list[str] | None = None) -> None:
    """What the console script calls."""
    given = sys.argv[1:] if arguments is None else arguments
    sys.exit(run(given))


def run(given: list[str]) -> int:
    """Run one command; returns its exit code."""
    try:
        code = cli.main(args=given, prog_name="rallypoint", standalone_mode=False)
        return code if isinstance(code, int) else Exit.OK
    except click.exceptions.Exit as problem:
        return problem.exit_code
    except click.UsageError as problem:
        return _failed(given, Exit.USAGE, problem.format_message(), usage=problem)
    except click.ClickException as problem:
        return _failed(given, Exit.REFUSED, problem.format_message())
    except (click.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.OK
    except Exception as problem:
        return _failed(given, exit_code(problem), words(problem), problem=problem)


def _failed(
    given: list[str],
    code: Exit,
    said: str,
    *,
    problem: Exception | None = None,
    usage: click.UsageError | None = None,
) -> int:
    from rallypoint.errors import Invalid, RallypointError

    if "--json" in given:
        from rallypoint.edges.cli.output import json_line

        ours = problem is None or isinstance(problem, RallypointError)
        kind = code.name.lower().replace("_", "-") if ours or code is not Exit.REFUSED else "fault"
        error: dict[str, Any] = {"kind": kind, "message": said}
        if isinstance(problem, Invalid):
            error["fields"] = {p.field: p.reason for p in problem.problems}
        sys.stdout.write(json_line({"error": error}))
    elif usage is not None:
        usage.show()
    else:
        sys.stderr.write(f"{said}\n")
    if problem is not None and not isinstance(problem, RallypointError | OSError) and code is Exit.REFUSED:
        import structlog

        _logs("")  # it may have failed before a command was found
        structlog.get_logger().error("a fault in the program", exc_info=problem)
    return int(code)


def _logs(name: str) -> None:
    """Servers tell what they do; other commands speak up only when something is odd."""
    from rallypoint import logs

    usual = "info" if name in ("serve", "demo") else "warning"
    logs.configure(os.environ.get("RALLYPOINT_LOG_LEVEL", usual))


if __name__ == "__main__":
    main()
