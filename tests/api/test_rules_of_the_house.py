"""What holds for every route: a permission, problems in one shape, hard input refused in words, nothing done twice."""

import asyncio
import json
import re
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from starlette.routing import Mount, Route

from rallypoint import access, paging_cursor
from rallypoint.access import Permission, Role
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.edges.api.problems import MEDIA_TYPE
from rallypoint.edges.api.route import GuardedRoute, Routes
from tests.api.conftest import Client, key_for

OPEN = {"/openapi.json", "/docs", "/docs-static", "/docs/oauth2-redirect"}
TEAM = {"key": "commerce", "name": "Commerce"}


def problem(response: httpx2.Response, status: int, kind: str = "") -> dict[str, Any]:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == MEDIA_TYPE
    body: dict[str, Any] = response.json()
    assert body["status"] == status
    assert body["title"]
    assert body["type"].startswith("urn:rallypoint:problem:" + kind)
    return body


async def endpoint() -> None: ...


def test_a_route_without_a_permission_cannot_be_made() -> None:
    routes = Routes("test")
    with pytest.raises(TypeError):
        routes.get("/x")(endpoint)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        routes.get("/x", permission="public")(endpoint)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="has no permission"):
        APIRouter(route_class=GuardedRoute).get("/x")(endpoint)


def test_every_route_is_guarded_or_documentation(app: FastAPI) -> None:
    guarded = {route.path for route in app.state.guarded}
    for route in app.routes:
        if isinstance(route, Route | Mount) and route.path not in guarded:
            assert route.path in OPEN, route.path
    assert all(isinstance(route.about.permission, Permission) for route in app.state.guarded)
    assert len(guarded) > 40


async def test_who_you_are(http: httpx2.AsyncClient, admin: Client, db: Database) -> None:
    assert problem(await http.get("/api/v1/me"), 401, "not-known")
    for wrong in ("Bearer rp_" + "x" * 40, "Bearer ", "Basic abc", "Bearer \xff", admin.token, "x"):
        response = await http.get("/api/v1/me", headers={"authorization": wrong.encode("latin-1")})
        problem(response, 401, "not-known")
        assert response.headers["www-authenticate"].startswith("Bearer")
    me = (await admin("GET", "/me")).json()
    assert me["roles"] == ["admin", "responder"]
    assert "manage_keys" in me["permissions"]


async def test_a_browser_may_read_and_not_write(http: httpx2.AsyncClient, db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        person = await access.create_person(tx, name="Ines", email="ines@example.com", roles=[Role.ADMIN])
        session = await access.start_session(tx, person, address="", agent="")
    cookie = {"cookie": f"rallypoint_session={session.token}"}
    assert (await http.get("/api/v1/me", headers=cookie)).json()["name"] == "Ines"
    problem(await http.post("/api/v1/teams", json=TEAM, headers=cookie), 401)


async def test_a_key_does_what_its_scopes_and_roles_allow(http: httpx2.AsyncClient, db: Database) -> None:
    viewer = Client(http, await key_for(db, Role.VIEWER))
    said = problem(await viewer("POST", "/teams", TEAM), 403, "not-allowed")
    assert "admin" in said["who_may"]
    narrow = Client(http, await key_for(db, Role.ADMIN, scopes=[Permission.READ_CATALOG]))
    assert (await narrow("GET", "/teams")).status_code == 200
    problem(await narrow("POST", "/teams", TEAM), 403)


async def test_what_the_framework_refuses_is_a_problem_too(admin: Client) -> None:
    problem(await admin("GET", "/nothing/here"), 404)
    said = await admin("DELETE", "/teams")
    problem(said, 405)
    assert said.headers["allow"]
    fields = problem(await admin("POST", "/teams", {"key": "No Key", "nme": "x"}), 422, "invalid")["errors"]
    assert {f["field"] for f in fields} == {"key", "name", "nme"}
    problem(await admin("GET", "/teams?limit=0"), 422)
    problem(await admin("GET", "/teams?limt=5"), 422)
    problem(await admin("GET", "/teams?cursor=nonsense"), 422)
    problem(await admin("GET", "/incidents/none"), 422)
    problem(await admin("GET", "/incidents/99999999999999999999999"), 422)


HARD = [
    (b"{", 400),
    (b"\xff\xfe", 400),
    (b'{"key": NaN}', 400),
    (b'{"key": 1e999}', 400),
    (b'{"key": "a\\u0000b", "name": "x"}', 400),
    (b'{"a\\u0000": 1}', 400),
    (b'{"key": "\\ud800", "name": "x"}', 400),
    (b"[" * 20_000, 400),
    (b"[" * 20_000 + b"]" * 20_000, 400),
    (b'{"a":' * 100 + b"1" + b"}" * 100, 400),
    (b"9" * 5000, 400),
    (b'{"key": "caf\xe9", "name": "x"}', 400),
    (b'"' + b"x" * 1_000_001 + b'"', 413),
    (b"[]", 422),
    (b"null", 422),
    (b"", 422),
    (b'{"key": ' + b"9" * 400 + b', "name": "x"}', 422),
    (json.dumps({"key": "x", "name": "y" * 900_000}).encode(), 422),
    (json.dumps({f"label{n}": n for n in range(10_000)}).encode(), 422),
]


async def test_hard_bodies_are_refused_in_words(admin: Client) -> None:
    headers = {"authorization": f"Bearer {admin.token}", "content-type": "application/json"}
    for body, status in HARD:
        assert problem(await admin.http.post("/api/v1/teams", content=body, headers=headers), status)["detail"], body[
            :30
        ]


async def test_what_is_wrong_is_said_with_its_place(admin: Client) -> None:
    headers = {"authorization": f"Bearer {admin.token}", "content-type": "application/json"}
    for body, said in (
        (b'{"name": "caf\xe9"}', "not UTF-8: byte 13"),
        (b'{"name": "\\ud800"}', "half of a surrogate pair"),
        (b"{'a': 1}", "not JSON"),
    ):
        assert said in problem(await admin.http.post("/api/v1/teams", content=body, headers=headers), 400)["detail"]
    said = problem(await admin("POST", "/teams", {"key": "No Key", "nme": 1}), 422)
    assert said["detail"] == "The input cannot be used as it is: key, name, nme."
    assert [error["reason"].split(";")[0] for error in said["errors"]] == [
        "may have lower-case letters, digits and hyphens, and begins and ends with a letter or digit",
        "is needed",
        "is not known here",
    ]
    assert "/api/v1/docs" in problem(await admin("GET", "/incidents/1/nothing"), 404)["detail"]


async def test_what_a_field_names_and_is_not_there_is_a_wrong_field(admin: Client) -> None:
    """What the path names and is not there is not found."""
    refused = problem(await admin("POST", "/incidents", {"title": "nope", "service": "nope"}), 422)
    assert refused["errors"] == [{"field": "service", "reason": "There is no service 'nope'.", "example": ""}]
    refused = problem(
        await admin("POST", "/schedules", {"key": "s", "name": "S", "time_zone": "UTC", "team": "no"}), 422
    )
    assert refused["errors"][0]["field"] == "team"
    refused = problem(await admin("POST", "/services", {"key": "s", "name": "S", "domain": "nope"}), 422)
    assert refused["errors"][0]["field"] == "domain"
    problem(await admin("GET", "/incidents/4711"), 404)
    problem(await admin("POST", "/incidents/4711/notes", {"text": "4711"}), 404)
    for place in ("/incidents", "/alerts", "/metrics", "/oncall/dry-run"):
        refused = problem(await admin("GET", place + "?service=nope"), 422)
        assert refused["errors"][0]["field"] == "query.service", place
    assert problem(await admin("GET", "/incidents?domain=nope"), 422)["errors"][0]["field"] == "query.domain"


async def test_a_body_is_counted_even_if_nobody_said_its_length(admin: Client) -> None:
    async def drip() -> Any:
        for _ in range(30):
            yield b" " * 50_000

    headers = {"authorization": f"Bearer {admin.token}", "content-type": "application/json"}
    problem(await admin.http.post("/api/v1/teams", content=drip(), headers=headers), 413)


async def test_other_bad_manners(admin: Client) -> None:
    headers = {"authorization": f"Bearer {admin.token}", "content-type": "text/plain"}
    problem(await admin.http.post("/api/v1/teams", content=b"{}", headers=headers), 415)
    problem(await admin("GET", "/teams?cursor=%00"), 400)
    problem(await admin("GET", "/services/a%00b"), 400)
    problem(await admin("GET", "/services/caf%e9"), 400)
    problem(await admin("GET", "/incidents?q=%ff"), 400)
    problem(await admin("GET", "/incidents?q=%ed%a0%80"), 400)
    problem(await admin("POST", "/teams", TEAM, idempotency_key="x" * 201), 400)
    problem(await admin("POST", "/teams", TEAM, idempotency_key="a b"), 400)


async def test_errors_do_not_repeat_what_was_sent(admin: Client) -> None:
    response = await admin("POST", "/people", {"name": "x", "email": {"hunter2": 1}, "password": "hunter2"})
    problem(response, 422)
    assert "hunter2" not in response.text.replace("email.hunter2", "")


async def test_a_fault_tells_nothing_but_its_reference(admin: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError("postgresql://me:hunter2@db")

    monkeypatch.setattr("rallypoint.access.teams", broken)
    response = await admin("GET", "/teams")
    assert problem(response, 500, "fault")["incident"]
    assert "hunter2" not in response.text
    assert "ZeroDivision" not in response.text


async def test_the_same_request_twice_is_done_once(admin: Client) -> None:
    first = await admin("POST", "/teams", TEAM, idempotency_key="one")
    again = await admin("POST", "/teams", TEAM, idempotency_key="one")
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.content == again.content
    assert "idempotent-replay" not in first.headers
    assert again.headers["idempotent-replay"] == "true"
    assert len((await admin("GET", "/teams")).json()["items"]) == 1
    other = await admin("POST", "/teams", TEAM | {"name": "Other"}, idempotency_key="one")
    problem(other, 409, "conflict")


async def test_something_is_taken_away_once(admin: Client) -> None:
    person = (await admin("POST", "/people", {"name": "Bea", "email": "b@example.com"})).json()["id"]
    await admin("POST", "/schedules", {"key": "first", "name": "First", "time_zone": "UTC"})
    hours = {"person_id": person, "starts_at": "2099-01-01T00:00:00Z", "ends_at": "2099-01-02T00:00:00Z"}
    override = (await admin("POST", "/schedules/first/overrides", hours)).json()["id"]
    first = await admin("DELETE", f"/overrides/{override}", idempotency_key="gone")
    again = await admin("DELETE", f"/overrides/{override}", idempotency_key="gone")
    assert (first.status_code, again.status_code, again.content) == (204, 204, b"")
    assert again.headers["idempotent-replay"] == "true"
    problem(await admin("DELETE", f"/overrides/{override}"), 404)


async def test_a_time_of_day_is_local(admin: Client) -> None:
    turns = {"name": "T", "kind": "daily", "starts_on": "2026-06-01", "hands_over_at": "09:00Z", "people": [1]}
    (wrong,) = problem(await admin("POST", "/schedules/first/rotations", turns), 422)["errors"]
    assert wrong == {"field": "hands_over_at", "reason": "must have no offset: it is local time", "example": ""}


async def test_the_same_request_at_once_is_done_once(admin: Client) -> None:
    several = [
        admin("POST", "/people", {"name": "Bea", "email": "b@example.com"}, idempotency_key="k") for _ in range(5)
    ]
    replies = await asyncio.gather(*several)
    assert {reply.status_code for reply in replies} == {201}
    assert len({reply.content for reply in replies}) == 1
    assert sum("idempotent-replay" not in reply.headers for reply in replies) == 1


async def test_a_refused_request_may_be_sent_again(admin: Client) -> None:
    assert (await admin("POST", "/teams", {"key": "x"}, idempotency_key="k")).status_code == 422
    assert (await admin("POST", "/teams", TEAM, idempotency_key="k")).status_code == 201


async def test_a_secret_in_a_reply_is_sealed_where_it_is_kept(admin: Client, db: Database) -> None:
    wanted = {"name": "Prometheus", "kind": "prometheus"}
    first = await admin("POST", "/integrations", wanted, idempotency_key="k")
    again = await admin("POST", "/integrations", wanted, idempotency_key="k")
    assert first.json() == again.json()
    assert len(first.json()["key"]) == 32
    async with db.transaction(SYSTEM) as tx:
        kept = await tx.value("select body from remembered_reply where key = 'k'")
    assert first.json()["key"].encode() not in kept


async def test_lists_are_walked_by_cursor(admin: Client) -> None:
    for number in range(7):
        await admin("POST", "/teams", {"key": f"team-{number}", "name": "T"})
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        query = f"?limit=3&cursor={cursor}" if cursor else "?limit=3"
        page = (await admin("GET", "/teams" + query)).json()
        seen += [team["key"] for team in page["items"]]
        cursor = page["next_cursor"]
    assert seen == [f"team-{number}" for number in range(7)]


CURSORS = [
    "zzz", "%C3%A9", *(paging_cursor.encode(values) for values in (
        [], ["x"], [None], [True], [1.5], [10**30], [[1]], [{}], ["x", "x"], [1, 2], ["2026-06-01", 10**30],
        ["0001-01-01T00:00:00+23:59", 1], ["2026-06-01T00:00:00Z", "x"],
        ["0001-01-01T00:00:00+23:59", 1, 1, "9999-12-31T23:59:59-23:59", 1, "2026-06-01", 1],
        ["2026-06-01", "1", 1, "2026-06-01", 1, "2026-06-01", 1],
    )),
]  # fmt: skip


async def test_a_cursor_that_we_did_not_make_is_refused_or_ends_the_list(admin: Client) -> None:
    """Whoever guesses how cursors are written gets no further than a wrong word."""
    paths = (await admin("GET", "/openapi.json")).json()["paths"]
    listing = [path for path, acts in paths.items() if "cursor" in json.dumps(acts.get("get", {}).get("parameters"))]
    assert len(listing) > 20
    for path in listing:
        at = re.sub(r"\{\w+\}", "1", path) + ("?service=x&" if path.endswith("dry-run") else "?")
        for cursor in CURSORS:
            answer = await admin("GET", f"{at}cursor={cursor}")
            assert answer.status_code in (200, 404, 422), (path, cursor, answer.text)
    for place in ("/incidents", "/incidents?open=true", "/alerts", "/deliveries", "/audit", "/retrospectives"):
        problem(await admin("GET", f"{place}{'&' if '?' in place else '?'}cursor={paging_cursor.encode([None])}"), 422)


async def test_the_documentation_needs_nothing_from_elsewhere(http: httpx2.AsyncClient) -> None:
    page = await http.get("/api/v1/docs")
    assert page.status_code == 200
    assert "https://" not in page.text
    assert "http://" not in page.text
    assert "/api/v1/docs-static/swagger-ui-bundle.js" in page.text
    assert (await http.get("/api/v1/docs-static/swagger-ui-bundle.js")).status_code == 200
    described = (await http.get("/api/v1/openapi.json")).json()
    assert described["openapi"].startswith("3.1")
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert operation["x-permission"], (path, method)
            assert operation["responses"]["401"]
            named = {parameter["name"] for parameter in operation.get("parameters", [])}
            assert ("Idempotency-Key" in named) == (method != "get")
            if method == "get" and "Page_" in json.dumps(operation["responses"]["200"]):
                assert {"cursor", "limit"} <= named, path
