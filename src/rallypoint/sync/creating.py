"""New items: one for an incident in a tool, and an incident for an item that a tool spoke of. Each exactly once."""

import asyncio
from collections.abc import Mapping as ReadOnly
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog

from rallypoint import incidents
from rallypoint.actors import SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.errors import Invalid, NotFound, Refused
from rallypoint.sync import follower_store, history_store, hub, store
from rallypoint.sync.budget import Pressing
from rallypoint.sync.connection import Connection
from rallypoint.sync.equality import NoWay, same
from rallypoint.sync.lenses import Lenses
from rallypoint.sync.mapping import Direction, Mapping
from rallypoint.sync.model import Capabilities, Gone, HubItem, Link, RemoteItem, Shadow, Value
from rallypoint.sync.ports import Created, Draft, Outage, Tracker, TrackerError
from rallypoint.sync.scope import remote_fits
from rallypoint.sync.settling import Lost
from rallypoint.sync.work import Claim, Held, Offer, effect_done

log = structlog.get_logger()

CREATE_SECONDS = 45.0
"""How long the making of an item may take before its outcome counts as unknown."""

LOOK_AGAIN = timedelta(seconds=10)
OURS_SOON = timedelta(seconds=1)
LONG_AGO = datetime.min.replace(tzinfo=UTC)

OPENS_WITH = frozenset(
    {"title", "description", "service", "category", "impact", "urgency", "affected_people", "reporter",
     "reporter_contact"}
)  # fmt: skip


def natural_key(claim: Claim) -> str:
    """Where the item is found again if the answer to its creation is lost."""
    return f"INC-{claim.link.incident}/{claim.create_op}"


def draft_of(mapping: Mapping, lenses: Lenses, item: HubItem, claim: Claim) -> Draft:
    """The new item: what the mapping sends outwards, and the rule's own values where it sends nothing. Pure."""
    fields: dict[str, Value] = {}
    for seen in lenses.fields:
        known = item.fields.get(seen.rule.hub)
        if seen.status or seen.rule.direction is Direction.IN or known is None:
            continue
        raw = seen.lens.put(known.value, None)
        if not isinstance(raw, NoWay) and raw not in (None, "", ()):
            fields[seen.rule.remote] = raw
    return Draft(
        project=claim.link.project,
        type=claim.link.type,
        fields={**mapping.create.defaults, **fields},
        natural_key=natural_key(claim),
        url=item.url,
    )


async def create(
    db: Database, tracker: Tracker, connection: Connection, mapping: Mapping, lenses: Lenses, claim: Claim, *,
    base_url: str,
) -> Link:  # fmt: skip
    """The item of this link: found if an earlier try made it, else created.

    Raises TrackerError or Lost; Held while an earlier try may still have made one that the tool's search does not show.
    """
    made = await tracker.find(natural_key(claim)) if claim.create_sent else None
    if made is not None:
        return await _attach(db, connection, claim, Created(remote_id=made))
    if (surely := surely_not_there_from(claim, tracker.capabilities)) > db.clock.now():
        raise Held(min(surely, db.clock.now() + LOOK_AGAIN))

    async def journal(tx: Transaction) -> HubItem:
        if not await store.hold_link(tx, claim):
            raise Lost
        await store.change_link(tx, claim.link.id, create_sent=True, create_sent_at=tx.now)
        return await hub.read(tx, claim.link.incident, base_url=base_url)

    item = await db.run(hub.actor_of(connection, None), journal)
    effect_done(claim, "sync_create_journaled")
    try:
        async with asyncio.timeout(CREATE_SECONDS):
            created = await tracker.create(draft_of(mapping, lenses, item, claim), claim.create_op)
    except TimeoutError as slow:
        raise Outage(f"No answer within {CREATE_SECONDS:.0f} seconds.", unknown=True) from slow
    except TrackerError as no:
        if not no.unknown:
            await _not_sent(db, connection, claim)
        raise
    effect_done(claim, "sync_create_answered")
    return await _attach(db, connection, claim, created)


def surely_not_there_from(claim: Claim, able: Capabilities) -> datetime:
    """From when an item that cannot be found was not made: the call is over by then, and the search has caught up."""
    if not claim.create_sent or claim.create_sent_at is None or able.idempotent_create:
        return LONG_AGO
    return claim.create_sent_at + timedelta(seconds=CREATE_SECONDS + able.search_lag_seconds)


async def _not_sent(db: Database, connection: Connection, claim: Claim) -> None:
    """The tool said no, or was not reached: nothing can be there, and the next try need not wait."""

    async def work(tx: Transaction) -> None:
        if await store.hold_link(tx, claim):
            await store.change_link(tx, claim.link.id, create_sent=False, create_sent_at=None)

    await db.run(hub.actor_of(connection, None), work)


async def _attach(db: Database, connection: Connection, claim: Claim, created: Created) -> Link:
    async def work(tx: Transaction) -> Link:
        if not await store.hold_link(tx, claim):
            raise Lost
        await store.change_link(
            tx, claim.link.id, remote_id=created.remote_id, remote_key=created.key, url=created.url, state="active",
            state_reason="",
        )  # fmt: skip
        return await store.link(tx, claim.link.id)

    return await db.run(hub.actor_of(connection, None), work)


# Incidents for items.


async def consider(
    db: Database, tracker: Tracker, connection: Connection, lenses: ReadOnly[int, Lenses], mappings: list[Mapping],
    offer: Offer,
) -> None:  # fmt: skip
    """Read an item nobody is linked to; if a mapping is about it, open the incident and join the two at once.

    While items of ours are being made there, it may be one of them that the tool told us of before it answered.
    """
    async with db.transaction(SYSTEM) as tx:
        if await history_store.creating_there(tx, connection.id):
            await store.put_off_offer(tx, offer, due_at=tx.now + OURS_SOON, error="")
            return
    found = await tracker.read(offer.remote_id)
    fitting = None if isinstance(found, Gone) or found.deleted else _fitting(mappings, found)

    async def work(tx: Transaction) -> None:
        await history_store.alone_with(tx, connection.id, offer.remote_id)
        if not await store.finish_offer(tx, offer):
            return
        if fitting is None or isinstance(found, Gone) or await store.links_to(tx, connection.id, [offer.remote_id]):
            return
        if await follower_store.followed(tx, connection.id, [offer.remote_id]):
            return
        await open_and_join(tx, connection, fitting, lenses[fitting.id], found)

    await db.run(hub.actor_of(connection, found.changed_by if isinstance(found, RemoteItem) else None), work)


async def open_and_join(
    tx: Transaction, connection: Connection, mapping: Mapping, lenses: Lenses, item: RemoteItem, *,
    quiet: bool = False, pressing: Pressing = Pressing.NEWS,
) -> int:  # fmt: skip
    """An incident for an item, linked with it. What the item says already is taken at the first look: that an incident
    begins with something else here is nobody's edit, and must not go there."""
    number = await open_for(tx, connection, lenses, item, quiet=quiet)
    link = await join(tx, number, mapping, item, pressing=pressing)
    if link is None:
        return number
    made = await hub.read(tx, number, base_url="")
    for seen in lenses.fields:
        name, remote = seen.rule.hub, seen.rule.remote
        if seen.rule.direction is Direction.OUT or name not in made.fields or not item.knows(remote):
            continue
        value, ours = seen.lens.get(item.raw(remote), None), made.fields[name]
        if isinstance(value, NoWay) or same(value, ours.value):
            continue
        begun = Shadow(field=name, raw=None, hub_value=ours.value, hub_version=ours.version, remote=remote)
        await store.save_shadow(tx, link.id, begun)
    return number


async def join(
    tx: Transaction, number: int, mapping: Mapping, item: RemoteItem, *, pressing: Pressing = Pressing.NEWS
) -> Link | None:
    """Link an incident with an item that was read just now; None where they are linked already."""
    link = await store.add_link(tx, incident=number, mapping=mapping, remote_id=item.id, pressing=pressing)
    if link is not None:
        await store.change_link(
            tx, link.id, remote_key=item.key, url=item.url, project=item.project, type=item.type
        )  # fmt: skip
    return link


def _fitting(mappings: list[Mapping], item: RemoteItem) -> Mapping | None:
    return next((one for one in mappings if one.trigger.receive and remote_fits(one, item)), None)


async def open_for(
    tx: Transaction, connection: Connection, lenses: Lenses, item: RemoteItem, *, quiet: bool = False
) -> int:
    """An incident from an item. A value that this house does not know is left out rather than losing the incident.

    `quiet` is one that people know of already: nobody is paged or told.
    """
    values: dict[str, Any] = {}
    for seen in lenses.fields:
        name = seen.rule.hub
        if name in OPENS_WITH and seen.rule.direction is not Direction.OUT and item.knows(seen.rule.remote):
            value = seen.lens.get(item.raw(seen.rule.remote), None)
            if not isinstance(value, NoWay) and value not in (None, "", ()):
                values[name] = value
    names = {"reporter": "reporter_name"}
    given = {names.get(name, name): value for name, value in values.items()}
    title = str(given.pop("title", "") or item.key or item.id)
    given["title"] = " ".join(title.split())[:200]
    given.setdefault("reporter_name", connection.name)
    for _ in range(len(OPENS_WITH)):
        try:
            async with tx.savepoint():
                return (await incidents.open_incident(tx, **given, quiet=quiet)).number
        except NotFound as problem:
            wrong = next((name for name in ("service", "category") if name in given), "")
            if not wrong:
                raise
            log.warning("opened without a value", connection=connection.key, without=wrong, problem=str(problem))
            given.pop(wrong)
        except Invalid as problem:
            wrong_ones = [one.field for one in problem.problems if one.field in given and one.field != "title"]
            if not wrong_ones:
                raise
            for name in wrong_ones:
                given.pop(name)
    raise Refused("The item has nothing an incident can be opened with.", guard="sync", who_may="nobody")
