"""What tools tell us over HTTP: kept once, never turned away for good while the connection lives."""

import asyncio
from collections.abc import AsyncIterator

import asyncpg
import httpx2
import pytest
from starlette.applications import Starlette

from rallypoint.actors import SYSTEM
from rallypoint.clock import sleep
from rallypoint.db import Database
from rallypoint.edges import told
from rallypoint.house import House
from tests.api.conftest import Client
from tests.api.test_sync import DESK
from tests.api.test_walk import ok
from tests.store.sync.desk import Desk


@pytest.fixture
async def way_in(house: House) -> AsyncIterator[httpx2.AsyncClient]:
    transport = httpx2.ASGITransport(app=Starlette(routes=told.routes(house, house.tools)))
    async with httpx2.AsyncClient(transport=transport, base_url="http://rallypoint.example") as client:
        yield client


async def registered(admin: Client, desk: Desk) -> tuple[str, dict[str, str]]:
    """(path, headers) of a delivery."""
    hook = await ok(admin, "POST", "/connections/desk/webhook")
    return httpx2.URL(hook["url"]).path, {"x-desk-secret": hook["secret"] or desk.hooks[-1][1]}


async def test_a_delivery_is_kept_once_and_only_with_its_secret(
    admin: Client, desk: Desk, way_in: httpx2.AsyncClient
) -> None:
    await ok(admin, "POST", "/connections", DESK)
    path, signed = await registered(admin, desk)
    first = await way_in.post(path, content=b"d1 T1", headers=signed)
    again = await way_in.post(path, content=b"d1 T1", headers=signed)
    assert [(one.status_code, one.json()["new"]) for one in (first, again)] == [(202, True), (202, False)]
    assert (await way_in.post(path, content=b"d2 T1", headers={"x-desk-secret": "guess"})).status_code == 401
    assert (await way_in.post("/told/nobody", content=b"d1 T1", headers=signed)).status_code == 404
    assert (await way_in.post(path, content=b"x" * (told.BODY_MOST + 1), headers=signed)).status_code == 413


async def test_an_address_that_was_replaced_goes_on_with_its_own_secret(
    admin: Client, desk: Desk, way_in: httpx2.AsyncClient
) -> None:
    await ok(admin, "POST", "/connections", DESK)
    old, old_signed = await registered(admin, desk)
    new, new_signed = await registered(admin, desk)
    assert (await way_in.post(old, content=b"d1 T1", headers=old_signed)).status_code == 202
    assert (await way_in.post(old, content=b"d2 T1", headers=new_signed)).status_code == 401
    assert (await way_in.post(new, content=b"d3 T1", headers=new_signed)).status_code == 202


async def test_under_load_it_is_asked_to_come_again(
    admin: Client, desk: Desk, way_in: httpx2.AsyncClient, db: Database, dsn: str
) -> None:
    """The table is locked, so that deliveries pile up: so many as are taken at once wait, the others hear it soon."""
    await ok(admin, "POST", "/connections", DESK)
    path, signed = await registered(admin, desk)
    holder = await asyncpg.connect(dsn)
    try:
        async with holder.transaction():
            await holder.execute("lock table sync_inbox in access exclusive mode")
            waiting = [
                asyncio.create_task(way_in.post(path, content=f"d{count} T1".encode(), headers=signed))
                for count in range(told.AT_ONCE + 5)
            ]
            while sum(one.done() for one in waiting) < 5:
                await sleep(0.01)
            refused = [one.result() for one in waiting if one.done()]
            assert {(one.status_code, one.headers["retry-after"]) for one in refused} == {(503, "5")}
    finally:
        await holder.close()
    answers = [one.status_code for one in await asyncio.gather(*waiting)]
    assert (answers.count(202), answers.count(503)) == (told.AT_ONCE, 5)


async def test_what_cannot_be_kept_in_time_is_answered_in_time(
    admin: Client, desk: Desk, way_in: httpx2.AsyncClient, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ok(admin, "POST", "/connections", DESK)
    path, signed = await registered(admin, desk)
    monkeypatch.setattr(told, "TAKEN_WITHIN", 0.05)
    holder = await asyncpg.connect(dsn)
    try:
        async with holder.transaction():
            await holder.execute("lock table sync_inbox in access exclusive mode")
            late = await way_in.post(path, content=b"d1 T1", headers=signed)
    finally:
        await holder.close()
    assert (late.status_code, late.headers["retry-after"]) == (503, "10")
    monkeypatch.undo()
    assert (await way_in.post(path, content=b"d1 T1", headers=signed)).json() == {"heard": True, "new": True}


async def test_a_connection_that_waits_or_whose_tool_is_not_known_is_not_gone(
    admin: Client, desk: Desk, way_in: httpx2.AsyncClient, house: House
) -> None:
    await ok(admin, "POST", "/connections", DESK)
    path, signed = await registered(admin, desk)
    async with house.db.transaction(SYSTEM) as tx:
        await tx.execute("update sync_connection set tool = 'of another version' where key = 'desk'")
    assert (await way_in.post(path, content=b"d1 T1", headers=signed)).status_code == 503
    async with house.db.transaction(SYSTEM) as tx:
        await tx.execute("update sync_connection set tool = 'desk', sealed_hook = null where key = 'desk'")
    assert (await way_in.post(path, content=b"d1 T1", headers=signed)).status_code == 503
