"""`user`: people and how they get in."""

import sys
from getpass import getpass
from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act, settings
from rallypoint.edges.cli.command import ROLE_NAMES, command
from rallypoint.edges.cli.output import Out, pick
from rallypoint.serve.running import base_url

if TYPE_CHECKING:
    from rallypoint.access import Person
    from rallypoint.db import Transaction

group = click.Group("user", help="People: add, list, password, login link.")

FIRST = ("admin", "responder")
ROLES = f"{', '.join(ROLE_NAMES)}; repeat for more. Left out: responder, and admin as well for the first person."
SHOWN = ("id", "name", "email", "roles", "time_zone", "active")


@command(group, "add")
@click.option("--name", required=True)
@click.option("--email", required=True)
@click.option("--role", "roles", multiple=True, type=click.Choice(ROLE_NAMES), metavar="ROLE", help=ROLES)
@click.option("--time-zone", default="UTC", show_default=True)
@click.option("--phone", default="")
def add(out: Out, roles: tuple[str, ...], **values: Any) -> None:
    """A person, and a login link to get in with once. Without --role the first person runs the house."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import access

        usual = ("responder",) if await access.people(tx) else FIRST
        person = await access.create_person(tx, roles=roles or usual, **values)
        token = await access.make_login_link(tx, person.id, minutes=24 * 60)
        return pick(person, SHOWN) | {"login_url": _link(token)}

    made = act(work)
    held = " and ".join(made["roles"])
    out.result(made, f"{made['name']} is person {made['id']}: {held}. Sign in once, within a day: {made['login_url']}")


@command(group, "list")
def list_(out: Out) -> None:
    """Everybody."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import access

        return [pick(person, SHOWN) for person in await access.people(tx)]

    columns = {"id": "Id", "name": "Name", "email": "E-mail", "roles": "Roles", "time_zone": "Zone", "active": "Active"}
    out.table(act(work), columns, empty="Nobody yet. Add the first: rallypoint user add --name ... --email ...")


@command(group, "password")
@click.argument("email")
@click.option("--stdin", is_flag=True, help="Read it from standard input instead of asking.")
def password(out: Out, email: str, stdin: bool) -> None:
    """Set somebody's password; their sessions end."""
    if stdin:
        secret = sys.stdin.readline().rstrip("\n")
    else:
        secret = getpass("New password: ")

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import access

        person = await _person(tx, email)
        await access.set_password(tx, person.id, secret)
        return pick(person, SHOWN)

    out.result(act(work), "The password is set.")


@command(group, "link")
@click.argument("email")
@click.option("--minutes", type=click.IntRange(1, 10_080), default=15, show_default=True)
def link(out: Out, email: str, minutes: int) -> None:
    """A link that signs somebody in, once."""

    async def work(tx: "Transaction") -> str:
        from rallypoint import access

        return await access.make_login_link(tx, (await _person(tx, email)).id, minutes=minutes)

    url = _link(act(work))
    out.result({"login_url": url, "minutes": minutes}, url)


async def _person(tx: "Transaction", email: str) -> "Person":
    from rallypoint import access
    from rallypoint.errors import NotFound

    person = await access.person_by_email(tx, email)
    if person is None:
        raise NotFound("person with the e-mail address", email)
    return person


def _link(token: str) -> str:
    return f"{base_url(settings())}/login/{token}"
