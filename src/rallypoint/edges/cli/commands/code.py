"""`export`, `plan`, `apply`: the set-up as files under version control."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act
from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.output import Out

if TYPE_CHECKING:
    from rallypoint.db import Transaction
    from rallypoint.edges.code import Change

group = click.Group("code")

FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
PRUNE = click.option("--prune", is_flag=True, help="Also take away what the file does not name, section by section.")


@command(group, "export")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="A .toml or .json file; else, the screen.")
def export(out: Out, to: Path | None) -> None:
    """People, teams, services, schedules, policies, domains: everything but secrets and history."""
    from rallypoint.edges.code import export_document, write

    document = act(export_document)
    if to is not None:
        to.write_text(write(document, "json" if to.suffix == ".json" else "toml"), "utf-8")
        out.result({"file": str(to)}, f"Written to {to}.")
    elif out.as_json:
        out.result(document)
    else:
        click.echo(write(document, "toml"), nl=False)


@command(group, "plan")
@FILE
@PRUNE
def plan(out: Out, file: Path, prune: bool) -> None:
    """What `apply` would do. Nothing is changed."""
    from rallypoint.edges import code

    document = code.read(file)

    async def work(tx: "Transaction") -> list["Change"]:
        return await code.plan(tx, document, prune)

    _say(out, act(work), "would change", secrets=False)


@command(group, "apply")
@FILE
@PRUNE
def apply(out: Out, file: Path, prune: bool) -> None:
    """Make the set-up what the file says, all of it or nothing. New integrations' keys are shown this once."""
    from rallypoint.edges import code

    document = code.read(file)

    async def work(tx: "Transaction") -> list["Change"]:
        return await code.apply(tx, document, prune)

    _say(out, act(work), "changed", secrets=True)


def _say(out: Out, changes: Sequence["Change"], done: str, *, secrets: bool) -> None:
    rows: list[dict[str, Any]] = []
    for change in changes:
        row: dict[str, Any] = {"what": change.what, "kind": change.kind, "name": change.name}
        row["fields"] = list(change.fields)
        if secrets and change.key:
            row["key"] = change.key
        rows.append(row)
    if out.as_json:
        out.result({"changes": rows})
        return
    for row in rows:
        fields = f" ({'; '.join(row['fields'])})" if row["fields"] else ""
        key = f"  key: {row['key']}" if "key" in row else ""
        out.result(None, f"{row['what']:<8} {row['kind']} {row['name']}{fields}{key}")
    out.result(None, f"{len(rows)} {done}." if rows else "Everything is as the file says.")
