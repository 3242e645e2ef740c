"""What was there before a mapping was, planned and brought over by nothing but the API."""

from typing import Any

import pytest

from rallypoint.house import House
from rallypoint.sync.bringing import Bringing
from rallypoint.sync.lanes import Lanes
from rallypoint.sync.lenses import PlainTexts
from tests.api.conftest import Client
from tests.api.test_rules_of_the_house import problem
from tests.api.test_sync import DESK, mapped
from tests.api.test_walk import ok
from tests.store.sync.desk import Desk


@pytest.fixture
async def connected(admin: Client, desk: Desk) -> Client:
    await ok(admin, "POST", "/connections", DESK)
    return admin


async def bring(house: House) -> None:
    """What the engine would do now."""

    async def alarm(*_: Any) -> None:
        raise AssertionError("nobody has to be told")

    lanes = Lanes(house.db, house.tools, house.vault, house.egress, base_url="", texts=PlainTexts(), alarm=alarm)
    loop = Bringing(house.db, lanes, texts=PlainTexts())
    for _ in range(40):
        if not await loop.do():
            return


async def test_a_plan_is_made_read_started_and_ended(connected: Client, desk: Desk, house: House) -> None:
    for n in range(6):
        desk.add(subject=f"Old fault {n}", state="closed" if n == 5 else "open")
    mapping = await mapped(connected)
    at = f"/mappings/{mapping['id']}/history"
    problem(await connected("POST", at, {"direction": "both"}), 422)
    problem(await connected("POST", at, {"direction": "receive", "since": "2036-01-01T00:00:00Z"}), 422)
    problem(await connected("POST", at, {"direction": "receive", "match": "owner"}), 422)
    asked = {"direction": "receive", "conditions": [{"field": "subject", "check": "is not", "values": ["Old fault 4"]}]}
    made = await ok(connected, "POST", at, asked, idempotency_key="once")
    assert made["state"] == "planning"
    assert (await connected("POST", at, asked, idempotency_key="once")).json() == made
    problem(await connected("POST", at, asked), 409)
    await bring(house)
    one = f"/history/{made['id']}"
    plan = await ok(connected, "GET", one)
    assert (plan["state"], plan["total"], plan["done"], plan["looked_at"]) == ("planned", 6, 0, 6)
    assert plan["outcomes"] == {"becomes an incident": 4, "is over there": 1, "does not fit the conditions": 1}
    first = await ok(connected, "GET", f"{one}/items?limit=4")
    rest = await ok(connected, "GET", f"{one}/items?limit=4&cursor={first['next_cursor']}")
    assert [row["title"] for row in (*first["items"], *rest["items"])] == [f"Old fault {n}" for n in range(6)]
    problem(await connected("POST", f"{one}/pause"), 409)
    assert (await ok(connected, "POST", f"{one}/start"))["state"] == "running"
    assert (await ok(connected, "POST", f"{one}/pause"))["state"] == "paused"
    await ok(connected, "POST", f"{one}/start")
    await bring(house)
    done = await ok(connected, "GET", one)
    assert (done["state"], done["done"], done["share"], done["failed"]) == ("done", 6, 1.0, 0)
    opened = [row["incident"] for row in (await ok(connected, "GET", f"{one}/items?state=done"))["items"]]
    assert len([number for number in opened if number]) == 4
    problem(await connected("POST", f"{one}/retry"), 409)
    problem(await connected("POST", f"{one}/cancel"), 409)
    assert [row["id"] for row in (await ok(connected, "GET", at))["items"]] == [made["id"]]
    problem(await connected("GET", "/history/99999"), 404)
