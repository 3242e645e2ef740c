"""The SQL of the hot path: whole batches as arrays, rows in key order so that two writers never deadlock on them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from secrets import token_hex

import msgspec

from rallypoint.alerts.intake.fold import Beat, Change
from rallypoint.db import Transaction

_json = msgspec.json.encode
NO_LINKS = "[]"
MARK = "\x1f"
KEY_BYTES = 24
EPOCH, MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)

# Columns come as one text each, cut apart here: the driver looks at every element of an array, which costs more than
# all the rest of a write. The two lists of the answer are built from the same rows, so they are in the same order.
# `a.xmax = 0` is true for a row that this statement has inserted, false for one it has updated.
_PUT = """
    with said as (
        insert into alert as a (integration_id, identity, dedup_key, status, severity, summary, details, source,
                                service_key, labels, links, payload, count, starts_at, first_received_at,
                                last_received_at, ends_at, look_at)
        select s.integration_id, s.identity, coalesce(s.dedup_key, ''), 'firing', s.severity, coalesce(s.summary, ''),
               coalesce(s.details, ''), coalesce(s.source, ''), coalesce(s.service_key, ''), s.labels::json,
               s.links::json, s.payload, s.count, 'epoch'::timestamptz + s.starts_at * interval '1 microsecond',
               :now, :now, 'epoch'::timestamptz + s.ends_at * interval '1 microsecond',
               'epoch'::timestamptz + s.ends_at * interval '1 microsecond'
          from unnest(string_to_array(:integration_ids, ' ')::bigint[], :identities::bytea[],
                      string_to_array(:dedup_keys, :mark), string_to_array(:severities, ' '),
                      string_to_array(:summaries, :mark), string_to_array(:details, :mark),
                      string_to_array(:sources, :mark), string_to_array(:services, :mark),
                      string_to_array(:labels, :mark), string_to_array(:links, :mark), :payloads::bytea[],
                      string_to_array(:counts, ' ')::bigint[], string_to_array(:starts, ' ')::bigint[],
                      string_to_array(:ends, ' ', '-')::bigint[])
               as s (integration_id, identity, dedup_key, severity, summary, details, source, service_key, labels,
                     links, payload, count, starts_at, ends_at)
        {otherwise}
        returning a.id, a.integration_id, a.identity, a.xmax = 0 as is_new)
    select string_agg(int8send(integration_id) || identity, ''), array_agg(id), bool_and(is_new),
           array_agg(id) filter (where not is_new)
      from said"""
PUT = _PUT.format(
    otherwise="""
            on conflict (integration_id, identity) where resolved_at is null do update  -- the index alert_one_open
           set severity = excluded.severity, summary = excluded.summary, details = excluded.details,
               source = excluded.source, labels = excluded.labels, links = excluded.links, payload = excluded.payload,
               count = a.count + excluded.count, last_received_at = excluded.last_received_at,
               starts_at = least(a.starts_at, excluded.starts_at),
               ends_at = case when excluded.ends_at is not null then greatest(a.ends_at, excluded.ends_at) end,
               look_at = case when excluded.ends_at is not null then coalesce(a.look_at, excluded.look_at) end"""
)
OPEN = _PUT.format(otherwise="")
"""The same where none is open yet, which spares PostgreSQL a fifth of the work; one that is open refuses them all."""

# An end before the open alert's start speaks of an earlier firing: nothing newer is resolved by it.
RESOLVE = """
    with hit as (
        update alert a set status = 'resolved', resolved_at = :now, resolved_why = 'its sender says it is over',
               ends_at = coalesce(s.ends_at, :now), last_received_at = :now, retry_at = null
          from unnest(:integration_ids::bigint[], :identities::bytea[], :ends::timestamptz[])
               as s (integration_id, identity, ends_at)
         where a.integration_id = s.integration_id and a.identity = s.identity and a.resolved_at is null
           and (s.ends_at is null or s.ends_at >= a.starts_at)
     returning a.id, a.integration_id, a.identity),
    closed as (
        insert into alert_pulse (alert_id, last_received_at, closed) select id, :now, true from hit
            on conflict (alert_id) do update set closed = true)
    select id, integration_id, identity, true as is_new from hit"""

ACKNOWLEDGE = """
    update alert a set status = 'acknowledged', acknowledged_at = :now, last_received_at = :now, retry_at = null
      from unnest(:integration_ids::bigint[], :identities::bytea[]) as s (integration_id, identity)
     where a.integration_id = s.integration_id and a.identity = s.identity and a.resolved_at is null
 returning a.id, a.integration_id, a.identity, true as is_new"""

# Closed and forgotten alerts are left out of the answer: their repeats fire anew. `closed` decides, for it is read
# under the row's lock; the join only keeps repeats from being counted on an alert that retention has deleted.
BEAT = """
    insert into alert_pulse as p (alert_id, repeats, last_received_at, ends_at)
    select s.alert_id, s.repeats, :now, s.ends_at
      from unnest(:ids::bigint[], :counts::bigint[], :ends::timestamptz[]) as s (alert_id, repeats, ends_at)
      join alert a on a.id = s.alert_id
        on conflict (alert_id) do update
       set repeats = p.repeats + excluded.repeats, last_received_at = excluded.last_received_at,
           ends_at = greatest(p.ends_at, excluded.ends_at)
     where not p.closed
 returning alert_id"""


async def put(tx: Transaction, changes: Sequence[Change], *, all_new: bool = False) -> None:
    """Open alerts, or say again what open ones say now.

    `all_new`: none is expected to be open. If one is, nothing is written and asyncpg.UniqueViolationError is raised.
    """
    signals = [c.signal for c in changes]
    columns = {
        "dedup_keys": [s.dedup_key for s in signals],
        "summaries": [s.summary for s in signals],
        "details": [s.details for s in signals],
        "sources": [s.source for s in signals],
        "services": [s.service for s in signals],
        "labels": [c.labels.decode() for c in changes],
        "links": [_json(s.links).decode() if s.links else NO_LINKS for s in signals],
    }
    mark, texts = _joined(columns, len(changes))
    answers = await tx.rows(
        OPEN if all_new else PUT,
        **texts,
        mark=mark,
        integration_ids=" ".join([str(c.integration_id) for c in changes]),
        identities=[c.key[8:] for c in changes],
        severities=" ".join([s.severity for s in signals]),
        payloads=[s.payload for s in signals],
        counts=" ".join([str(c.count) for c in changes]),
        starts=_stamps([c.starts_at for c in changes]),
        ends=_stamps([c.ends_at for c in changes]),
    )
    keys, ids, opened, known = answers[0]
    if keys == b"".join([c.key for c in changes]):
        answered = changes
    else:  # PostgreSQL promises no order
        by_key = {c.key: c for c in changes}
        answered = [by_key[keys[at : at + KEY_BYTES]] for at in range(0, len(keys), KEY_BYTES)]
    before = frozenset(known or ())
    for change, alert_id in zip(answered, ids, strict=True):
        change.alert_id, change.is_new = alert_id, opened or alert_id not in before


def _joined(columns: Mapping[str, Sequence[str]], rows: int) -> tuple[str, dict[str, str]]:
    """Each column as one text, its values parted by a mark that is in none of them."""
    mark = MARK
    while True:
        texts = {name: mark.join(values) for name, values in columns.items()}
        if all(text.count(mark) == rows - 1 for text in texts.values()):
            return mark, texts
        mark = f"{MARK}{token_hex(8)}{MARK}"


def _stamps(times: Sequence[datetime | None]) -> str:
    """Microseconds since 1970, `-` where there is no time. One message often says the same time for all."""
    words: list[str] = []
    before, word = None, "-"
    for at in times:
        if at is not before:
            before, word = at, "-" if at is None else str((at - EPOCH) // MICROSECOND)
        words.append(word)
    return " ".join(words)


async def settle(tx: Transaction, statement: str, changes: Sequence[Change]) -> None:
    """Resolve or acknowledge open alerts; what is not open stays without an answer."""
    values = {"ends": [c.ends_at for c in changes]} if statement is RESOLVE else {}
    rows = await tx.rows(
        statement,
        integration_ids=[c.integration_id for c in changes],
        identities=[c.key[8:] for c in changes],
        **values,
    )
    by_key = {c.key: c for c in changes}
    for row in rows:
        change = by_key[row["integration_id"].to_bytes(8, "big") + row["identity"]]
        change.alert_id, change.is_new = row["id"], True


async def beat(tx: Transaction, beats: Sequence[Beat]) -> set[int]:
    """Count repeats; returns the alerts that were open to be counted on."""
    rows = await tx.rows(
        BEAT, ids=[b.alert_id for b in beats], counts=[b.count for b in beats], ends=[b.ends_at for b in beats]
    )
    return {row["alert_id"] for row in rows}


async def keep_messages(tx: Transaction, messages: Sequence[tuple[int, str, bytes, str]]) -> None:
    """Whole messages as they came: (integration, receiver, body, what was wrong with it)."""
    await tx.execute(
        """
        insert into alert_message (integration_id, received_at, receiver, body, problem)
        select s.integration_id, :now, s.receiver, s.body, s.problem
          from unnest(:integration_ids::bigint[], :receivers::text[], :bodies::bytea[], :problems::text[])
               as s (integration_id, receiver, body, problem)""",
        integration_ids=[m[0] for m in messages], receivers=[m[1] for m in messages],
        bodies=[m[2] for m in messages], problems=[m[3] for m in messages],
    )  # fmt: skip


async def mark_seen(tx: Transaction, integration_ids: Sequence[int]) -> None:
    await tx.execute(
        "update integration set last_seen_at = :now where id = any(:ids::bigint[])", ids=sorted(integration_ids)
    )


async def close_ended(tx: Transaction, *, limit: int) -> tuple[int, int]:
    """Resolve alerts whose end has passed: (looked at, resolved).

    The pulse rows are locked before they are read, so a repeat committed meanwhile is seen, and a later one
    finds the alert closed. Alerts with a later end are only looked at again then.
    """
    due = await tx.rows(
        """
        select id, ends_at from alert where resolved_at is null and look_at <= :now
         order by look_at limit :limit for update skip locked""",
        limit=limit,
    )  # fmt: skip
    if not due:
        return 0, 0
    ids = sorted(row["id"] for row in due)
    pulses = await tx.rows(
        """
        insert into alert_pulse as p (alert_id, last_received_at) select id, :now from unnest(:ids::bigint[]) as id
            on conflict (alert_id) do update set closed = p.closed
        returning alert_id, ends_at""",
        ids=ids,
    )  # fmt: skip
    said = {row["alert_id"]: row["ends_at"] for row in pulses}
    ends: dict[int, datetime] = {row["id"]: max(row["ends_at"], said[row["id"]] or row["ends_at"]) for row in due}
    over = [i for i in ids if ends[i] <= tx.now]
    later = [i for i in ids if ends[i] > tx.now]
    await tx.execute(
        """
        with closed as (update alert_pulse set closed = true where alert_id = any(:ids::bigint[]))
        update alert a set status = 'resolved', resolved_at = :now, ends_at = s.ends_at, retry_at = null,
               resolved_why = 'its end passed and its sender said no more'
          from unnest(:ids::bigint[], :ends::timestamptz[]) as s (id, ends_at) where a.id = s.id""",
        ids=over, ends=[ends[i] for i in over],
    )  # fmt: skip
    await tx.execute(
        """
        update alert a set look_at = s.ends_at
          from unnest(:ids::bigint[], :ends::timestamptz[]) as s (id, ends_at) where a.id = s.id""",
        ids=later, ends=[ends[i] for i in later],
    )  # fmt: skip
    return len(due), len(over)


async def next_end(tx: Transaction) -> datetime | None:
    """When expiry has to look next."""
    at: datetime | None = await tx.value(
        "select min(look_at) from alert where resolved_at is null and look_at is not null"
    )
    return at


async def drop_messages(tx: Transaction, *, keep: int, problems: int, older_than: datetime) -> int:
    """Forget all but the latest whole messages of each integration; those with a problem are kept longer."""
    return await tx.execute(
        """
        delete from alert_message m using (
            select id, received_at, problem,
                   row_number() over (partition by integration_id, problem <> '' order by id desc) as place
              from alert_message) old
         where m.id = old.id
           and (old.received_at < :older_than
                or old.place > case when old.problem = '' then :keep::int else :problems::int end)""",
        keep=keep, problems=problems, older_than=older_than,
    )  # fmt: skip
