"""An incident, a desk elsewhere, and the lanes between them, on a real database and the manual clock."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from rallypoint import incidents
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM, Actor
from rallypoint.clock import ManualClock
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.settings import Settings
from rallypoint.sync import connecting, store
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.mapping import (
    CreateRule,
    FieldRule,
    Mapping,
    Owner,
    Pair,
    StatusMap,
    StatusRead,
    StatusWrite,
    Text,
    Trigger,
    ValueMap,
)
from rallypoint.sync.tools import Tool
from tests.store.incidents.people import Company, company
from tests.store.sync.desk import Desk

STATUS = StatusMap(
    field="state",
    out=(
        StatusWrite(hub="triage", remote="new"), StatusWrite(hub="active", remote="open"),
        StatusWrite(hub="on_hold", remote="waiting"), StatusWrite(hub="restored", remote="open"),
        StatusWrite(hub="resolved", remote="solved"), StatusWrite(hub="review", remote="solved"),
        StatusWrite(hub="closed", remote="closed"), StatusWrite(hub="cancelled", remote="closed"),
    ),
    into=(
        StatusRead(remote="new", hub="triage"), StatusRead(remote="open", hub="active"),
        StatusRead(remote="waiting", hub="on_hold"), StatusRead(remote="solved", hub="resolved"),
        StatusRead(remote="closed", hub="resolved"),
    ),
)  # fmt: skip
FIELDS = (
    FieldRule(hub="title", remote="subject", transform=Text(max_length=80, single_line=True)),
    FieldRule(hub="description", remote="body", transform=Text()),
    FieldRule(
        hub="urgency", remote="urgency", owner=Owner.NEWEST,
        transform=ValueMap(pairs=tuple(Pair(hub=h, remote=r) for h, r in
                                       (("critical", "1"), ("high", "1"), ("medium", "2"), ("low", "3")))),
    ),
    FieldRule(hub="workaround", remote="workaround", transform=Text()),
)  # fmt: skip


@dataclass
class Scene:
    """Everything a test needs: the database, the people here, the desk there, and time."""

    db: Database
    them: Company
    desk: Desk
    lanes: Lanes
    clock: ManualClock
    mapping: Mapping
    hook_key: str
    alarms: list[str]
    vault: Vault
    tools: dict[str, Tool]

    async def open(self, title: str = "Checkout is slow", **more: str) -> int:
        async with self.db.transaction(self.them.responder) as tx:
            return (await incidents.open_incident(tx, title=title, service="checkout", **more)).number  # type: ignore[arg-type]

    async def do(self, actor: Actor, name: str, *arguments: object, **more: object) -> object:
        async with self.db.transaction(actor) as tx:
            return await getattr(incidents, name)(tx, *arguments, **more)

    async def ruled(self, **rules: Any) -> None:
        """Another version of the mapping is on, with these rules."""
        async with self.db.transaction(self.them.manager) as tx:
            self.mapping = replace(self.mapping, version=self.mapping.version + 1, **rules)
            await store.save_mapping(tx, self.mapping, by="Mia")

    async def incident(self, number: int) -> incidents.Incident:
        async with self.db.transaction(SYSTEM) as tx:
            return await incidents.incident(tx, number)

    async def sync(self, **length: float) -> None:
        """Time passes, the desk is asked, and everything due is done."""
        self.clock.advance(timedelta(**(length or {"seconds": 61})))
        await self.lanes.poll()
        await sync_due(self.lanes)

    async def links(self, number: int) -> list[dict[str, object]]:
        async with self.db.transaction(SYSTEM) as tx:
            return await store.links_of(tx, number)


@pytest.fixture
async def scene(db: Database, clock: ManualClock, tmp_path: Path) -> AsyncIterator[Scene]:
    them, desk, alarms = await company(db), Desk(clock.now), list[str]()
    settings = Settings(data=tmp_path)
    vault, egress = Vault.open(settings), Egress(settings)
    tools = {"desk": desk.tool}

    async def alarm(tx: Transaction, subject: str, what: str) -> None:
        alarms.append(what)

    async with db.transaction(them.manager) as tx:
        made = await connecting.connect(
            tx, tools, vault, key="desk", tool="desk", base_url="https://desk.example/", name="Desk",
            secrets_={"password": desk.password},
        )  # fmt: skip
        id = await store.new_mapping_id(tx)
        mapping = Mapping(
            id=id, version=1, connection=made.connection.id, name="Tickets", trigger=Trigger(send=True, receive=True),
            create=CreateRule(project="desk", type="ticket", defaults={"state": "new"}), fields=FIELDS, status=STATUS,
        )  # fmt: skip
        await store.save_mapping(tx, mapping, by="Mia")
    lanes = Lanes(db, tools, vault, egress, base_url="https://rp.example", texts=PlainTexts(), alarm=alarm)
    try:
        yield Scene(db, them, desk, lanes, clock, mapping, made.hook_key, alarms, vault, tools)
    finally:
        await lanes.drain()
        await egress.close()
