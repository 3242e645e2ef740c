"""The composition root: one object that holds what a process needs, built once at start.

Edges take it from `app.state.house`; rooms never see it, they are handed what they need.
"""

import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from os import getpid

from rallypoint import alerts, catalog, wiring
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.clock import Clock, DatabaseClock
from rallypoint.db import Database
from rallypoint.egress import Egress
from rallypoint.engine.loop import Work
from rallypoint.notify.ports import Channel
from rallypoint.settings import Settings
from rallypoint.sync.setting_up import SetUp
from rallypoint.sync.tools import Tools

POOL_SIZES = {"web": 10, "engine": 10, "all": 12, "cli": 2}


@dataclass(frozen=True, slots=True)
class House:
    """What a process of ours needs: the database, the clock, the ways out, and the work it does."""

    db: Database
    settings: Settings
    clock: Clock
    vault: Vault
    egress: Egress
    channels: Mapping[str, Channel]
    batcher: alerts.Batcher
    works: Sequence[Work]
    dsn: str
    tools: Tools = field(default_factory=wiring.tools)

    @property
    def set_up(self) -> SetUp:
        """Everything people do to connections and mappings; it keeps nothing of its own."""
        return wiring.set_up(self.db, self.tools, settings=self.settings, vault=self.vault, egress=self.egress)

    @property
    def node(self) -> str:
        """This process, as named in heartbeats."""
        return f"{socket.gethostname()}:{getpid()}"


@asynccontextmanager
async def open_house(
    settings: Settings,
    *,
    dsn: str = "",
    clock: Clock | None = None,
    role: str = "all",
    channels: Mapping[str, Channel] | None = None,
    durable: bool = True,
) -> AsyncIterator[House]:
    """Open the database and build everything on it.

    `dsn` wins over the settings' database_url; `channels` replaces the ways to reach people (stories, game days).
    """
    dsn = dsn or settings.database_url
    clock = clock or DatabaseClock()
    db = await Database.connect(
        dsn, clock=clock, bus=wiring.bus(), size=POOL_SIZES[role], name=f"rallypoint-{role}", durable=durable
    )
    vault = Vault.open(settings)
    egress = Egress(settings)
    batcher = alerts.Batcher(db)
    try:
        if channels is None:
            channels = wiring.channels(settings, db, egress)
        yield House(
            db=db,
            settings=settings,
            clock=clock,
            vault=vault,
            egress=egress,
            channels=channels,
            batcher=batcher,
            works=wiring.works(db, channels, settings=settings, vault=vault, egress=egress),
            dsn=dsn,
        )
    finally:
        await batcher.close()
        await egress.close()
        await db.close()


async def prepare(dsn: str, *, clock: Clock | None = None) -> None:
    """What a migrated but empty database needs before the first person comes: the two seeded domains. Idempotent."""
    db = await Database.connect(dsn, clock=clock or DatabaseClock(), bus=wiring.bus(), size=1)
    try:
        async with db.transaction(SYSTEM) as tx:
            await catalog.seed(tx)
    finally:
        await db.close()
