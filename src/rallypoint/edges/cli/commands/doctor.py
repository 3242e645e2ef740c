"""`doctor`: everything a page depends on, looked at one by one, with what to do about what is not right."""

from collections.abc import Sequence
from typing import Any

import click

from rallypoint.edges.cli.at_home import settings
from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.exits import Exit
from rallypoint.edges.cli.output import Out, pick
from rallypoint.edges.ops.checkup import Finding, Grade, examine

group = click.Group("doctor-commands")

SIGNS = {Grade.OK: "ok  ", Grade.WARN: "WARN", Grade.BAD: "BAD "}


@command(group, "doctor")
@click.option("--audit", is_flag=True, help="Also read the audit trail and every timeline again, link by link.")
def doctor(out: Out, audit: bool) -> int:
    """Look at the database, the engine, the ways out and the people. Ends with 1 if something is bad."""
    from rallypoint.serve.database_use import database

    mine = settings()
    with out.progress("Looking") as progress:
        findings = examine(mine, database(mine), audit=audit, progress=progress)
    worst = max((finding.grade for finding in findings), default=Grade.OK)
    _say(out, findings)
    if any(finding.name == "database" and finding.grade is Grade.BAD for finding in findings):
        return Exit.UNREADY
    return Exit.REFUSED if worst is Grade.BAD else Exit.OK


def _say(out: Out, findings: Sequence[Finding]) -> None:
    rows: list[dict[str, Any]] = [
        pick(finding, ("name", "said"))
        | {"grade": finding.grade.name.lower(), "help": "" if finding.grade is Grade.OK else finding.help}
        for finding in findings
    ]
    out.result({"ok": all(f.grade is not Grade.BAD for f in findings), "checks": rows}, "")
    if not out.as_json:
        for finding in findings:
            help = f"\n      {' ' * 20} {finding.help}" if finding.help and finding.grade is not Grade.OK else ""
            out.result(None, f"{SIGNS[finding.grade]}  {finding.name:<20} {finding.said}{help}")
