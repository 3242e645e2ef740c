"""What the emulator answers and what the connector asks fit the vendor's own description of the interface.

It lies in the folder `shared/reference/specs` beside the repository; without it this is skipped, but not in CI.
"""

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.egress import Egress
from rallypoint.emulators.zendesk import AGENT, INTEGRATION, Zendesk
from rallypoint.sync.model import TAGS, Markup, Visibility
from rallypoint.sync.ports import CommentDraft, Draft, Panel
from tests.connectors.kit import upload
from tests.connectors.zendesk.bench import ZendeskBench

SPECS = Path(__file__).parents[4] / "shared" / "reference" / "specs"
FILE = "zendesk-support-v2.json"
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
}  # fmt: skip
BESIDE = re.compile(r"/(webhooks|cdn|attachments/token)\b")
"""Described in another file of the vendor, which is not among these; or no part of the interface."""

BY_CURSOR = re.compile(r"/(tickets|audits|comments|ticket_fields|groups|users|triggers)$")
"""Lists that the vendor's documents describe with pages by cursor."""

PAGING = frozenset({"page[size]", "page[after]", "page", "per_page", "sort_by", "sort_order"})
ODD = re.compile(
    r"custom_fields\[\d+\]\.value: \w+ instead of string"  # a checkbox is true, several choices are a list
    r"|events\[\d+\]\.(previous_)?value: (list|bool) instead of string"  # likewise, and tags
    r"|\.status: 'deleted' is none of"  # told of the export in prose
)
"""Where the description says less than the vendor's documents."""


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    if not (SPECS / FILE).is_file():
        said = f"The vendor's description is not there: {SPECS / FILE}"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    found: dict[str, Any] = json.loads((SPECS / FILE).read_text())
    return found


def operation(spec: Mapping[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """The most exact description of a request, with the parameters of its path."""
    best: tuple[int, dict[str, Any]] | None = None
    for template, methods in spec["paths"].items():
        pattern = re.sub(r"\\?\{[^}]*\\?\}", "[^/]+", re.escape(template))
        if method.lower() in methods and re.fullmatch(pattern, path.removesuffix(".json")):
            fixed = sum(not part.startswith("{") for part in template.split("/"))
            described = {**methods[method.lower()]}
            described["parameters"] = [*described.get("parameters", ()), *methods.get("parameters", ())]
            if best is None or fixed > best[0]:
                best = fixed, described
    return best[1] if best else None


def resolved(spec: Mapping[str, Any], one: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" not in one:
        return one
    _, section, name = one["$ref"].rsplit("/", 2)
    found: Mapping[str, Any] = spec["components"][section][name]
    return found


def judge(spec: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    """What does not fit. A property that the description does not name is not judged; null is nothing."""
    if value is None:
        return []
    schema = resolved(spec, schema)
    wrong: list[str] = []
    for one in schema.get("allOf", ()):
        wrong += judge(spec, one, value, where)
    for name in ("oneOf", "anyOf"):
        tried = [judge(spec, one, value, where) for one in schema.get(name, ())]
        if tried and all(tried):
            wrong += min(tried, key=len)
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{where}: {value!r} is none of {schema['enum']}")
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
        return [*wrong, f"{where}: {type(value).__name__} instead of {kind}"]
    if isinstance(value, list):
        for place, each in enumerate(value):
            wrong += judge(spec, schema.get("items", {}), each, f"{where}[{place}]")
    if isinstance(value, dict):
        for name, each in value.items():
            inner = schema.get("properties", {}).get(name)
            if isinstance(inner, dict):
                wrong += judge(spec, inner, each, f"{where}.{name}")
    return wrong


def unnamed(spec: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    """Properties of a request that the description does not know."""
    schema = resolved(spec, schema)
    parts = [schema, *(resolved(spec, one) for one in schema.get("allOf", ()))]
    known = {name: inner for part in parts for name, inner in part.get("properties", {}).items()}
    for part in parts:
        known |= {
            name: inner
            for each in part.get("allOf", ())
            for name, inner in resolved(spec, each).get("properties", {}).items()
        }
    if not known or not isinstance(value, dict):
        return []
    return [
        found
        for name, each in value.items()
        for found in (
            unnamed(spec, known[name], each, f"{where}.{name}") if name in known else [f"{where}: sends {name}"]
        )
    ]


class Watched(Egress):
    """The way out of the product, which keeps what went over it."""

    def __init__(self, inner: Egress) -> None:
        self.inner = inner
        self.exchanges: list[tuple[str, httpx2.URL, Any, Any]] = []

    async def send(self, method: str, url: str, content: Any = b"", headers: Any = None, **given: Any) -> Any:
        reply = await self.inner.send(method, url, content, headers, **given)
        self.exchanges.append((method, httpx2.URL(url), content, reply))
        return reply

    def stream(self, *given: Any, **named: Any) -> Any:
        return self.inner.stream(*given, **named)


METADATA = re.compile(r"sends metadata$")
"""Documented in prose, and in the description of a ticket, but not in that of an update."""


async def test_requests_and_answers_fit_the_description(
    spec: dict[str, Any],
    emulator: Zendesk,
    url: str,
    people: dict[str, httpx2.AsyncClient],
    clock: ManualClock,
    way: Egress,
) -> None:
    watched = Watched(way)
    bench = ZendeskBench(emulator, url, people, clock, watched)
    tracker, emulator.deliveries.hold = bench.tracker, True
    assert (await tracker.check()).ok
    await tracker.projects()
    cursor = (await tracker.list_changes(None)).cursor
    await tracker.register_webhook("https://rp.example/told/key", "secret")
    hook = await tracker.register_webhook("https://rp.example/told/other", "secret")
    await tracker.webhook_state(hook)
    given = {**bench.fields("Fault"), "description": "Since nine", "priority": "high", TAGS: ("a",)}
    made = await tracker.create(
        Draft(project="tickets", type="ticket", fields=given, natural_key="inc-1", url="https://rp.example/1"), "op-1"
    )
    assert await tracker.find("inc-1") == made.remote_id
    changes = {bench.title: "Fault 2", bench.choice: "sev_1", TAGS: ("a", "b"), "assignee_id": bench.somebody}
    await tracker.write(made.remote_id, changes, made.revision, "op-2")
    await tracker.comment(
        made.remote_id, CommentDraft(body="<p>Seen</p>", markup=Markup.HTML, visibility=Visibility.PUBLIC), "op-3"
    )
    await tracker.attach(made.remote_id, upload("a.txt", b"abc", "text/plain"), "op-4")
    await tracker.show_panel(made.remote_id, Panel(url="https://rp.example/1", title="Fault", status="open"))
    await tracker.read(made.remote_id)
    await tracker.list_changes(cursor)
    await bench.person_deletes(made.remote_id)
    await tracker.read(made.remote_id)
    await tracker.list_changes(cursor)

    wrong: list[str] = []
    judged = 0
    for method, asked, content, reply in watched.exchanges:
        if BESIDE.search(asked.path):
            continue
        described = operation(spec, method, asked.path)
        if described is None:
            wrong.append(f"{method} {asked.path} is not described")
            continue
        judged += 1
        names = {str(resolved(spec, one).get("name")) for one in described["parameters"]} | PAGING
        names |= {"/api/v2/users": {"role"}, "/api/v2/uploads": {"filename"}}.get(asked.path, set())
        wrong += [f"{asked.path}: asks {name}" for name in asked.params if name not in names]
        if "page[size]" in asked.params and not BY_CURSOR.search(asked.path):
            wrong.append(f"{asked.path}: is not listed by cursor there")
        sent = described.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if sent and isinstance(content, bytes) and content:
            body = json.loads(content)
            where = f"{method} {asked.path} sends"
            wrong += judge(spec, sent, body, where)
            wrong += [one for one in unnamed(spec, sent, body, where) if not METADATA.search(one)]
        if 200 <= reply.status < 300 and reply.body:
            answer = described["responses"].get(str(reply.status))
            if answer is None:
                wrong.append(f"{method} {asked.path}: {reply.status} is not described")
                continue
            schema = answer.get("content", {}).get("application/json", {}).get("schema")
            if schema:
                wrong += judge(spec, schema, json.loads(reply.body), f"{method} {asked.path} answers: ")
    assert [one for one in wrong if not ODD.search(one)] == []
    assert judged > 25


async def test_other_answers_of_the_emulator_fit_too(
    spec: dict[str, Any], emulator: Zendesk, people: dict[str, httpx2.AsyncClient]
) -> None:
    """What people and zenpy ask, which the connector does not."""
    agent, sync = people[AGENT], people[INTEGRATION]
    said = {"subject": "Fault", "comment": {"body": "Since nine"}, "tags": ["a"]}
    first, second = [(await agent.post("tickets", json={"ticket": said})).json()["ticket"]["id"] for _ in range(2)]
    form = next(iter(emulator.desk.forms))
    status = next(iter(emulator.desk.statuses))
    merged = (await agent.post(f"tickets/{second}/merge", json={"ids": [first]})).json()["job_status"]["id"]
    await one_deleted(agent)
    wrong: list[str] = []
    for path in (
        "tickets", "tickets/count", f"tickets/show_many?ids={first},{second}", f"tickets/{second}",
        f"tickets/{second}/audits", f"tickets/{second}/comments", f"tickets/{second}/comments/count",
        f"tickets/{second}/tags", f"tickets/{second}/related", f"tickets/{second}/incidents", "deleted_tickets",
        "users", "users/me", f"users/{emulator.person(AGENT)}", "users/search?query=noor", "groups",
        f"groups/{next(iter(emulator.desk.groups))}", "organizations", "ticket_fields",
        f"ticket_fields/{next(iter(emulator.desk.fields))}", "ticket_forms", f"ticket_forms/{form}",
        "custom_statuses", f"custom_statuses/{status}", "triggers", "search?query=type:ticket", "search/count?query=x",
        f"job_statuses/{merged}",
    ):  # fmt: skip
        answer = await sync.get(path)
        assert answer.status_code == 200, path
        described = operation(spec, "GET", f"/api/v2/{path.partition('?')[0]}")
        assert described is not None, path
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        wrong += judge(spec, schema, answer.json(), f"{path} answers: ")
    assert [one for one in wrong if not ODD.search(one)] == []


async def one_deleted(agent: httpx2.AsyncClient) -> None:
    said = {"subject": "Fault", "comment": {"body": "Gone soon"}}
    id = (await agent.post("tickets", json={"ticket": said})).json()["ticket"]["id"]
    assert (await agent.delete(f"tickets/{id}")).status_code == 204


def test_the_judge_finds_what_is_wrong(spec: dict[str, Any]) -> None:
    ticket = {"$ref": "#/components/schemas/TicketObject"}
    assert judge(spec, ticket, {"id": 1, "status": "open", "custom_fields": [{"id": 1}]}, "x") == []
    assert judge(spec, ticket, {"id": "1"}, "x") == ["x.id: str instead of integer"]
    assert judge(spec, ticket, {"status": "brewing"}, "x")[0].startswith("x.status: 'brewing' is none of")
    update = {"$ref": "#/components/schemas/TicketUpdateRequest"}
    assert unnamed(spec, update, {"ticket": {"subject": "x", "colour": "red"}}, "x") == ["x.ticket: sends colour"]
    assert operation(spec, "GET", "/api/v2/nothing/of/it") is None
