"""`action`: what was promised in retrospectives, and its work items in other tools."""

from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act, actor, at_home, person
from rallypoint.edges.cli.command import AS, command
from rallypoint.edges.cli.output import Out, pick

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rallypoint.db import Transaction
    from rallypoint.house import House
    from rallypoint.learning import ActionItem

group = click.Group("action", help="What was promised in retrospectives.")

ID = click.argument("id", type=click.IntRange(1, 2**53 - 1))
SAME = ("id", "incident", "title", "improves", "owner_name", "due_on", "state", "reason", "finished_at", "finished_by")
THERE = ("connection", "remote_key", "url", "state", "state_reason", "agreed_at", "error", "held_back")
COLUMNS = {"id": "Id", "incident": "INC", "title": "What", "owner_name": "Who", "due_on": "By", "state": "State",
           "item": "Item", "there": "There"}  # fmt: skip


async def _rows(tx: "Transaction", items: "Sequence[ActionItem]") -> list[dict[str, Any]]:
    from rallypoint.learning import elsewhere

    found, rows = await elsewhere.standings(tx, items), []
    for one in items:
        standing = found.get(one.id)
        there = None if standing is None else pick(standing, THERE)
        said = {} if standing is None else {"item": standing.remote_key, "there": _said(standing)}
        rows.append(pick(one, SAME) | {"item": "", "there": ""} | said | {"elsewhere": there})
    return rows


def _said(standing: Any) -> str:
    if standing.error:
        return str(standing.error.get("said") or standing.error.get("cause"))
    if standing.held_back:
        return "; ".join(f"{one['field']}: {one['reason']}" for one in standing.held_back)
    return standing.state_reason or str(standing.state)


async def _row(tx: "Transaction", id: int) -> dict[str, Any]:
    from rallypoint import learning

    return (await _rows(tx, [await learning.action_item(tx, id)]))[0]


@command(group, "list")
@click.option("--incident", type=click.IntRange(1, 2**53 - 1), help="All of one incident; else the open ones.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_(out: Out, incident: int | None, limit: int) -> None:
    """Open action items, the soonest due first."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import learning

        if incident is not None:
            return await _rows(tx, await learning.action_items(tx, incident))
        found, _ = await learning.open_action_items(tx, limit=limit)
        return await _rows(tx, found)

    out.table(act(work), COLUMNS, empty="Nothing is promised and open.")


@command(group, "finish")
@ID
@AS
def finish(out: Out, id: int, acting: str | None) -> None:
    """It is done."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import learning

        await learning.finish(tx, id)
        return await _row(tx, id)

    out.result(act(work, acting=acting), "Done.")


@command(group, "drop")
@ID
@click.option("--reason", required=True)
@AS
def drop(out: Out, id: int, reason: str, acting: str | None) -> None:
    """It will not be done."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import learning

        await learning.drop(tx, id, reason=reason)
        return await _row(tx, id)

    out.result(act(work, acting=acting), "Dropped.")


@command(group, "reopen")
@ID
@click.option("--reason", required=True)
@AS
def reopen(out: Out, id: int, reason: str, acting: str | None) -> None:
    """It is to be done after all."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import learning

        await learning.reopen(tx, id, reason=reason)
        return await _row(tx, id)

    out.result(act(work, acting=acting), "Open again.")


@command(group, "send")
@ID
@click.option("--mapping", type=click.IntRange(1, 2**31 - 1), required=True, help="By which mapping.")
@click.option("--project", default="", help="Where; else the mapping's own place.")
@click.option("--type", "kind", default="", help="As what; else the mapping's own type.")
@click.option("--item", "remote_id", default="", help="An item that is there already; else one is made.")
@AS
def send(out: Out, id: int, mapping: int, project: str, kind: str, remote_id: str, acting: str | None) -> None:
    """Have a work item made for it in another tool, or follow one that is there."""

    async def whole(house: "House") -> dict[str, Any]:
        from rallypoint.learning import elsewhere

        me = await person(house, acting) if acting else actor()
        if remote_id.strip():
            await elsewhere.link_existing(house.db, house.set_up, me, id, mapping_id=mapping, remote_id=remote_id)
        else:
            await house.db.run(
                me, lambda tx: elsewhere.send(tx, id, mapping_id=mapping, project=project, type=kind)
            )  # fmt: skip
        return await house.db.run(me, lambda tx: _row(tx, id))

    made = at_home(whole)
    out.result(made, f"It follows {made['item']}." if made["item"] else "It is being made there.")


@command(group, "part")
@ID
@click.option("--reason", default="")
@AS
def part(out: Out, id: int, reason: str, acting: str | None) -> None:
    """It follows its item elsewhere no more. Both stay as they are."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.learning import elsewhere

        await elsewhere.part(tx, id, reason=reason)
        return await _row(tx, id)

    out.result(act(work, acting=acting), "Parted.")


@command(group, "retry")
@ID
@AS
def retry(out: Out, id: int, acting: str | None) -> None:
    """Try its item elsewhere again now."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.learning import elsewhere

        await elsewhere.try_again(tx, id)
        return await _row(tx, id)

    out.result(act(work, acting=acting), "It is tried again.")
