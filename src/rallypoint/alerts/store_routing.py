"""The router's SQL: what is still to be told, and that it has been told."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from rallypoint.alerts.model import Alert, Integration
from rallypoint.alerts.store import ALERT_COLUMNS, ALERT_TABLES, alert_of
from rallypoint.db import Transaction

LANE = 7255_0004
"""Class of the advisory locks of routing: one router at a time for each integration, so groups are made once."""


async def waiting_integrations(tx: Transaction) -> list[Integration]:
    """Integrations with something to tell. Hops over the index instead of reading a storm's every row."""
    return await tx.fetch(
        Integration,
        """
        with recursive hop as (
            (select integration_id from alert where told <> status and (retry_at is null or retry_at <= :now)
              order by integration_id limit 1)
            union all
            select (select a.integration_id from alert a
                     where a.told <> a.status and (a.retry_at is null or a.retry_at <= :now)
                       and a.integration_id > hop.integration_id
                     order by a.integration_id limit 1)
              from hop where hop.integration_id is not null)
        select id, name, kind, service_id, key_prefix, disabled, created_at, last_seen_at, group_by, group_minutes
          from integration where id in (select integration_id from hop)""",
    )


async def take_lane(tx: Transaction, integration_id: int) -> bool:
    """Whether this transaction is the one that routes for the integration; freed with its end."""
    taken: bool = await tx.value(
        "select pg_try_advisory_xact_lock(:lane::int, hashint8(:id::bigint))", lane=LANE, id=integration_id
    )
    return taken


async def untold(tx: Transaction, integration_id: int, *, limit: int) -> list[tuple[Alert, str]]:
    """The oldest alerts whose status was not told, each with the status that was. Not locked: intake goes on."""
    rows = await tx.rows(
        "select a.told, "
        + ALERT_COLUMNS
        + ALERT_TABLES
        + """ where a.integration_id = :integration_id and a.told <> a.status
                and (a.retry_at is null or a.retry_at <= :now)
              order by a.id limit :limit""",
        integration_id=integration_id,
        limit=limit,
    )
    found = []
    for row in rows:
        values = dict(row)
        told = values.pop("told")
        found.append((alert_of(values), told))
    return found


async def group_serials(tx: Transaction, keys: Sequence[str]) -> Mapping[str, tuple[int, datetime]]:
    """The serial and last time of each known group, locked until the end of the transaction."""
    rows = await tx.rows(
        "select key, serial, last_at from alert_group where key = any(:keys::text[]) order by key for update",
        keys=sorted(keys),
    )
    return {row["key"]: (row["serial"], row["last_at"]) for row in rows}


async def save_groups(tx: Transaction, serials: Mapping[str, int]) -> None:
    keys = sorted(serials)
    await tx.execute(
        """
        insert into alert_group as g (key, serial, last_at)
        select s.key, s.serial, :now from unnest(:keys::text[], :serials::int[]) as s (key, serial)
            on conflict (key) do update set serial = greatest(g.serial, excluded.serial), last_at = excluded.last_at""",
        keys=keys,
        serials=[serials[key] for key in keys],
    )


async def mark_routed(
    tx: Transaction, ids: Sequence[int], *, service_ids: Sequence[int | None], keys: Sequence[str],
    reasons: Sequence[str], names: Sequence[str], quarantined: Sequence[str | None],
) -> None:  # fmt: skip
    """Where these alerts went. A name is filled in where the sender gave none."""
    await tx.execute(
        """
        update alert a set routed_at = :now, service_id = s.service_id, grouping_key = s.key, route_reason = s.reason,
               dedup_key = case when a.dedup_key = '' then s.name else a.dedup_key end,
               quarantined_why = s.quarantined, retry_at = null
          from unnest(:ids::bigint[], :service_ids::bigint[], :keys::text[], :reasons::text[], :names::text[],
                      :quarantined::text[]) as s (id, service_id, key, reason, name, quarantined)
         where a.id = s.id""",
        ids=list(ids), service_ids=list(service_ids), keys=list(keys), reasons=list(reasons), names=list(names),
        quarantined=list(quarantined),
    )  # fmt: skip


async def mark_told(tx: Transaction, told: Mapping[int, str]) -> None:
    """What was told about these alerts. Where the status has moved on meanwhile, the row stays to be told again."""
    ids = sorted(told)
    await tx.execute(
        """
        update alert a set told = s.told, retry_at = null
          from unnest(:ids::bigint[], :told::text[]) as s (id, told) where a.id = s.id""",
        ids=ids,
        told=[told[i] for i in ids],
    )


async def put_off(tx: Transaction, ids: Sequence[int], *, until: datetime, why: str) -> None:
    """Telling these failed even as poison: they stay untold and are tried again later."""
    await tx.execute(
        "update alert set retry_at = :until, quarantined_why = :why where id = any(:ids::bigint[])",
        until=until,
        why=why[:2000],
        ids=sorted(ids),
    )


async def next_retry(tx: Transaction) -> datetime | None:
    """When something untold is due: now, unless all of it was put off."""
    at: datetime | None = await tx.value(
        """
        select case when exists (select from alert where told <> status and retry_at is null) then :now
                    else (select min(retry_at) from alert where told <> status and retry_at is not null) end"""
    )
    return at
