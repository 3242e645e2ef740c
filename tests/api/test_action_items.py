"""Action items and what they follow elsewhere, by nothing but the API."""

from rallypoint import learning
from rallypoint.actors import SYSTEM
from rallypoint.house import House
from rallypoint.learning.following import Following, follow_due
from rallypoint.sync.lanes import Lanes
from rallypoint.sync.lenses import PlainTexts
from tests.api.conftest import Client
from tests.api.test_sync import DESK, mapped
from tests.api.test_walk import ok
from tests.store.sync.desk import Desk


async def pass_by(house: House) -> None:
    """What the engine would do now."""

    async def alarm(*_: object) -> None:
        raise AssertionError("nobody has to be told")

    lanes = Lanes(house.db, house.tools, house.vault, house.egress, base_url="", texts=PlainTexts(), alarm=alarm)
    await follow_due(Following(house.db, lanes, texts=PlainTexts(), base_url="https://rp.example"))
    await lanes.drain()


async def test_from_a_promise_to_an_item_in_step_and_back(admin: Client, desk: Desk, house: House) -> None:
    await ok(admin, "POST", "/connections", DESK)
    mapping = (await mapped(admin))["id"]
    opened = await ok(admin, "POST", "/incidents", {"title": "Down", "impact": "extensive", "urgency": "critical"})
    at = f"/incidents/{opened['number']}"
    ian = await ok(admin, "POST", "/people", {"name": "Ian", "email": "ian@example.com", "roles": ["responder"]})
    await ok(admin, "POST", at + "/acknowledge")
    await ok(admin, "POST", at + "/resolve", {"resolution": "Rolled back."})
    async with house.db.transaction(SYSTEM) as tx:  # what the engine does after the commit
        await learning.draw_up(tx, opened["number"])
    wanted = {"title": "Roll back by itself", "owner_id": ian["id"], "due_on": "2027-07-01"}
    item = await ok(admin, "POST", at + "/action-items", wanted)
    assert item["elsewhere"] is None
    there = f"/action-items/{item['id']}/elsewhere"
    assert (await ok(admin, "POST", there, {"mapping_id": mapping}))["elsewhere"]["state"] == "creating"
    again = await admin("POST", there, {"mapping_id": mapping})
    assert again.status_code == 409
    await pass_by(house)
    [listed] = (await ok(admin, "GET", "/action-items"))["items"]
    found = listed["elsewhere"]
    assert (found["state"], found["remote_key"], found["error"], found["held_back"]) == ("active", "DESK-1", None, [])
    changed = await ok(admin, "PATCH", f"/action-items/{item['id']}", {"title": "Roll back alone"})
    assert (changed["title"], changed["due_on"]) == ("Roll back alone", "2027-07-01")
    await ok(admin, "POST", f"/action-items/{item['id']}/drop", {"reason": "No deploys any more."})
    await pass_by(house)
    assert desk.tickets["T1"].fields["subject"] == "Roll back alone"
    assert desk.tickets["T1"].fields["state"] == "closed"
    assert (await ok(admin, "POST", f"/action-items/{item['id']}/reopen", {"reason": "Oh yes."}))["state"] == "open"
    assert (await ok(admin, "POST", there + "/retry"))["elsewhere"]["due_at"] is not None
    assert (await ok(admin, "POST", there + "/part", {"reason": "Enough."}))["elsewhere"]["state"] == "ended"
    assert (await admin("POST", there + "/part", {})).status_code == 404
    typo = await admin("POST", there, {"mapping_id": mapping, "remote_id": "T99"})
    assert (typo.status_code, typo.json()["errors"][0]["field"]) == (422, "remote_id")
    joined = await ok(admin, "POST", there, {"mapping_id": mapping, "remote_id": "T1"})
    assert joined["elsewhere"]["remote_key"] == "DESK-1"
    assert (await ok(admin, "GET", at + "/retrospective"))["action_items"][0]["elsewhere"]["state"] == "active"
