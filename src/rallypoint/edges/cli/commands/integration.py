"""`integration`: where alerts come in."""

from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act, settings
from rallypoint.edges.cli.command import command, named
from rallypoint.edges.cli.output import Out, pick
from rallypoint.serve.running import base_url

if TYPE_CHECKING:
    from rallypoint.db import Transaction

group = click.Group("integration", help="Where alerts come in.")

SHOWN = ("id", "name", "kind", "service_id", "key_prefix", "disabled", "created_at", "last_seen_at")
KINDS = ("any", "prometheus", "alertmanager", "pagerduty", "generic")


@command(group, "add")
@named
@click.option("--kind", type=click.Choice(KINDS), default="any", show_default=True)
@click.option("--service", help="The service its alerts concern, unless they say so themselves.")
def add(out: Out, name: str, kind: str, service: str | None) -> None:
    """A new way in. Its key is shown this once."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import alerts

        made = await alerts.create_integration(tx, name=name, kind=kind, service=service)
        return {"key": made.key, "url": f"{base_url(settings())}/in/{made.key}"} | pick(made.integration, SHOWN)

    made = act(work)
    out.result(made, f"{made['url']}\nKeep it: the key is not shown again.")


@command(group, "list")
def list_(out: Out) -> None:
    """All of them, with when each was last heard."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import alerts

        return [pick(one, SHOWN) for one in await alerts.integrations(tx)]

    columns = {"id": "Id", "name": "Name", "kind": "Kind", "key_prefix": "Key begins", "last_seen_at": "Last heard",
               "disabled": "Disabled"}  # fmt: skip
    out.table(act(work), columns, empty="There is no integration yet.")
