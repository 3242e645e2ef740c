"""One request to a host: who asks, about which repository, and how rows are answered in pages."""

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rallypoint.emulators.github.forge import Issue, Repository
from rallypoint.emulators.github.people import Right, User
from rallypoint.emulators.github.refusals import Refusal, out_of_scope, wrong_type
from rallypoint.emulators.github.shown import Shown

PAGE, PAGE_MOST = 30, 100


@dataclass(slots=True)
class Call:
    """A request, who asks, and the repository it is about if it names one."""

    request: Request
    user: User | None
    shown: Shown
    parts: tuple[str, ...]
    place: Repository | None = None

    @property
    def where(self) -> Repository:
        assert self.place is not None
        return self.place

    @property
    def who(self) -> User:
        if self.user is None:
            raise Refusal(401, "Requires authentication")
        return self.user

    def asked(self, name: str, default: str = "") -> str:
        return str(self.request.query_params.get(name, default))

    async def body(self) -> dict[str, Any]:
        raw = await self.request.body()
        try:
            said = json.loads(raw) if raw else {}
        except ValueError:
            raise Refusal(400, "Problems parsing JSON") from None
        return said if isinstance(said, dict) else {"labels": said}

    def issue(self) -> Issue:
        return self.shown.forge.issue(self.where, int(self.parts[0]))

    def demand(self, scope: str, right: Right = Right.READ) -> User:
        """The account, if its token and its rights are enough."""
        who = self.who
        if scope not in who.scopes:
            raise out_of_scope(scope)
        if self.where.archived:
            raise Refusal(403, "Repository was archived so is read-only.")
        if self.where.right(who) < right:
            raise Refusal(403, "Must have admin rights to Repository.")
        return who


Handler = Callable[[Call], Awaitable[Response]]
Row = tuple[str, str, Handler]
"""(method, path as a pattern, handler)"""

WRITE, HOOKS = "issues:write", "webhooks:write"


def listed(call: Call, rows: Sequence[Any], show: Callable[[Any], Any], path: str) -> Response:
    """One page, with the way to its neighbours in the header Link. `path` is from the repository on."""
    page, size = whole(call, "page", 1), min(PAGE_MOST, whole(call, "per_page", PAGE))
    last = max(1, -(-len(rows) // size))
    others = [('rel="prev"', page - 1), ('rel="next"', page + 1), ('rel="last"', last), ('rel="first"', 1)]
    links = []
    for rel, number in others:
        wanted = page < last if "next" in rel or "last" in rel else page > 1
        if wanted:
            query = urlencode({**dict(call.request.query_params), "page": number})
            links.append(f"<{call.shown.base}/repositories/{call.where.id}/{path}?{query}>; {rel}")
    shown = [show(one) for one in rows[(page - 1) * size : page * size]]
    return JSONResponse(shown, headers={"link": ", ".join(links)} if links else {})


def whole(call: Call, name: str, default: int) -> int:
    said = call.asked(name)
    return max(1, int(said)) if said.isdigit() else default


def since(call: Call) -> datetime | None:
    said = call.asked("since")
    if not said:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise wrong_type("properties/since", f"{said!r} is not a valid timestamp") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
