"""The pages on a real database, without a browser: forms are posted as a page of ours would post them."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from starlette.types import ASGIApp

from rallypoint import access
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.edges.web.app import create_app
from rallypoint.edges.web.visit import SESSION_COOKIE
from rallypoint.house import House
from tests.api.conftest import house_on

HERE = "http://rallypoint.example"


@dataclass
class Window:
    """Somebody's browser: a session, and what it gets and posts."""

    http: httpx2.AsyncClient
    person: access.Person

    async def get(self, path: str) -> httpx2.Response:
        return await self.http.get(path)

    async def post(self, path: str, **fields: Any) -> httpx2.Response:
        return await self.http.post(path, data=fields, headers={"sec-fetch-site": "same-origin"})


@pytest.fixture
async def house(db: Database, dsn: str, tmp_path: Path) -> AsyncIterator[House]:
    async with house_on(db, dsn, tmp_path) as found:
        yield found


@asynccontextmanager
async def browser(app: ASGIApp) -> AsyncIterator[httpx2.AsyncClient]:
    """Nobody's browser yet, calling the app from this machine."""
    transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 50_000), raise_app_exceptions=True)
    async with httpx2.AsyncClient(transport=transport, base_url=HERE) as client:
        yield client


@pytest.fixture
def window(house: House, db: Database) -> Callable[..., AbstractAsyncContextManager[Window]]:
    """Signs somebody in: window("Bea", "responder"). The same name is the same person in another browser."""

    @asynccontextmanager
    async def window(name: str, *roles: str, app: ASGIApp | None = None) -> AsyncIterator[Window]:
        email = f"{name.lower()}@example.com"
        async with db.transaction(SYSTEM) as tx:
            person = await access.person_by_email(tx, email)
            person = person or await access.create_person(tx, name=name, email=email, roles=roles)
            token = await access.make_login_link(tx, person.id)
        async with db.transaction(SYSTEM) as tx:
            signed = await access.use_login_link(tx, token, address="", agent="")
        async with browser(app or create_app(house)) as client:
            client.cookies.set(SESSION_COOKIE, signed.token, domain=urlsplit(HERE).hostname or "")
            yield Window(client, person)

    return window
