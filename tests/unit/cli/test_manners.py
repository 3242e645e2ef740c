"""How commands behave towards scripts: exit codes, one line of JSON, nothing imported for a glance at the help."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import structlog

from rallypoint.access import Role
from rallypoint.edges.cli import exits
from rallypoint.edges.cli.command import ROLE_NAMES
from rallypoint.edges.cli.commands.oncall import Instant
from rallypoint.edges.cli.exits import Exit, Unready
from rallypoint.edges.cli.main import PLACES, cli, run
from rallypoint.edges.cli.output import json_line
from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, Refused

ROOT = Path(__file__).parents[3]
EVERY = [
    "demo", "serve", "migrate", "doctor", "seed", "export", "plan", "apply", "alert", "incident", "oncall", "user",
    "key", "backup", "restore",
]  # fmt: skip


def commands(group: click.Group, *path: str) -> list[tuple[tuple[str, ...], click.Command]]:
    """Every command that can be run, with its path."""
    context = click.Context(group)
    found: list[tuple[tuple[str, ...], click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None, name
        found += commands(command, *path, name) if isinstance(command, click.Group) else [((*path, name), command)]
    return found


ALL = commands(cli)


def test_the_promised_commands_exist() -> None:
    assert set(EVERY) <= set(PLACES)
    assert {path[0] for path, _ in ALL} == set(PLACES)


@pytest.mark.parametrize(
    ("path", "command"), ALL, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_has_help_and_json(path: tuple[str, ...], command: click.Command) -> None:
    assert command.help, path
    assert "--json" in {option for parameter in command.params for option in parameter.opts}
    assert f"rallypoint {' '.join(path)}" in (ROOT / "docs" / "cli.md").read_text(), "docs/cli.md leaves it out"


def test_help_is_quick_and_names_the_exit_codes() -> None:
    script = (
        "import sys; from rallypoint.edges.cli.main import run; run(['--help']);"
        "heavy = {'fastapi', 'asyncpg', 'uvicorn', 'rich', 'pydantic'} & set(sys.modules);"
        "sys.exit(f'imported for nothing: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for code, meaning in exits.MEANINGS.items():
        assert f"{int(code)}  {meaning}" in done.stdout


@pytest.mark.parametrize(
    ("problem", "code"),
    [
        (Refused("no"), Exit.REFUSED),
        (Refused("no", guard="schema"), Exit.UNREADY),
        (Invalid("title", "is empty"), Exit.USAGE),
        (NotFound("incident", 7), Exit.NOT_FOUND),
        (Conflict("later"), Exit.CONFLICT),
        (Unready("no database"), Exit.UNREADY),
        (OutsideFailure("no", retry=True), Exit.UNREADY),
        (OutsideFailure("no", retry=False), Exit.REFUSED),
        (ConnectionRefusedError("no"), Exit.UNREADY),
        (ZeroDivisionError("oops"), Exit.REFUSED),
    ],
)
def test_kinds_of_errors_have_exit_codes(problem: Exception, code: Exit) -> None:
    assert exits.exit_code(problem) is code


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (["nonsense", "--json"], Exit.USAGE),
        (["incident", "show", "seven", "--json"], Exit.USAGE),
        (["incident", "ack", "--json"], Exit.USAGE),
        (["alert", "send", "--url", "http://127.0.0.1:1", "--key", "x", "--json"], Exit.UNREADY),
        (["alert", "send", "--url", "ftp://x/in/y", "--json"], Exit.USAGE),
        (["alert", "send", "--key", "x", "--label", "host", "--json"], Exit.USAGE),
        (["key", "add", "--json"], Exit.USAGE),
        (["key", "add", "one", "--name", "two", "--json"], Exit.USAGE),
        (["user", "add", "--name", "x", "--email", "x@example.com", "--role", "boss", "--json"], Exit.USAGE),
        (["oncall", "dry-run", "checkout", "--at", "soon", "--json"], Exit.USAGE),
    ],
)
def test_a_failure_is_one_line_of_json_too(given: list[str], code: Exit, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(given) == code
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    assert json.loads(said)["error"]["message"]


def test_without_json_a_failure_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["alert", "send", "--url", "http://127.0.0.1:1", "--key", "x"]) == Exit.UNREADY
    out, err = capsys.readouterr()
    assert out == ""
    assert "does not answer" in err


def test_a_fault_before_any_command_is_logged_without_its_values(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str) -> Any:
        secret = "hunter2"
        raise ZeroDivisionError(name + secret[:0])

    structlog.reset_defaults()
    monkeypatch.setattr("rallypoint.edges.cli.main.importlib.import_module", broken)
    assert run(["migrate", "--json"]) == Exit.REFUSED
    out, err = capsys.readouterr()
    assert json.loads(out)["error"]["kind"] == "fault"
    assert "hunter2" not in err.replace('secret = "hunter2"', "")
    assert "a fault in the program" in err


def test_role_names_are_the_roles() -> None:
    assert set(ROLE_NAMES) == {role.value for role in Role}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("2026-06-07 03:00", "2026-06-07T03:00:00+00:00"),
        ("2026-06-07T03:00:00Z", "2026-06-07T03:00:00+00:00"),
        ("2026-06-07T03:00+02:00", "2026-06-07T01:00:00+00:00"),
        ("2026-06-07", "2026-06-07T00:00:00+00:00"),
    ],
)
def test_times_are_utc_unless_they_say_otherwise(said: str, meant: str) -> None:
    assert Instant().convert(said, None, None).isoformat() == meant


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_can_complete(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["completion", shell]) == 0
    assert "_RALLYPOINT_COMPLETE" in capsys.readouterr().out


@pytest.mark.parametrize("data", [{"text": "a\nb\u2028c"}, {1: {"x": b"raw"}}, {"items": ("a", {"b"})}])
def test_json_is_one_line_of_ascii(data: Any) -> None:
    line = json_line(data)
    assert line.isascii()
    assert line.count("\n") == 1
    json.loads(line)
