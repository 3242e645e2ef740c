"""The SQL of a connection's sealed secrets while its access token is looked at or replaced."""

from rallypoint.db import Transaction
from rallypoint.errors import NotFound


async def lock_secrets(tx: Transaction, id: int) -> bytes | None:
    """The sealed credentials; nobody else changes them until the transaction ends. None for what waits for them."""
    rows = await tx.rows("select sealed_secrets from sync_connection where id = :id for update", id=id)
    if not rows:
        raise NotFound("connection", id)
    found: bytes | None = rows[0]["sealed_secrets"]
    return found


async def keep_secrets(tx: Transaction, id: int, sealed: bytes) -> None:
    await tx.execute("update sync_connection set sealed_secrets = :sealed where id = :id", id=id, sealed=sealed)
