"""The REST interface of a host, version 2022-11-28: issues and what belongs to them, and webhooks.

It answers below /api/v3, as a server of one's own does.
"""

import base64
import hashlib
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.emulators.github.belongings import Belongings
from rallypoint.emulators.github.call import WRITE, Call, Row, listed, since
from rallypoint.emulators.github.forge import Comment, Forge, Issue, Moved, Repository
from rallypoint.emulators.github.hook_api import HookInterface
from rallypoint.emulators.github.hooks import Hooks
from rallypoint.emulators.github.limits import Limit
from rallypoint.emulators.github.people import Right, User
from rallypoint.emulators.github.refusals import (
    Refusal,
    bad_credentials,
    moved,
    not_found,
)
from rallypoint.emulators.github.shown import Shown

VERSION = "2022-11-28"
METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE"]
ENTERPRISE = "/api/v3"
ENTERPRISE_VERSION = "3.17.0"


class Interface:
    """Turns requests into acts on the host."""

    def __init__(self, forge: Forge, hooks: Hooks, limit: Limit) -> None:
        self.forge, self.hooks, self.limit = forge, hooks, limit
        number, id = r"(\d+)", r"(\d+)"
        host: tuple[Row, ...] = (
            ("GET", r"user", self._me),
            ("GET", rf"user/{id}", self._user_by_id),
            ("GET", r"users/([^/]+)", self._user),
            ("GET", r"user/repos", self._own_repositories),
            ("GET", r"rate_limit", self._rate_limit),
        )
        repository: tuple[Row, ...] = (
            ("GET", r"", self._repository),
            ("GET", r"issues", self._issues),
            ("POST", r"issues", self._open),
            ("GET", r"issues/comments", self._all_comments),
            ("GET", rf"issues/comments/{id}", self._one_comment),
            ("PATCH", rf"issues/comments/{id}", self._edit_comment),
            ("DELETE", rf"issues/comments/{id}", self._delete_comment),
            ("GET", rf"issues/{number}", self._issue),
            ("PATCH", rf"issues/{number}", self._update),
            ("GET", rf"issues/{number}/comments", self._comments),
            ("POST", rf"issues/{number}/comments", self._say),
            ("GET", rf"issues/{number}/events", self._events),
            ("GET", rf"issues/{number}/timeline", self._timeline),
            ("PUT", rf"issues/{number}/lock", self._lock),
            ("DELETE", rf"issues/{number}/lock", self._unlock),
            ("GET", rf"issues/{number}/sub_issues", self._children),
            ("POST", rf"issues/{number}/sub_issues", self._adopt),
            ("DELETE", rf"issues/{number}/sub_issue", self._disown),
            ("GET", rf"issues/{number}/parent", self._parent),
        )
        self._host = [(method, re.compile(f"^{path}$"), handler) for method, path, handler in host]
        repository = (*repository, *Belongings(forge).table(), *HookInterface(hooks).table())
        self._table = [(method, re.compile(f"^{path}$"), handler) for method, path, handler in repository]

    def routes(self) -> list[Route]:
        return [Route(ENTERPRISE + "/{path:path}", self._answer, methods=METHODS)]

    async def _answer(self, request: Request) -> Response:
        path, user = str(request.scope["path"]), None
        root = f"{request.url.scheme}://{request.url.netloc}"
        base = root + ENTERPRISE
        self.hooks.base, self.hooks.web = base, root
        path = unquote(path.removeprefix(ENTERPRISE)).strip("/")
        try:
            if not request.headers.get("user-agent"):
                raise Refusal(
                    403,
                    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.",
                )
            if request.headers.get("x-github-api-version", VERSION) != VERSION:
                raise Refusal(400, "Unsupported API version")
            user = self._who(request)
            if path != "rate_limit":
                self.limit.count(user.id if user else 0)
            if request.method != "GET":
                self.limit.content(user.id if user else 0)
            response = await self._dispatch(request, user, Shown(self.forge, base, root), path)
            response = self._unchanged(request, response, user)
        except Refusal as no:
            said = no.body | ({"url": no.headers["location"]} if no.status == 301 else {})
            response = JSONResponse(said, no.status, no.headers)
        response.headers.update(self.limit.headers(user.id if user else 0))
        response.headers["x-github-api-version-selected"] = VERSION
        response.headers["x-github-enterprise-version"] = ENTERPRISE_VERSION
        if user is not None and user.expires is not None:
            response.headers["github-authentication-token-expiration"] = f"{user.expires:%Y-%m-%d %H:%M:%S} UTC"
        return response

    def _who(self, request: Request) -> User | None:
        """Nobody in particular without a token; a wrong one is refused, also for what everybody may see."""
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if not scheme:
            return None
        if scheme.lower() == "basic":
            try:
                token = base64.b64decode(token, validate=True).decode().partition(":")[2]
            except ValueError:
                raise bad_credentials() from None
        user = next((one for one in self.forge.users.values() if token and one.token == token), None)
        if user is None or (user.expires is not None and user.expires <= self.forge.clock.now()):
            raise bad_credentials()
        return user

    async def _dispatch(self, request: Request, user: User | None, shown: Shown, path: str) -> Response:
        for method, pattern, handler in self._host:
            found = pattern.fullmatch(path)
            if found and method == request.method:
                return await handler(Call(request, user, shown, found.groups()))
        place, rest = self._place(user, shown, path)
        for method, pattern, handler in self._table:
            found = pattern.fullmatch(rest)
            if found and method == request.method:
                try:
                    return await handler(Call(request, user, shown, found.groups(), place))
                except Moved as to:
                    if to.repository.right(user) < Right.READ:
                        raise not_found() from None
                    raise moved(f"{shown.base}/repositories/{to.repository.id}/issues/{to.number}") from None
        raise not_found()

    def _place(self, user: User | None, shown: Shown, path: str) -> tuple[Repository, str]:
        found = re.fullmatch(r"repos/([^/]+/[^/]+)(?:/(.*))?", path)
        if found is not None:
            place, old = self.forge.named(found[1])
            if place is not None and old and place.right(user) >= Right.READ:
                rest = f"/{found[2]}" if found[2] else ""
                raise moved(f"{shown.base}/repositories/{place.id}{rest}")
        else:
            found = re.fullmatch(r"repositories/(\d+)(?:/(.*))?", path)
            place = self.forge.repositories.get(int(found[1])) if found else None
        if place is None or found is None or place.right(user) < Right.READ:
            raise not_found()
        return place, found[2] or ""

    def _unchanged(self, request: Request, response: Response, user: User | None) -> Response:
        """304 for whoever has it already, which costs nothing."""
        if request.method != "GET" or response.status_code != 200:
            return response
        etag = f'W/"{hashlib.sha256(bytes(response.body)).hexdigest()}"'
        response.headers["etag"] = etag
        if etag not in request.headers.get("if-none-match", ""):
            return response
        self.limit.give_back(user.id if user else 0)
        return Response(status_code=304, headers={"etag": etag})

    # The host.

    async def _me(self, call: Call) -> Response:
        return JSONResponse(call.shown.account(call.who, own=True))

    async def _user(self, call: Call) -> Response:
        found = next(
            (one for one in self.forge.users.values() if one.login.casefold() == call.parts[0].casefold()), None
        )
        if found is None:
            raise not_found()
        return JSONResponse(call.shown.account(found, own=found is call.user))

    async def _user_by_id(self, call: Call) -> Response:
        found = next((one for one in self.forge.users.values() if one.id == int(call.parts[0])), None)
        if found is None:
            raise not_found()
        return JSONResponse(call.shown.account(found, own=found is call.user))

    async def _own_repositories(self, call: Call) -> Response:
        rows = [one for one in self.forge.repositories.values() if one.rights.get(call.who.login)]
        return JSONResponse([call.shown.repository(one, call.user) for one in rows])

    async def _rate_limit(self, call: Call) -> Response:
        told = self.limit.headers(call.user.id if call.user else 0)
        core = {name: int(told[f"x-ratelimit-{name}"]) for name in ("limit", "remaining", "used", "reset")}
        return JSONResponse({"resources": {"core": core}, "rate": core})

    async def _repository(self, call: Call) -> Response:
        return JSONResponse(call.shown.repository(call.where, call.user))

    # Issues.

    async def _issues(self, call: Call) -> Response:
        where = call.where
        if not where.has_issues:
            raise Refusal(410, "Issues are disabled for this repo")
        rows = list(where.issues.values())
        state, begin = call.asked("state", "open"), since(call)
        creator, labels = call.asked("creator"), [one.casefold() for one in call.asked("labels").split(",") if one]
        rows = [one for one in rows if state == "all" or one.state == state]
        rows = [one for one in rows if not creator or one.by.login.casefold() == creator.casefold()]
        rows = [one for one in rows if {each.name.casefold() for each in one.labels} >= set(labels)]
        rows = [one for one in rows if begin is None or one.updated >= begin]
        keys: dict[str, Callable[[Issue], Any]] = {
            "created": lambda one: (one.created, one.number),
            "updated": lambda one: (one.updated, one.number),
            "comments": lambda one: (len(one.comments), one.number),
        }
        key = keys.get(call.asked("sort", "created"), keys["created"])
        rows.sort(key=key, reverse=call.asked("direction", "desc") != "asc")
        return listed(call, rows, lambda one: call.shown.issue(where, one), "issues")

    async def _open(self, call: Call) -> Response:
        who = call.demand(WRITE)
        issue = self.forge.open(call.where, await call.body(), who)
        said = call.shown.issue(call.where, issue)
        return JSONResponse(said, 201, {"location": said["url"]})

    async def _issue(self, call: Call) -> Response:
        return JSONResponse(call.shown.issue(call.where, call.issue()))

    async def _update(self, call: Call) -> Response:
        issue, who = call.issue(), call.demand(WRITE)
        if "if-match" in call.request.headers or "if-none-match" in call.request.headers:
            raise Refusal(
                400, "Conditional request headers are not allowed in unsafe requests unless supported by the endpoint"
            )
        self.forge.update(call.where, issue, await call.body(), who)
        return JSONResponse(call.shown.issue(call.where, issue))

    async def _events(self, call: Call) -> Response:
        issue = call.issue()
        return listed(
            call, issue.events, lambda one: call.shown.event(call.where, one), f"issues/{issue.number}/events"
        )

    async def _timeline(self, call: Call) -> Response:
        issue = call.issue()
        rows = call.shown.timeline(call.where, issue)
        return listed(call, rows, lambda one: one, f"issues/{issue.number}/timeline")

    async def _lock(self, call: Call) -> Response:
        issue = call.issue()
        self.forge.lock(call.where, issue, True, call.demand(WRITE, Right.WRITE))
        return Response(status_code=204)

    async def _unlock(self, call: Call) -> Response:
        issue = call.issue()
        self.forge.lock(call.where, issue, False, call.demand(WRITE, Right.WRITE))
        return Response(status_code=204)

    async def _children(self, call: Call) -> Response:
        issue = call.issue()
        return listed(call, issue.children, lambda one: call.shown.issue(*one), f"issues/{issue.number}/sub_issues")

    def _by_id(self, id: object) -> tuple[Repository, Issue]:
        """An issue by the number that is its own on the whole host."""
        found = [(place, one) for place in self.forge.repositories.values() for one in place.issues.values()]
        issue = next(((place, one) for place, one in found if one.id == id), None)
        if issue is None:
            raise not_found()
        return issue

    async def _adopt(self, call: Call) -> Response:
        issue, who, said = call.issue(), call.demand(WRITE, Right.TRIAGE), await call.body()
        child = self._by_id(said.get("sub_issue_id"))
        self.forge.adopt((call.where, issue), child, who, replace=bool(said.get("replace_parent")))
        return JSONResponse(call.shown.issue(call.where, issue), 201)

    async def _disown(self, call: Call) -> Response:
        issue, who, said = call.issue(), call.demand(WRITE, Right.TRIAGE), await call.body()
        child = self._by_id(said.get("sub_issue_id"))
        if child[1].parent is None or child[1].parent[1] is not issue:
            raise not_found()
        self.forge.disown(child, who)
        return JSONResponse(call.shown.issue(call.where, issue))

    async def _parent(self, call: Call) -> Response:
        parent = call.issue().parent
        if parent is None:
            raise not_found()
        return JSONResponse(call.shown.issue(*parent))

    # Comments.

    async def _comments(self, call: Call) -> Response:
        issue, begin = call.issue(), since(call)
        rows = [one for one in issue.comments if begin is None or one.updated >= begin]
        return listed(
            call, rows, lambda one: call.shown.comment(call.where, issue, one), f"issues/{issue.number}/comments"
        )

    async def _all_comments(self, call: Call) -> Response:
        begin = since(call)
        rows: list[tuple[Issue, Comment]] = [
            (issue, one)
            for issue in call.where.issues.values()
            for one in issue.comments
            if begin is None or one.updated >= begin
        ]
        by_update = call.asked("sort", "created") == "updated"
        rows.sort(
            key=lambda pair: (pair[1].updated if by_update else pair[1].created, pair[1].id),
            reverse=call.asked("direction", "desc" if call.asked("sort") else "asc") != "asc",
        )
        return listed(call, rows, lambda pair: call.shown.comment(call.where, *pair), "issues/comments")

    async def _say(self, call: Call) -> Response:
        issue, who = call.issue(), call.demand(WRITE)
        made = self.forge.say(call.where, issue, (await call.body()).get("body"), who)
        said = call.shown.comment(call.where, issue, made)
        return JSONResponse(said, 201, {"location": said["url"]})

    async def _one_comment(self, call: Call) -> Response:
        issue, one = self.forge.comment(call.where, int(call.parts[0]))
        return JSONResponse(call.shown.comment(call.where, issue, one))

    async def _edit_comment(self, call: Call) -> Response:
        who = call.demand(WRITE)
        issue, one = self.forge.comment(call.where, int(call.parts[0]))
        self.forge.edit_comment(call.where, issue, one, (await call.body()).get("body"), who)
        return JSONResponse(call.shown.comment(call.where, issue, one))

    async def _delete_comment(self, call: Call) -> Response:
        who = call.demand(WRITE)
        issue, one = self.forge.comment(call.where, int(call.parts[0]))
        self.forge.delete_comment(call.where, issue, one, who)
        return Response(status_code=204)
