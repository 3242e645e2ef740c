"""`key`: API keys."""

from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act
from rallypoint.edges.cli.command import ROLE_NAMES, command, named
from rallypoint.edges.cli.output import Out, pick

if TYPE_CHECKING:
    from rallypoint.db import Transaction

group = click.Group("key", help="API keys.")

SHOWN = ("id", "name", "hint", "roles", "scopes", "created_by", "created_at", "last_used_at", "revoked_at")


@command(group, "add")
@named
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLE_NAMES), metavar="ROLE",
              help=f"{', '.join(ROLE_NAMES)}; repeat for more. Left out: responder, or what --person is.")  # fmt: skip
@click.option("--scope", "scopes", multiple=True, help="What it may do at most, for example read_incident.")
@click.option("--person", help="Acts for the person with this e-mail address, with at most their roles.")
def add(out: Out, name: str, roles: tuple[str, ...], scopes: tuple[str, ...], person: str | None) -> None:
    """A new key. Its token is shown this once."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import access
        from rallypoint.errors import NotFound

        owner = await access.person_by_email(tx, person) if person else None
        if person and owner is None:
            raise NotFound("person with the e-mail address", person)
        wanted = roles or (() if owner else ("responder",))
        made = await access.create_key(
            tx, name=name, roles=wanted, scopes=scopes or None, person_id=owner.id if owner else None
        )
        return {"token": made.token} | pick(made.key, SHOWN)

    made = act(work)
    out.result(made, f"{made['token']}\nKeep it: it is not shown again.")


@command(group, "list")
def list_(out: Out) -> None:
    """All keys, also revoked ones: history names them."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import access

        return [pick(key, SHOWN) for key in await access.keys(tx)]

    columns = {"id": "Id", "name": "Name", "hint": "Begins", "roles": "Roles", "scopes": "Scopes",
               "last_used_at": "Last used", "revoked_at": "Revoked"}  # fmt: skip
    out.table(act(work), columns, empty="There is no key yet.")


@command(group, "revoke")
@click.argument("id", type=click.IntRange(1, 2**53 - 1))
def revoke(out: Out, id: int) -> None:
    """It stops working at once."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import access

        return pick(await access.revoke_key(tx, id), SHOWN)

    out.result(act(work), "Revoked.")
