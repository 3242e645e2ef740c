"""Verbs about links: join an incident to an item, create one for it, part them, try again."""

import secrets

from rallypoint import access, incidents
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Invalid
from rallypoint.sync import carrying_store, hub, store
from rallypoint.sync.budget import Pressing
from rallypoint.sync.mapping import Mapping
from rallypoint.sync.model import Link
from rallypoint.sync.scope import place_of


async def link_existing(tx: Transaction, number: int, *, mapping_id: int, remote_id: str) -> Link:
    """Join the incident to an item that is there already. What differs is settled by the mapping, and recorded."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    await incidents.incident(tx, number)
    mapping = await store.mapping(tx, mapping_id)
    if not remote_id.strip():
        raise Invalid("remote_id", "write the item's id or key", "PAY-142")
    made = await store.add_link(tx, incident=number, mapping=mapping, remote_id=remote_id.strip())
    if made is None:
        raise Clash(f"INC-{number} is linked to {remote_id.strip()} already.")
    return made


async def create_remote(tx: Transaction, number: int, *, mapping_id: int) -> Link:
    """Create an item for the incident in the tool. Asking twice creates one."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    mapping = await store.mapping(tx, mapping_id)
    made = await order(tx, number, mapping)
    if made is None:
        raise Clash(f"INC-{number} has an item under {mapping.name} already, or one is being created.")
    return made


async def order(tx: Transaction, number: int, mapping: Mapping, *, pressing: Pressing = Pressing.NEWS) -> Link | None:
    """A link whose item a lane is to create; None where the incident has one under this mapping."""
    if await store.has_link(tx, number, mapping.id):
        return None
    item = await hub.read(tx, number, base_url="")
    place = place_of(mapping.create, item)
    return await store.add_link(
        tx, incident=number, mapping=mapping, remote_id=None, create_op=secrets.token_hex(8), project=place.project,
        type=place.type, pressing=pressing,
    )  # fmt: skip


async def part(tx: Transaction, link_id: int, *, reason: str = "") -> None:
    """End the link. Both records stay as they are, and go their own ways."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    found = await store.link(tx, link_id)
    said = reason.strip()[:300] or f"parted by {tx.actor.name}"
    await store.change_link(tx, found.id, state="ended", state_reason=said, due_at=None)


async def try_again(tx: Transaction, link_id: int) -> None:
    """What failed is tried anew now, with its error forgotten; a field that was stopped moves again."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    await store.thaw(tx, link_id)
    await store.try_fields_again(tx, link_id)
    await carrying_store.try_again(tx, [link_id])
    await store.mark_links(tx, [link_id], retry=True)
