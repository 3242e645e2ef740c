"""A request of somebody: who asks, what for, and how it is answered."""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rallypoint.emulators.jira.model import Issue
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.refusals import Refusal
from rallypoint.emulators.jira.shown import Shown
from rallypoint.emulators.jira.site import Site
from rallypoint.emulators.jira.tokens import Client

LOGIN = "You are not authenticated. Authentication required to perform this operation."


@dataclass(slots=True)
class Call:
    """`user` None is anybody. `version` is that of the interface, `parts` what the address names."""

    request: Request
    site: Site
    base: str
    user: User | None
    client: Client | None
    version: int
    parts: tuple[str, ...]

    @property
    def somebody(self) -> User:
        if self.user is None:
            raise Refusal(401, LOGIN, headers={"www-authenticate": 'OAuth realm="jira"'})
        return self.user

    @property
    def shown(self) -> Shown:
        viewer = self.user or User("", "", "", "", "", "", frozenset(), customer=True)
        return Shown(self.site, self.base, viewer, self.version)

    def asked(self, name: str, default: str = "") -> str:
        return str(self.request.query_params.get(name, default))

    def several(self, name: str) -> list[str]:
        """A list, given once with commas or several times."""
        return [part for one in self.request.query_params.getlist(name) for part in one.split(",") if part]

    def number(self, name: str, default: int) -> int:
        said = self.asked(name)
        try:
            return int(said) if said else default
        except ValueError:
            raise Refusal(400, f"The value '{said}' of {name} is no number.") from None

    def flag(self, name: str, default: bool = False) -> bool:
        return self.asked(name, str(default)).lower() == "true"

    def issue(self, place: int = 0) -> Issue:
        return self.site.issue(self.parts[place], self.user)

    async def body(self) -> Any:
        try:
            return json.loads(await self.request.body())
        except ValueError:
            said = "There was an error parsing JSON. Check that your request body is valid."
            raise Refusal(400, said) from None


Handler = Callable[[Call], Awaitable[Response]]
Rows = tuple[tuple[str, str, Handler], ...]
"""Method, address below the interface, who answers."""


def answer(said: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return JSONResponse(said, status, headers=dict(headers or {}))


def nothing() -> Response:
    return Response(status_code=204)


def page(call: Call, rows: list[Any], *, most: int = 50, limit: int = 100) -> dict[str, Any]:
    """A page of a list, as newer resources give it."""
    start, size = call.number("startAt", 0), min(call.number("maxResults", most), limit)
    shown = rows[start : start + size]
    return {
        "self": f"{call.base}{call.request.url.path}",
        "maxResults": size,
        "startAt": start,
        "total": len(rows),
        "isLast": start + len(shown) >= len(rows),
        "values": shown,
    }
