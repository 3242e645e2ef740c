"""What people do with action items on the page of a retrospective, and what they follow in other tools."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import date

from rallypoint import learning
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, sync_words
from rallypoint.errors import Invalid, NotFound
from rallypoint.learning import Improves, elsewhere
from rallypoint.sync.follower_store import Standing

Work = Callable[[Transaction, int, forms.Form], Awaitable[str]]


def standing(found: Standing) -> sync_words.Standing:
    """How what an action item follows stands, in words."""
    return sync_words.of_link(asdict(found) | {"rests_until": None, "conflicts": 0})


def due_on(form: forms.Form) -> date:
    try:
        return date.fromisoformat(form.text("due_on"))
    except ValueError:
        raise Invalid("due_on", "say by which day", "2026-06-30") from None


async def of_page(tx: Transaction, number: int, form: forms.Form) -> int:
    """An action item is only acted on from the page of its own incident."""
    id = form.number("item") or 0
    if (await learning.action_item(tx, id)).incident != number:
        raise NotFound("action item", id)
    return id


async def add(tx: Transaction, number: int, form: forms.Form) -> str:
    owner = form.number("owner_id")
    if owner is None:
        raise Invalid("owner_id", "choose who will do it: without an owner nothing happens")
    await learning.add_action_item(
        tx,
        number,
        title=form.text("title"),
        owner_id=owner,
        due_on=due_on(form),
        improves=form.text("improves") or Improves.SERVICE,
    )
    return "The action item stands."


async def change(tx: Transaction, number: int, form: forms.Form) -> str:
    id = await of_page(tx, number, form)
    await learning.update_action_item(
        tx, id, title=form.text("title"), owner_id=form.number("owner_id"), due_on=due_on(form)
    )
    return "Changed."


async def finish(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.finish(tx, await of_page(tx, number, form))
    return "Done."


async def drop(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.drop(tx, await of_page(tx, number, form), reason=form.text("reason"))
    return "Dropped."


async def reopen(tx: Transaction, number: int, form: forms.Form) -> str:
    await learning.reopen(tx, await of_page(tx, number, form), reason=form.text("reason"))
    return "Open again."


async def part(tx: Transaction, number: int, form: forms.Form) -> str:
    await elsewhere.part(tx, await of_page(tx, number, form), reason=form.text("reason"))
    return "Parted. Each goes its own way."


async def again(tx: Transaction, number: int, form: forms.Form) -> str:
    await elsewhere.try_again(tx, await of_page(tx, number, form))
    return "It is tried again now."


ACTS: dict[str, Work] = {
    "item": add,
    "change": change,
    "finish": finish,
    "drop": drop,
    "reopen": reopen,
    "part": part,
    "again": again,
}
