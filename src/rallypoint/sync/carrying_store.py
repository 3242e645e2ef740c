"""SQL of carrying.py: what a link learns about files on the way, and the claim that lasts while they are."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rallypoint.db import Transaction
from rallypoint.sync import codec
from rallypoint.sync.work import Claim

LEASE = timedelta(seconds=90)


async def remember(tx: Transaction, link_id: int, kind: str, key: str, body: Any) -> None:
    """One thing more that a link remembers, in the transaction that holds the link."""
    await tx.execute(
        """
        insert into sync_memory (link_id, kind, key, body) values (:id, :kind, :key, :body)
            on conflict (link_id, kind, key) do update set body = excluded.body""",
        id=link_id, kind=kind, key=key, body=codec.to_json(body),
    )  # fmt: skip


async def try_again(tx: Transaction, link_ids: Sequence[int]) -> None:
    """That files did not go across is forgotten: a person has it tried again."""
    await tx.execute("delete from sync_memory where link_id = any(:ids) and kind = 'refused'", ids=list(link_ids))


async def extend_lease(tx: Transaction, claim: Claim) -> bool:
    """A file is on its way, which takes longer than the rest of a pass. False where the claim is not ours any more."""
    return await tx.execute(
        "update sync_link set lease_until = :until where id = :id and fence = :fence",
        id=claim.link.id, fence=claim.fence, until=tx.now + LEASE,
    ) == 1  # fmt: skip
