"""Tags, a domain's own fields and what hangs together, by the API."""

from tests.api.conftest import Client


async def test_tags_are_set_changed_and_asked_for(admin: Client) -> None:
    one = (await admin("POST", "/incidents", {"title": "Slow", "tags": ["payments", "DB"]})).json()
    await admin("POST", "/incidents", {"title": "Other"})
    assert one["tags"] == ["DB", "payments"]
    changed = await admin("POST", f"/incidents/{one['number']}/tags", {"add": ["region"], "remove": ["db"]})
    assert changed.json()["tags"] == ["payments", "region"]
    found = (await admin("GET", "/incidents?tag=region")).json()["items"]
    assert [item["number"] for item in found] == [one["number"]]
    assert (await admin("PUT", f"/incidents/{one['number']}/tags", {"tags": []})).json()["tags"] == []
    assert (await admin("PUT", f"/incidents/{one['number']}/tags", {"tags": ["x" * 61]})).status_code == 422


async def test_a_domain_gets_fields_and_its_incidents_have_them(admin: Client) -> None:
    region = {"name": "Region", "kind": "choice", "choices": ["EU", "US"], "hint": "Where it hurts"}
    saved = await admin("PUT", "/domains/it-service/fields/region", region)
    assert saved.json() == region | {"key": "region", "position": 0, "retired": False}
    await admin("PUT", "/domains/it-service/fields/cost", {"name": "Cost", "kind": "number"})
    assert [one["key"] for one in (await admin("GET", "/domains/it-service")).json()["fields"]] == ["region", "cost"]
    assert (await admin("PUT", "/domains/it-service/fields/cost", {"name": "Cost", "kind": "text"})).status_code == 409
    assert (await admin("PUT", "/domains/nowhere/fields/cost", {"name": "Cost", "kind": "text"})).status_code == 404
    one = (await admin("POST", "/incidents", {"title": "Slow", "custom": {"region": "eu"}})).json()
    assert one["custom"] == {"region": "EU"}
    filled = await admin("POST", f"/incidents/{one['number']}/fields", {"custom": {"cost": 4.5, "region": None}})
    assert filled.json()["custom"] == {"cost": 4.5}
    wrong = await admin("POST", f"/incidents/{one['number']}/fields", {"custom": {"cost": "much", "planet": "Mars"}})
    assert {problem["field"] for problem in wrong.json()["errors"]} == {"custom.cost", "custom.planet"}
    schema = (await admin("GET", "/schema")).json()
    found = {field["id"]: field["kind"] for field in schema["fields"]}
    assert (found["custom.region"], found["custom.cost"], found["tags"]) == ("choice", "number", "tags")


async def test_what_hangs_together(admin: Client) -> None:
    one, two = [(await admin("POST", "/incidents", {"title": title})).json()["number"] for title in ("A", "B")]
    made = await admin("POST", f"/incidents/{two}/relations", {"to": one, "tie": "parent"})
    assert (made.status_code, made.json()["tie"], made.json()["title"]) == (201, "parent", "A")
    [seen] = (await admin("GET", f"/incidents/{one}/relations")).json()["items"]
    assert (seen["tie"], seen["number"]) == ("child", two)
    assert (await admin("POST", f"/incidents/{one}/relations", {"to": two, "tie": "parent"})).status_code == 409
    assert (await admin("POST", f"/incidents/{one}/relations", {"to": 999, "tie": "blocks"})).status_code == 422
    assert (await admin("POST", f"/incidents/{one}/relations", {"to": two, "tie": "cousin"})).status_code == 422
    assert (await admin("DELETE", f"/incidents/{two}/relations/{seen['id']}")).status_code == 204
    assert (await admin("DELETE", f"/incidents/{two}/relations/{seen['id']}")).status_code == 404
