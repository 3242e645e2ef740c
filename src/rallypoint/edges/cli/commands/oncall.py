"""`oncall`: who is on call, and who would be paged."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act
from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.output import Out

if TYPE_CHECKING:
    from rallypoint.db import Transaction

group = click.Group("oncall", help="Who is on call, and who would be paged.")


class Instant(click.ParamType[datetime]):
    """An ISO 8601 date, or date and time; UTC where it names no offset."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            at = datetime.fromisoformat(str(value))
            at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
        except (ValueError, OverflowError):
            self.fail(f'{value!r} is not a time like "2026-06-07 03:00".', param, ctx)
        return at


@command(group, "now")
def now(out: Out) -> None:
    """Each schedule: who, until when, who is next."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import oncall

        return [
            {
                "schedule": n.schedule.key,
                "team": n.team,
                "person": n.person_name,
                "until": n.shift.ends_at,
                "why": n.shift.why,
                "next_person": n.next_name,
            }
            for n in await oncall.now(tx)
        ]

    columns = {"schedule": "Schedule", "person": "On call", "until": "Until", "next_person": "Next", "why": "Why"}
    rows = act(work)
    if not out.as_json:
        rows = [r | {"person": r["person"] or "NOBODY"} for r in rows]
    out.table(rows, columns, empty="There is no schedule yet.")


@command(group, "dry-run")
@click.argument("service")
@click.option("--at", type=Instant(), help='As "2026-06-07 03:00", in UTC unless it names an offset; now, if left out.')
def dry_run(out: Out, service: str, at: datetime | None) -> None:
    """Who would be paged if SERVICE failed then, and why. Nobody is."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import oncall

        steps = await oncall.dry_run(tx, service, at or tx.now)
        return [{"after_minutes": s.after_minutes, "people": [p.name for p in s.people], "why": s.why} for s in steps]

    columns = {"after_minutes": "After (min)", "people": "Paged", "why": "Why"}
    out.table(act(work), columns, empty="Nobody would be paged.")
