"""Forgetting what has had its time: old sessions, links, failures and remembered replies."""

from rallypoint.access import key_store, session_store
from rallypoint.db import Transaction


async def sweep(tx: Transaction) -> int:
    """Delete it all; returns how many rows went. The audit trail is not touched."""
    return await session_store.sweep(tx) + await key_store.sweep(tx)
