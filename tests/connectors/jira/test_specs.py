"""What the emulator answers and what the connector asks fit Atlassian's own description of version 3.

It lies in the folder `shared/reference/specs` beside the repository; without it this is skipped, but not in CI.
"""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx2
import pytest

from rallypoint.clock import ManualClock
from rallypoint.connectors.jira import Credentials, JiraTracker
from rallypoint.egress import Egress
from rallypoint.emulators.jira import CLIENT
from rallypoint.emulators.jira.definitions import DETECTED, MINUTES, REGIONS, RESPONSIBLE
from rallypoint.sync.model import Markup, Person, Relation, Visibility
from rallypoint.sync.ports import CommentDraft, Draft, Panel
from tests.connectors.jira.bench import HOOK, JiraBench
from tests.connectors.jira.conftest import Served
from tests.connectors.kit import upload

SPECS = Path(__file__).parents[4] / "shared" / "reference" / "specs"
FILE = "jira-cloud-v3.json"
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": dict,
}  # fmt: skip
BESIDE = re.compile(r"^/rest/(webhooks|servicedeskapi)/|^/oauth/|/mypermissions$|/rest/api/2/serverInfo$")
"""Described elsewhere, or the same resource under the address that both editions have."""


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    if not SPECS.is_dir():
        said = f"The vendor's descriptions are not there: {SPECS}"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    loaded: dict[str, Any] = json.loads((SPECS / FILE).read_text())
    return loaded


def operation(spec: Mapping[str, Any], method: str, path: str) -> dict[str, Any] | None:
    """The description of a request: the address with the most fixed parts."""
    best: tuple[int, dict[str, Any]] | None = None
    for template, methods in spec["paths"].items():
        pattern = re.sub(r"\\?\{[^}]*\\?\}", "[^/]+", re.escape(template))
        if method.lower() in methods and re.fullmatch(pattern, path):
            fixed = sum(not part.startswith("{") for part in template.split("/"))
            if best is None or fixed > best[0]:
                best = fixed, methods[method.lower()]
    return best[1] if best else None


def judge(spec: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    """What does not fit. null is nothing; what is not described is wrong only where the description is closed."""
    if value is None:
        return []
    if "$ref" in schema:
        return judge(spec, spec["components"]["schemas"][schema["$ref"].rpartition("/")[2]], value, where)
    wrong: list[str] = []
    for one in schema.get("allOf", ()):
        wrong += judge(spec, one, value, where)
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{where}: {value!r} is none of {schema['enum']}")
    kind = schema.get("type")
    if kind and (not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
        return [*wrong, f"{where}: {type(value).__name__} instead of {kind}"]
    if schema.get("format") == "date-time" and isinstance(value, str):
        datetime.fromisoformat(value)
    if isinstance(value, list):
        for place, one in enumerate(value):
            wrong += judge(spec, schema.get("items", {}), one, f"{where}[{place}]")
    if isinstance(value, dict):
        wrong += [f"{where}: lacks {name}" for name in schema.get("required", ()) if name not in value]
        known, more = schema.get("properties", {}), schema.get("additionalProperties")
        for name, one in value.items():
            if name in known:
                wrong += judge(spec, known[name], one, f"{where}.{name}")
            elif more is False and known:
                wrong.append(f"{where}.{name} is not described")
            elif isinstance(more, dict):
                wrong += judge(spec, more, one, f"{where}.{name}")
    return wrong


class Watched(Egress):
    """The way out of the product, which keeps what went over it."""

    def __init__(self, inner: Egress) -> None:
        self.inner = inner
        self.exchanges: list[tuple[str, httpx2.URL, Any, Mapping[str, str], Any]] = []

    async def send(self, method: str, url: str, content: Any = b"", headers: Any = None, **given: Any) -> Any:
        reply = await self.inner.send(method, url, content, headers, **given)
        self.exchanges.append((method, httpx2.URL(url), content, headers or {}, reply))
        return reply

    def stream(self, *given: Any, **named: Any) -> Any:
        return self.inner.stream(*given, **named)


async def everything(bench: JiraBench, tracker: JiraTracker) -> None:
    """All that a connection does in its life."""
    assert (await tracker.check()).ok
    await tracker.projects()
    cursor = (await tracker.list_changes(None)).cursor
    hook = await tracker.register_webhook(HOOK, "secret")
    await tracker.register_webhook(HOOK + "2", "another")
    await tracker.webhook_state(hook)
    schema = await tracker.describe(bench.project, bench.type)
    draft = Draft(
        project=bench.project, type=bench.type, natural_key="inc-1", url="https://rp.example/i/1", tags=("a", "b"),
        fields={**bench.fields("Fault"), "description": bench.raw("It hurts"), "priority": "1"},
    )  # fmt: skip
    made = await tracker.create(draft, "op-1")
    assert await tracker.find("inc-1") == made.remote_id
    changes = {
        bench.title: "Fault 2", bench.person: bench.somebody, MINUTES: 3, REGIONS: ("Asia",), "components": (),
        DETECTED: "2026-06-01T08:00:00+00:00", RESPONSIBLE: Person(email="noor@lantern.example"),
    }  # fmt: skip
    await tracker.write(made.remote_id, changes, "", "op-2")
    steps = await tracker.transitions(made.remote_id)
    step = next(one for one in steps if one.to == bench.status_to)
    await tracker.transition(made.remote_id, step, bench.fill, "", "op-3")
    visibility = Visibility.PRIVATE if tracker.capabilities.private_comments else Visibility.PUBLIC
    said = CommentDraft(body=bench.raw("Seen"), markup=Markup.ADF, visibility=visibility)
    number = await tracker.comment(made.remote_id, said, "op-4")
    await tracker.edit_comment(made.remote_id, number, said, "op-5")
    file = await tracker.attach(made.remote_id, upload("a.txt", b"abc"), "op-6")
    assert [one async for one in tracker.download(made.remote_id, file)] == [b"abc"]
    await tracker.show_panel(made.remote_id, Panel(url="https://rp.example/i/1", title="Fault", status="open"))
    await tracker.show_panel(made.remote_id, Panel(url="https://rp.example/i/1", title="Fault", status="done"))
    other = await tracker.create(replace(draft, natural_key="inc-2"), "op-8")
    for relation in (Relation(kind=kind, remote_id=other.remote_id) for kind in tracker.capabilities.relation_writes):
        await tracker.relate(made.remote_id, relation, "op-9")
        await tracker.unrelate(made.remote_id, relation, "op-10")
    for _ in range(3):
        await bench.person_does("PUT", f"issue/{made.remote_id}", json={"fields": {"labels": ["x"]}})
    await tracker.read(made.remote_id)
    await tracker.delete_comment(made.remote_id, number, "op-7")
    await tracker.list_changes(cursor)
    await tracker.list_items(bench.project, bench.type, None, None)
    await tracker.describe(schema.project, bench.type)
    await bench.person_deletes(made.remote_id)
    await tracker.read(made.remote_id)


@pytest.mark.parametrize("desk", [False, True], ids=["software", "service desk"])
@pytest.mark.parametrize("oauth", [False, True], ids=["token", "application"])
async def test_requests_and_answers_fit_the_description(
    spec: dict[str, Any], cloud: Served, clock: ManualClock, way: Egress, desk: bool, oauth: bool
) -> None:
    watched = Watched(way)
    bench = JiraBench(cloud, clock, watched, desk=desk)
    emulator = cloud.emulator
    emulator.deliveries.hold = True
    tracker = bench.tracker
    if oauth:
        tracker = JiraTracker(
            watched, base_url=cloud.url, now=clock.now,
            credentials=Credentials(client_id=CLIENT, client_secret=emulator.client_secret),
        )  # fmt: skip
    assert isinstance(tracker, JiraTracker)
    await everything(bench, tracker)

    wrong: list[str] = []
    judged = 0
    for method, asked, sent, headers, reply in watched.exchanges:
        path = re.sub(r"^/ex/jira/[^/]+", "", unquote(asked.path))
        if BESIDE.search(path):
            continue
        described = operation(spec, method, path)
        if described is None:
            wrong.append(f"{method} {path} is not described")
            continue
        judged += 1
        names = {str(one.get("name")) for one in described.get("parameters", ())}
        wrong += [f"{path}: asks {name}" for name in asked.params if name not in names]
        wrong += _sent(spec, described, sent, headers, f"{method} {path} sends")
        answers = described["responses"]
        if str(reply.status) not in answers:
            wrong.append(f"{method} {path}: answers {reply.status}, which is not described")
        schema = answers.get(str(reply.status), {}).get("content", {}).get("application/json", {}).get("schema")
        if 200 <= reply.status < 300 and schema and reply.body:
            wrong += judge(spec, schema, json.loads(reply.body), f"{method} {path}")
    assert sorted(set(wrong)) == []
    assert judged > 30


def _sent(
    spec: Mapping[str, Any], described: Mapping[str, Any], sent: Any, headers: Mapping[str, str], where: str
) -> list[str]:
    """A body has the type and the form that are described."""
    kinds = described.get("requestBody", {}).get("content", {})
    kind = headers.get("content-type", "").partition(";")[0]
    if not kind:
        return []
    if kind not in kinds:
        return [f"{where} {kind} instead of {sorted(kinds)}"]
    schema = kinds[kind].get("schema")
    return judge(spec, schema, json.loads(sent), where) if kind == "application/json" and schema else []


def test_the_judge_finds_what_is_wrong(spec: dict[str, Any]) -> None:
    comment = {"$ref": "#/components/schemas/Comment"}
    assert judge(spec, comment, {"id": "1", "jsdPublic": True}, "x") == []
    assert judge(spec, comment, {"id": 1}, "x") == ["x.id: int instead of string"]
    link = {"$ref": "#/components/schemas/RemoteIssueLink"}
    assert judge(spec, link, {"id": 1, "strange": 2}, "x") == ["x.strange is not described"]
    assert operation(spec, "GET", "/rest/api/3/nothing") is None
