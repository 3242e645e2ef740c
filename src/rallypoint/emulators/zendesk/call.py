"""One request of somebody we know: its parameters, its body, and lists in pages."""

import base64
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rallypoint.emulators.zendesk.people import User
from rallypoint.emulators.zendesk.refusals import Refusal, bad, forbidden, unreadable_body
from rallypoint.emulators.zendesk.shown import Shown

PAGE = 100


@dataclass(slots=True)
class Call:
    request: Request
    user: User
    shown: Shown
    parts: tuple[str, ...]
    path: str

    def asked(self, name: str, default: str = "") -> str:
        return self.request.query_params.get(name, default)

    def number(self, name: str) -> int:
        """A part of the query that must be a whole number."""
        said = self.asked(name)
        if not said.isdigit():
            raise bad(f"Parameter {name} must be a whole number")
        return int(said)

    def part(self, place: int = 0) -> int:
        return int(self.parts[place])

    async def json(self) -> dict[str, Any]:
        try:
            said = json.loads(await self.request.body() or b"{}")
        except ValueError:
            raise unreadable_body() from None
        if not isinstance(said, dict):
            raise unreadable_body()
        return said

    async def named(self, name: str) -> dict[str, Any]:
        """The one object that the body is about."""
        found = (await self.json()).get(name)
        if not isinstance(found, dict):
            raise bad(f"Parameter {name} is required", "ParameterMissing")
        return found

    def demand_admin(self) -> None:
        if self.user.role != "admin":
            raise forbidden()

    def demand_agent(self) -> None:
        if not self.user.agent:
            raise forbidden()

    def listed(self, name: str, rows: Sequence[dict[str, Any]], **more: Any) -> Response:
        """A page of rows by cursor where `page[size]` asks for it, else by number."""
        size = self.asked("page[size]")
        if size:
            return self._by_cursor(name, rows, size, more)
        per_page = min(int(self.asked("per_page", str(PAGE)) or PAGE), PAGE)
        page = max(1, int(self.asked("page", "1") or 1))
        start = (page - 1) * per_page
        if start >= 10_000:
            raise Refusal(400, {"error": "RequestedResourcesExceedLimit", "description": "Use cursor pagination"})
        said = {
            name: rows[start : start + per_page],
            "next_page": self._link(page=str(page + 1)) if start + per_page < len(rows) else None,
            "previous_page": self._link(page=str(page - 1)) if page > 1 else None,
            "count": len(rows),
        }
        return JSONResponse(said | more)

    def _by_cursor(self, name: str, rows: Sequence[dict[str, Any]], size: str, more: dict[str, Any]) -> Response:
        if not size.isdigit() or not 1 <= int(size) <= PAGE:
            raise bad(f"page[size] must be between 1 and {PAGE}", "InvalidPaginationParameter")
        after = self.asked("page[after]")
        start = _place(after) if after else 0
        stop = start + int(size)
        cursor = base64.b64encode(f"place:{min(stop, len(rows))}".encode()).decode()
        before = base64.b64encode(f"place:{max(0, start - int(size))}".encode()).decode()
        further = stop < len(rows)
        return JSONResponse(
            {
                name: rows[start:stop],
                "meta": {"has_more": further, "after_cursor": cursor if further else None,
                         "before_cursor": before if start else None},
                "links": {"next": self._link(**{"page[after]": cursor}) if further else None,
                          "prev": self._link(**{"page[before]": before}) if start else None},
                **more,
            }
        )  # fmt: skip

    def _link(self, **changed: str) -> str:
        query = urlencode({**self.request.query_params, **changed})
        return f"{self.shown.base}{self.path}?{query}"

    def include(self) -> set[str]:
        return set(self.asked("include").split(","))


Handler = Callable[[Call], Awaitable[Response]]
Row = tuple[str, str, Handler]


def _place(cursor: str) -> int:
    try:
        return int(base64.b64decode(cursor, validate=True).decode().removeprefix("place:"))
    except ValueError:
        raise bad("page[after] is not a valid cursor", "InvalidPaginationParameter") from None
