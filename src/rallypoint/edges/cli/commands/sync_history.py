"""`sync history`: what was there before a mapping was, planned and brought over once."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act, actor, at_home
from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.output import Out

if TYPE_CHECKING:
    from rallypoint.db import Transaction
    from rallypoint.house import House
    from rallypoint.sync.history_model import History
    from rallypoint.sync.mapping import Condition

group = click.Group("history", help="What was there before a mapping was, brought over once.")

COLUMNS = {"id": "Id", "direction": "Way", "state": "State", "total": "Items", "done": "Done", "failed": "Failed",
           "created_by": "By", "created_at": "Planned"}  # fmt: skip
PIECES = {"name": "Item", "title": "Title", "state": "State", "outcome": "Outcome", "incident": "Incident",
          "detail": "Because"}  # fmt: skip
ID = click.argument("id", type=int)


@command(group, "plan")
@click.argument("mapping", type=int)
@click.option("--direction", type=click.Choice(["receive", "send"]), default="receive", show_default=True,
              help="receive: items there become incidents here. send: incidents here get an item there.")  # fmt: skip
@click.option("--since", metavar="DATE", help="Only what changed there, or was opened here, since then.")
@click.option("--if", "conditions", multiple=True, metavar="FIELD=VALUE", help="All must hold. Again for more.")
@click.option("--match", default="", metavar="FIELD", help="Items that say the same in it join the incident there is.")
def plan(out: Out, mapping: int, direction: str, since: str | None, conditions: tuple[str, ...], match: str) -> None:
    """List what would be brought over. A running server does it in the background; nothing is written."""
    wanted = [_condition(one) for one in conditions]
    at = _since(since)

    async def work(house: "House") -> dict[str, Any]:
        from rallypoint.sync import history

        made = await history.plan_with(
            house.db, house.set_up, actor(), mapping, direction=direction, since=at, conditions=tuple(wanted),
            match=match,
        )  # fmt: skip
        async with house.db.transaction(actor()) as tx:
            return await _told(tx, made)

    _say(out, at_home(work))


def _condition(text: str) -> "Condition":
    from rallypoint.sync.mapping import Condition

    field, equals, value = text.partition("=")
    if not equals or not field:
        raise click.UsageError(f"Write a condition as FIELD=VALUE, not {text!r}.")
    return Condition(field=field, values=tuple(one.strip() for one in value.split(",") if one.strip()))


def _since(text: str | None) -> datetime | None:
    from rallypoint.errors import Invalid

    if not text:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise Invalid("since", f"{text!r} is no date", "2026-05-01") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _told(tx: "Transaction", found: "History") -> dict[str, Any]:
    from rallypoint.sync import history_store

    progress = await history_store.progress(tx, found)
    return {
        "id": found.id, "mapping_id": found.mapping_id, "direction": found.direction.value, "state": found.state.value,
        "since": found.since, "match": found.match, "looked_at": found.looked_at, "total": progress.total,
        "done": progress.done, "failed": progress.failed, "under_way": progress.under_way,
        "share": round(progress.share, 4), "outcomes": dict(progress.outcomes), "error": found.error,
        "created_by": found.created_by, "created_at": found.created_at,
    }  # fmt: skip


def _say(out: Out, found: Mapping[str, Any]) -> None:
    lines = [f"Historical sync {found['id']} is {found['state']}: {found['done']} of {found['total']} done."]
    if found["error"]:
        lines.append(f"It waits: {found['error']}")
    seen = "of those looked at" if not found["done"] else "so far"
    lines += [f"  {number:>6}  {words}" for words, number in sorted(found["outcomes"].items())]
    if found["outcomes"]:
        lines.insert(1, f"What comes of them, {seen}:")
    out.result(dict(found), "\n".join(lines))


@command(group, "list")
@click.argument("mapping", type=int)
def listed(out: Out, mapping: int) -> None:
    """Every historical sync of a mapping, the newest first."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint.sync import history_store, store

        await store.mapping(tx, mapping)
        return [await _told(tx, one) for one in await history_store.of_mapping(tx, mapping)]

    out.table(act(work), COLUMNS, empty="There is none.")


@command(group, "show")
@ID
def show(out: Out, id: int) -> None:
    """How far it is."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import history_store

        return await _told(tx, await history_store.one(tx, id))

    _say(out, act(work))


@command(group, "items")
@ID
@click.option("--state", type=click.Choice(["waiting", "done", "failed"]), help="Only these.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def items(out: Out, id: int, state: str | None, limit: int) -> None:
    """What it is about, and what came of each, or would."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint.sync import history_store

        await history_store.one(tx, id)
        found = await history_store.pieces(tx, id, state=state or "", limit=limit)
        return [{name: getattr(one, name) for name in PIECES} for one in found]

    out.table(act(work), PIECES, empty="There is none.")


def _moves(out: Out, verb: Callable[["Transaction", int], Awaitable["History"]], id: int) -> None:
    async def work(tx: "Transaction") -> dict[str, Any]:
        return await _told(tx, await verb(tx, id))

    _say(out, act(work))


@command(group, "start")
@ID
def start(out: Out, id: int) -> None:
    """Begin, or go on after a pause."""
    from rallypoint.sync import history

    _moves(out, history.start, id)


@command(group, "pause")
@ID
def pause(out: Out, id: int) -> None:
    """Nothing more is begun."""
    from rallypoint.sync import history

    _moves(out, history.pause, id)


@command(group, "cancel")
@ID
def cancel(out: Out, id: int) -> None:
    """End it for good; what was brought over stays."""
    from rallypoint.sync import history

    _moves(out, history.cancel, id)


@command(group, "retry")
@ID
def retry(out: Out, id: int) -> None:
    """Take up once more what failed."""
    from rallypoint.sync import history

    _moves(out, history.try_again, id)
