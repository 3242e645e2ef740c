"""What the emulator answers and what the connector asks fit the vendor's own descriptions of the interface.

They lie in the folder `shared/reference/specs` beside the repository; without it this is skipped, but not in CI.
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
from rallypoint.emulators.azure_devops import PROJECT, AzureDevOps
from rallypoint.sync.model import Markup, Visibility
from rallypoint.sync.ports import CommentDraft, Draft, Panel
from tests.connectors.azure_devops.test_conformance import AzureDevOpsBench
from tests.connectors.kit import upload

SPECS = Path(__file__).parents[4] / "shared" / "reference" / "specs"
FILES = ("azure-devops-wit-7.1.json", "azure-devops-hooks-7.1.json")
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str, "integer": int, "number": (int, float), "boolean": bool, "array": list, "object": object,
}  # fmt: skip
BESIDE = re.compile(r"/_apis/(connectiondata|projects|wit/comments)", re.IGNORECASE)
"""Described in other files of the vendor, which are not among these."""

LISTED = frozenset({"order", "continuationtoken", "$top", "ids", "includedeleted", "$expand", "api-version"})


@pytest.fixture(scope="module")
def specs() -> list[dict[str, Any]]:
    if not SPECS.is_dir():
        said = f"The vendor's descriptions are not there: {SPECS}"
        if os.environ.get("CI") == "true":
            pytest.fail(said)
        pytest.skip(said)
    return [json.loads((SPECS / name).read_text()) for name in FILES]


def operation(specs: list[dict[str, Any]], method: str, path: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(spec, operation) of a request; a project may be left out of a path."""
    best: tuple[int, dict[str, Any], dict[str, Any]] | None = None
    for spec in specs:
        for template, methods in spec["paths"].items():
            pattern = re.escape(template).replace(re.escape("/{project}"), "(?:/{project})?")
            pattern = pattern.replace(re.escape("/{team}"), "(?:/{team})?")
            pattern = re.sub(r"\\?\{[^}]*\\?\}", "[^/]+", pattern)
            if method.lower() in methods and re.fullmatch(pattern, path, re.IGNORECASE):
                fixed = sum(not part.startswith("{") for part in template.split("/"))
                if best is None or fixed > best[0]:
                    best = fixed, spec, methods[method.lower()]
    return (best[1], best[2]) if best else None


def judge(spec: Mapping[str, Any], schema: Mapping[str, Any], value: Any, where: str) -> list[str]:
    """What does not fit. A property that the description does not name is not judged; null is nothing."""
    if value is None:
        return []
    if "$ref" in schema:
        return judge(spec, spec["definitions"][schema["$ref"].rpartition("/")[2]], value, where)
    wrong: list[str] = []
    for one in schema.get("allOf", ()):
        wrong += judge(spec, one, value, where)
    if "enum" in schema and value not in schema["enum"]:
        wrong.append(f"{where}: {value!r} is none of {schema['enum']}")
    kind = schema.get("type")
    if kind == "array" and isinstance(value, dict) and "value" in value:
        value = value["value"]  # lists come in a wrapper, which the description leaves out
    if kind and (not isinstance(value, TYPES[kind]) or (kind in ("integer", "number") and isinstance(value, bool))):
        return [*wrong, f"{where}: {type(value).__name__} instead of {kind}"]
    if isinstance(value, list):
        for place, one in enumerate(value):
            wrong += judge(spec, schema.get("items", {}), one, f"{where}[{place}]")
    if isinstance(value, dict):
        for name, one in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if isinstance(inner, dict) and not (inner.get("type") == "object" and not inner.get("properties")):
                wrong += judge(spec, inner, one, f"{where}.{name}")
    return wrong


class Watched(Egress):
    """The way out of the product, which keeps what went over it."""

    def __init__(self, inner: Egress) -> None:
        self.inner = inner
        self.exchanges: list[tuple[str, httpx2.URL, Mapping[str, str], Any]] = []

    async def send(self, method: str, url: str, content: Any = b"", headers: Any = None, **given: Any) -> Any:
        reply = await self.inner.send(method, url, content, headers, **given)
        self.exchanges.append((method, httpx2.URL(url), headers or {}, reply))
        return reply

    def stream(self, *given: Any, **named: Any) -> Any:
        return self.inner.stream(*given, **named)


async def test_requests_and_answers_fit_the_descriptions(
    specs: list[dict[str, Any]],
    emulator: AzureDevOps,
    url: str,
    people: dict[str, httpx2.AsyncClient],
    clock: ManualClock,
    way: Egress,
) -> None:
    watched = Watched(way)
    bench = AzureDevOpsBench(emulator, url, people, clock, watched)
    tracker, emulator.deliveries.hold = bench.tracker, True
    assert (await tracker.check()).ok
    await tracker.projects()
    cursor = (await tracker.list_changes(None)).cursor
    await tracker.register_webhook("https://rp.example/in/key", "secret")
    hook = await tracker.register_webhook("https://rp.example/in/key", "another")
    await tracker.webhook_state(hook)
    made = await tracker.create(
        Draft(project=PROJECT, type="Bug", fields=bench.fields("Fault"), natural_key="inc-1", url="https://rp.example/1"),
        "op",
    )  # fmt: skip
    assert await tracker.find("inc-1") == made.remote_id
    await tracker.write(made.remote_id, {bench.title: "Fault 2", "tags": ("a", "b")}, made.revision, "op")
    draft = CommentDraft(body="Seen", markup=Markup.HTML, visibility=Visibility.PUBLIC)
    number = await tracker.comment(made.remote_id, draft, "op")
    await tracker.edit_comment(made.remote_id, number, draft, "op")
    await tracker.attach(made.remote_id, upload("a.txt", b"abc"), "op")
    await tracker.show_panel(made.remote_id, Panel(url="https://rp.example/1", title="Fault", status="open"))
    await tracker.read(made.remote_id)
    await tracker.delete_comment(made.remote_id, number, "op")
    await tracker.list_changes(cursor)
    await bench.person_deletes(made.remote_id)
    await tracker.read(made.remote_id)

    wrong: list[str] = []
    judged = 0
    for method, asked, headers, reply in watched.exchanges:
        if BESIDE.search(asked.path):
            continue
        found = operation(specs, method, asked.path)
        if found is None:
            wrong.append(f"{method} {asked.path} is not described")
            continue
        judged += 1
        spec, described = found
        names = {str(one.get("name", "")).lower() for one in described["parameters"]} | {"api-version"}
        if asked.path.lower().endswith("/comments"):
            names |= LISTED  # the description of this list has its parameters in another version
        wrong += [f"{asked.path}: asks {name}" for name in asked.params if name.lower() not in names]
        sent = headers.get("content-type", "").partition(";")[0]
        if sent and described.get("consumes") and sent not in described["consumes"]:
            wrong.append(f"{asked.path}: sends {sent} instead of {described['consumes']}")
        schema = described["responses"]["200"].get("schema")
        if 200 <= reply.status < 300 and schema and reply.body:
            wrong += judge(spec, schema, json.loads(reply.body), f"{method} {asked.path}")
    # The description calls each revision of the stream a text; the client's own class and the documents say object.
    wrong = [one for one in wrong if not re.search(r"workitemrevisions\.values\[\d+\]: dict instead of string", one)]
    assert wrong == []
    assert judged > 20


def test_the_judge_finds_what_is_wrong(specs: list[dict[str, Any]]) -> None:
    item = {"$ref": "#/definitions/WorkItem"}
    assert judge(specs[0], item, {"id": 1, "rev": 1, "fields": {}}, "x") == []
    assert judge(specs[0], item, {"id": "1"}, "x") == ["x.id: str instead of integer"]
    assert operation(specs, "GET", "/fabrikam/_apis/wit/nothing") is None
