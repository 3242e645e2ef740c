"""SQL of ends.py: which items incidents are linked with in one connection, and the other way round."""

from collections.abc import Iterable

from rallypoint.db import Transaction


async def items_of(tx: Transaction, connection_id: int, incidents: Iterable[int]) -> dict[int, list[str]]:
    """The items of each incident, as far as their links are alive."""
    rows = await tx.rows(
        """
        select incident, remote_id from sync_link
         where connection_id = :id and incident = any(:incidents::bigint[]) and remote_id is not null
           and state = 'active' order by id""",
        id=connection_id, incidents=list(incidents),
    )  # fmt: skip
    found: dict[int, list[str]] = {}
    for row in rows:
        found.setdefault(row["incident"], []).append(row["remote_id"])
    return found


async def incidents_of(tx: Transaction, connection_id: int, remote_ids: Iterable[str]) -> dict[str, int]:
    """The incident of each item; of several the first that was linked."""
    rows = await tx.rows(
        """
        select distinct on (remote_id) remote_id, incident from sync_link
         where connection_id = :id and remote_id = any(:remote_ids::text[]) and state = 'active'
         order by remote_id, id""",
        id=connection_id, remote_ids=list(remote_ids),
    )  # fmt: skip
    return {row["remote_id"]: row["incident"] for row in rows}
