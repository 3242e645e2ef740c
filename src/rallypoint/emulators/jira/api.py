"""The interface of a site: who asks, which resource answers; search, files and webhooks besides."""

import base64
import binascii
import json
import re
from datetime import UTC, datetime
from functools import partial
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.emulators.jira import jql
from rallypoint.emulators.jira.call import Call, Handler, Rows, answer, nothing
from rallypoint.emulators.jira.desk import Desk
from rallypoint.emulators.jira.hooks import AdminHook, Hooks
from rallypoint.emulators.jira.issues import Issues
from rallypoint.emulators.jira.limits import Limits
from rallypoint.emulators.jira.meta import Meta
from rallypoint.emulators.jira.model import File, Issue
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.refusals import Refusal, no_way
from rallypoint.emulators.jira.site import Site
from rallypoint.emulators.jira.tokens import Client, Tokens

METHODS = ["GET", "POST", "PUT", "DELETE", "OPTIONS"]
OVER_GATEWAY = re.compile(r"^/ex/jira/(?P<cloud>[^/]+)(?P<rest>/.*)$")
API = re.compile(r"^/rest/api/(?P<version>2|3|latest)/(?P<rest>.+?)/?$")
WEBHOOKS, DESK = "/rest/webhooks/1.0/", "/rest/servicedeskapi/"
ABOUT_ISSUE = re.compile(r"^issue/([^/]+)")
SEARCH_MOST, BARE_MOST = 100, 5000
SIGN_IN = (
    "<html><head><title>Unauthorized (401)</title></head><body>Basic Authentication Failure - Reason : {}</body></html>"
)
PART_NAME = re.compile(r'name="file"')
FILE_NAME = re.compile(r'filename="([^"]*)"')
PART_TYPE = re.compile(r"^content-type:\s*(.+?)\s*$", re.IGNORECASE | re.MULTILINE)
REMOVED = "The requested API has been removed. Please migrate to the /rest/api/3/search/jql API."


class Interface:
    """Turns requests into acts on the site."""

    def __init__(self, site: Site, hooks: Hooks, limits: Limits, tokens: Tokens) -> None:
        self.site, self.hooks, self.limits, self.tokens = site, hooks, limits, tokens
        self.captcha: set[str] = set()
        """On Data Center, names that must solve a puzzle in the browser first."""
        own: Rows = (
            ("GET", r"search", self._old_search),
            ("POST", r"search", self._old_search),
            ("GET", r"search/jql", self._search),
            ("POST", r"search/jql", self._search),
            ("POST", r"issue/([^/]+)/attachments", self._attach),
            ("GET", r"attachment/(\d+)", self._file),
            ("DELETE", r"attachment/(\d+)", self._detach),
            ("GET", r"attachment/content/(\d+)", self._content),
            ("GET", r"webhook", self._app_hooks),
            ("POST", r"webhook", self._register),
            ("DELETE", r"webhook", self._unregister),
            ("PUT", r"webhook/refresh", self._refresh),
            ("GET", r"webhook/failed", self._failed),
        )
        admin: Rows = (
            ("GET", r"webhook", self._admin_hooks),
            ("POST", r"webhook", self._make_hook),
            ("GET", r"webhook/(\d+)", self._admin_hook),
            ("PUT", r"webhook/(\d+)", self._change_hook),
            ("DELETE", r"webhook/(\d+)", self._drop_hook),
        )
        # Fixed addresses come before those that hold a name.
        self._api = _table((*Meta().rows(), *own, *Issues().rows()))
        self._webhooks, self._desk = _table(admin), _table(Desk().rows())

    def routes(self) -> list[Route]:
        return [Route("/{path:path}", self._answer, methods=METHODS)]

    async def _answer(self, request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            response = await self._dispatch(request, headers)
        except Refusal as no:
            headers |= no.headers
            if no.text is not None:
                kind = "text/html" if no.text.startswith("<") else "application/json"
                response = Response(no.text, no.status, media_type=kind)
            else:
                response = JSONResponse(no.body, no.status)
        response.headers.update(headers)
        self.hooks.pump()
        return response

    async def _dispatch(self, request: Request, headers: dict[str, str]) -> Response:
        path = unquote(request.scope["path"])
        root = f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"
        self.hooks.base = root
        if path == "/oauth/token" and self.site.cloud:
            return await self._token(request)
        if path == "/oauth/token/accessible-resources" and self.site.cloud:
            return self._resources(request, root)
        if path.startswith("/media/"):
            return self._media(path)
        gateway = OVER_GATEWAY.match(path)
        user, client = self._gateway(request, gateway["cloud"]) if gateway else (self._who(request, headers), None)
        return await self._resource(request, gateway["rest"] if gateway else path, root, user, client, headers)

    async def _resource(
        self, request: Request, path: str, root: str, user: User | None, client: Client | None, headers: dict[str, str]
    ) -> Response:
        found, version = API.match(path), 2
        if path.startswith("/secure/attachment/") and not self.site.cloud:
            return await self._secure(Call(request, self.site, root, user, client, 2, (path.split("/")[3],)))
        if path == "/rest/applinks/latest/listApplicationlinks":
            return answer({"list": []})
        if found is not None:
            version = 2 if found["version"] != "3" else 3
            if version == 3 and not self.site.cloud:
                raise no_way(path)
            table, rest = self._api, found["rest"]
        elif path.startswith(WEBHOOKS):
            table, rest = self._webhooks, path[len(WEBHOOKS) :].rstrip("/")
        elif path.startswith(DESK):
            table, rest = self._desk, path[len(DESK) :].rstrip("/")
        else:
            raise no_way(path)
        about = ABOUT_ISSUE.match(rest)
        headers |= self.limits.count(user.name if user else "", request.method, re.sub(r"/[A-Z]*-?\d+", "/{}", rest),
                                     self._id(about[1]) if about else "")  # fmt: skip
        if user is not None and user.customer and table is not self._desk and rest != "myself":
            user = None
        for method, pattern, handler in table:
            parts = pattern.match(rest)
            if parts is not None and method == request.method:
                return await handler(Call(request, self.site, root, user, client, version, parts.groups()))
        if any(pattern.match(rest) for _, pattern, _ in table):
            raise Refusal(405, text='{"message":"Method Not Allowed","status-code":405}')
        raise no_way(path)

    def _id(self, said: str) -> str:
        for one in self.site.issues.values():
            if said in (str(one.id), one.key):
                return str(one.id)
        return ""

    # Who asks.

    def _who(self, request: Request, headers: dict[str, str]) -> User | None:
        """Somebody known, or anybody. On Cloud wrong credentials make anybody of us, and a header tells so."""
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        name = secret = ""
        if scheme.lower() == "basic":
            try:
                name, _, secret = base64.b64decode(said, validate=True).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                name = "?"
        users = self.site.users.values()
        if self.site.cloud:
            found = next(
                (one for one in users if name and (one.mail, one.secret) == (name, secret) and one.active), None
            )
            headers["x-seraph-loginreason"] = "OK" if found else "AUTHENTICATED_FAILED" if scheme else "OUT"
            if not scheme:
                del headers["x-seraph-loginreason"]
            return found
        if scheme.lower() == "bearer":
            found = next((one for one in users if said and one.pat == said and one.active), None)
            if found is None:
                raise Refusal(401, text='{"message":"Client must be authenticated to access this resource.",'
                                        '"status-code":401}')  # fmt: skip
            return found
        if not scheme:
            return None
        if name in self.captcha:
            raise Refusal(403, text=SIGN_IN.format("AUTHENTICATION_DENIED"), headers={
                "x-seraph-loginreason": "AUTHENTICATION_DENIED",
                "x-authentication-denied-reason": "CAPTCHA_CHALLENGE; login-url=/login.jsp"})  # fmt: skip
        found = next((one for one in users if (one.name, one.secret) == (name, secret) and one.active), None)
        if found is None:
            raise Refusal(401, text=SIGN_IN.format("AUTHENTICATED_FAILED"),
                          headers={"x-seraph-loginreason": "AUTHENTICATED_FAILED"})  # fmt: skip
        headers["x-seraph-loginreason"] = "OK"
        return found

    def _gateway(self, request: Request, cloud: str) -> tuple[User, Client]:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        client = self.tokens.client(token) if scheme.lower() == "bearer" else None
        if client is None or cloud != self.site.cloud_id:
            raise Refusal(401, text='{"code":401,"message":"Unauthorized"}')
        return self.site.users[client.user], client

    async def _token(self, request: Request) -> Response:
        try:
            said = json.loads(await request.body())
        except ValueError:
            said = {}
        status, told = self.tokens.grant(said)
        return JSONResponse(told, status)

    def _resources(self, request: Request, root: str) -> Response:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or self.tokens.client(token) is None:
            return JSONResponse({"code": 401, "message": "Unauthorized"}, 401)
        one = {
            "id": self.site.cloud_id,
            "url": root,
            "name": self.site.title,
            "scopes": ["write:jira-work"],
            "avatarUrl": "",
        }
        return JSONResponse([one])

    # Search.

    async def _search(self, call: Call) -> Response:
        """Without a total; pages follow one another by a token over results that move meanwhile."""
        if not self.site.cloud:
            raise no_way(call.request.url.path)
        said = await call.body() if call.request.method == "POST" else self._asked(call)
        fields = [str(one) for one in said.get("fields") or ["id"]]
        bare = set(fields) <= {"id", "key"}
        size = min(int(said.get("maxResults") or 50), BARE_MOST if bare else SEARCH_MOST)
        start = _start(str(said.get("nextPageToken") or ""))
        fresh = {int(one) for one in said.get("reconcileIssues") or ()}
        found = self._matching(call, str(said.get("jql") or ""), fresh)
        rows = [call.shown.issue(one, fields=fields, expand=str(said.get("expand") or ""),
                                 properties=said.get("properties")) for one in found[start : start + size]]  # fmt: skip
        if bare:
            rows = [{name: row[name] for name in ("id", *(["key", "self"] if "key" in fields else []))} for row in rows]
        last = start + size >= len(found)
        more = {} if last else {"nextPageToken": _token(start + size)}
        return answer({"issues": rows, "isLast": last, **more})

    def _asked(self, call: Call) -> dict[str, Any]:
        said: dict[str, Any] = {name: call.several(name) for name in ("fields", "properties", "reconcileIssues")}
        for name in ("jql", "nextPageToken", "expand"):
            said[name] = call.asked(name)
        return said | {"maxResults": call.number("maxResults", 50)}

    async def _old_search(self, call: Call) -> Response:
        """By position, with a total. Cloud has taken it away."""
        if self.site.cloud:
            raise Refusal(410, REMOVED)
        said = self._asked(call) | {"startAt": call.number("startAt", 0)}
        if call.request.method == "POST":
            said = await call.body()
            known = {"jql", "startAt", "maxResults", "fields", "validateQuery", "expand"}
            if strange := sorted(set(said) - known):
                raise Refusal(
                    400,
                    f'Unrecognized field "{strange[0]}" (Class com.atlassian.jira.rest.v2.search.SearchRequestBean)',
                )
        start, size = int(said.get("startAt") or 0), min(int(said.get("maxResults") or 50), 1000)
        found = self._matching(call, str(said.get("jql") or ""), set())
        fields, expand = [str(each) for each in said.get("fields") or ["*navigable"]], str(said.get("expand") or "")
        rows = [call.shown.issue(one, fields=fields, expand=expand) for one in found[start : start + size]]
        return answer(
            {"expand": "schema,names", "startAt": start, "maxResults": size, "total": len(found), "issues": rows}
        )

    def _matching(self, call: Call, text: str, fresh: set[int]) -> list[Issue]:
        """By what the index knows, which is behind; those to be reconciled as they are."""
        viewer, now = call.user, self.site.now()
        users = self.site.users.values()
        accounts = {one.id(self.site.edition): one.name for one in users} | {one.name: one.name for one in users}
        zone = viewer.tz if viewer else next(iter(users)).tz
        query = jql.parse(text, jql.Asking(viewer.name if viewer else "", now, zone, accounts, bounded=self.site.cloud))
        if viewer is None:
            return []
        found: list[tuple[dict[str, Any], Issue]] = []
        for one in self.site.issues.values():
            while one.waiting and one.waiting[0][0] <= now:
                one.indexed = one.waiting.pop(0)[1]
            row = self.site.seen_by_search(one) if one.id in fresh else one.indexed
            if row is not None and viewer.name not in one.hidden_from and query.test(row):
                found.append((row, one))
        for name, down in reversed(query.orders):
            found.sort(key=partial(_key, name), reverse=down)
        return [one for _, one in found]

    # Files.

    async def _attach(self, call: Call) -> Response:
        if call.request.headers.get("x-atlassian-token", "").lower() not in ("no-check", "nocheck"):
            raise Refusal(403, text="XSRF check failed")
        issue, who = call.issue(), call.somebody
        made = [call.site.attach(issue, name, kind, body, who) for name, kind, body in await _parts(call.request)]
        if not made:
            raise Refusal(400, "No file was given.")
        return answer([call.shown.file(one) for one in made])

    def _found(self, call: Call) -> tuple[Issue, File]:
        for issue in self.site.issues.values():
            if call.user is None or call.user.name in issue.hidden_from:
                continue
            for one in issue.files:
                if str(one.id) == call.parts[0]:
                    return issue, one
        raise Refusal(404, f"The attachment with id '{call.parts[0]}' does not exist")

    async def _file(self, call: Call) -> Response:
        said = call.shown.file(self._found(call)[1])
        return answer(said | ({"id": int(said["id"])} if self.site.cloud else {}))

    async def _detach(self, call: Call) -> Response:
        issue, one = self._found(call)
        self.site.detach(issue, one, call.somebody)
        return nothing()

    async def _content(self, call: Call) -> Response:
        """On Cloud at another host, to which nobody should send their credentials."""
        if not self.site.cloud:
            raise no_way(call.request.url.path)
        _, one = self._found(call)
        if call.asked("redirect") == "false":
            return _bytes(one)
        port = call.base.rpartition(":")[2]
        where = f"http://localhost:{port}/media/{_sign(self.site, one)}"
        return Response(status_code=303, headers={"location": where})

    def _media(self, path: str) -> Response:
        for issue in self.site.issues.values():
            for one in issue.files:
                if path == f"/media/{_sign(self.site, one)}":
                    return _bytes(one)
        raise Refusal(404, text='{"error":{"code":"ResourceNotFound"}}')

    async def _secure(self, call: Call) -> Response:
        return _bytes(self._found(call)[1])

    # Webhooks.

    def _client(self, call: Call) -> Client:
        if call.client is None:
            raise Refusal(403, "The caller is not a Connect or OAuth 2.0 app.")
        return call.client

    def _cloud(self, call: Call) -> None:
        if not self.site.cloud:
            raise no_way(call.request.url.path)

    async def _app_hooks(self, call: Call) -> Response:
        self._cloud(call)
        rows = []
        for one in self.hooks.living(self._client(call)).values():
            said = {"id": one.id, "jqlFilter": one.filter, "events": list(one.events), "url": one.url,
                    "expirationDate": int(one.ends.timestamp() * 1000)}  # fmt: skip
            rows.append(said | ({"fieldIdsFilter": list(one.fields)} if one.fields else {}))
        start, size = call.number("startAt", 0), min(call.number("maxResults", 100), 100)
        shown = rows[start : start + size]
        return answer({"startAt": start, "maxResults": size, "total": len(rows), "isLast": start + size >= len(rows),
                       "values": shown})  # fmt: skip

    async def _register(self, call: Call) -> Response:
        self._cloud(call)
        return answer({"webhookRegistrationResult": self.hooks.register(await call.body(), self._client(call))})

    async def _unregister(self, call: Call) -> Response:
        self._cloud(call)
        client = self._client(call)
        for id in (await call.body()).get("webhookIds") or ():
            if id in self.hooks.living(client):
                del self.hooks.app[id]
        return Response(status_code=202)

    async def _refresh(self, call: Call) -> Response:
        self._cloud(call)
        ends = self.hooks.refresh((await call.body()).get("webhookIds") or (), self._client(call))
        return answer({"expirationDate": int(ends.timestamp() * 1000)})

    async def _failed(self, call: Call) -> Response:
        self._cloud(call)
        self._client(call)
        after = call.number("after", 0)
        since = datetime.fromtimestamp(after / 1000, UTC) if after else None
        rows = [{"id": one.id, "body": one.body.decode(), "url": one.url, "failureTime": int(at.timestamp() * 1000)}
                for at, one in self.hooks.failures(since)]  # fmt: skip
        return answer({"values": rows, "maxResults": 100})

    def _administrator(self, call: Call) -> User:
        if not call.somebody.admin:
            raise Refusal(403, "You do not have permission to manage webhooks.")
        return call.somebody

    async def _admin_hooks(self, call: Call) -> Response:
        self._administrator(call)
        return answer([self.hooks.shown(one) for one in self.hooks.admin.values()])

    async def _make_hook(self, call: Call) -> Response:
        return answer(self.hooks.shown(self.hooks.save(await call.body(), self._administrator(call))), 201)

    def _one_hook(self, call: Call) -> AdminHook:
        self._administrator(call)
        found = self.hooks.admin.get(int(call.parts[0]))
        if found is None:
            raise Refusal(404, text='{"messages":[{"key":"Webhook does not exist"}]}')
        return found

    async def _admin_hook(self, call: Call) -> Response:
        return answer(self.hooks.shown(self._one_hook(call)))

    async def _change_hook(self, call: Call) -> Response:
        known = self._one_hook(call)
        return answer(self.hooks.shown(self.hooks.save(await call.body(), call.somebody, known)))

    async def _drop_hook(self, call: Call) -> Response:
        del self.hooks.admin[self._one_hook(call).id]
        return nothing()


def _table(rows: Rows) -> list[tuple[str, re.Pattern[str], Handler]]:
    return [(method, re.compile(f"^{path}$"), handler) for method, path, handler in rows]


def _key(name: str, pair: tuple[dict[str, Any], Issue]) -> Any:
    row = pair[0]
    if name == "key":
        return row["id"]
    value = row.get(name)
    return value.timestamp() if isinstance(value, datetime) else str(value or "")


def _token(start: int) -> str:
    return base64.urlsafe_b64encode(f"jira:{start}".encode()).decode()


def _start(token: str) -> int:
    if not token:
        return 0
    try:
        name, _, number = base64.urlsafe_b64decode(token).decode().partition(":")
        if name == "jira":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise Refusal(400, "The provided next page token is invalid or expired.")


def _sign(site: Site, one: File) -> str:
    return base64.urlsafe_b64encode(f"{site.cloud_id}:{one.id}".encode()).decode().rstrip("=")


def _bytes(one: File) -> Response:
    return Response(one.body, media_type="application/octet-stream")


async def _parts(request: Request) -> list[tuple[str, str, bytes]]:
    """(name, type, bytes) of every file of a form."""
    boundary = re.search(r'boundary="?([^";]+)', request.headers.get("content-type", ""))
    if boundary is None:
        raise Refusal(415, "The content must be multipart/form-data.")
    found = []
    for part in (await request.body()).split(b"--" + boundary[1].encode())[1:-1]:
        head, _, body = part.partition(b"\r\n\r\n")
        said = head.decode("utf-8", "replace")
        name = FILE_NAME.search(said)
        if name is None or PART_NAME.search(said) is None:
            continue
        kind = PART_TYPE.search(said)
        shown = unquote(name[1]) if "%22" in name[1] else name[1]
        found.append((shown, kind[1] if kind else "application/octet-stream", body.removesuffix(b"\r\n")))
    return found
