"""Figures about connections for /metrics. Read from columns and partial indexes: a scrape stays cheap."""

from dataclasses import dataclass
from typing import Any

from rallypoint.db import Transaction
from rallypoint.sync.hooks import trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFigures:
    """`up` and `webhook_up` are 1 or 0; None where there is nothing to say, as for a connection without a webhook."""

    key: str
    up: int
    failures: int
    success_age: float | None
    due: int
    lag_seconds: float
    webhook_up: int | None


async def connections(tx: Transaction) -> list[ConnectionFigures]:
    """How each connection is. The links that are due are found by the index sync_link_turn."""
    rows = await tx.rows(
        """
        select c.key, (c.state = 'on' and (c.closed_until is null or c.closed_until <= :now))::int as up, c.failures,
               extract(epoch from :now - c.succeeded_at)::float8 as success_age, c.webhook, c.hook_failure, c.unheard,
               d.due, coalesce(extract(epoch from :now - d.since), 0)::float8 as lag_seconds
          from sync_connection c
          left join lateral (select count(*) as due, min(l.due_at) as since from sync_link l
                              where l.connection_id = c.id and l.due_at <= :now
                                and l.state in ('creating', 'active')) d on true
         order by c.id"""
    )
    return [_figures(dict(row)) for row in rows]


def _figures(row: dict[str, Any]) -> ConnectionFigures:
    webhook, failure, unheard = row.pop("webhook"), row.pop("hook_failure"), row.pop("unheard")
    up = None if not webhook else int(not trouble(webhook, failure, unheard))
    return ConnectionFigures(**row, webhook_up=up)


async def quotas(tx: Transaction) -> list[tuple[str, str, int]]:
    """(connection, bucket, requests left) of budgets that were told and are not full again yet."""
    rows = await tx.rows(
        """
        select c.key, q.bucket, q.remaining from sync_quota q join sync_connection c on c.id = q.connection_id
         where q.remaining is not null and (q.resets_at is null or q.resets_at > :now) order by c.id, q.bucket"""
    )
    return [(row["key"], row["bucket"], row["remaining"]) for row in rows]
