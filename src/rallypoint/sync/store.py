"""The SQL of this room: connections, mappings, links and all that a link remembers.

What the planner reasons about (shadows, intents, pairs) is kept as JSON of its dataclass: it is always read and
written whole, by link. What the lanes look for (due, lease, state) has columns and indexes.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar

import asyncpg

from rallypoint.db import Transaction
from rallypoint.errors import Conflict as Clash
from rallypoint.errors import NotFound
from rallypoint.sync import codec
from rallypoint.sync.attachments import FileWhy
from rallypoint.sync.budget import Pressing
from rallypoint.sync.connection import Connection
from rallypoint.sync.fuse import Turn
from rallypoint.sync.mapping import Mapping, differences, mapping_from_json, mapping_to_json
from rallypoint.sync.memory import Memory
from rallypoint.sync.model import (
    AttachmentPair,
    CommentIntent,
    CommentPair,
    Conflict,
    Intent,
    Link,
    LinkState,
    Relation,
    Shadow,
)
from rallypoint.sync.relations import key_of
from rallypoint.sync.work import Claim, Offer, StoredField

T = TypeVar("T")

LEASE = timedelta(seconds=90)
INBOX_KEPT = timedelta(days=14)

CONNECTION = """id, key, name, tool, base_url, settings, state, state_reason, webhook, cursor, polled_at, poll_due_at,
    reconcile_after, reconcile_due_at, succeeded_at, failed_at, failure, failures, closed_until, skew_seconds,
    created_at"""
LINK = """l.id, l.incident, l.connection_id as connection, l.mapping_id as mapping, l.mapping_version,
    coalesce(l.remote_id, '') as remote_id, l.remote_key as key, l.url, l.project, l.type, l.state, l.state_reason,
    l.revision, l.missed_reads, l.frozen"""

# Connections.


async def add_connection(
    tx: Transaction, *, key: str, name: str, tool: str, base_url: str, settings: dict[str, Any],
    sealed_secrets: bytes | None, hook_key_hash: bytes, sealed_hook: bytes | None,
) -> Connection:  # fmt: skip
    """Raises Conflict when the key is taken."""
    try:
        return await tx.one(
            Connection,
            f"""
            insert into sync_connection (key, name, tool, base_url, settings, sealed_secrets, hook_key_hash,
                   sealed_hook, poll_due_at, created_at)
            values (:key, :name, :tool, :base_url, :settings, :sealed_secrets, :hook_key_hash, :sealed_hook,
                   :now, :now)
         returning {CONNECTION}""",
            missing=("connection", key), key=key, name=name, tool=tool, base_url=base_url, settings=settings,
            sealed_secrets=sealed_secrets, hook_key_hash=hook_key_hash, sealed_hook=sealed_hook,
        )  # fmt: skip
    except asyncpg.UniqueViolationError as problem:
        raise Clash(f"A connection with the key {key} exists already.") from problem


async def connections(tx: Transaction) -> list[Connection]:
    return await tx.fetch(Connection, f"select {CONNECTION} from sync_connection order by name, id")


async def connection(tx: Transaction, key: str) -> Connection:
    return await tx.one(
        Connection, f"select {CONNECTION} from sync_connection where key = :key", key=key, missing=("connection", key)
    )


async def connection_by_id(tx: Transaction, id: int) -> Connection:
    return await tx.one(
        Connection, f"select {CONNECTION} from sync_connection where id = :id", id=id, missing=("connection", id)
    )


async def secrets_of(tx: Transaction, id: int) -> tuple[bytes | None, bytes | None]:
    """(credentials, webhook secret), both sealed; None for what a connection waits for."""
    rows = await tx.rows("select sealed_secrets, sealed_hook from sync_connection where id = :id", id=id)
    if not rows:
        raise NotFound("connection", id)
    return rows[0]["sealed_secrets"], rows[0]["sealed_hook"]


async def change_connection(tx: Transaction, id: int, **columns: Any) -> None:
    """Set the columns named here; a connection that is gone is no error."""
    known = {
        "name", "base_url", "settings", "sealed_secrets", "state", "state_reason", "webhook", "cursor", "polled_at",
        "poll_due_at", "reconcile_after", "reconcile_due_at", "succeeded_at", "failed_at", "failure", "failures",
        "closed_until", "skew_seconds",
    }  # fmt: skip
    if unknown := columns.keys() - known:
        raise TypeError(f"no such columns: {unknown}")
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    await tx.execute(f"update sync_connection set {sets} where id = :id", id=id, **columns)


async def claim_polls(tx: Transaction, *, limit: int, next_at: datetime) -> list[Connection]:
    """Connections whose poll is due, each handed to one node: the next poll is set before this one begins."""
    return await tx.fetch(
        Connection,
        f"""
        update sync_connection set poll_due_at = :next_at
         where id in (select id from sync_connection
                       where state = 'on' and poll_due_at <= :now and (closed_until is null or closed_until <= :now)
                       order by poll_due_at limit :limit for update skip locked)
     returning {CONNECTION}""",
        limit=limit, next_at=next_at,
    )  # fmt: skip


async def next_poll(tx: Transaction) -> datetime | None:
    at: datetime | None = await tx.value(
        "select min(greatest(poll_due_at, closed_until)) from sync_connection where state = 'on'"
    )
    return at


# Mappings.


async def new_mapping_id(tx: Transaction) -> int:
    id: int = await tx.value("select nextval('sync_mapping_id')")
    return id


async def save_mapping(tx: Transaction, mapping: Mapping, *, by: str) -> None:
    """A new version, which becomes the active one. Two who save at once: the second hears of it."""
    await tx.execute("update sync_mapping set active = false where id = :id and active", id=mapping.id)
    try:
        await tx.execute(
            """
            insert into sync_mapping (id, version, connection_id, name, body, created_at, created_by)
            values (:id, :version, :connection, :name, :body, :now, :by)""",
            id=mapping.id, version=mapping.version, connection=mapping.connection, name=mapping.name,
            body=mapping_to_json(mapping), by=by,
        )  # fmt: skip
    except asyncpg.UniqueViolationError as problem:
        raise Clash(f"Somebody else saved version {mapping.version} of this mapping.") from problem


async def mappings(tx: Transaction, connection_id: int | None = None) -> list[Mapping]:
    """The active version of each mapping."""
    rows = await tx.rows(
        "select body from sync_mapping where active and (:id::bigint is null or connection_id = :id) order by id",
        id=connection_id,
    )
    return [mapping_from_json(row["body"]) for row in rows]


async def mapping(tx: Transaction, id: int, version: int | None = None) -> Mapping:
    """One version, or the active one. Raises NotFound."""
    rows = await tx.rows(
        "select body from sync_mapping where id = :id and (version = :version or (:version::int is null and active))",
        id=id, version=version,
    )  # fmt: skip
    if not rows:
        raise NotFound("mapping", id)
    return mapping_from_json(rows[0]["body"])


async def versions(tx: Transaction, id: int) -> list[dict[str, Any]]:
    """The newest first, each with what it changed (mapping.differences) against the one before."""
    rows = await tx.rows(
        "select version, active, created_at, created_by, body from sync_mapping where id = :id order by version", id=id
    )
    found: list[dict[str, Any]] = []
    before: Mapping | None = None
    for row in rows:
        shown = dict(row)
        rules = mapping_from_json(shown.pop("body"))
        found.append({**shown, "changed": list(differences(before, rules)) if before is not None else []})
        before = rules
    return found[::-1]


# Links.


async def add_link(
    tx: Transaction, *, incident: int, mapping: Mapping, remote_id: str | None, create_op: str = "", project: str = "",
    type: str = "", pressing: Pressing = Pressing.NEWS,
) -> Link | None:  # fmt: skip
    """A new link, due at once; None where there is one already (indexes sync_link_once, sync_link_create_once)."""
    tx.hint("sync")
    rows = await tx.rows(
        f"""
        insert into sync_link as l (incident, connection_id, mapping_id, mapping_version, remote_id, state, create_op,
               project, type, due_at, created_at, created_by, pressing)
        values (:incident, :connection, :mapping, :version, :remote_id, :state, :create_op, :project, :type, :now,
               :now, :by, :pressing)
            on conflict do nothing
     returning {LINK}""",
        incident=incident, connection=mapping.connection, mapping=mapping.id, version=mapping.version,
        remote_id=remote_id, state="creating" if remote_id is None else "active", create_op=create_op,
        project=project, type=type, by=tx.actor.name, pressing=pressing,
    )  # fmt: skip
    return _link(rows[0]) if rows else None


async def link(tx: Transaction, id: int) -> Link:
    rows = await tx.rows(f"select {LINK} from sync_link l where l.id = :id", id=id)
    if not rows:
        raise NotFound("link", id)
    return _link(rows[0])


HELD_BACK = f"""
    coalesce((select jsonb_agg(case m.kind when 'shadow' then jsonb_build_object('field', m.key,
                                                                                'reason', m.body->>'reason')
                                           else jsonb_build_object('field', '', 'reason', m.body#>>'{{}}') end
                               order by m.kind desc, m.key)
                from sync_memory m
               where m.link_id = l.id
                 and ((m.kind = 'refused' and m.body#>>'{{}}' not like '%{FileWhy.PRIVATE.value}')
                      or (m.kind = 'shadow' and coalesce(m.body->>'reason', '') <> ''))),
             '[]')
    || coalesce((select jsonb_agg(jsonb_build_object('field', f, 'reason', 'it went back and forth, and was stopped')
                                  order by f)
                   from unnest(l.frozen) f), '[]') as held_back,
    case when l.rests_until > :now then l.rests_until end as rests_until"""
"""Fields, and files (without a field), that do not go across, each with its reason. The rest of the link goes on.
That a private file stays is as it should be, and no reason to worry: the timeline has it."""


async def links_of(tx: Transaction, incident: int) -> list[dict[str, Any]]:
    """The links of an incident as people see them: where, how it stands, since when, and what is wrong."""
    rows = await tx.rows(
        f"""
        select l.id, l.incident, c.key as connection, c.name as connection_name, c.tool, l.remote_key, l.url, l.project,
               l.type, l.state, l.state_reason, l.agreed_at, l.due_at, l.error, l.mapping_id, l.mapping_version,
               l.missed_reads, c.state as connection_state, {HELD_BACK},
               (select count(*) from sync_conflict k where k.link_id = l.id and k.winner is null
                   and k.settled_at is null) as conflicts
          from sync_link l join sync_connection c on c.id = l.connection_id
         where l.incident = :incident order by l.id""",
        incident=incident,
    )
    return [dict(row) for row in rows]


async def has_link(tx: Transaction, incident: int, mapping_id: int) -> bool:
    found: bool = await tx.value(
        "select exists (select from sync_link where incident = :incident and mapping_id = :mapping)",
        incident=incident, mapping=mapping_id,
    )  # fmt: skip
    return found


async def links_to(tx: Transaction, connection_id: int, remote_ids: Iterable[str]) -> list[Link]:
    """Every link that leads to one of these items."""
    rows = await tx.rows(
        f"select {LINK} from sync_link l where l.connection_id = :id and l.remote_id = any(:remote_ids) order by l.id",
        id=connection_id, remote_ids=list(remote_ids),
    )  # fmt: skip
    return [_link(row) for row in rows]


async def mark_incident(tx: Transaction, incident: int, *, pressing: Pressing = Pressing.NEWS) -> int:
    """Somebody changed the incident: its links are to be looked at. In the same transaction as the change."""
    marked = await tx.execute(
        """
        update sync_link set due_at = least(coalesce(due_at, :now), :now), hub_changed = true,
               pressing = least(pressing, :pressing)
         where incident = :incident and state in ('creating', 'active') and error is null""",
        incident=incident, pressing=pressing,
    )  # fmt: skip
    if marked:
        tx.hint("sync")
    return marked


async def mark_links(
    tx: Transaction, ids: Sequence[int], *, retry: bool = False, pressing: Pressing = Pressing.NEWS
) -> int:
    """Look at these now. `retry` also takes those that wait for a person, with their error forgotten."""
    marked = await tx.execute(
        """
        update sync_link set due_at = :now, hinted_at = :now, attempts = case when :retry then 0 else attempts end,
               error = case when :retry then null else error end, pressing = least(pressing, :pressing)
         where id = any(:ids) and state in ('creating', 'active') and (error is null or :retry)""",
        ids=list(ids), retry=retry, pressing=pressing,
    )  # fmt: skip
    if marked:
        tx.hint("sync")
    return marked


def _link(row: asyncpg.Record) -> Link:
    """A link that is still being created is active: it only has no remote id yet."""
    known = {name: row[name] for name in Link.__dataclass_fields__ if name not in ("state", "frozen")}
    state = LinkState.ACTIVE if row["state"] == "creating" else LinkState(row["state"])
    return Link(**known, state=state, frozen=frozenset(row["frozen"]))


async def lock_link(tx: Transaction, id: int) -> Link:
    """The link, locked for the rest of the transaction: a pass over it settles before or after. Raises NotFound."""
    rows = await tx.rows(f"select {LINK} from sync_link l where l.id = :id for update", id=id)
    if not rows:
        raise NotFound("link", id)
    return _link(rows[0])


async def hold_link(tx: Transaction, claim: Claim) -> bool:
    """Whether the claim is still ours; locks the link for the rest of the transaction."""
    held = await tx.value(
        "select true from sync_link where id = :id and fence = :fence for update", id=claim.link.id, fence=claim.fence
    )
    return bool(held)


async def change_link(tx: Transaction, id: int, **columns: Any) -> None:
    known = {
        "remote_id", "remote_key", "url", "project", "type", "state", "state_reason", "revision", "missed_reads",
        "frozen", "create_sent", "create_sent_at", "panel", "turns", "mapping_version", "due_at", "error",
    }  # fmt: skip
    if unknown := columns.keys() - known:
        raise TypeError(f"no such columns: {unknown}")
    sets = ", ".join(f"{name} = :{name}" for name in columns)
    await tx.execute(f"update sync_link set {sets} where id = :id", id=id, **columns)


async def thaw(tx: Transaction, id: int, field: str | None = None) -> None:
    """A field that the fuse had stopped moves again, or all of them; what went back and forth is forgotten."""
    await tx.execute(
        """
        update sync_link set turns = '[]', frozen = case when :field::text is null then '{}'
               else array_remove(frozen, :field::text) end
         where id = :id""",
        id=id, field=field,
    )  # fmt: skip


async def try_fields_again(tx: Transaction, id: int) -> None:
    """What a tool refused is sent once more, though nothing has changed since: whoever asks has changed something."""
    await tx.execute(
        """
        update sync_memory set body = body || '{"tried_version": null, "tried_revision": ""}'
         where link_id = :id and kind = 'shadow' and coalesce(body->>'reason', '') <> ''""",
        id=id,
    )  # fmt: skip


# What a link remembers.

KINDS: dict[str, type[Any]] = {
    "shadow": Shadow,
    "intent": Intent,
    "waiting": Conflict,
    "comment": CommentPair,
    "sending": CommentIntent,
    "file": AttachmentPair,
    "hash": str,
    "refused": str,
    "relation": Relation,
}


async def memory(tx: Transaction, claim: Claim) -> Memory:
    """All that is remembered of a link, in one reading."""
    rows = await tx.rows("select kind, key, body from sync_memory where link_id = :id", id=claim.link.id)
    by_kind: dict[str, dict[str, Any]] = {kind: {} for kind in KINDS}
    for row in rows:
        by_kind[row["kind"]][row["key"]] = codec.from_json(KINDS[row["kind"]], row["body"])
    return Memory(
        link=claim.link,
        shadows=by_kind["shadow"],
        intents=tuple(by_kind["intent"].values()),
        waiting=by_kind["waiting"],
        comment_pairs=tuple(by_kind["comment"].values()),
        comment_intents=tuple(by_kind["sending"].values()),
        attachment_pairs=tuple(by_kind["file"].values()),
        hashes=by_kind["hash"],
        refused=by_kind["refused"],
        relations=tuple(by_kind["relation"].values()),
        turns=tuple(codec.from_json(Turn, turn) for turn in claim.turns),
    )


async def save_memory(tx: Transaction, before: Memory, after: Memory) -> None:
    """Write what differs. In the transaction in which the incident took what was taken."""
    was, now = _parts(before), _parts(after)
    gone = [name for name in was if name not in now]
    fresh = [(kind, key, body) for (kind, key), body in now.items() if was.get((kind, key)) != body]
    if gone:
        await tx.execute(
            """
            delete from sync_memory m using unnest(:kinds::text[], :keys::text[]) as gone (kind, key)
             where m.link_id = :id and m.kind = gone.kind and m.key = gone.key""",
            id=before.link.id, kinds=[kind for kind, _ in gone], keys=[key for _, key in gone],
        )  # fmt: skip
    if fresh:
        await tx.execute(
            """
            insert into sync_memory (link_id, kind, key, body)
            select :id, f.kind, f.key, f.body
              from unnest(:kinds::text[], :keys::text[], :bodies::jsonb[]) as f (kind, key, body)
                on conflict (link_id, kind, key) do update set body = excluded.body""",
            id=before.link.id, kinds=[kind for kind, _, _ in fresh], keys=[key for _, key, _ in fresh],
            bodies=[codec.to_json(body) for _, _, body in fresh],
        )  # fmt: skip
    if before.link != after.link or before.turns != after.turns:
        await change_link(
            tx, before.link.id, revision=after.link.revision, frozen=sorted(after.link.frozen),
            turns=[codec.to_json(turn) for turn in after.turns],
        )  # fmt: skip


async def seen_hub(tx: Transaction, link_id: int) -> None:
    """What changed here up to now was looked at, our own doing included. In the transaction that holds the link."""
    await tx.execute("update sync_link set hub_changed = false where id = :id and hub_changed", id=link_id)


async def save_shadow(tx: Transaction, link_id: int, shadow: Shadow) -> None:
    await tx.execute(
        """
        insert into sync_memory (link_id, kind, key, body) values (:id, 'shadow', :field, :body)
            on conflict (link_id, kind, key) do update set body = excluded.body""",
        id=link_id, field=shadow.field, body=codec.to_json(shadow),
    )  # fmt: skip


async def shadow_of(tx: Transaction, link_id: int, field: str) -> Shadow | None:
    body = await tx.value(
        "select body from sync_memory where link_id = :id and kind = 'shadow' and key = :field", id=link_id, field=field
    )
    return None if body is None else codec.from_json(Shadow, body)


async def filled_there(tx: Transaction, link_id: int) -> frozenset[str]:
    """The tool's fields that held something when both sides last agreed."""
    rows = await tx.rows(
        """
        select body->>'remote' as field from sync_memory
         where link_id = :id and kind = 'shadow' and coalesce(body->>'remote', '') <> ''
           and coalesce(body->'raw', 'null') not in ('null', '""', '[]')""",
        id=link_id,
    )  # fmt: skip
    return frozenset(row["field"] for row in rows)


async def forget_waiting(tx: Transaction, link_id: int, field: str) -> None:
    await tx.execute(
        "delete from sync_memory where link_id = :id and kind = 'waiting' and key = :field", id=link_id, field=field
    )


def _parts(memory: Memory) -> dict[tuple[str, str], Any]:
    return {
        **{("shadow", one.field): one for one in memory.shadows.values()},
        **{("intent", one.field): one for one in memory.intents},
        **{("waiting", field): one for field, one in memory.waiting.items()},
        **{("comment", one.remote_id): one for one in memory.comment_pairs},
        **{("sending", one.op): one for one in memory.comment_intents},
        **{("file", one.remote_id): one for one in memory.attachment_pairs},
        **{("hash", id): sha256 for id, sha256 in memory.hashes.items()},
        **{("refused", key): why for key, why in memory.refused.items()},
        **{("relation", key_of(one)): one for one in memory.relations},
    }


# Versions of the hub's fields.


async def fields(tx: Transaction, incident: int) -> dict[str, StoredField]:
    rows = await tx.fetch(
        StoredField,
        "select field, version, value, at, by, origin, link, human from sync_field where incident = :incident",
        incident=incident,
    )
    return {row.field: row for row in rows}


async def save_field(tx: Transaction, incident: int, field: StoredField) -> None:
    await tx.execute(
        """
        insert into sync_field (incident, field, version, value, at, by, origin, link, human)
        values (:incident, :field, :version, :value, :at, :by, :origin, :link, :human)
            on conflict (incident, field) do update
           set version = excluded.version, value = excluded.value, at = excluded.at, by = excluded.by,
               origin = excluded.origin, link = excluded.link, human = excluded.human""",
        incident=incident, field=field.field, version=field.version, value=field.value, at=field.at, by=field.by,
        origin=field.origin, link=field.link, human=field.human,
    )  # fmt: skip


# What tools told us.


async def take_in(tx: Transaction, connection_id: int, delivery: str, raw: bytes) -> bool:
    """Keep a delivery; False where it was told before."""
    return await tx.execute(
        """
        insert into sync_inbox (connection_id, delivery, raw, received_at) values (:id, :delivery, :raw, :now)
            on conflict do nothing""",
        id=connection_id, delivery=delivery, raw=raw,
    ) == 1  # fmt: skip


async def forget_inbox(tx: Transaction) -> int:
    return await tx.execute("delete from sync_inbox where received_at < :before", before=tx.now - INBOX_KEPT)


# Items that may become incidents.


async def offer(tx: Transaction, connection_id: int, remote_ids: Sequence[str]) -> None:
    """Somebody has to look at these; those that are linked are left out."""
    made = await tx.execute(
        """
        insert into sync_offer (connection_id, remote_id, due_at)
        select :id, told.remote_id, :now from unnest(:remote_ids::text[]) as told (remote_id)
         where not exists (select from sync_link l where l.connection_id = :id and l.remote_id = told.remote_id)
            on conflict (connection_id, remote_id) do update set due_at = :now, attempts = 0""",
        id=connection_id, remote_ids=list(remote_ids),
    )  # fmt: skip
    if made:
        tx.hint("sync")


async def finish_offer(tx: Transaction, offer: Offer) -> bool:
    """Whether it was still ours to finish: then it is gone, and whatever is made of it is made once."""
    return await tx.execute(
        "delete from sync_offer where connection_id = :id and remote_id = :remote_id and fence = :fence",
        id=offer.connection, remote_id=offer.remote_id, fence=offer.fence,
    ) == 1  # fmt: skip


async def put_off_offer(tx: Transaction, offer: Offer, *, due_at: datetime, error: str) -> None:
    await tx.execute(
        """
        update sync_offer set lease_until = null, due_at = :due_at, error = :error
         where connection_id = :id and remote_id = :remote_id and fence = :fence""",
        id=offer.connection, remote_id=offer.remote_id, fence=offer.fence, due_at=due_at, error=error[:500],
    )  # fmt: skip


async def sending(tx: Transaction) -> list[Mapping]:
    """Active mappings that create items for incidents by themselves."""
    rows = await tx.rows(
        """
        select m.body from sync_mapping m join sync_connection c on c.id = m.connection_id
         where m.active and c.state <> 'paused' and (m.body -> 'trigger' ->> 'send')::boolean order by m.id"""
    )
    return [mapping_from_json(row["body"]) for row in rows]


async def receives(tx: Transaction, connection_id: int) -> bool:
    """Whether items of this connection become incidents by themselves."""
    found: bool = await tx.value(
        """
        select exists (select from sync_mapping
                        where active and connection_id = :id and (body -> 'trigger' ->> 'receive')::boolean)""",
        id=connection_id,
    )
    return found


async def some_links(tx: Transaction, connection_id: int, *, after: int, limit: int) -> list[int]:
    """The next ids of a connection's live links: a walk over all of them, a piece at a time."""
    return await tx.fetch(
        int,
        """
        select id from sync_link where connection_id = :id and id > :after and state = 'active' order by id
         limit :limit""",
        id=connection_id, after=after, limit=limit,
    )  # fmt: skip
