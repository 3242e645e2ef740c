"""Asking the emulator as people do, in either edition."""

from typing import Any

import httpx2

from rallypoint.emulators.jira import DESK, ENGINEER, PROJECT
from tests.connectors.jira.bench import document
from tests.connectors.jira.conftest import Served


def api(served: Served) -> str:
    return f"/rest/api/{served.version}"


async def sent(served: Served, method: str, path: str, body: Any, name: str, **given: Any) -> httpx2.Response:
    more = {"json": body} if body is not None else {}
    where = path if path.startswith("/") else f"{api(served)}/{path}"
    return await served.people[name].request(method, where, **more, **given)


async def ask(served: Served, method: str, path: str, body: Any = None, name: str = ENGINEER, **given: Any) -> Any:
    """A call that must go well."""
    answer = await sent(served, method, path, body, name, **given)
    assert 200 <= answer.status_code < 300, answer.text
    return answer.json() if answer.content else None


async def refused(served: Served, method: str, path: str, body: Any = None, name: str = ENGINEER) -> httpx2.Response:
    answer = await sent(served, method, path, body, name)
    assert answer.status_code >= 400
    return answer


def text(served: Served, words: str) -> Any:
    return document(words) if served.cloud else words


async def opened(served: Served, summary: str = "Payments fail", place: str = PROJECT, **fields: Any) -> str:
    type = "Incident" if place == DESK else "Bug"
    given = {"project": {"key": place}, "issuetype": {"name": type}, "summary": summary, **fields}
    return str((await ask(served, "POST", "issue", {"fields": given}))["id"])


async def read(served: Served, id: str, **asked: str) -> Any:
    return await ask(served, "GET", f"issue/{id}", params=asked)
