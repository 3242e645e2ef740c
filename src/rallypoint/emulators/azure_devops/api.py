"""The REST interface of an organisation, version 7.1: work items, comments, files, queries, reporting, hooks."""

import base64
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.emulators.azure_devops import definitions as d
from rallypoint.emulators.azure_devops import wiql
from rallypoint.emulators.azure_devops.entra import Entra
from rallypoint.emulators.azure_devops.hooks import Hooks
from rallypoint.emulators.azure_devops.limits import Limit
from rallypoint.emulators.azure_devops.locations import WIT_AREA, locations
from rallypoint.emulators.azure_devops.organization import Item, Organization, Project
from rallypoint.emulators.azure_devops.people import User
from rallypoint.emulators.azure_devops.refusals import Refusal, no_field, no_item
from rallypoint.emulators.azure_devops.shown import Shown, plain

BATCH_MOST = 200
QUERY_MOST = 20_000
PAGE = 1000
FILE_MOST = 60 * 1024 * 1024
METHODS = ["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"]
PATH = re.compile(r"^/(?P<organization>[^/]+)(?:/(?P<project>[^/]+))?(?:/(?P<team>[^/]+))?/_apis(?:/(?P<rest>.*))?$")
VERSION = re.compile(r"api-version=([\w.\-]+)")
SIGN_IN = """<!DOCTYPE html><html><head><title>Azure DevOps Services | Sign In</title></head>
<body>Sign in to your account to go on.</body></html>"""
PREVIEW = ("comments", "connectiondata")


@dataclass(slots=True)
class Call:
    """A request of somebody we know."""

    request: Request
    user: User
    shown: Shown
    project: Project | None
    parts: tuple[str, ...]

    @property
    def base(self) -> str:
        return self.shown.base

    def asked(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.request.query_params.items() if key.lower() == name), default)

    def flag(self, name: str) -> bool:
        return self.asked(name).lower() == "true"

    def number(self, name: str, default: int) -> int:
        said = self.asked(name)
        if said and not said.isdigit():
            raise Refusal(400, f"The value '{said}' is not valid for {name}.", "VssPropertyValidationException")
        return int(said) if said else default

    def demanded(self) -> Project:
        if self.project is None:
            raise Refusal(400, "A project must be named for this.", "VssPropertyValidationException")
        return self.project

    async def body(self) -> Any:
        try:
            return json.loads(await self.request.body())
        except ValueError:
            said = "You must pass a valid document in the body of the request."
            raise Refusal(400, said, "VssPropertyValidationException") from None


Handler = Callable[[Call], Awaitable[Response]]


class Interface:
    """Turns requests into acts on the organisation."""

    def __init__(self, organization: Organization, hooks: Hooks, limit: Limit, entra: Entra) -> None:
        self.organization, self.hooks, self.limit, self.entra = organization, hooks, limit, entra
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", r"connectiondata", self._connection),
            ("GET", r"resourceareas", self._areas),
            ("GET", r"projects", self._projects),
            ("GET", r"projects/([^/]+)", self._project),
            ("GET", r"projects/([^/]+)/teams", self._teams),
            ("GET", r"projects/([^/]+)/teams/([^/]+)/members", self._members),
            ("GET", r"wit/fields", self._fields),
            ("GET", r"wit/fields/([^/]+)", self._field),
            ("GET", r"wit/workitemtypes", self._kinds),
            ("GET", r"wit/workitemtypes/([^/]+)", self._kind),
            ("GET", r"wit/workitemtypes/([^/]+)/states", self._states),
            ("GET", r"wit/workitemtypes/([^/]+)/fields", self._kind_fields),
            ("GET", r"wit/workitemtypes/([^/]+)/fields/([^/]+)", self._kind_field),
            ("POST", r"wit/workitems/\$([^/]+)", self._create),
            ("GET", r"wit/workitems", self._items),
            ("GET", r"wit/workitems/(\d+)", self._item),
            ("PATCH", r"wit/workitems/(\d+)", self._update),
            ("DELETE", r"wit/workitems/(\d+)", self._delete),
            ("POST", r"wit/workitemsbatch", self._batch),
            ("GET", r"wit/workitems/(\d+)/updates", self._updates),
            ("GET", r"wit/workitems/(\d+)/updates/(\d+)", self._one_update),
            ("GET", r"wit/workitems/(\d+)/revisions", self._revisions),
            ("GET", r"wit/workitems/(\d+)/revisions/(\d+)", self._one_revision),
            ("GET", r"wit/workitems/(\d+)/comments", self._comments),
            ("POST", r"wit/workitems/(\d+)/comments", self._comment),
            ("GET", r"wit/workitems/(\d+)/comments/(\d+)", self._one_comment),
            ("PATCH", r"wit/workitems/(\d+)/comments/(\d+)", self._edit_comment),
            ("DELETE", r"wit/workitems/(\d+)/comments/(\d+)", self._delete_comment),
            ("POST", r"wit/attachments", self._upload),
            ("GET", r"wit/attachments/([^/]+)", self._download),
            ("POST", r"wit/wiql", self._wiql),
            ("GET", r"wit/reporting/workitemrevisions", self._reporting),
            ("GET", r"wit/recyclebin", self._bin),
            ("GET", r"wit/recyclebin/(\d+)", self._binned),
            ("PATCH", r"wit/recyclebin/(\d+)", self._restore),
            ("DELETE", r"wit/recyclebin/(\d+)", self._destroy),
            ("GET", r"wit/tags", self._tags),
            ("GET", r"hooks/subscriptions", self._subscriptions),
            ("POST", r"hooks/subscriptions", self._subscribe),
            ("GET", r"hooks/subscriptions/([^/]+)", self._subscription),
            ("PUT", r"hooks/subscriptions/([^/]+)", self._replace),
            ("DELETE", r"hooks/subscriptions/([^/]+)", self._unsubscribe),
            ("GET", r"hooks/subscriptions/([^/]+)/notifications", self._notifications),
        )
        self._table = [(method, re.compile(f"^{path}$", re.IGNORECASE), handler) for method, path, handler in table]

    def routes(self) -> list[Route]:
        return [Route("/{path:path}", self._answer, methods=METHODS)]

    async def _answer(self, request: Request) -> Response:
        headers: dict[str, str] = {}
        try:
            found = PATH.match(unquote(request.scope["path"]))
            if found is None or found["organization"].casefold() != self.organization.name.casefold():
                raise Refusal(404, "The resource cannot be found.", html=True)
            user = self._who(request)
            headers = self.limit.count(user.mail)
            self.hooks.pump()
            response = await self._dispatch(request, user, found)
        except Refusal as no:
            headers |= no.headers
            if no.html:
                response = Response(SIGN_IN, no.status, media_type="text/html")
            else:
                response = JSONResponse(no.body, no.status)
        response.headers.update(headers)
        return response

    def _who(self, request: Request) -> User:
        """Who is not known is sent to a page in HTML: to another address, or at once when a token has run out."""
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        token = ""
        if scheme.lower() == "basic":
            try:
                token = base64.b64decode(said, validate=True).decode().partition(":")[2]
            except ValueError:
                token = ""
        user = next((one for one in self.organization.users.values() if token and one.pat == token), None)
        if scheme.lower() == "bearer":
            user = self.organization.users.get(self.entra.owner(said))
        if user is not None and (user.expires is None or user.expires > self.organization.clock.now()):
            return user
        if request.headers.get("x-tfs-fedauthredirect", "").lower() == "suppress":
            said_no = "TF400813: The user '' is not authorized to access this resource."
            raise Refusal(401, said_no, "UnauthorizedRequestException",
                          headers={"www-authenticate": 'Basic realm="https://dev.azure.com/"'})  # fmt: skip
        if user is not None:
            raise Refusal(203, "", html=True)
        raise Refusal(302, "", html=True, headers={"location": f"{_root(request)}/_signin"})

    async def _dispatch(self, request: Request, user: User, found: re.Match[str]) -> Response:
        rest, project = (found["rest"] or "").strip("/"), found["project"]
        base = f"{_root(request)}/{self.organization.name}"
        self.hooks.base = base
        if request.method == "OPTIONS":
            return JSONResponse({"count": len(locations()), "value": locations()})
        for method, path, handler in self._table:
            parts = path.match(rest)
            if parts is None or method != request.method:
                continue
            self._version(request, rest)
            named = self.organization.project(project) if project else None
            return await handler(Call(request, user, Shown(self.organization, base), named, parts.groups()))
        if any(path.match(rest) for _, path, _ in self._table):
            said = f"The requested resource does not support http method '{request.method}'."
            return JSONResponse({"count": 1, "value": {"Message": said}}, 405)
        raise Refusal(404, f"The controller for path '/{rest}' was not found.", "VssResourceNotFoundException")

    def _version(self, request: Request, rest: str) -> None:
        said = next((value for key, value in request.query_params.items() if key.lower() == "api-version"), "")
        found = VERSION.search(request.headers.get("accept", ""))
        version = said or (found[1] if found else "")
        if not version and request.method != "GET":
            no = f'No api-version was supplied for the "{request.method}" request.'
            raise Refusal(400, no, "VssVersionNotSpecifiedException")
        if version and any(part in rest.lower() for part in PREVIEW) and "-preview" not in version:
            no = f'The requested version "{version}" of the resource is under preview. Supply the -preview flag.'
            raise Refusal(400, no, "VssInvalidPreviewVersionException")

    # The organisation.

    async def _connection(self, call: Call) -> Response:
        one = call.user
        who = {
            "id": one.id,
            "descriptor": f"Microsoft.IdentityModel.Claims.ClaimsIdentity;{one.mail}",
            "subjectDescriptor": f"aad.{one.id}",
            "providerDisplayName": one.name,
            "isActive": True,
            "properties": {"Account": {"$type": "System.String", "$value": one.mail}},
            "resourceVersion": 2,
            "metaTypeId": 0,
        }
        return JSONResponse(
            {
                "authenticatedUser": who,
                "authorizedUser": who,
                "instanceId": self.organization.name,
                "deploymentType": "hosted",
                "locationServiceData": {"serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7"},
            }
        )

    async def _areas(self, call: Call) -> Response:
        return _listed([{"id": WIT_AREA, "name": "wit", "locationUrl": f"{call.base}/"}])

    async def _projects(self, call: Call) -> Response:
        return _listed([self._one_project(call, one) for one in self.organization.projects.values()])

    async def _project(self, call: Call) -> Response:
        return JSONResponse(self._one_project(call, self.organization.project(call.parts[0])))

    def _one_project(self, call: Call, one: Project) -> dict[str, Any]:
        return {
            "id": one.id,
            "name": one.name,
            "url": f"{call.base}/_apis/projects/{one.id}",
            "state": "wellFormed",
            "visibility": "private",
        }

    async def _teams(self, call: Call) -> Response:
        one = self.organization.project(call.parts[0])
        return _listed([{"id": one.id, "name": f"{one.name} Team", "projectName": one.name, "projectId": one.id}])

    async def _members(self, call: Call) -> Response:
        self.organization.project(call.parts[0])
        people = [call.shown.user(one) for one in self.organization.users.values()]
        start = call.number("$skip", 0)
        return _listed(people[start : start + call.number("$top", 100)])

    # Definitions.

    async def _fields(self, call: Call) -> Response:
        return _listed([call.shown.field(one) for one in self.organization.fields.values()])

    async def _field(self, call: Call) -> Response:
        return JSONResponse(call.shown.field(self._known(call.parts[0])))

    def _known(self, name: str) -> d.Field:
        for one in self.organization.fields.values():
            if name.casefold() in (one.ref.casefold(), one.name.casefold()):
                return one
        raise no_field(name)

    async def _kinds(self, call: Call) -> Response:
        call.demanded()
        return _listed([call.shown.kind(one) for one in self.organization.kinds.values()])

    async def _kind(self, call: Call) -> Response:
        return JSONResponse(call.shown.kind(self._kind_of(call)))

    def _kind_of(self, call: Call) -> d.Kind:
        return self.organization.kind(call.demanded().name, call.parts[0])

    async def _states(self, call: Call) -> Response:
        return _listed(call.shown.states(self._kind_of(call)))

    async def _kind_fields(self, call: Call) -> Response:
        kind, values = self._kind_of(call), call.asked("$expand").lower() in ("allowedvalues", "all")
        refs = [ref for ref in kind.fields if ref in self.organization.fields]
        return _listed([call.shown.type_field(kind, self.organization.fields[ref], values=values) for ref in refs])

    async def _kind_field(self, call: Call) -> Response:
        kind, known = self._kind_of(call), self._known(call.parts[1])
        if known.ref not in kind.fields:
            raise no_field(known.ref)
        return JSONResponse(call.shown.type_field(kind, known, values=True))

    # Work items.

    async def _patch(self, call: Call) -> Any:
        kind = call.request.headers.get("content-type", "").partition(";")[0].strip()
        if kind != "application/json-patch+json":
            said = (
                f"The request contains an entity body but the Content-Type '{kind}' is not supported for this request."
            )
            raise Refusal(415, said, "VssUnsupportedMediaTypeException")
        return await call.body()

    async def _create(self, call: Call) -> Response:
        project = call.demanded()
        kind = self.organization.kind(project.name, call.parts[0])
        item = self.organization.create(
            project, kind, await self._patch(call), call.user, only_check=call.flag("validateonly")
        )
        return self._written(call, item)

    async def _update(self, call: Call) -> Response:
        item, patch = self._mine(call), await self._patch(call)
        return self._written(
            call, self.organization.update(item, patch, call.user, only_check=call.flag("validateonly"))
        )

    def _written(self, call: Call, item: Item) -> Response:
        expand = call.asked("$expand", "all").lower()
        return JSONResponse(call.shown.item(item, item.last, expand=expand))

    def _mine(self, call: Call, *, deleted: bool = False) -> Item:
        project = call.project.name if call.project else None
        return self.organization.item(int(call.parts[0]), project=project, deleted=deleted)

    async def _item(self, call: Call) -> Response:
        only = _names(call.asked("fields"))
        item = self._mine(call)
        return JSONResponse(call.shown.item(item, item.last, expand=call.asked("$expand").lower(), only=only))

    async def _items(self, call: Call) -> Response:
        ids = call.asked("ids").split(",")
        if not all(one.strip().isdigit() for one in ids):
            raise Refusal(400, "The ids must be numbers.", "VssPropertyValidationException")
        return self._several(call, [int(one) for one in ids], call.asked("$expand").lower(),
                             _names(call.asked("fields")), call.asked("errorpolicy").lower())  # fmt: skip

    async def _batch(self, call: Call) -> Response:
        said = await call.body()
        only = {str(one).casefold() for one in said["fields"]} if said.get("fields") else None
        return self._several(call, [int(one) for one in said.get("ids", [])], str(said.get("$expand", "")).lower(),
                             only, str(said.get("errorPolicy", "")).lower())  # fmt: skip

    def _several(self, call: Call, ids: list[int], expand: str, only: set[str] | None, policy: str) -> Response:
        if len(ids) > BATCH_MOST:
            said = f"VS402337: The number of work items requested exceeds the limit of {BATCH_MOST}."
            raise Refusal(400, said, "WorkItemTrackingBatchException")
        rows: list[Any] = []
        for number in ids:
            try:
                item = self.organization.item(number, project=call.project.name if call.project else None)
                rows.append(call.shown.item(item, item.last, expand=expand, only=only))
            except Refusal:
                if policy != "omit":
                    raise
                rows.append(None)
        return _listed(rows)

    async def _updates(self, call: Call) -> Response:
        item = self._mine(call)
        start = call.number("$skip", 0)
        stop = min(start + call.number("$top", BATCH_MOST), len(item.revisions))
        return _listed([call.shown.update(item, place) for place in range(start, stop)])

    async def _one_update(self, call: Call) -> Response:
        item, number = self._mine(call), int(call.parts[1])
        if not 1 <= number <= len(item.revisions):
            raise no_item(call.parts[0])
        return JSONResponse(call.shown.update(item, number - 1))

    async def _revisions(self, call: Call) -> Response:
        item = self._mine(call)
        start = call.number("$skip", 0)
        rows = item.revisions[start : start + call.number("$top", BATCH_MOST)]
        return _listed([call.shown.item(item, one, expand=call.asked("$expand").lower()) for one in rows])

    async def _one_revision(self, call: Call) -> Response:
        item, number = self._mine(call), int(call.parts[1])
        if not 1 <= number <= len(item.revisions):
            raise no_item(call.parts[0])
        return JSONResponse(call.shown.item(item, item.revisions[number - 1], expand=call.asked("$expand").lower()))

    async def _delete(self, call: Call) -> Response:
        item, destroy = self._mine(call), call.flag("destroy")
        self.organization.delete(item, call.user, destroy=destroy)
        return JSONResponse({"id": item.id, "code": 200} if destroy else call.shown.deleted(item))

    # Comments.

    async def _comments(self, call: Call) -> Response:
        item, deleted = self._mine(call), call.flag("includedeleted")
        rendered = "rendered" in call.asked("$expand").lower() or call.asked("$expand").lower() == "all"
        rows = [one for one in item.comments if deleted or not one.deleted]
        if call.asked("order").lower() != "asc":
            rows = rows[::-1]
        token = call.asked("continuationtoken")
        start = int(token) if token.isdigit() else 0
        stop = start + min(call.number("$top", BATCH_MOST), BATCH_MOST)
        page = rows[start:stop]
        said: dict[str, Any] = {
            "totalCount": len(rows),
            "count": len(page),
            "comments": [call.shown.comment(item, one, rendered=rendered) for one in page],
            "url": f"{call.shown.url(item)}/comments",
        }
        if stop < len(rows):
            said |= {"continuationToken": str(stop), "nextPage": f"{said['url']}?continuationToken={stop}"}
        return JSONResponse(said)

    async def _comment(self, call: Call) -> Response:
        item, text = self._mine(call), await self._text(call)
        return JSONResponse(call.shown.comment(item, self.organization.comment(item, text, call.user)))

    async def _text(self, call: Call) -> str:
        said = await call.body()
        text = said.get("text") if isinstance(said, dict) else None
        if not isinstance(text, str) or not text.strip():
            raise Refusal(400, "VS404600: The text of a comment cannot be empty.", "VssPropertyValidationException")
        return text

    async def _one_comment(self, call: Call) -> Response:
        item = self._mine(call)
        found = self.organization.find_comment(item, int(call.parts[1]), deleted=call.flag("includedeleted"))
        return JSONResponse(call.shown.comment(item, found))

    async def _edit_comment(self, call: Call) -> Response:
        item, text = self._mine(call), await self._text(call)
        found = self.organization.edit_comment(item, int(call.parts[1]), text, call.user)
        return JSONResponse(call.shown.comment(item, found))

    async def _delete_comment(self, call: Call) -> Response:
        self.organization.delete_comment(self._mine(call), int(call.parts[1]), call.user)
        return Response(status_code=204)

    # Files.

    async def _upload(self, call: Call) -> Response:
        body = bytearray()
        async for chunk in call.request.stream():
            body += chunk
            if len(body) > FILE_MOST:
                said = "TF237082: The file you are trying to upload exceeds the supported file upload size."
                raise Refusal(400, said, "AttachmentTooLargeException")
        if not call.user.writes:
            raise Refusal(403, "TF401289: The current user does not have permissions to save work items.",
                          "WorkItemUnauthorizedAccessException")  # fmt: skip
        file = self.organization.upload(call.asked("filename") or "attachment", bytes(body))
        url = f"{call.base}/_apis/wit/attachments/{file.id}?fileName={file.name}"
        return JSONResponse({"id": file.id, "url": url}, 201)

    async def _download(self, call: Call) -> Response:
        file = self.organization.files.get(call.parts[0])
        if file is None:
            raise Refusal(404, f"TF401243: Attachment {call.parts[0]} does not exist.", "AttachmentNotFoundException")
        return Response(file.body, media_type="application/octet-stream")

    # Queries.

    async def _wiql(self, call: Call) -> Response:
        said = await call.body()
        around = wiql.Around(
            call.project.name if call.project else "", call.user.mail, self.organization.clock.now(),
            call.flag("timeprecision"),
        )  # fmt: skip
        query = wiql.parse(str(said.get("query", "")), around, lambda name: name in self.organization.fields)
        shown = around.now - timedelta(seconds=self.organization.query_lag)
        found = [
            one
            for one in self.organization.items.values()
            if one.deleted_at is None
            and one.id not in self.organization.hidden
            and query.fits(one.last.fields, around)
            and (not self.organization.query_lag or one.revisions[0].at <= shown)
        ]
        for name, descending in reversed(query.order):
            found.sort(key=lambda one, name=name: str(plain(one.last.fields.get(name))).zfill(20), reverse=descending)  # type: ignore[misc]
        if len(found) > QUERY_MOST and not call.asked("$top"):
            said_no = f"VS402337: The number of work items returned exceeds the size limit of {QUERY_MOST}."
            raise Refusal(400, said_no, "WorkItemTrackingQueryResultSizeLimitExceededException")
        found = found[: call.number("$top", QUERY_MOST)]
        columns = [self._column(call, name) for name in query.columns]
        return JSONResponse(
            {
                "queryType": "flat",
                "queryResultType": "workItem",
                "asOf": plain(around.now),
                "columns": columns,
                "workItems": [{"id": one.id, "url": call.shown.url(one)} for one in found],
            }
        )

    def _column(self, call: Call, name: str) -> dict[str, Any]:
        one = self.organization.fields[name]
        return {"referenceName": one.ref, "name": one.name, "url": f"{call.base}/_apis/wit/fields/{one.ref}"}

    async def _reporting(self, call: Call) -> Response:
        """Revisions in the order they were saved, whoever they belong to: nothing is missed between two tokens."""
        token, start = call.asked("continuationtoken"), call.asked("startdatetime")
        after, since = _token(token), _moment(start)
        only = _names(call.asked("fields"))
        size = max(1, min(call.number("$maxpagesize", PAGE), PAGE))
        rows = sorted(
            (
                (revision.watermark, item, revision)
                for item in self.organization.items.values()
                if item.id not in self.organization.hidden
                and (call.project is None or item.project == call.project.name)
                and (item.deleted_at is None or call.flag("includedeleted"))
                for revision in item.revisions
                if revision.watermark > after and (since is None or revision.at >= since)
                if not call.flag("includelatestonly") or revision is item.last
            ),
            key=lambda row: row[0],
        )
        page = rows[:size]
        reached = page[-1][0] if page else max(after, self.organization.watermark if since else after)
        following = f"{reached};{len(page)};x"
        text = not call.flag("includeidentityref")
        query = f"continuationToken={following}"
        where = f"/{call.project.id}" if call.project else ""
        return JSONResponse(
            {
                "values": [call.shown.item(item, one, only=only, text=text) for _, item, one in page],
                "nextLink": f"{call.base}{where}/_apis/wit/reporting/workitemrevisions?{query}",
                "continuationToken": following,
                "isLastBatch": len(rows) <= size,
            }
        )

    # The recycle bin.

    async def _bin(self, call: Call) -> Response:
        rows = [one for one in self.organization.items.values() if one.deleted_at is not None]
        shown = [{"id": one.id, "url": call.shown.deleted(one)["url"]} for one in rows]
        return _listed(shown)

    async def _binned(self, call: Call) -> Response:
        return JSONResponse(call.shown.deleted(self._mine(call, deleted=True)))

    async def _restore(self, call: Call) -> Response:
        said = await call.body()
        item = self._mine(call, deleted=True)
        if not isinstance(said, dict) or {str(key).lower(): value for key, value in said.items()}.get("isdeleted"):
            raise Refusal(400, "IsDeleted must be false.", "VssPropertyValidationException")
        shown = call.shown.deleted(item)
        self.organization.restore(item, call.user)
        return JSONResponse(shown | {"resource": call.shown.item(item, item.last)})

    async def _destroy(self, call: Call) -> Response:
        self.organization.delete(self._mine(call, deleted=True), call.user, destroy=True)
        return Response(status_code=204)

    async def _tags(self, call: Call) -> Response:
        project = call.demanded()
        found = sorted(
            {
                tag
                for item in self.organization.items.values()
                if item.project == project.name
                for tag in str(item.last.fields.get(d.TAGS) or "").split("; ")
                if tag
            }
        )
        return _listed([{"name": tag, "url": f"{call.base}/{project.id}/_apis/wit/tags/{tag}"} for tag in found])

    # Service hooks.

    async def _subscriptions(self, call: Call) -> Response:
        wanted = call.asked("eventtype")
        rows = [one for one in self.hooks.subscriptions.values() if wanted in ("", one.event)]
        return _listed([self.hooks.shown(one) for one in rows])

    async def _subscribe(self, call: Call) -> Response:
        return JSONResponse(self.hooks.shown(self.hooks.subscribe(await call.body(), call.user)))

    async def _subscription(self, call: Call) -> Response:
        return JSONResponse(self.hooks.shown(self.hooks.find(call.parts[0])))

    async def _replace(self, call: Call) -> Response:
        return JSONResponse(self.hooks.shown(self.hooks.replace(call.parts[0], await call.body(), call.user)))

    async def _unsubscribe(self, call: Call) -> Response:
        del self.hooks.subscriptions[self.hooks.find(call.parts[0]).id]
        return Response(status_code=204)

    async def _notifications(self, call: Call) -> Response:
        id = self.hooks.find(call.parts[0]).id
        rows = [one for one in self.hooks.notifications.values() if one.subscription == id]
        return _listed([self.hooks.notified(one) for one in rows[::-1]])


def _listed(rows: list[Any]) -> Response:
    return JSONResponse({"count": len(rows), "value": rows})


def _names(text: str) -> set[str] | None:
    return {one.strip().casefold() for one in text.split(",") if one.strip()} or None


def _token(text: str) -> int:
    number = text.partition(";")[0]
    if text and not number.isdigit():
        raise Refusal(400, "The continuation token is not valid.", "VssPropertyValidationException")
    return int(number) if number else 0


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Refusal(400, f"The value '{text}' is not a date.", "VssPropertyValidationException") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _root(request: Request) -> str:
    return str(request.base_url).rstrip("/")
