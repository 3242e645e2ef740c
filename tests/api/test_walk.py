"""One incident from its report to its retrospective, by nothing but the API."""

from datetime import datetime, timedelta
from typing import Any

from rallypoint import access, learning
from rallypoint.access import Permission, Role
from rallypoint.actors import SYSTEM
from rallypoint.clock import ManualClock
from rallypoint.db import Database
from tests.api.conftest import Client


async def ok(client: Client, method: str, path: str, body: Any = None, **headers: str) -> Any:
    response = await client(method, path, body, **headers)
    assert response.status_code in (200, 201, 204), (path, response.text)
    return response.json() if response.content else None


async def test_an_incident_from_report_to_review(admin: Client) -> None:
    bea = await ok(admin, "POST", "/people", {"name": "Bea", "email": "bea@example.com", "roles": ["responder"]})
    await ok(admin, "POST", "/teams", {"key": "commerce", "name": "Commerce", "time_zone": "Europe/Berlin"})
    await ok(admin, "POST", "/teams/commerce/members", {"person_id": bea["id"], "lead": True})
    service = {"key": "checkout", "name": "Checkout", "domain": "production", "team": "commerce", "tier": 1}
    await ok(admin, "POST", "/services", service)
    await ok(admin, "POST", "/services", service | {"key": "payments", "name": "Payments"})
    detail = await ok(admin, "POST", "/services/checkout/dependencies", {"needs": "payments"})
    assert detail["needs"] == ["payments"]
    schedule = {"key": "first", "name": "First line", "time_zone": "Europe/Berlin", "team": "commerce"}
    await ok(admin, "POST", "/schedules", schedule)
    rotation = {"name": "Turns", "kind": "weekly", "starts_on": "2026-05-25", "hands_over_at": "09:00",
                "people": [bea["id"]]}  # fmt: skip
    await ok(admin, "POST", "/schedules/first/rotations", rotation)
    steps = [{"after_minutes": 0, "targets": [{"kind": "schedule", "name": "first"}]}]
    await ok(admin, "POST", "/policies", {"key": "checkout", "name": "Checkout", "steps": steps})
    await ok(admin, "PUT", "/services/checkout/policy", {"policy": "checkout"})
    phone = {"kind": "email", "address": "phone@example.com", "verified": True}
    method = await ok(admin, "POST", f"/people/{bea['id']}/contact-methods", phone)
    demo_only = await admin("POST", f"/people/{bea['id']}/contact-methods", {"kind": "sandbox", "address": "phone"})
    assert demo_only.status_code == 422
    hook = await ok(admin, "POST", f"/people/{bea['id']}/contact-methods",
                    {"kind": "webhook", "address": "https://hooks.example.com/bea", "verified": True})  # fmt: skip
    assert hook["secret"].startswith("whsec_")
    assert "secret" not in (await ok(admin, "GET", f"/people/{bea['id']}/contact-methods"))["items"][1]
    await ok(admin, "PUT", f"/people/{bea['id']}/rules",
             {"urgency": "high", "steps": [{"after_minutes": 0, "contact_method_id": method["id"]}]})  # fmt: skip
    on_call = (await ok(admin, "GET", "/oncall/now"))["items"][0]
    assert (on_call["schedule"], on_call["person"]) == ("first", "Bea")
    assert (await ok(admin, "GET", "/oncall/dry-run?service=checkout"))["items"][0]["people"][0]["name"] == "Bea"
    assert (await ok(admin, "GET", "/schedules/first/shifts"))["items"][0]["person_id"] == bea["id"]
    await ok(admin, "POST", "/schedules", schedule | {"key": "second"})
    (turns,) = (await ok(admin, "GET", "/schedules/first"))["rotations"]
    assert (await admin("DELETE", f"/schedules/second/rotations/{turns['id']}")).status_code == 404
    spare = await ok(admin, "POST", "/schedules/second/rotations", rotation)
    await ok(admin, "DELETE", f"/schedules/second/rotations/{spare['rotations'][0]['id']}")
    assert (await ok(admin, "GET", "/schedules/second"))["rotations"] == []

    opened = await ok(
        admin, "POST", "/incidents",
        {"title": "Card payments fail", "service": "checkout", "impact": "extensive", "urgency": "critical",
         "reporter_name": "Ann", "reporter_contact": "ann@example.com"},
        idempotency_key="one",
    )  # fmt: skip
    at = f"/incidents/{opened['number']}"
    assert opened["priority"] == "P1"
    assert opened["status_category"] == "triage"
    assert (opened["rank"], opened["rank_reason"]) == (1, "P1: nothing matters more right now")
    (listed,) = (await ok(admin, "GET", "/incidents?open=true&service=checkout"))["items"]
    assert (listed["number"], listed["rank"], listed["service"]) == (opened["number"], 1, "checkout")
    (page,) = (await ok(admin, "GET", at + "/pages"))["items"]
    assert (page["person"], page["method"], page["state"]) == ("Bea", "email", "pending")
    assert page["reason"] == "first step of the policy"
    assert (await ok(admin, "GET", f"/deliveries?incident={opened['number']}"))["items"]

    assert (await ok(admin, "POST", at + "/acknowledge"))["status_category"] == "active"
    assert (await ok(admin, "GET", at + "/pages"))["items"][0]["state"] == "voided"
    await ok(admin, "POST", at + "/notes", {"text": "Looking at the payment gateway."})
    idea = await ok(admin, "POST", at + "/hypotheses", {"text": "An expired certificate"})
    await ok(admin, "POST", f"/hypotheses/{idea['id']}/settle", {"outcome": "fixed"})
    task = await ok(admin, "POST", at + "/tasks", {"title": "Renew it", "owner_id": bea["id"]})
    assert (await ok(admin, "POST", f"/tasks/{task['id']}/finish"))["done_at"]
    await ok(admin, "POST", at + "/links", {"title": "Gateway's status", "url": "https://status.example.com"})
    update = {"text": "Told to nobody.", "audience": "public", "components": {"payments": "major_outage"}}
    unsaid = await admin("POST", at + "/updates", update)
    assert unsaid.status_code == 422
    assert unsaid.json()["errors"][0]["field"] == "components.payments"
    update = {"text": "Card payments fail for some.", "audience": "public", "public_status": "investigating"}
    assert (await ok(admin, "POST", at + "/updates", update))["visibility"] == "public"
    assert (await ok(admin, "POST", at + "/restore"))["restored_at"]
    assert (await ok(admin, "POST", at + "/resolve", {"resolution": "Renewed."}))["status_category"] == "resolved"
    rejected = await ok(admin, "POST", at + "/reject", {"reason": "Still fails for me."})
    assert (rejected["status_category"], rejected["reopened"]) == ("active", 1)
    await ok(admin, "POST", at + "/resolve", {"resolution": "Renewed on both nodes."})
    assert (await ok(admin, "POST", at + "/confirm", {"note": "She called."}))["confirmed_at"]
    closed = await ok(admin, "POST", at + "/close")
    assert closed["status_category"] == "closed"
    refused = await admin("POST", at + "/acknowledge")
    assert refused.status_code == 409
    assert refused.json()["guard"] == "status"
    assert "(to re-open it)" in refused.json()["who_may"]
    kinds = {entry["kind"] for entry in (await ok(admin, "GET", at + "/timeline"))["items"]}
    assert {"opened", "state", "note", "hypothesis", "task", "update", "resolution"} <= kinds
    assert (await ok(admin, "GET", "/incidents?open=true"))["items"] == []
    assert (await ok(admin, "GET", "/incidents"))["items"][0]["rank"] is None
    figures = await ok(admin, "GET", "/metrics")
    assert {"repeats", "pages", "sla"} <= figures.keys()
    measures = {m["short"]: m for m in figures["measures"]}
    assert {"before_median", "invalid_numbers"} <= measures["MTTA"].keys()
    assert {"MTTD", "MTTA"} <= measures.keys()


async def test_a_full_retrospective_is_published_by_the_api_alone(
    admin: Client, db: Database, clock: ManualClock
) -> None:
    body = {"title": "Checkout is down", "impact": "extensive", "urgency": "critical"}
    at = f"/incidents/{(await ok(admin, 'POST', '/incidents', body))['number']}"
    ian = await ok(admin, "POST", "/people", {"name": "Ian", "email": "ian@example.com", "roles": ["responder"]})
    await ok(admin, "POST", at + "/acknowledge")
    await ok(admin, "POST", at + "/resolve", {"resolution": "Rolled back."})
    async with db.transaction(SYSTEM) as tx:  # what the engine does after the commit
        await learning.draw_up(tx, int(at.rpartition("/")[2]))
    review = at + "/retrospective"
    assert (await ok(admin, "GET", review))["depth"] == "full"
    texts = ("summary", "customer_impact", "contributing_factors", "what_went_well", "what_went_badly",
             "where_we_were_lucky")  # fmt: skip
    await ok(admin, "PATCH", review, dict.fromkeys(texts, "This is how it was."))
    item = {"title": "Roll back by itself", "owner_id": ian["id"], "due_on": "2026-07-01"}
    await ok(admin, "POST", at + "/action-items", item)
    unheld = await admin("POST", review + "/publish")
    assert (unheld.status_code, unheld.json()["guard"]) == (409, "complete")
    early = await admin("POST", review + "/meeting", {"at": (clock.now() + timedelta(hours=1)).isoformat()})
    assert (early.status_code, early.json()["errors"][0]["field"]) == (422, "at")
    clock.advance(timedelta(days=2))
    held = clock.now() - timedelta(hours=3)
    noted = await ok(admin, "POST", review + "/meeting", {"at": held.isoformat()})
    assert datetime.fromisoformat(noted["meeting_held_at"]) == held
    assert (await ok(admin, "POST", review + "/publish"))["state"] == "published"
    assert (await admin("POST", review + "/meeting")).status_code == 409


async def test_the_history_is_walked_by_cursor_without_a_gap(admin: Client) -> None:
    opened = await ok(admin, "POST", "/incidents", {"title": "Slow", "impact": "minor", "urgency": "low"})
    at = f"/incidents/{opened['number']}"
    for number in range(9):
        await ok(admin, "POST", at + "/notes", {"text": f"note {number}"})
    whole = [entry["id"] for entry in (await ok(admin, "GET", at + "/timeline"))["items"]]
    walked: list[int] = []
    cursor: str | None = ""
    while cursor is not None:
        page = await ok(admin, "GET", at + "/timeline?limit=4" + (f"&cursor={cursor}" if cursor else ""))
        walked += [entry["id"] for entry in page["items"]]
        cursor = page["next_cursor"]
    assert walked == whole


async def test_whoever_reported_it_answers_for_themselves(admin: Client, db: Database) -> None:
    """Whatever their role; nobody else of that role does, and no key that was made for less."""
    (vic, tokens), (_, others) = await viewers(db, "Vic"), await viewers(db, "Eve")
    mine, narrow = (Client(admin.http, token) for token in tokens)
    opened = await ok(mine, "POST", "/incidents", {"title": "My printer", "reporter_contact": "vic@example.com"})
    at = f"/incidents/{opened['number']}"
    assert (opened["reporter_name"], opened["reporter_contact"], opened["domain"]) == (
        vic, "vic@example.com", "it-service",
    )  # fmt: skip
    await ok(admin, "POST", at + "/resolve", {"resolution": "New toner."})
    refused = await Client(admin.http, others[0])("POST", at + "/confirm")
    assert (refused.status_code, refused.json()["guard"]) == (403, "reporter")
    assert refused.json()["who_may"].startswith("Vic, ")
    assert (await narrow("POST", at + "/reject", {"reason": "No."})).status_code == 403
    assert (await ok(mine, "POST", at + "/reject", {"reason": "Still empty."}))["reopened"] == 1
    await ok(admin, "POST", at + "/resolve", {"resolution": "Really new toner."})
    assert (await ok(mine, "POST", at + "/confirm"))["confirmed_at"]


async def viewers(db: Database, name: str) -> tuple[str, tuple[str, str]]:
    """A viewer of this name, with a key of theirs and one that may only read."""
    async with db.transaction(SYSTEM) as tx:
        person = await access.create_person(tx, name=name, email=f"{name}@example.com", roles=[Role.VIEWER])
        whole = await access.create_key(tx, name="whole", person_id=person.id)
        narrow = await access.create_key(tx, name="narrow", person_id=person.id, scopes=[Permission.READ_INCIDENT])
    return person.name, (whole.token, narrow.token)
