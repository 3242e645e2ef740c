"""The API on a real database: a house of its own, keys for each role, a client that calls the app directly."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.routing import Mount

from rallypoint import access, alerts
from rallypoint.access import Role
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.edges import api
from rallypoint.egress import Egress
from rallypoint.house import House
from rallypoint.settings import Settings
from tests.store.sync.desk import Desk


@dataclass
class Client:
    """Calls the API as the holder of a key."""

    http: httpx2.AsyncClient
    token: str

    async def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> httpx2.Response:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.request(
            method, "/api/v1" + path, json=json, headers={"authorization": f"Bearer {self.token}"} | names
        )


@asynccontextmanager
async def house_on(db: Database, dsn: str, data: Path, desk: Desk | None = None) -> AsyncIterator[House]:
    """A house without an engine: nothing is sent from here. The one tool it can be connected with is a desk."""
    desk = desk or Desk(db.clock.now)
    settings = Settings(data=data, port=8080)
    egress, batcher = Egress(settings), alerts.Batcher(db)
    yield House(
        db=db, settings=settings, clock=db.clock, vault=Vault.open(settings), egress=egress, channels={},
        batcher=batcher, works=(), dsn=dsn, tools={"desk": desk.tool},
    )  # fmt: skip
    await batcher.close()
    await egress.close()


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db.clock.now)


@pytest.fixture
async def house(db: Database, dsn: str, tmp_path: Path, desk: Desk) -> AsyncIterator[House]:
    async with house_on(db, dsn, tmp_path, desk) as found:
        yield found


@pytest.fixture
def place(house: House) -> Mount:
    return api.mount(house)


@pytest.fixture
def app(place: Mount) -> FastAPI:
    found: FastAPI = place.app  # type: ignore[assignment]
    return found


@pytest.fixture
async def http(place: Mount) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=Starlette(routes=[place]), raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url="http://rallypoint.example") as client:
        yield client


async def key_for(db: Database, *roles: Role, scopes: list[str] | None = None) -> str:
    async with db.transaction(SYSTEM) as tx:
        made = await access.create_key(tx, name="-".join(roles) or "nothing", roles=roles, scopes=scopes)
        return made.token


@pytest.fixture
async def admin(db: Database, http: httpx2.AsyncClient) -> Client:
    return Client(http, await key_for(db, Role.ADMIN, Role.RESPONDER))
