"""What was there before a mapping was, in the browser: planned, counted, started, paused, brought over."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

import pytest

from rallypoint.db import Database
from rallypoint.house import House
from rallypoint.sync.bringing import Bringing
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.lenses import PlainTexts
from tests.api.conftest import house_on
from tests.store.sync.desk import Desk
from tests.web.conftest import Window
from tests.web.test_sync import connected, declared, turned_on

Opens = Callable[..., AbstractAsyncContextManager[Window]]


@pytest.fixture
def desk(db: Database) -> Desk:
    return Desk(db.clock.now)


@pytest.fixture
async def house(db: Database, dsn: str, tmp_path: Path, desk: Desk) -> AsyncIterator[House]:
    async with house_on(db, dsn, tmp_path, desk) as found:
        yield found


async def work(house: House) -> None:
    """What the engine would do now, to its end."""

    async def alarm(*_: Any) -> None:
        raise AssertionError("nobody has to be told")

    lanes = Lanes(
        house.db, house.tools, house.vault, house.egress, base_url=house.settings.base_url, texts=PlainTexts(),
        alarm=alarm,
    )  # fmt: skip
    loop = Bringing(house.db, lanes, texts=PlainTexts())
    for _ in range(40):
        await sync_due(lanes)
        if not await loop.do():
            break
    await sync_due(lanes)
    await lanes.drain()


async def see(mia: Window, at: str) -> str:
    return (await mia.get(at)).text


async def test_items_are_planned_counted_and_brought_over(window: Opens, desk: Desk, house: House) -> None:
    for n in range(8):
        desk.add(subject=f"Old fault {n}", state="closed" if n == 7 else "open")
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        mapping = await turned_on(mia)
        at = f"/admin/mappings/{mapping}/history"
        assert at in await see(mia, f"/admin/mappings/{mapping}")
        assert "Plan it" in await see(mia, at)
        wrong = await mia.post(at, direction="receive", since="never", **{"r.values:0": "P1"})
        assert wrong.status_code == 422
        assert 'value="never"' in wrong.text, "nothing typed is lost"
        assert (await mia.post(at, direction="receive", match="title")).is_redirect
        assert "listed so far" in await see(mia, at)
        await work(house)
        page = await see(mia, at)
        assert "<b>8</b> are there. Nothing is written before you start it." in page
        assert "Of 8 looked at" in page
        assert "becomes an incident" in page
        assert "is over there" in page
        assert (await mia.post(at, direction="send")).status_code == 409
        assert "Old fault" not in await see(mia, "/board")

        assert (await mia.post(f"{at}/1/start")).is_redirect
        assert (await mia.post(f"{at}/1/pause")).is_redirect
        assert "Go on" in await see(mia, at)
        await work(house)
        assert "Old fault" not in await see(mia, "/board")
        await mia.post(f"{at}/1/start")
        await work(house)
        page = await see(mia, at)
        assert "<b>8</b> of 8 done" in page
        assert 'aria-valuenow="100"' in page
        assert "Plan it" in page, "another one may follow"
        assert "Old fault 3" in await see(mia, "/board")
        assert (await mia.post(f"{at}/1/pause")).status_code == 409
        assert (await mia.post(f"{at}/1/explode")).status_code == 422
        assert (await mia.post(f"/admin/mappings/{mapping + 1}/history/1/start")).status_code in (404, 409, 422)


async def test_incidents_are_sent_and_a_plan_is_cancelled(window: Opens, desk: Desk, house: House) -> None:
    async with window("Mia", "manager") as mia:
        await connected(mia, desk)
        number, mapping = await declared(mia), await turned_on(mia)
        at = f"/admin/mappings/{mapping}/history"
        assert "Opened since" in await see(mia, f"{at}?way=send")
        await mia.post(at, direction="send")
        await work(house)
        await mia.post(f"{at}/1/cancel")
        assert "cancelled" in await see(mia, at)
        await mia.post(at, direction="send")
        await work(house)
        await mia.post(f"{at}/2/start")
        await work(house)
        assert "gets an item there" in await see(mia, at)
        assert "DESK-1" in await see(mia, f"/i/{number}")
    async with window("Bea", "responder") as bea:
        assert (await bea.get(at)).status_code == 403
        assert (await bea.post(f"{at}/2/start")).status_code == 403
