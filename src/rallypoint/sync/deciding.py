"""A person decides a conflict, and may turn round what a rule or a person decided.

The chosen value becomes the incident's by an ordinary edit of that person, and travels by the ordinary rules. Only
what was never agreed to (an open conflict, a value that one side had refused) is marked as seen, so that it is no
conflict again.
"""

from rallypoint import access, incidents
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import Refused
from rallypoint.sync import conflict_store, hub, store
from rallypoint.sync.budget import Pressing
from rallypoint.sync.equality import same
from rallypoint.sync.hub import Arrival
from rallypoint.sync.mapping import Direction, Mapping
from rallypoint.sync.model import HubField, Link, LinkState, Shadow, Side
from rallypoint.sync.planner import acknowledged
from rallypoint.sync.work import OpenConflict

LONGEST_SHOWN = 80


class EditedSince(Clash):
    """The field was changed after the conflict or its decision; to decide it now would replace that."""


async def settle(tx: Transaction, id: int, side: Side, *, over: bool = False) -> OpenConflict:
    """Decide a conflict that waits, or what a rule decided. What a person decided is turned round by `turn_round`.

    `over` also replaces what was edited since; without it that raises EditedSince, which says what would be replaced.
    """
    found = await _held(tx, id)
    if found.chosen is not None:
        raise Clash(f"{found.settled_by} settled this conflict; turn that round if it was wrong.")
    return await _decide(tx, found, side, over=over)


async def turn_round(tx: Transaction, id: int, *, over: bool = False) -> OpenConflict:
    """Bring the value that lost to both sides. Raises Conflict where nothing was decided; EditedSince."""
    found = await _held(tx, id)
    if found.standing is None:
        raise Clash("Nobody has decided this conflict yet; choose whose value is kept.")
    return await _decide(tx, found, Side.REMOTE if found.standing is Side.HUB else Side.HUB, over=over)


async def _held(tx: Transaction, id: int) -> OpenConflict:
    """The conflict as it stands, with incident and link held in the order in which a pass takes them."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    seen = await conflict_store.conflict(tx, id)
    await incidents.locked(tx, seen.incident)
    await store.lock_link(tx, seen.link_id)
    await conflict_store.lock(tx, id)
    found = await conflict_store.conflict(tx, id)
    if found.overtaken:
        raise Clash("This conflict is over: both sides agreed since, or a later conflict of the field took its place.")
    return found


async def _decide(tx: Transaction, found: OpenConflict, side: Side, *, over: bool) -> OpenConflict:
    body, tool = found.body, found.connection_name
    link = await store.link(tx, found.link_id)
    _possible(link, await store.mapping(tx, link.mapping), found, side)
    now = await _field(tx, found)
    if not over and found.is_later(now.version, now.value):
        raise EditedSince(_since(body.field, now))
    shadow = await store.shadow_of(tx, link.id, body.field)
    if found.standing is None or _never_crossed(shadow, found):
        await store.save_shadow(tx, link.id, acknowledged(shadow, body))
    await store.forget_waiting(tx, link.id, body.field)
    if body.field in link.frozen:  # the fuse had stopped it; a person has chosen
        await store.thaw(tx, link.id, body.field)
    arrival = Arrival(
        number=found.incident, field=body.field, value=found.value_of(side), beside={}, tool=tool, url="",
        decided=f"{tx.actor.name} decided a conflict with {tool}",
    )  # fmt: skip
    await hub.take(tx, arrival)
    left = await _field(tx, found)
    await conflict_store.decided(tx, found.id, side=side, by=tx.actor.name, left_version=left.version)
    await store.mark_links(tx, [link.id], retry=True, pressing=Pressing.SAID)
    return await conflict_store.conflict(tx, found.id)


async def _field(tx: Transaction, found: OpenConflict) -> HubField:
    field = (await hub.read(tx, found.incident, base_url="")).fields.get(found.body.field)
    if field is None:
        raise Clash(f"The incident has no field {found.body.field!r} any more.")
    return field


def _possible(link: Link, mapping: Mapping, found: OpenConflict, side: Side) -> None:
    """Raises Refused where the value would not reach the other side."""
    where = found.remote_key or "the item"
    if link.state not in (LinkState.ACTIVE, LinkState.PAUSED):
        raise Refused(
            f"{where} is not linked any more, so nothing would be written there.", guard="link", who_may="nobody",
            help="Change the incident itself, as you like it.",
        )  # fmt: skip
    directions = {one.hub: one.direction for one in mapping.fields}
    if mapping.status is not None:
        directions[mapping.status.hub_field] = mapping.status.direction
    direction = directions.get(found.body.field)
    if direction is None:
        raise Refused(f"{mapping.name} does not map {found.body.field} any more.", guard="mapping", who_may="nobody")
    if direction is Direction.IN and side is Side.HUB:
        raise Refused(
            f"{found.body.field.capitalize()} is only taken from {found.connection_name} and never written there.",
            guard="direction", who_may="nobody", help=f"Change it in {found.connection_name}.",
        )  # fmt: skip


def _never_crossed(shadow: Shadow | None, found: OpenConflict) -> bool:
    """The two sides still hold different values: one of them refused what the rule had decided."""
    if shadow is None or not shadow.hub_version:
        return True
    return bool(shadow.reason) and same(shadow.raw, found.body.remote_raw)


def _since(field: str, now: HubField) -> str:
    shown = str(now.value if now.value not in (None, "", ()) else "empty")
    shown = shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}…"
    return (
        f"{field.capitalize()} was changed since, by {now.by or 'somebody'}: it is {shown!r} now, which would be lost."
    )
