"""The SQL of integrations and of alerts as people and the router read them."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from rallypoint import paging_cursor
from rallypoint.alerts import fingerprint
from rallypoint.alerts.model import Alert, Integration, RawMessage
from rallypoint.db import Transaction

INTEGRATION = """
    select id, name, kind, service_id, key_prefix, disabled, created_at, last_seen_at, group_by, group_minutes
      from integration"""

# Counts and ends of repeats live beside the alert; see alert_pulse in 0004_alerts.sql.
ALERT_COLUMNS = """
           a.id, a.integration_id, i.name as integration_name, encode(a.identity, 'hex') as fingerprint, a.dedup_key,
           a.status, a.severity, a.summary, a.details, a.source, a.service_id, a.service_key, a.labels, a.links,
           a.count + coalesce(p.repeats, 0) as count, a.starts_at, a.first_received_at,
           greatest(a.last_received_at, p.last_received_at) as last_received_at,
           case when a.resolved_at is null and a.ends_at is not null then greatest(a.ends_at, p.ends_at)
                else a.ends_at end as ends_at,
           a.acknowledged_at, a.resolved_at, a.resolved_why, a.grouping_key, a.routed_at, a.route_reason,
           a.quarantined_why"""
ALERT_TABLES = """
      from alert a join integration i on i.id = a.integration_id left join alert_pulse p on p.alert_id = a.id"""
ALERT = "select " + ALERT_COLUMNS + ALERT_TABLES


def alert_of(row: Any) -> Alert:
    """A row as an Alert. Where labels say which alert it is, its fingerprint is the one Alertmanager shows."""
    values = dict(row)
    if not values["dedup_key"]:
        values["dedup_key"] = fingerprint.fnv(values["labels"]) or values["fingerprint"]
        values["fingerprint"] = values["dedup_key"]
    elif values["dedup_key"] == fingerprint_shape(values["dedup_key"]):
        values["fingerprint"] = values["dedup_key"]
    return msgspec.convert(values, Alert, strict=False)


def fingerprint_shape(text: str) -> str | None:
    """The text itself where it looks like Alertmanager's fingerprint."""
    return text if len(text) == 16 and all(c in "0123456789abcdef" for c in text) else None


# -- integrations


async def add_integration(
    tx: Transaction, *, name: str, kind: str, service_id: int | None, prefix: str,
    group_by: Sequence[str], group_minutes: int,
) -> int:  # fmt: skip
    number: int = await tx.value(
        """
        insert into integration (name, kind, service_id, key_prefix, created_at, group_by, group_minutes)
        values (:name, :kind, :service_id, :prefix, :now, :group_by, :group_minutes) returning id""",
        name=name, kind=kind, service_id=service_id, prefix=prefix,
        group_by=list(group_by), group_minutes=group_minutes,
    )  # fmt: skip
    return number


async def name_is_taken(tx: Transaction, name: str) -> bool:
    return bool(await tx.value("select exists (select 1 from integration where name = :name)", name=name))


async def save_integration(tx: Transaction, integration: Integration) -> None:
    await tx.execute(
        """
        update integration set name = :name, service_id = :service_id, disabled = :disabled,
               group_by = :group_by, group_minutes = :group_minutes, key_prefix = :prefix where id = :id""",
        id=integration.id, name=integration.name, service_id=integration.service_id, disabled=integration.disabled,
        group_by=list(integration.group_by), group_minutes=integration.group_minutes, prefix=integration.key_prefix,
    )  # fmt: skip


async def add_key(tx: Transaction, integration_id: int, digest: bytes) -> None:
    await tx.execute(
        "insert into integration_key (digest, integration_id, created_at) values (:digest, :integration_id, :now)",
        digest=digest,
        integration_id=integration_id,
    )


async def key_is_taken(tx: Transaction, digest: bytes) -> bool:
    return bool(await tx.value("select exists (select 1 from integration_key where digest = :digest)", digest=digest))


async def expire_keys(tx: Transaction, integration_id: int, *, at: datetime) -> None:
    """The keys in use so far end at this instant."""
    await tx.execute(
        """
        update integration_key set expires_at = least(coalesce(expires_at, :at::timestamptz), :at::timestamptz)
         where integration_id = :integration_id""",
        at=at,
        integration_id=integration_id,
    )


async def integrations(tx: Transaction) -> list[Integration]:
    return await tx.fetch(Integration, INTEGRATION + " order by name")


async def integration(tx: Transaction, id: int) -> Integration:
    return await tx.one(Integration, INTEGRATION + " where id = :id", missing=("integration", id), id=id)


async def integration_of(tx: Transaction, digest: bytes) -> Integration | None:
    """Whose key this is; None for a key that is unknown or has ended."""
    return await tx.maybe(
        Integration,
        INTEGRATION
        + """ where id = (select integration_id from integration_key
                           where digest = :digest and (expires_at is null or expires_at > :now))""",
        digest=digest,
    )


async def raw_messages(tx: Transaction, integration_id: int, *, limit: int = 20) -> list[RawMessage]:
    """The latest whole messages, newest first."""
    return [
        RawMessage(**row)
        for row in await tx.rows(
            """
            select id, integration_id, received_at, receiver, body, problem from alert_message
             where integration_id = :integration_id order by id desc limit :limit""",
            integration_id=integration_id,
            limit=limit,
        )
    ]


# -- alerts


async def by_ids(tx: Transaction, ids: Sequence[int]) -> list[Alert]:
    """These alerts, in the order of their ids."""
    rows = await tx.rows(ALERT + " where a.id = any(:ids::bigint[]) order by a.id", ids=list(ids))
    return [alert_of(row) for row in rows]


async def payload(tx: Transaction, id: int) -> bytes:
    """The bytes an alert came in."""
    found: bytes | None = await tx.value("select payload from alert where id = :id", id=id)
    return found or b""


async def list_alerts(
    tx: Transaction, *, status: str | None = None, service_id: int | None = None,
    integration_id: int | None = None, cursor: str | None = None, limit: int = 50,
) -> tuple[list[Alert], str | None]:  # fmt: skip
    """Alerts, newest first. `status` may be one status, or `open` for those not resolved."""
    before = paging_cursor.number(cursor) if cursor else None
    conditions = ["(:before::bigint is null or a.id < :before::bigint)"]
    if status == "open":
        conditions.append("a.resolved_at is null")
    elif status:
        conditions.append("a.status = :status::text")
    if service_id is not None:
        conditions.append("a.service_id = :service_id::bigint")
    if integration_id is not None:
        conditions.append("a.integration_id = :integration_id::bigint")
    rows = await tx.rows(
        f"{ALERT} where {' and '.join(conditions)} order by a.id desc limit :limit",
        before=before, status=status, service_id=service_id, integration_id=integration_id, limit=limit + 1,
    )  # fmt: skip
    items = [alert_of(row) for row in rows[:limit]]
    return items, paging_cursor.encode([items[-1].id]) if len(rows) > limit else None


async def count_by_status(tx: Transaction) -> dict[str, int]:
    """How many alerts are open, by status, and how many wait to be routed."""
    rows = await tx.rows(
        """
        select status, count(*) as n from alert where resolved_at is null group by status
        union all select 'unrouted', count(*) from alert where told <> status"""
    )
    return {row["status"]: row["n"] for row in rows}
