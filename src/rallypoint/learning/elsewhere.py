"""Verbs about action items elsewhere: have one made in a tool, follow one that is there, part, try again."""

import secrets
from collections.abc import Sequence
from dataclasses import replace

from rallypoint.access.permissions import Permission, require
from rallypoint.actors import Actor
from rallypoint.db import Database, Transaction
from rallypoint.errors import Conflict, Invalid, Refused
from rallypoint.incidents.history import Line, append
from rallypoint.learning import store
from rallypoint.learning.model import ActionItem, ItemState
from rallypoint.sync import codec, follower_store
from rallypoint.sync import store as sync_store
from rallypoint.sync.follower_store import Standing
from rallypoint.sync.model import Gone
from rallypoint.sync.setting_up import SetUp

REASON_LONGEST = 300


async def send(tx: Transaction, item_id: int, *, mapping_id: int, project: str = "", type: str = "") -> Standing:
    """Have a work item made for an open action item, by a mapping; project and type are the mapping's own unless named.
    It is made in the background, once, however often an answer is lost."""
    require(tx.actor, Permission.EDIT_REVIEW)
    item = await _open(tx, item_id)
    mapping = await sync_store.mapping(tx, mapping_id)
    made = await follower_store.add(
        tx, action_item=item.id, incident=item.incident, connection=mapping.connection, mapping=mapping.id,
        mapping_version=mapping.version, remote_id=None, project=project.strip() or mapping.create.project,
        type=type.strip() or mapping.create.type, create_op=secrets.token_hex(8),
    )  # fmt: skip
    return await _begun(tx, item, made, "is sent to")


async def link_existing(
    db: Database, desk: SetUp, actor: Actor, item_id: int, *, mapping_id: int, remote_id: str
) -> Standing:
    """Follow an item that is there, by its id or key. It is read first, so that a typing mistake is told at once."""
    require(actor, Permission.EDIT_REVIEW)
    if not remote_id.strip():
        raise Invalid("remote_id", "write the item's id or key", "PAY-142")
    async with db.transaction(actor) as tx:
        await store.item(tx, item_id)
        mapping = await sync_store.mapping(tx, mapping_id)
        key = (await sync_store.connection_by_id(tx, mapping.connection)).key
    async with desk.tracker(actor, key, Permission.EDIT_REVIEW) as (connection, tracker):
        found = await tracker.read(remote_id.strip())
    if isinstance(found, Gone):
        said = f"cannot be read in {connection.name}: {found.detail or found.reason.value}"
        raise Invalid("remote_id", said)

    async def work(tx: Transaction) -> Standing:
        item = await store.item(tx, item_id, lock=True)
        made = await follower_store.add(
            tx, action_item=item.id, incident=item.incident, connection=mapping.connection, mapping=mapping.id,
            mapping_version=mapping.version, remote_id=found.id, key=found.key, url=found.url,
            project=found.project or mapping.create.project, type=found.type or mapping.create.type,
        )  # fmt: skip
        return await _begun(tx, item, made, f"follows {found.key or found.id} in")

    return await db.run(actor, work)


async def part(tx: Transaction, item_id: int, *, reason: str = "") -> Standing:
    """They go their own ways from now on; both stay as they are."""
    require(tx.actor, Permission.EDIT_REVIEW)
    item = await store.item(tx, item_id, lock=True)
    follower = await follower_store.live(tx, item_id)
    said = " ".join(reason.split())[:REASON_LONGEST] or f"parted by {tx.actor.name}"
    await follower_store.change(tx, follower.link.id, state="ended", state_reason=said, due_at=None, error=None)
    await tell(tx, item, f"Action item follows {follower.link.key or 'nothing'} no more: {item.title}", reason=said)
    return await standing(tx, item_id)


async def try_again(tx: Transaction, item_id: int) -> Standing:
    """What failed is tried anew now, with its error forgotten; a field that was stopped moves again."""
    require(tx.actor, Permission.EDIT_REVIEW)
    await store.item(tx, item_id, lock=True)
    follower = await follower_store.live(tx, item_id)
    known = await follower_store.memory(tx, follower.link.id)
    fresh = replace(
        known, turns=(), frozen=frozenset(),
        shadows=tuple(replace(one, tried_version=None, tried_revision="") for one in known.shadows),
    )  # fmt: skip
    await follower_store.change(
        tx, follower.link.id, memory=codec.to_json(fresh), error=None, attempts=0, due_at=tx.now, hub_changed=True
    )
    tx.hint(follower_store.TOPIC, f"incident:{follower.link.incident}")
    return await standing(tx, item_id)


async def standing(tx: Transaction, item_id: int) -> Standing:
    """How its newest item elsewhere stands."""
    return next(iter(await follower_store.standing(tx, action_items=[item_id])))


async def standings(tx: Transaction, items: Sequence[ActionItem]) -> dict[int, Standing]:
    """How the items elsewhere of these action items stand, by the action item's id; parted ones too."""
    require(tx.actor, Permission.READ_INCIDENT)
    found = await follower_store.standing(tx, action_items=[one.id for one in items])
    return {one.action_item: one for one in found}


async def tell(tx: Transaction, item: ActionItem, text: str, *, reason: str = "", actor: Actor | None = None) -> None:
    """A line on the incident's timeline."""
    await append(tx, item.incident, Line(kind="review", text=text, reason=reason, actor=actor))
    tx.hint(f"incident:{item.incident}")


async def _open(tx: Transaction, item_id: int) -> ActionItem:
    item = await store.item(tx, item_id, lock=True)
    if item.state is not ItemState.OPEN:
        raise Refused(f"This action item is {item.state} already; nothing is left to do elsewhere.", guard="state")
    return item


async def _begun(tx: Transaction, item: ActionItem, made: int | None, verb: str) -> Standing:
    if made is None:
        raise Conflict("This action item follows an item elsewhere already. Part them first.")
    found = await standing(tx, item.id)
    await tell(tx, item, f"Action item {verb} {found.connection_name}: {item.title}")
    return found
