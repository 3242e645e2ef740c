"""SQL of tags: which there are. They themselves stand on the incident."""

from rallypoint.db import Transaction

LOOKED_AT = 2000
"""So many of the newest incidents are looked through: what was in use years ago is not offered."""


async def known(tx: Transaction, *, limit: int) -> list[str]:
    return await tx.fetch(
        str,
        """
        select tag from (select tags from incident order by number desc limit :looked_at) newest
               cross join unnest(newest.tags) as tag
         group by tag order by count(*) desc, tag limit :limit""",
        looked_at=LOOKED_AT, limit=limit,
    )  # fmt: skip
