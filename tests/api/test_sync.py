"""Two-way sync set up by nothing but the API, on a desk in memory."""

from typing import Any

import pytest
from httpx2 import AsyncClient

from rallypoint import wiring
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.house import House
from rallypoint.sync import codec, conflict_store
from rallypoint.sync.lanes import Lanes, sync_due
from rallypoint.sync.lenses import PlainTexts
from rallypoint.sync.model import Conflict, Side
from tests.api.conftest import Client, key_for
from tests.api.test_rules_of_the_house import problem
from tests.api.test_walk import ok
from tests.store.sync.desk import Desk

DESK = {
    "key": "desk", "tool": "desk", "base_url": "https://desk.example", "name": "Desk",
    "secrets": {"password": "open sesame"},
}  # fmt: skip


@pytest.fixture
async def connected(admin: Client, desk: Desk) -> Client:
    await ok(admin, "POST", "/connections", DESK)
    return admin


async def mapped(client: Client) -> dict[str, Any]:
    wanted = {"connection": "desk", "project": "desk", "type": "ticket", "name": "Tickets"}
    suggested = await ok(client, "POST", "/mappings/suggest", wanted)
    rules = suggested["mapping"]["rules"]
    saved: dict[str, Any] = await ok(client, "POST", "/mappings", {"connection": "desk", "rules": rules})
    return saved["mapping"]  # type: ignore[no-any-return]


async def pass_by(house: House) -> None:
    """What the engine would do now."""

    async def alarm(*_: Any) -> None:
        raise AssertionError("nobody has to be told")

    lanes = Lanes(
        house.db, house.tools, house.vault, house.egress, base_url=house.settings.base_url, texts=PlainTexts(),
        alarm=alarm,
    )  # fmt: skip
    await sync_due(lanes)
    await lanes.drain()


async def test_from_a_new_connection_to_an_item_in_step(admin: Client, desk: Desk, house: House) -> None:
    tools = (await ok(admin, "GET", "/tools"))["items"]
    assert [(one["kind"], [asked["secret"] for asked in one["asked"]]) for one in tools] == [("desk", [False, True])]
    made = await ok(admin, "POST", "/connections", DESK, idempotency_key="k")
    assert made["hook_url"].startswith("http")
    assert "/told/" in made["hook_url"]
    again = await admin("POST", "/connections", DESK, idempotency_key="k")
    assert again.json() == made
    assert "open sesame" not in str(await ok(admin, "GET", "/connections/desk"))
    assert (await ok(admin, "POST", "/connections/desk/check"))["identity"] == "sync"
    assert (await ok(admin, "GET", "/connections/desk/projects"))["items"][0]["types"] == ["ticket"]
    schema = await ok(admin, "GET", "/connections/desk/schema?project=desk&type=ticket")
    assert {one["id"] for one in schema["fields"]} >= {"subject", "state"}
    ours = {one["id"]: one for one in (await ok(admin, "GET", "/schema"))["fields"]}
    assert [one["id"] for one in ours["urgency"]["choices"]] == ["critical", "high", "medium", "low"]
    mapping = await mapped(admin)
    number = (await ok(admin, "POST", "/incidents", {"title": "Checkout is slow"}))["number"]
    given = {"connection": "desk", "rules": mapping["rules"], "incident": number}
    shown = await ok(admin, "POST", "/mappings/preview", given)
    assert shown["creates"]["fields"]["subject"] == "Checkout is slow"
    assert desk.tickets == {}
    item = await ok(admin, "POST", f"/incidents/{number}/items", {"mapping_id": mapping["id"]})
    assert item["state"] == "creating"
    problem(await admin("POST", f"/incidents/{number}/items", {"mapping_id": mapping["id"]}), 409)
    await pass_by(house)
    [ticket] = desk.tickets.values()
    assert ticket.fields["subject"] == "Checkout is slow"
    [item] = (await ok(admin, "GET", f"/incidents/{number}/items"))["items"]
    assert (item["state"], item["remote_key"], item["error"]) == ("active", "DESK-1", None)
    health = await ok(admin, "GET", "/connections/desk/health")
    assert (health["links"]["active"], health["connection"]["state"]) == (1, "on")
    parted = await ok(admin, "POST", f"/items/{item['id']}/part", {"reason": "Handed over."})
    assert (parted["state"], parted["state_reason"]) == ("ended", "Handed over.")


async def test_what_a_tool_says_is_a_problem_of_its_own(connected: Client, desk: Desk) -> None:
    desk.password = "another"
    checked = await ok(connected, "POST", "/connections/desk/check")
    assert (checked["ok"], checked["findings"][0]["about"]) == (False, "credentials")
    assert (await ok(connected, "GET", "/connections/desk"))["state"] == "refused"
    problem(await connected("GET", "/connections/desk/schema?project=desk&type=ticket"), 502, "outside")
    changed = await ok(connected, "PATCH", "/connections/desk", {"secrets": {"password": "another"}, "name": "Ours"})
    assert (changed["state"], changed["name"]) == ("on", "Ours")
    assert (await ok(connected, "POST", "/connections/desk/check"))["ok"]
    refused = problem(await connected("PATCH", "/connections/desk", {"base_url": "https://elsewhere.example"}), 422)
    assert [one["field"] for one in refused["errors"]] == ["secrets"]
    paused = await ok(connected, "POST", "/connections/desk/pause", {"reason": "Migration."})
    assert (paused["state"], paused["state_reason"]) == ("paused", "Migration.")
    assert (await ok(connected, "POST", "/connections/desk/resume"))["state"] == "on"


async def test_wrong_input_is_told_by_its_place(connected: Client) -> None:
    wrong = problem(await connected("POST", "/connections", DESK | {"key": "other", "secrets": {}}), 422)
    assert [one["field"] for one in wrong["errors"]] == ["password"]
    wrong = problem(await connected("POST", "/connections", DESK | {"key": "o", "base_url": "ftp://x"}), 422)
    assert [one["field"] for one in wrong["errors"]] == ["base_url"]
    problem(await connected("POST", "/connections", DESK), 409)
    mapping = await mapped(connected)
    rules = mapping["rules"] | {"fields": [{"hub": "titel", "remote": "subject"}]}
    reviewed = await ok(connected, "POST", "/mappings/review", {"connection": "desk", "rules": rules})
    assert (reviewed["ok"], reviewed["remarks"][0]["level"]) == (False, "error")
    body = {"rules": rules, "based_on": 1}
    problem(await connected("PUT", f"/mappings/{mapping['id']}", body), 422)
    problem(await connected("POST", "/mappings/review", {"connection": "desk", "rules": {"nme": 1}}), 422)
    problem(await connected("POST", "/mappings/preview", {"connection": "desk", "rules": mapping["rules"]}), 422)
    problem(await connected("POST", "/mappings/suggest", {"connection": "nothing"}), 422)
    number = (await ok(connected, "POST", "/incidents", {"title": "Something"}))["number"]
    unknown = {"mapping_id": mapping["id"], "remote_id": "T99"}
    problem(await connected("POST", f"/incidents/{number}/items", unknown), 422)
    problem(await connected("POST", f"/incidents/{number}/items", {"mapping_id": 4711}), 422)


async def test_versions_effect_and_roll_back(connected: Client, desk: Desk, house: House) -> None:
    mapping = await mapped(connected)
    number = (await ok(connected, "POST", "/incidents", {"title": "Something"}))["number"]
    plan = await ok(connected, "GET", f"/mappings/{mapping['id']}/backlog")
    assert (plan["fitting"], plan["without_item"]) == (1, 1)
    assert (await ok(connected, "POST", f"/mappings/{mapping['id']}/backlog", {"items": 10}))["ordered"] == 1
    await pass_by(house)
    rules = mapping["rules"] | {"fields": [one for one in mapping["rules"]["fields"] if one["hub"] != "workaround"]}
    assert (await ok(connected, "POST", f"/mappings/{mapping['id']}/effect", {"rules": rules}))["changed"] == []
    at = f"/mappings/{mapping['id']}"
    saved = await ok(connected, "PUT", at, {"rules": rules, "based_on": 1}, idempotency_key="once")
    again = await connected("PUT", at, {"rules": rules, "based_on": 1}, idempotency_key="once")
    assert (again.json(), again.headers["idempotent-replay"]) == (saved, "true")
    problem(await connected("PUT", at, {"rules": rules, "based_on": 1}), 409)
    back = await ok(connected, "POST", f"{at}/roll-back", {"version": 1})
    assert (back["version"], back["rules"]) == (3, mapping["rules"])
    assert [one["version"] for one in (await ok(connected, "GET", f"{at}/versions"))["items"]] == [1, 2, 3]
    assert (await ok(connected, "GET", f"{at}/versions/2"))["rules"] == rules
    [item] = (await ok(connected, "GET", f"/incidents/{number}/items"))["items"]
    assert (await ok(connected, "POST", f"/items/{item['id']}/retry"))["error"] is None
    hook = await ok(connected, "POST", "/connections/desk/webhook", idempotency_key="hook")
    assert hook["state"] == "active"
    assert desk.hooks[-1] == (hook["url"], hook["secret"])
    assert (await connected("POST", "/connections/desk/webhook", idempotency_key="hook")).json() == hook
    assert len(desk.hooks) == 1


async def test_a_conflict_is_seen_and_settled(connected: Client, house: House, desk: Desk, db: Database) -> None:
    mapping = await mapped(connected)
    number = (await ok(connected, "POST", "/incidents", {"title": "Ours"}))["number"]
    ticket = desk.add(subject="Theirs")
    body = {"mapping_id": mapping["id"], "remote_id": ticket.id}
    item = await ok(connected, "POST", f"/incidents/{number}/items", body)
    clash = Conflict(
        link=item["id"], field="title", hub_value="Ours", hub_version=1, hub_at=None, hub_by="Bea",
        remote_raw="Theirs", remote_value="Theirs", remote_at=None, remote_by=None, winner=None, rule="ask",
    )  # fmt: skip
    async with db.transaction(SYSTEM) as tx:
        for _ in range(3):
            id = await conflict_store.add_conflict(tx, number, clash)
    page = await ok(connected, "GET", f"/conflicts?incident={number}&open=true&limit=2")
    assert [one["id"] for one in page["items"]] == [id, id - 1]
    rest = await ok(connected, "GET", f"/conflicts?limit=2&cursor={page['next_cursor']}")
    assert ([one["id"] for one in rest["items"]], rest["next_cursor"]) == ([id - 2], None)
    settled = await ok(connected, "POST", f"/conflicts/{id}/settle", {"side": Side.REMOTE})
    assert settled["settled_at"]
    assert (await ok(connected, "GET", f"/incidents/{number}"))["title"] == "Theirs"
    problem(await connected("POST", f"/conflicts/{id}/settle", {"side": "hub"}), 409)
    round = f"/conflicts/{id}/turn-round"
    assert (await ok(connected, "POST", round, {}))["kept"] == "hub"
    assert (await ok(connected, "GET", f"/incidents/{number}"))["title"] == "Ours"
    await ok(connected, "POST", f"/incidents/{number}/describe", {"title": "Third"})
    problem(await connected("POST", round, {}), 409)
    assert (await ok(connected, "POST", round, {"over": True}))["kept"] == "remote"
    problem(await connected("POST", "/conflicts/4711/settle", {"side": "hub"}), 404)
    assert codec.to_json(clash)["rule"] == settled["rule"]


async def test_who_works_on_incidents_links_and_does_not_set_up(
    connected: Client, http: AsyncClient, db: Database, desk: Desk
) -> None:
    mapping = await mapped(connected)
    number = (await ok(connected, "POST", "/incidents", {"title": "Something"}))["number"]
    responder = Client(http, await key_for(db, Role.RESPONDER))
    ticket = desk.add(subject="The same")
    body = {"mapping_id": mapping["id"], "remote_id": ticket.id}
    assert (await ok(responder, "POST", f"/incidents/{number}/items", body))["remote_key"] == "DESK-1"
    problem(await responder("GET", "/connections"), 403, "not-allowed")
    problem(await responder("POST", "/connections/desk/check"), 403, "not-allowed")


def test_the_house_knows_the_tools_of_the_product(house: House) -> None:
    assert "servicenow" in wiring.tools()
