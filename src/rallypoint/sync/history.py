"""Historical sync: what was there before a mapping was is brought over once, by a plan that a person starts.

The verbs; the work is done in bringing.py, the SQL is in history_store.py. Nothing is written before the start.
"""

from collections.abc import Iterable
from datetime import datetime

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.actors import Actor
from rallypoint.db import Database, Transaction
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Invalid, Problem, Refused
from rallypoint.sync import history_store, store
from rallypoint.sync.history_model import History, Stage, Way
from rallypoint.sync.mapping import Condition
from rallypoint.sync.ports import Historical
from rallypoint.sync.setting_up import PLACE_FIELDS, SetUp, hub_schema


async def plan(
    tx: Transaction,
    mapping_id: int,
    *,
    direction: str,
    since: datetime | None = None,
    conditions: tuple[Condition, ...] = (),
    match: str = "",
) -> History:
    """List what would be brought over, in the background. Nothing is written before `start`.

    `conditions` are on fields of what is brought, besides the mapping's own. A mapping has one historical sync at a
    time.
    """
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    mapping = await store.mapping(tx, mapping_id)
    if direction not in (Way.RECEIVE, Way.SEND):
        raise Invalid("direction", "must be receive or send", "receive")
    if since is not None and since > tx.now:
        raise Invalid("since", "lies in the future", "2026-05-01")
    if match and mapping.rule_for(match) is None:
        raise Invalid("match", f"{match} is no field that this mapping links", "title")
    if match and direction == Way.SEND:
        raise Invalid("match", "is for items that are brought here; incidents that are sent get an item of their own")
    for one in await history_store.of_mapping(tx, mapping_id):
        if not one.state.over:
            raise Clash(f"A historical sync of this mapping is {one.state.value} already; end it first.")
    made = await history_store.add(
        tx, mapping_id=mapping_id, connection_id=mapping.connection, direction=direction, since=since,
        conditions=conditions, match=match,
    )  # fmt: skip
    await access.record(tx, "historical sync planned", f"mapping:{mapping_id}", {"direction": direction})
    return made


async def start(tx: Transaction, id: int) -> History:
    """Begin, or go on after a pause. Raises Conflict where there is nothing to start."""
    return await _move(tx, id, Stage.RUNNING, (Stage.PLANNED, Stage.PAUSED), "started")


async def pause(tx: Transaction, id: int) -> History:
    """Nothing more is begun; what is being written comes to its end."""
    return await _move(tx, id, Stage.PAUSED, (Stage.RUNNING,), "paused")


async def cancel(tx: Transaction, id: int) -> History:
    """End it. What was brought over stays, and stays linked."""
    before = (Stage.PLANNING, Stage.PLANNED, Stage.RUNNING, Stage.PAUSED)
    return await _move(tx, id, Stage.CANCELLED, before, "cancelled")


async def try_again(tx: Transaction, id: int) -> History:
    """What failed is taken up once more."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    now = await history_store.one(tx, id, for_update=True)
    if now.state is Stage.CANCELLED or not await history_store.forget_failures(tx, id):
        raise Clash("Nothing of it failed, or it was cancelled.")
    state = Stage.RUNNING if now.state in (Stage.RUNNING, Stage.DONE) else now.state
    await history_store.change(tx, id, state=state.value, due_at=tx.now, error="", ended_at=None)
    return await history_store.one(tx, id)


async def _move(tx: Transaction, id: int, to: Stage, allowed: tuple[Stage, ...], word: str) -> History:
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    now = await history_store.one(tx, id, for_update=True)
    if now.state not in allowed:
        raise Clash(f"This historical sync is {now.state.value}.")
    runs = to is Stage.RUNNING
    await history_store.change(
        tx, id, state=to.value, due_at=tx.now if runs else None, error="" if runs else now.error,
        started_at=now.started_at or (tx.now if runs else None), ended_at=tx.now if to.over else None,
    )  # fmt: skip
    await access.record(tx, f"historical sync {word}", f"mapping:{now.mapping_id}", {"id": id})
    return await history_store.one(tx, id)


async def plan_with(
    db: Database,
    set_up: SetUp,
    actor: Actor,
    mapping_id: int,
    *,
    direction: str,
    since: datetime | None = None,
    conditions: tuple[Condition, ...] = (),
    match: str = "",
) -> History:
    """`plan`, where the tool can do it: one that lists no items is told beforehand."""
    access.require(actor, Permission.MANAGE_INTEGRATIONS)
    async with db.transaction(actor) as tx:
        mapping = await store.mapping(tx, mapping_id)
        key = (await store.connection_by_id(tx, mapping.connection)).key
    if direction == Way.RECEIVE:
        async with set_up.tracker(actor, key) as (connection, tracker):
            if not isinstance(tracker, Historical):
                raise Refused(
                    f"{connection.name} cannot be asked for what it has, so nothing can be brought from there at once.",
                    guard="history", who_may="nobody",
                    help="Link items one by one, or let the mapping receive: then each comes with its next change.",
                )  # fmt: skip
            there = await tracker.describe(mapping.create.project, mapping.create.type)
            _demand_known(conditions, {one.id for one in there.fields} | PLACE_FIELDS, connection.name)
    else:
        async with db.transaction(actor) as tx:
            here = await hub_schema(tx)
        _demand_known(conditions, {one.id for one in here.fields}, "The incident")

    async def work(tx: Transaction) -> History:
        return await plan(tx, mapping_id, direction=direction, since=since, conditions=conditions, match=match)

    return await db.run(actor, work)


def _demand_known(conditions: Iterable[Condition], known: set[str], who: str) -> None:
    """A condition on a field that nobody has would silently leave everything out."""
    wrong = [
        Problem(f"conditions[{index}]", f"{who} has no field {one.field!r}.")
        for index, one in enumerate(conditions)
        if one.field not in known
    ]
    if wrong:
        raise Invalid(wrong)
