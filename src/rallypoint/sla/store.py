"""The clocks' SQL."""

from collections.abc import Iterable, Sequence

import msgspec

from rallypoint.db import Transaction
from rallypoint.sla.model import Clock

COLUMNS = (
    "incident, kind, domain_id, priority, target_minutes, started_at, since, used, paused_for, state, "
    "warn_at, due_at, warned_at, met_at, breached_at, paused_at"
)


async def load(tx: Transaction, incident: int, *, for_update: bool = False) -> list[Clock]:
    """An incident's clocks: response, resolution, update."""
    return await tx.fetch(
        Clock,
        f"select {COLUMNS} from sla_clock where incident = :incident order by array_position("
        f"array['response', 'resolution', 'update'], kind){' for update' if for_update else ''}",
        incident=incident,
    )


async def load_many(tx: Transaction, incidents: Sequence[int]) -> list[Clock]:
    """The clocks of several incidents, for lists."""
    return await tx.fetch(
        Clock,
        f"select {COLUMNS} from sla_clock where incident = any(:incidents::bigint[]) order by incident, kind",
        incidents=list(incidents),
    )


async def save(tx: Transaction, clocks: Iterable[Clock]) -> None:
    """Keep these clocks as they stand now, whether or not they were kept before."""
    await tx.execute(
        f"""
        insert into sla_clock ({COLUMNS})
        select c.* from jsonb_to_recordset(:clocks::jsonb) as c(
               incident bigint, kind text, domain_id bigint, priority text, target_minutes integer,
               started_at timestamptz, since timestamptz, used interval, paused_for interval, state text,
               warn_at timestamptz, due_at timestamptz, warned_at timestamptz, met_at timestamptz,
               breached_at timestamptz, paused_at timestamptz)
            on conflict (incident, kind) do update
           set priority = excluded.priority, target_minutes = excluded.target_minutes,
               started_at = excluded.started_at, since = excluded.since, used = excluded.used,
               paused_for = excluded.paused_for, state = excluded.state, warn_at = excluded.warn_at,
               due_at = excluded.due_at, warned_at = excluded.warned_at, met_at = excluded.met_at,
               breached_at = excluded.breached_at, paused_at = excluded.paused_at""",
        clocks=[msgspec.to_builtins(clock) for clock in clocks],
    )
