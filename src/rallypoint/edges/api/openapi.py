"""The API's description of itself: FastAPI's, with what every route shares written once: problems, keys, security."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from rallypoint.edges.api.door import SESSION_COOKIE
from rallypoint.edges.api.problems import MEDIA_TYPE, Problem
from rallypoint.edges.api.reading import IDEMPOTENCY_KEY_MAX
from rallypoint.edges.api.route import About, GuardedRoute

PREFIX = "/api/v1"
ABOUT = """\
One incident, one record, one history.

- **Who you are**: `Authorization: Bearer <key>`. A browser that is signed in may read.
- **Lists** answer `{"items": [...], "next_cursor": ...}`; pass `next_cursor` back as `cursor`.
- **Writes** take `Idempotency-Key`: the same key with the same request answers what the first one did, with the header
  `Idempotent-Replay: true`, and does nothing again. Replies are kept for a day.
- **Errors** are `application/problem+json` (RFC 9457); `errors` lists the fields that are wrong.
"""

PROBLEMS = {
    400: "The request cannot be read.",
    401: "Who are you?",
    403: "You may not do this; `who_may` says who may.",
    404: "There is no such thing, or you may not see it.",
    405: "Not a method of this address.",
    409: "A rule refused it, or somebody else was faster.",
    413: "The body is too large.",
    415: "The body is not JSON.",
    422: "The input cannot be used as it is; `errors` says why.",
    500: "Something in Rallypoint broke.",
    502: "A tool outside answered badly.",
    503: "Not ready; try again.",
}
SECURITY = {
    "key": {"type": "http", "scheme": "bearer", "description": "An API key: `rallypoint key add`."},
    "session": {"type": "apiKey", "in": "cookie", "name": SESSION_COOKIE, "description": "A browser; reading only."},
}
IDEMPOTENCY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Any name of your choice for this request; a repeat of it does nothing again.",
    "schema": {"type": "string", "maxLength": IDEMPOTENCY_KEY_MAX, "pattern": "^[!-~]*$"},
}


def describe(app: FastAPI, routes: list[GuardedRoute]) -> dict[str, Any]:
    """Made once, then kept."""
    if app.openapi_schema:
        return app.openapi_schema
    document = get_openapi(
        title=app.title, version=app.version, description=ABOUT, routes=app.routes, servers=[{"url": PREFIX}]
    )
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = _problem_schema(components["schemas"])
    components["responses"] = {
        f"Problem{status}": {
            "description": words,
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status, words in PROBLEMS.items()
    }
    components["securitySchemes"] = SECURITY
    for route in routes:
        for method in route.methods or ():
            _complete(document["paths"][route.path_format][method.lower()], route.about)
    app.openapi_schema = document
    return document


def _problem_schema(schemas: dict[str, Any]) -> dict[str, Any]:
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schema.pop("$defs", {}))
    return schema


def _complete(operation: dict[str, Any], about: About) -> None:
    for status in PROBLEMS:
        operation["responses"][str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    operation["security"] = [{"key": []}] if about.writes else [{"key": []}, {"session": []}]
    operation["x-permission"] = about.permission.value
    if about.writes:
        operation.setdefault("parameters", []).append(IDEMPOTENCY)
