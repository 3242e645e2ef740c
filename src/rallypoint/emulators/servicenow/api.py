"""The REST interface of an instance: tables, attachments, batches and tokens, with the answers its vendor documents."""

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode
from zoneinfo import ZoneInfo

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.emulators.servicenow import definitions as d
from rallypoint.emulators.servicenow.instance import GRAIN, Instance, Row
from rallypoint.emulators.servicenow.limits import RateLimit
from rallypoint.emulators.servicenow.people import User
from rallypoint.emulators.servicenow.query import parse, select
from rallypoint.emulators.servicenow.refusals import Refusal, not_found, unauthenticated
from rallypoint.emulators.servicenow.tokens import Tokens

LIMIT = 10_000
ATTACHMENT_LIMIT = 1000
BATCH_MOST_BYTES = 5 * 1024 * 1024
SYS_ID = re.compile(r"^[0-9a-f]{32}$")
ATTACHMENT_FIELDS = (
    "sys_id", "file_name", "content_type", "size_bytes", "table_name", "table_sys_id", "hash", "sys_created_on",
    "sys_created_by", "sys_updated_on", "sys_updated_by", "sys_mod_count",
)  # fmt: skip

Handler = Callable[[Request, User], Awaitable[Response]]


class Interface:
    """Turns requests into acts on the instance."""

    def __init__(self, instance: Instance, tokens: Tokens, limit: RateLimit) -> None:
        self.instance, self.tokens, self.limit = instance, tokens, limit

    def routes(self) -> list[Route]:
        found = [Route("/oauth_token.do", self._token, methods=["POST"])]
        for base in ("/api/now", "/api/now/v1", "/api/now/v2"):
            found += [
                Route(base + "/table/{table}", self._guarded(self._table)),
                Route(base + "/table/{table}/{sys_id}", self._guarded(self._record)),
                Route(base + "/attachment", self._guarded(self._attachments)),
                Route(base + "/attachment/file", self._guarded(self._attach)),
                Route(base + "/attachment/upload", self._guarded(self._upload)),
                Route(base + "/attachment/{sys_id}", self._guarded(self._attachment)),
                Route(base + "/attachment/{sys_id}/file", self._guarded(self._file)),
                Route(base + "/batch", self._guarded(self._batch)),
            ]
        for route in found[1:]:
            route.methods = None  # an instance answers a wrong method in its own envelope
        return found

    # Who asks.

    def _guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def answer(request: Request) -> Response:
            headers: dict[str, str] = {}
            try:
                user = self._who(request)
                headers = self.limit.count(user.name)
                if "json" not in request.headers.get("accept", "*/*") and "*/*" not in request.headers.get(
                    "accept", "*/*"
                ):
                    raise Refusal(406, "Not acceptable", "Only application/json is served here")
                response = await handler(request, user)
            except Refusal as no:
                response = _refused(no)
                headers |= self.limit.headers_of(no)
                if no.status == 401:
                    headers["www-authenticate"] = 'Basic realm="Service-now"'
            response.headers.update(headers)
            return response

        return answer

    def _who(self, request: Request) -> User:
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            user = self.instance.users.get(self.tokens.owner(said))
        elif scheme.lower() == "basic":
            try:
                name, _, password = base64.b64decode(said, validate=True).decode().partition(":")
            except ValueError:
                raise unauthenticated() from None
            user = self.instance.users.get(name)
            if user is not None and user.password != password:
                user = None
        else:
            user = None
        if user is None or not user.active:
            raise unauthenticated()
        return user

    async def _token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode("utf-8", "replace")))
        status, said = self.tokens.grant(form)
        return JSONResponse(said, status, {"cache-control": "no-store"})

    # Tables.

    async def _table(self, request: Request, user: User) -> Response:
        table = self._known(request.path_params["table"])
        if request.method == "GET":
            return self._list(request, user, table)
        if request.method != "POST":
            raise _wrong_method(request)
        body = await _body(request)
        row = self.instance.insert(table, self._input(request, user, table, body), user)
        where = f"{_root(request)}/api/now/table/{table}/{row['sys_id']}"
        return self._written(request, user, table, row, 201, {"location": where})

    async def _record(self, request: Request, user: User) -> Response:
        table = self._known(request.path_params["table"])
        body = await _body(request) if request.method in ("PUT", "PATCH") else {}
        found = self.instance.find(table, request.path_params["sys_id"])
        if found is None or not self.instance.may_see(user, *found):
            raise not_found()
        actual, row = found
        if request.method == "GET":
            return JSONResponse({"result": self._shown(request, user, actual, row)})
        if request.method == "DELETE":
            self.instance.delete(actual, row, user)
            return Response(status_code=204)
        if request.method not in ("PUT", "PATCH"):
            raise _wrong_method(request)
        self.instance.update(actual, row, self._input(request, user, actual, body), user)
        return self._written(request, user, actual, row, 200, {})

    def _known(self, table: str) -> str:
        if table not in self.instance.columns:
            raise Refusal(400, f"Invalid table {table}")
        return table

    def _list(self, request: Request, user: User, table: str) -> Response:
        asked = request.query_params
        if not user.admin and table in self.instance.access.denied_tables and not self.instance.access.denied_is_empty:
            raise Refusal(403, "User Not Authorized", "Failed API level ACL Validation")
        fitting = self._fitting(user, table, asked.get("sysparm_query", ""))
        limit, offset = _number(asked.get("sysparm_limit"), LIMIT), _number(asked.get("sysparm_offset"), 0)
        # The limit comes first and the rights after it: a page may be short, or empty, and not be the last.
        page = [
            row
            for row in fitting[offset : offset + limit]
            if self.instance.may_see(user, self._actual(table, row), row)
        ]
        shown = [self._shown(request, user, self._actual(table, row), row) for row in page]
        if not shown and not fitting and "/v1/" in request.url.path:
            raise Refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")
        return JSONResponse({"result": shown}, headers=_paging(request, len(fitting), limit, offset))

    def _fitting(self, user: User, table: str, text: str) -> list[Row]:
        text = text.replace("javascript:gs.getUserID()", user.sys_id)
        text = text.replace("javascript:gs.getUserName()", user.name)
        resolve = self.instance.value
        return [
            dict(row)
            for row in select(
                list(self.instance.rows(table)),
                parse(text),
                lambda row, path: resolve(table, row, path),
                strict=self.instance.properties.invalid_query_returns_no_rows,
            )
        ]

    def _actual(self, table: str, row: Row) -> str:
        found = self.instance.find(table, row["sys_id"])
        return found[0] if found else table

    def _input(self, request: Request, user: User, table: str, body: Mapping[str, Any]) -> Row:
        """The members of a body as texts; display values put back into values where the request says so."""
        given = {name: _text(value) for name, value in body.items()}
        if request.query_params.get("sysparm_input_display_value") != "true":
            return given
        return {name: self._from_display(user, table, name, value) for name, value in given.items()}

    def _from_display(self, user: User, table: str, name: str, value: str) -> str:
        column = self.instance.columns[table].get(name)
        if column is None:
            return value
        if column.type == d.TIME and value:
            try:
                local = datetime.strptime(value, GRAIN).replace(tzinfo=ZoneInfo(user.zone))
            except ValueError:
                return ""
            return local.astimezone(UTC).strftime(GRAIN)
        if column.type == d.REFERENCE and not SYS_ID.match(value) and column.reference in self.instance.columns:
            shown = d.DISPLAY.get(column.reference, "number")
            return next((r["sys_id"] for r in self.instance.rows(column.reference) if r.get(shown) == value), value)
        choices = self.instance.choices(table, name) if column.choice else []
        return next((one["value"] for one in choices if one["label"] == value), value)

    def _written(
        self, request: Request, user: User, table: str, row: Row, status: int, headers: dict[str, str]
    ) -> Response:
        if request.headers.get("x-no-response-body") == "true":
            return Response(status_code=status, headers=headers)
        return JSONResponse({"result": self._shown(request, user, table, row)}, status, headers)

    def _shown(self, request: Request, user: User, table: str, row: Row) -> dict[str, Any]:
        asked = request.query_params
        names = [name for name in asked.get("sysparm_fields", "").split(",") if name] or list(
            self.instance.columns[table]
        )
        shown = {name: self._field(request, user, table, row, name) for name in names}
        return {name: value for name, value in shown.items() if value is not None}

    def _field(self, request: Request, user: User, table: str, row: Row, path: str) -> Any:
        """One field as asked for; None when it is not shown at all: unknown, or closed to this account."""
        place, holder, element = table, row, path
        while "." in element:
            first, _, element = element.partition(".")
            column = self.instance.columns[place].get(first)
            if column is None or column.reference not in self.instance.columns:
                return None
            found = self.instance.find(column.reference, holder.get(first, ""))
            if found is None:
                return "" if self.instance.value(column.reference, {}, element) is not None else None
            if not self.instance.may_see_field(user, place, first) or not self.instance.may_see(user, *found):
                return ""
            place, holder = found
        column = self.instance.columns[place].get(element)
        if column is None:
            return None
        if not self.instance.may_see_field(user, place, element):
            return "" if self.instance.access.hidden_is_empty else None
        return self._form(request, user, place, holder, column)

    def _form(self, request: Request, user: User, table: str, row: Row, column: d.Column) -> Any:
        asked = request.query_params
        wanted = asked.get("sysparm_display_value", "false")
        bare = asked.get("sysparm_exclude_reference_link") == "true"
        journal = column.type in (d.JOURNAL, d.JOURNAL_LIST)
        value = "" if journal else row.get(column.element, "")
        hidden = journal and not user.agent and column.element != "comments"
        display = "" if hidden else self.instance.display(table, row, column.element, user.zone)
        link = ""
        if column.type == d.REFERENCE and value:
            known = column.reference in self.instance.columns
            link = f"{_root(request)}/api/now/table/{column.reference}/" + (value if known else f"?name={value}")
        if wanted == "all":
            return {"display_value": display, "value": value} | ({"link": link} if link and not bare else {})
        if wanted == "true":
            return {"display_value": display, "link": link} if link and not bare else display
        return {"link": link, "value": value} if link and not bare else value

    # Attachments.

    async def _attachments(self, request: Request, user: User) -> Response:
        if request.method != "GET":
            raise _wrong_method(request)
        asked = request.query_params
        fitting = self._fitting(user, "sys_attachment", asked.get("sysparm_query", ""))
        limit = _number(asked.get("sysparm_limit"), ATTACHMENT_LIMIT)
        offset = _number(asked.get("sysparm_offset"), 0)
        page = [r for r in fitting[offset : offset + limit] if self.instance.may_see(user, "sys_attachment", r)]
        shown = [_attachment(request, row) for row in page]
        return JSONResponse({"result": shown}, headers=_paging(request, len(fitting), limit, offset))

    async def _attach(self, request: Request, user: User) -> Response:
        if request.method != "POST":
            raise _wrong_method(request)
        asked = request.query_params
        if missing := [name for name in ("table_name", "table_sys_id", "file_name") if not asked.get(name)]:
            raise Refusal(400, "Bad Request", f"Missing required parameter: {', '.join(missing)}")
        kind = request.headers.get("content-type", "")
        if not kind:
            raise Refusal(415, "Unsupported Media Type", "A Content-Type is required")
        body = await request.body()
        return self._attached(request, user, asked["table_name"], asked["table_sys_id"], asked["file_name"], kind, body)

    async def _upload(self, request: Request, user: User) -> Response:
        """A form whose last part is the file; parts after it are not looked at."""
        if request.method != "POST" or not request.headers.get("content-type", "").startswith("multipart/form-data"):
            raise Refusal(415, "Unsupported Media Type", "multipart/form-data is expected")
        fields: dict[str, str] = {}
        async with request.form() as form:
            for name, part in form.multi_items():
                if isinstance(part, str):
                    fields[name] = part
                    continue
                table, sys_id = fields.get("table_name", ""), fields.get("table_sys_id", "")
                if not table or not sys_id:
                    break
                kind = part.content_type or "application/octet-stream"
                body = await part.read()
                return self._attached(request, user, table, sys_id, part.filename or "file", kind, body)
        raise Refusal(400, "Bad Request", "table_name and table_sys_id must come before the file")

    def _attached(
        self, request: Request, user: User, table: str, sys_id: str, name: str, kind: str, body: bytes
    ) -> Response:
        found = self.instance.find(table, sys_id) if table in self.instance.columns else None
        if found is None or not self.instance.may_see(user, *found):
            raise not_found()
        stored = self.instance.attach(found[0], found[1], name, kind, body, user)
        where = f"{_root(request)}/api/now/attachment/{stored['sys_id']}"
        return JSONResponse({"result": _attachment(request, stored)}, 201, {"location": where})

    async def _attachment(self, request: Request, user: User) -> Response:
        row = self._own_attachment(request, user)
        if request.method == "GET":
            return JSONResponse({"result": _attachment(request, row)})
        if request.method == "DELETE":
            self.instance.delete("sys_attachment", row, user)
            return Response(status_code=204)
        if request.method != "PATCH":
            raise _wrong_method(request)
        if name := (await _body(request)).get("file_name"):
            row["file_name"] = str(name)[:100]
        return JSONResponse({"result": _attachment(request, row)})

    async def _file(self, request: Request, user: User) -> Response:
        if request.method != "GET":
            raise _wrong_method(request)
        row = self._own_attachment(request, user)
        metadata = json.dumps(_attachment(request, row))
        headers = {"x-attachment-metadata": metadata, "content-disposition": "attachment"}
        return Response(self.instance.files[row["sys_id"]], 200, headers, row["content_type"])

    def _own_attachment(self, request: Request, user: User) -> Row:
        row = self.instance.tables["sys_attachment"].get(request.path_params["sys_id"])
        if row is None or not self.instance.may_see(user, "sys_attachment", row):
            raise not_found()
        return row

    # Several at once.

    async def _batch(self, request: Request, user: User) -> Response:
        """Each request of the batch as if it had come alone; what is too large is not served."""
        if request.method != "POST":
            raise _wrong_method(request)
        asked = await _body(request)
        served: list[dict[str, Any]] = []
        unserved: list[dict[str, Any]] = []
        app = Starlette(routes=self.routes())
        for one in asked.get("rest_requests", []):
            body = base64.b64decode(one.get("body", ""))
            if len(body) > BATCH_MOST_BYTES:
                unserved.append({"id": one["id"]})
                continue
            status, headers, answer = await _within(app, request, one, body)
            served.append(
                {
                    "id": one["id"],
                    "body": base64.b64encode(answer).decode(),
                    "status_code": status,
                    "headers": [{"name": name, "value": value} for name, value in headers.items()],
                    "execution_time": 1,
                }
            )
        said = {"batch_request_id": str(asked.get("batch_request_id", "")), "serviced_requests": served}
        return JSONResponse({**said, "unserviced_requests": unserved})


async def _within(
    app: Starlette, outer: Request, one: Mapping[str, Any], body: bytes
) -> tuple[int, dict[str, str], bytes]:
    """One request of a batch, with the credentials of the batch."""
    path, _, query = str(one["url"]).partition("?")
    headers = {str(h["name"]).lower(): str(h["value"]) for h in one.get("headers", [])}
    headers |= {name: outer.headers[name] for name in ("authorization", "host") if name in outer.headers}
    scope = {
        **outer.scope,
        "method": one.get("method", "GET"),
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    for name in ("route", "endpoint", "path_params", "app", "router"):
        scope.pop(name, None)
    status, got, parts = 500, dict[str, str](), bytearray()

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        nonlocal status, got
        if message["type"] == "http.response.start":
            status = message["status"]
            got = {name.decode(): value.decode() for name, value in message["headers"]}
        else:
            parts.extend(message.get("body", b""))

    await app(scope, receive, send)
    return status, got, bytes(parts)


def _attachment(request: Request, row: Row) -> dict[str, str]:
    link = f"{_root(request)}/api/now/attachment/{row['sys_id']}/file"
    return {name: row[name] for name in ATTACHMENT_FIELDS} | {"download_link": link}


def _refused(no: Refusal) -> JSONResponse:
    return JSONResponse({"error": {"message": no.message, "detail": no.detail}, "status": "failure"}, no.status)


def _wrong_method(request: Request) -> Refusal:
    return Refusal(405, "Method not supported", f"{request.method} is not supported here")


async def _body(request: Request) -> dict[str, Any]:
    if "json" not in request.headers.get("content-type", ""):
        raise Refusal(415, "Unsupported Media Type", "application/json is expected")
    try:
        said = json.loads(await request.body() or b"{}")
    except ValueError:
        raise Refusal(400, "Exception while reading request", "The payload is not valid JSON") from None
    if not isinstance(said, dict):
        raise Refusal(400, "Exception while reading request", "Only one record is taken at a time")
    return said


def _paging(request: Request, total: int, limit: int, offset: int) -> dict[str, str]:
    asked = request.query_params
    headers = {} if asked.get("sysparm_no_count") == "true" else {"x-total-count": str(total)}
    if asked.get("sysparm_suppress_pagination_header") == "true" or limit <= 0:
        return headers
    places = {"first": 0, "last": max(0, (total - 1) // limit * limit)}
    if offset + limit < total:
        places["next"] = offset + limit
    if offset > 0:
        places["prev"] = max(0, offset - limit)
    links = []
    for rel, place in places.items():
        query = urlencode({**asked, "sysparm_limit": str(limit), "sysparm_offset": str(place)})
        links.append(f'<{_root(request)}{request.url.path}?{query}>;rel="{rel}"')
    return headers | {"link": ",".join(links)}


def _root(request: Request) -> str:
    return f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}"


def _number(text: str | None, otherwise: int) -> int:
    return int(text) if text is not None and text.isdigit() else otherwise


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _text(value.get("value"))
    return str(value)
