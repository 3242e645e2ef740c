"""Counts for /metrics. Each reads a partial index or a bounded tail: a scrape stays cheap."""

from rallypoint.db import Transaction

TAIL = 100_000


async def deliveries_by_state(tx: Transaction) -> list[tuple[str, str, int]]:
    """(method, state, how many) among the latest TAIL deliveries."""
    rows = await tx.rows(
        """
        select method, state, count(*) as many from delivery
         where id > (select coalesce(max(id), 0) - :tail from delivery)
         group by method, state order by method, state""",
        tail=TAIL,
    )
    return [(row["method"], row["state"], row["many"]) for row in rows]


async def open_incidents(tx: Transaction) -> list[tuple[str, str, int]]:
    """(priority, status category, how many) of incidents that are not over; drills left out. Index incident_open."""
    rows = await tx.rows(
        """
        select priority, status_category, count(*) as many from incident
         where status_category not in ('closed', 'cancelled', 'merged') and not drill
         group by priority, status_category order by priority, status_category"""
    )
    return [(row["priority"], row["status_category"], row["many"]) for row in rows]


async def numbers(tx: Transaction) -> list[int]:
    """The number of every incident, drills and all: for reading every timeline again."""
    return await tx.fetch(int, "select number from incident order by number")


async def last_heard(tx: Transaction) -> list[tuple[str, float]]:
    """(integration, seconds since it last sent something); those never heard are left out."""
    rows = await tx.rows(
        """
        select name || ' #' || id as name, extract(epoch from :now - last_seen_at)::float8 as age
          from integration where last_seen_at is not null and not disabled order by id"""
    )
    return [(row["name"], row["age"]) for row in rows]


async def beats(tx: Transaction) -> list[tuple[str, float]]:
    """(role, seconds since the latest green cycle)."""
    rows = await tx.rows(
        "select role, extract(epoch from :now - max(at))::float8 as age from heartbeat group by role order by role"
    )
    return [(row["role"], row["age"]) for row in rows]
