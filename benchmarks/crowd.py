"""Years of incidents in a minute: the demo company's six weeks, copied with their whole histories into the tables.

Only a benchmark may do this: nothing of it goes through actions, and the hash chains of the copies are not valid.
"""

import asyncpg

TABLES = (
    "timeline_entry", "incident_alert", "incident_role", "incident_task", "incident_hypothesis", "incident_link",
    "paging_run", "page", "page_gate", "delivery", "sla_clock", "retrospective", "action_item",
)  # fmt: skip
"""What hangs on an incident, in an order that references allow."""

DAYS_APART = 2
"""Each copy of the six weeks is so much older than the one before."""

REFERENCES = {"alert_id": "alert", "run_id": "paging_run", "page_id": "page"}
UNIQUE = {
    ("incident", "grouping_key"): "t.grouping_key || '#' || c.k",
    ("alert", "grouping_key"): "t.grouping_key || '#' || c.k",
    ("alert", "identity"): "decode(md5(t.id || '#' || c.k), 'hex')",
    ("page", "token_hash"): "sha256((t.id || '#' || c.k)::bytea)",
    ("delivery", "reference"): "t.reference || '-' || c.k",
}
AT_REST = {
    # nobody is paged about a copy: its runs have ended, its deliveries are over, its alerts do not run out
    ("alert", "look_at"): "null",
    ("alert", "told"): "t.status",
    ("paging_run", "state"): "case when t.state in ('running', 'exhausted') then 'acknowledged' else t.state end",
    ("delivery", "state"): "case when t.state in ('pending', 'sending') then 'voided' else t.state end",
    ("delivery", "token"): "null",
}
OVER = "status_category in ('closed', 'cancelled', 'merged')"


async def multiply(dsn: str, *, incidents: int, opened: int) -> tuple[int, int]:
    """Copy until there are about so many incidents, of them so many open; returns how many there are."""
    connection = await asyncpg.connect(dsn)
    try:
        over, still = await connection.fetchrow(
            f"select count(*) filter (where {OVER}), count(*) filter (where not {OVER}) from incident"
        )
        await connection.execute(
            f"""
            create temp table copy as
            select number as was, k::bigint as k, number + k * (select max(number) + 1 from incident) as number
              from incident cross join lateral generate_series(1, case when {OVER} then {(incidents - opened) // over}
                                                                       else {opened // still} end) k;
            create temp table copied_alert as
            select a.alert_id as was, c.k from incident_alert a join copy c on c.was = a.incident;
            analyze copy; analyze copied_alert"""
        )
        ends = {
            table: await connection.fetchval(f"select max(id) + 1 from {table}") for table in ("alert", *_with_id())
        }
        await _copy(connection, "incident", "number", "copy", "was", ends)
        await _copy(connection, "alert", "id", "copied_alert", "was", ends)
        for table in TABLES:
            await _copy(connection, table, "incident", "copy", "was", ends)
        await connection.execute("vacuum analyze")
        found = await connection.fetchrow(f"select count(*), count(*) filter (where not {OVER}) from incident")
        return int(found[0]), int(found[1])
    finally:
        await connection.close()


def _with_id() -> list[str]:
    return [t for t in TABLES if t not in ("incident_alert", "page_gate", "sla_clock", "retrospective")]


async def _copy(
    connection: asyncpg.Connection, table: str, key: str, copies: str, was: str, ends: dict[str, int | None]
) -> None:
    """Each row once for each copy of what it hangs on, moved back in time, with numbers of its own."""
    columns = await connection.fetch(
        """
        select column_name as name, data_type as type from information_schema.columns
         where table_schema = 'public' and table_name = $1 and is_generated = 'NEVER' order by ordinal_position""",
        table,
    )
    values = []
    for name, kind in columns:
        if (table, name) in AT_REST:
            values.append(AT_REST[table, name])
        elif (table, name) in UNIQUE:
            values.append(UNIQUE[table, name])
        elif name == "id":
            values.append(f"t.id + c.k * {ends[table] or 0}")
        elif name in REFERENCES:
            values.append(f"t.{name} + c.k * {ends[REFERENCES[name]] or 0}")
        elif name in ("number", "incident"):
            values.append("c.number")
        elif kind == "timestamp with time zone":
            values.append(f"t.{name} - c.k * interval '{DAYS_APART} days'")
        else:
            values.append(f"t.{name}")
    names = ", ".join(name for name, _ in columns)
    await connection.execute(
        f"insert into {table} ({names}) overriding system value "
        f"select {', '.join(values)} from {table} t join {copies} c on t.{key} = c.{was} order by c.k",
        timeout=600,
    )
