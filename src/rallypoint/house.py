"""INTERIM while rooms land."""

from rallypoint import wiring
from rallypoint.actors import SYSTEM
from rallypoint.clock import Clock, DatabaseClock
from rallypoint.db import Database


async def prepare(dsn: str, *, clock: Clock | None = None) -> None:
    """What a migrated but empty database needs before the first person comes: the two seeded domains. Idempotent."""
    try:
        from rallypoint.catalog import seed
    except ImportError:
        return
    db = await Database.connect(dsn, clock=clock or DatabaseClock(), bus=wiring.bus(), size=1)
    try:
        async with db.transaction(SYSTEM) as tx:
            await seed(tx)
    finally:
        await db.close()
