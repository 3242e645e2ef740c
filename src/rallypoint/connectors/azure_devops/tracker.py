"""Azure DevOps work items as a tracker.

Every write is conditional on the revision, which counts comments and links too. A state is a field with rules, so it
is written like any other; what the process demands is known when it refuses.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from rallypoint.connectors.azure_devops import hook, links, patches, seen
from rallypoint.connectors.azure_devops.api import (
    COMMENTS_VERSION,
    CONNECTION_VERSION,
    STATE,
    VERSION,
    Api,
    no_interface,
    segment,
)
from rallypoint.connectors.azure_devops.registering import Registrar
from rallypoint.connectors.azure_devops.shape import (
    RICH_LONGEST,
    TAGS_FIELD,
    Shape,
    discover,
)
from rallypoint.connectors.azure_devops.values import at, inward, person, tags
from rallypoint.connectors.calling import Way
from rallypoint.connectors.oauth import Bearer
from rallypoint.connectors.tracking import Passage, clock_findings, cut, refused, seconds_for
from rallypoint.sync.model import (
    TAGS,
    Capabilities,
    FieldChange,
    FieldKind,
    Gone,
    GoneReason,
    Markup,
    Person,
    Project,
    Relation,
    RemoteComment,
    RemoteItem,
    Schema,
    Transition,
    Value,
    Visibility,
)
from rallypoint.sync.ports import (
    AuthFailed,
    Changes,
    Checked,
    CommentDraft,
    Created,
    Draft,
    Finding,
    Hint,
    Level,
    Listed,
    Listing,
    MappingBroken,
    Outage,
    Panel,
    PermissionDenied,
    RateNote,
    Stale,
    TrackerError,
    Upload,
    ValidationFailed,
    Webhook,
    WebhookHint,
    Written,
)

SHAPE_LASTS = timedelta(minutes=10)
HISTORY_MOST = 600
PAGE = 200
COMMENTS_MOST = 10_000
CHANGES_PAGE = 500
OVERLAP = timedelta(seconds=2)
FIND_MOST = 500
FIND_PAGE = 50
PROJECTS_MOST = 200
TYPES_OF_MOST = 50
FILE_BYTES_MOST = 60 * 1024 * 1024
FILE_NAME_LONGEST = 255
COMMENT_LONGEST = RICH_LONGEST
REMARK_LONGEST = 255
KEY_LONGEST = 100
GUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
BARE = re.compile(r"<[^>]*>|&nbsp;|\s")
ANONYMOUS = "aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa"


class AzureDevOpsTracker:
    """One account at one organisation; `project` limits it to one project. `now` is our clock."""

    def __init__(
        self,
        way: Way,
        *,
        base_url: str,
        token: str = "",
        bearer: Bearer | None = None,
        now: Callable[[], datetime],
        project: str = "",
    ) -> None:
        self._api, self._project, self._now = Api(way, base_url, token, now, bearer), project, now
        self._base_url = base_url.rstrip("/")
        self._shapes: dict[tuple[str, str], Shape] = {}
        self._places: dict[str, tuple[str, str]] = {}

    @property
    def capabilities(self) -> Capabilities:
        """Lengths and markups of the types that were asked for so far."""
        fields = {one.id: one for shape in self._shapes.values() for one in shape.schema.fields}
        return Capabilities(
            conditional_write=True,
            push=True,
            history=True,
            private_comments=False,
            public_comments=True,
            edit_comments=True,
            delete_comments=True,
            attachments=True,
            relations=True,
            relation_writes=frozenset(seen.WRITTEN_RELATIONS),
            delete_events=True,
            time_grain_seconds=0.001,
            max_attachment_bytes=FILE_BYTES_MOST,
            max_comment_length=COMMENT_LONGEST,
            max_lengths={one.id: one.max_length for one in fields.values() if one.max_length is not None},
            markups={one.id: one.markup for one in fields.values() if one.kind is FieldKind.RICH_TEXT},
            comment_markup=Markup.HTML,
        )

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        """Who we are, whether the project is there, and whether its items can be followed and written."""
        try:
            identity = await self._identity()
        except AuthFailed as no:
            return self._checked((refused("credentials", no),))
        except TrackerError as no:
            return self._checked((refused("address", no),))
        findings = [Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}.")]
        for about, work in (("project", self._sees_project), ("permission", self._may_follow),
                            ("permission", self._may_write)):  # fmt: skip
            try:
                findings.append(Finding(level=Level.OK, about=about, text=await work()))
            except TrackerError as no:
                findings.append(refused(about, no))
                break
        findings += clock_findings("organisation", self._api.caller.skew.seconds)
        return replace(self._checked(tuple(findings)), identity=identity)

    def _checked(self, findings: tuple[Finding, ...]) -> Checked:
        return Checked(findings=findings, version=VERSION, skew_seconds=self._api.caller.skew.seconds)

    async def _identity(self) -> Person:
        """Our own account. A public project answers strangers too, so nobody in particular is nobody."""
        answer = await self._api.call("GET", "/_apis/connectiondata", version=CONNECTION_VERSION)
        who = answer.data.get("authenticatedUser") if isinstance(answer.data, dict) else None
        if not isinstance(who, dict):
            raise no_interface(answer)
        if str(who.get("id")) == ANONYMOUS:
            raise AuthFailed("The organisation takes us for nobody in particular.", help="Give a token that is valid.")
        properties = who.get("properties")
        account = properties.get("Account", {}).get("$value", "") if isinstance(properties, dict) else ""
        unique = str(account or who.get("id") or "")
        name = str(who.get("customDisplayName") or who.get("providerDisplayName") or unique)
        return Person(remote_id=unique, name=name, email=unique if "@" in unique else "")

    async def _sees_project(self) -> str:
        if self._project:
            name = (await self._one_project())["name"]
            return f"The project {name} can be seen."
        rows = await self._api.listed("/_apis/projects", {"$top": "1"})
        if not rows:
            raise PermissionDenied("No project can be seen.", help="Add the account to a project, as a contributor.")
        return "Projects can be seen."

    async def _may_follow(self) -> str:
        await self._stream({"startDateTime": seen.stamp(self._api.their_time()), "$maxPageSize": "1"})
        return "Changes can be followed."

    async def _may_write(self) -> str:
        """Asked with a dry run of a new item, of which nothing is kept."""
        if not self._project:
            return "Whether items can be written is known with the first."
        types = await self._types(self._project)
        type = next((one for one in ("Bug", "Issue", "Task", *types) if one in types), "")
        if type:
            try:
                await self._api.patch(
                    "POST", f"{self._wit(self._project)}/workitems/${segment(type)}",
                    [{"op": "add", "path": "/fields/System.Title", "value": "Rallypoint asks whether it may write"}],
                    {"validateOnly": "true"},
                )  # fmt: skip
            except (ValidationFailed, Outage):
                pass  # refused for its content, so not for want of a right
        return "Work items can be written."

    async def _one_project(self) -> dict[str, Any]:
        found = await self._api.get(f"/_apis/projects/{segment(self._project)}")
        if not isinstance(found, dict) or not found.get("id"):
            raise MappingBroken(f"The project {self._project} cannot be read.", help="Choose another project.")
        return found

    async def projects(self) -> tuple[Project, ...]:
        if self._project:
            rows = [await self._one_project()]
        else:
            rows = await self._api.listed("/_apis/projects", {"$top": str(PROJECTS_MOST)})
        rows = sorted(rows, key=lambda one: str(one.get("name", "")).casefold())
        types = [await self._types(str(one["name"])) for one in rows[:TYPES_OF_MOST]]
        types += [()] * (len(rows) - len(types))
        return tuple(
            Project(id=str(one["name"]), name=str(one["name"]), types=kinds)
            for one, kinds in zip(rows, types, strict=True)
        )

    async def _types(self, project: str) -> tuple[str, ...]:
        rows = await self._api.listed(f"{self._wit(project)}/workitemtypes")
        return tuple(sorted(str(one["name"]) for one in rows if one.get("name") and not one.get("isDisabled")))

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew."""
        return (await self._shape(project, type, fresh=True)).schema

    async def _shape(self, project: str, type: str, *, fresh: bool = False) -> Shape:
        found = self._shapes.get((project, type))
        if fresh or found is None or self._now() - found.at >= SHAPE_LASTS:
            found = self._shapes[(project, type)] = await discover(self._api, project, type, self._now())
        return found

    def _wit(self, project: str = "") -> str:
        return (f"/{segment(project)}" if project else "") + "/_apis/wit"

    # Changes.

    async def list_changes(self, cursor: str | None) -> Changes:
        """The stream of revisions: in the order they were saved, so nothing lies between two tokens."""
        if cursor is None:
            await self._stream({"startDateTime": seen.stamp(self._api.their_time()), "$maxPageSize": "1"})
            return Changes(hints=(), cursor="since=" + seen.stamp(self._api.their_time() - OVERLAP))
        kind, _, said = cursor.partition("=")
        if kind == "since" and at(said) is not None:
            asked = {"startDateTime": said}
        elif kind == "token" and said and said.isprintable():
            asked = {"continuationToken": said}
        else:
            raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.")
        page = await self._stream(asked)
        hints: dict[str, Hint] = {}
        for one in page["values"]:
            hint = seen.hint(one)
            if hint is not None:
                hints[hint.remote_id] = hint
        token = str(page.get("continuationToken") or "")
        return Changes(
            hints=tuple(hints.values()),
            cursor=f"token={token}" if token else cursor,
            more=not page.get("isLastBatch", True) and bool(token),
        )

    async def _stream(self, asked: Mapping[str, str]) -> dict[str, Any]:
        query = {
            "fields": "System.TeamProject,System.WorkItemType,System.ChangedDate,System.IsDeleted",
            "includeDeleted": "true",
            "$maxPageSize": str(CHANGES_PAGE),
            **asked,
        }
        answer = await self._api.call("GET", f"{self._wit(self._project)}/reporting/workitemrevisions", query=query)
        if not isinstance(answer.data, dict) or not isinstance(answer.data.get("values"), list):
            raise no_interface(answer)
        return answer.data

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        """By number, which never changes: each page begins behind the last one."""
        await self._shape(project, type)
        after = cursor or "0"
        if not after.isdecimal():
            raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.")
        wanted = {"[System.TeamProject] =": seen.quoted(project), "[System.WorkItemType] =": seen.quoted(type)}
        wanted |= {"[System.Id] >": after}
        wanted |= {"[System.ChangedDate] >=": seen.quoted(seen.stamp(since))} if since else {}
        where = " AND ".join(f"{name} {value}" for name, value in wanted.items())
        query = " ".join(("SELECT [System.Id] FROM WorkItems WHERE", where, "ORDER BY [System.Id]"))
        try:
            answer = await self._api.call(
                "POST", f"{self._wit(project)}/wiql", query={"$top": str(PAGE), "timePrecision": "true"},
                body={"query": query},
            )  # fmt: skip
            ids = [int(one["id"]) for one in answer.data.get("workItems", ())]
            body = {"ids": ids, "fields": ["System.Title", "System.ChangedDate"], "errorPolicy": "omit"}
            rows = (await self._api.call("POST", f"{self._wit()}/workitemsbatch", body=body)).data if ids else {}
        except Outage as no:
            # These are asked with POST, but nothing is changed by asking.
            raise Outage(no.said, help=no.help, exchange=no.exchange) from no
        found = tuple(
            Listed(
                remote_id=str(one["id"]), key=f"#{one['id']}", title=str(seen.fields(one).get("System.Title") or ""),
                url=self._url(project, str(one["id"])), changed_at=at(seen.fields(one).get("System.ChangedDate")),
            )
            for one in rows.get("value", ())
            if one
        )  # fmt: skip
        return Listing(items=found, cursor=str(ids[-1]) if ids else after, more=len(ids) >= PAGE)

    # Reading.

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """The item first, then what belongs to it: what is added meanwhile comes with a later revision."""
        seen.demand_id(remote_id)
        row = await self._item(remote_id)
        if row is None:
            return await self._gone(remote_id)
        raw, rev = seen.fields(row), int(row["rev"])
        project, type = str(raw.get("System.TeamProject", "")), str(raw.get("System.WorkItemType", ""))
        self._places[remote_id] = (project, type)
        shape = await self._shape(project, type)
        comments, history = await asyncio.gather(
            self._comments(project, remote_id), self._history(shape, remote_id, rev, seen.markdown(row))
        )
        relations = [one for one in row.get("relations") or () if isinstance(one, dict)]
        return RemoteItem(
            id=remote_id,
            key=f"#{remote_id}",
            url=self._url(project, remote_id),
            project=project,
            type=type,
            revision=str(rev),
            fields={
                one.id: inward(one, raw.get(one.id), markdown=one.id in seen.markdown(row))
                for one in shape.schema.fields
                if one.id != TAGS
            },
            changed_at=at(raw.get("System.ChangedDate")),
            changed_by=person(raw.get("System.ChangedBy") or ""),
            history=history,
            comments=comments[0],
            comments_complete=comments[1],
            attachments=tuple(seen.attachment(one) for one in relations if one.get("rel") == "AttachedFile"),
            tags=tags(raw.get(TAGS_FIELD)),
            relations=tuple(found for one in relations if (found := seen.relation(one)) is not None),
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    def _url(self, project: str, remote_id: str) -> str:
        return f"{self._base_url}/{segment(project)}/_workitems/edit/{remote_id}"

    async def _item(self, remote_id: str) -> dict[str, Any] | None:
        """None when it is missing or hidden, which look alike."""
        answer = await self._api.send("GET", f"{self._wit()}/workitems/{remote_id}", query={"$expand": "relations"})
        if answer.status == 404 and answer.data is not None:
            return None
        self._api.judge(answer)
        if not isinstance(answer.data, dict) or str(answer.data.get("id")) != remote_id or "rev" not in answer.data:
            raise no_interface(answer)
        return answer.data

    async def _gone(self, remote_id: str) -> Gone:
        """Deleted only if it lies in the recycle bin: what is destroyed looks like what is hidden."""
        known = self._places.get(remote_id)
        project = (known[0] if known else "") or self._project
        answer = await self._api.send("GET", f"{self._wit(project)}/recyclebin/{remote_id}")
        if answer.fine and isinstance(answer.data, dict):
            return Gone(reason=GoneReason.DELETED, detail="It lies in the recycle bin of the project.")
        if answer.status not in (400, 403, 404):
            self._api.judge(answer)
        return Gone(reason=GoneReason.UNREADABLE, detail="It does not exist, or our account may not see it.")

    async def _comments(self, project: str, remote_id: str) -> tuple[tuple[RemoteComment, ...], bool]:
        """(comments, whether these are all)"""
        found: list[RemoteComment] = []
        asked = {"$top": str(PAGE), "order": "asc"}
        path = f"{self._wit(project)}/workItems/{remote_id}/comments"
        while len(found) < COMMENTS_MOST:
            page = await self._api.get(path, asked, version=COMMENTS_VERSION)
            rows = page.get("comments") if isinstance(page, dict) else None
            found += [seen.comment(one) for one in rows or () if isinstance(one, dict)]
            token = page.get("continuationToken") if isinstance(page, dict) else None
            if not token or not rows:
                return tuple(found), True
            asked = {**asked, "continuationToken": str(token)}
        return tuple(found), False

    async def _history(
        self, shape: Shape, remote_id: str, rev: int, markdown: frozenset[str]
    ) -> tuple[FieldChange, ...]:
        """The newest changes up to the revision that was read, oldest first."""
        found: list[FieldChange] = []
        start = max(0, rev - HISTORY_MOST)
        for skip in range(start, start + HISTORY_MOST + PAGE, PAGE):
            asked = {"$top": str(PAGE), "$skip": str(skip)}
            rows = await self._api.listed(f"{self._wit()}/workItems/{remote_id}/updates", asked)
            for one in rows:
                if int(one.get("rev") or 0) <= rev:
                    found += seen.steps(shape, one, markdown)
            if len(rows) < PAGE:
                break
        return tuple(found)

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        """Among the newest items our account made: their link to the incident carries the key in its comment."""
        if not natural_key:
            return None
        query = "SELECT [System.Id] FROM WorkItems WHERE [System.CreatedBy] = @Me ORDER BY [System.Id] DESC"
        try:
            answer = await self._api.call(
                "POST", f"{self._wit(self._project)}/wiql", query={"$top": str(FIND_MOST)}, body={"query": query}
            )
            ids = [int(one["id"]) for one in answer.data.get("workItems", ())]
            for start in range(0, len(ids), FIND_PAGE):
                body = {"ids": ids[start : start + FIND_PAGE], "$expand": "relations", "errorPolicy": "omit"}
                page = await self._api.call("POST", f"{self._wit()}/workitemsbatch", body=body)
                for one in page.data.get("value", ()):
                    if one and any(links.key_of(row) == natural_key for row in one.get("relations") or ()):
                        return str(one["id"])
        except Outage as no:
            # These are asked with POST, but nothing is changed by asking.
            raise Outage(no.said, help=no.help, exchange=no.exchange) from no
        return None

    async def create(self, draft: Draft, op: str) -> Created:
        """A state in which items cannot begin is left out: it is reached afterwards."""
        if not draft.natural_key or len(draft.natural_key) > KEY_LONGEST or "]" in draft.natural_key:
            raise ValidationFailed(f"The key of a new item must have 1 to {KEY_LONGEST} characters.")
        if not draft.url:
            raise ValidationFailed("An item needs the address of its incident, which leads back from it.")
        shape = await self._shape(draft.project, draft.type)
        given = {**draft.fields, **({TAGS: draft.tags} if draft.tags else {})}
        if str(given.get(STATE) or "") not in shape.initial:
            given.pop(STATE, None)
        operations = [one for one in await self._operations(draft.project, draft.type, given) if one["op"] != "remove"]
        operations = [one for one in operations if one.get("value") != ""]
        operations.append(links.link(draft.url, links.label(draft.natural_key)))
        made = await self._api.patch(
            "POST", f"{self._wit(draft.project)}/workitems/${segment(draft.type)}", operations, {"$expand": "none"}
        )
        remote_id = str(made["id"])
        self._places[remote_id] = (draft.project, draft.type)
        return Created(
            remote_id=remote_id,
            key=f"#{remote_id}",
            url=self._url(draft.project, remote_id),
            revision=str(made["rev"]),
        )

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """All or nothing. Stale when the item has another revision by now."""
        seen.demand_id(remote_id)
        project, type = await self._place(remote_id)
        operations = await self._operations(project, type, changes)
        made = await self._change(remote_id, operations, base_revision, moves=STATE in changes)
        return Written(revision=str(made["rev"]))

    async def _change(
        self, remote_id: str, operations: list[dict[str, Any]], base_revision: str, *, moves: bool = False
    ) -> dict[str, Any]:
        if not base_revision.isdigit():
            raise ValidationFailed(f"{base_revision[:20]!r} is no revision of a work item.")
        test = {"op": "test", "path": "/rev", "value": int(base_revision)}
        return await self._api.patch(
            "PATCH", f"{self._wit()}/workitems/{remote_id}", [test, *operations], {"$expand": "none"}, moves=moves
        )

    async def _place(self, remote_id: str) -> tuple[str, str]:
        """(project, type) of an item."""
        if remote_id not in self._places:
            row = await self._item(remote_id)
            if row is None:
                raise Stale("The work item is not there any more, or hidden from us.")
            raw = seen.fields(row)
            self._places[remote_id] = (
                str(raw.get("System.TeamProject", "")), str(raw.get("System.WorkItemType", ""))
            )  # fmt: skip
        return self._places[remote_id]

    async def _operations(self, project: str, type: str, changes: Mapping[str, Value]) -> list[dict[str, Any]]:
        """What to send. MappingBroken for a field or a choice that is no more, by a fresh look."""
        shape = await self._shape(project, type)
        try:
            return [patches.operation(shape, name, value) for name, value in changes.items()]
        except MappingBroken:
            shape = await self._shape(project, type, fresh=True)
            return [patches.operation(shape, name, value) for name, value in changes.items()]

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """None: a state is a field here, and rules may forbid a step that the process has."""
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise ValidationFailed("Azure DevOps has no transitions: write the field System.State.")

    # Comments.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """Everybody who sees the item sees its comments, so only a public one is written."""
        path, body = await self._said(remote_id, draft)
        answer = await self._api.call("POST", path, body=body, version=COMMENTS_VERSION)
        number = answer.data.get("id", answer.data.get("commentId")) if isinstance(answer.data, dict) else None
        if number is None:
            raise no_interface(answer)
        return str(number)

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        seen.demand_id(comment_id)
        path, body = await self._said(remote_id, draft)
        answer = await self._api.send("PATCH", f"{path}/{comment_id}", body=body, version=COMMENTS_VERSION)
        if answer.status == 404 and answer.data is not None:
            raise Stale("The comment is not there any more.", exchange=answer.exchange)
        self._api.judge(answer)

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        """Well also when it is gone already."""
        seen.demand_id(remote_id)
        seen.demand_id(comment_id)
        path = f"{self._wit((await self._place(remote_id))[0])}/workItems/{remote_id}/comments/{comment_id}"
        answer = await self._api.send("DELETE", path, version=COMMENTS_VERSION)
        if answer.status != 404 or answer.data is None:
            self._api.judge(answer)

    async def _said(self, remote_id: str, draft: CommentDraft) -> tuple[str, dict[str, str]]:
        seen.demand_id(remote_id)
        if draft.visibility is not Visibility.PUBLIC:
            raise ValidationFailed(
                "Azure DevOps has no private comments: everybody who sees the item would read this one.",
                help="Only a rule that makes work notes public there can send it.",
            )
        if not BARE.sub("", draft.body):
            raise ValidationFailed("A comment without text cannot be added.")
        if len(draft.body) > COMMENT_LONGEST:
            raise ValidationFailed(
                f"The comment has {len(draft.body)} characters; Azure DevOps keeps {COMMENT_LONGEST}."
            )
        project, _ = await self._place(remote_id)
        return f"{self._wit(project)}/workItems/{remote_id}/comments", {"text": draft.body}

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        """The bytes first, then the relation to them. Bytes without a relation are seen by nobody."""
        seen.demand_id(remote_id)
        if not upload.name or len(upload.name) > FILE_NAME_LONGEST:
            raise ValidationFailed(f"A file's name must have 1 to {FILE_NAME_LONGEST} characters there.")
        if upload.size > FILE_BYTES_MOST:
            raise ValidationFailed(
                f"{upload.name} is larger than the {FILE_BYTES_MOST // 2**20} MB Azure DevOps takes."
            )
        project, _ = await self._place(remote_id)
        passage = Passage(upload)

        answer = await self._api.call(
            "POST",
            f"{self._wit(project)}/attachments",
            query={"fileName": upload.name},
            content=passage.pieces(),
            headers={"content-type": "application/octet-stream", "content-length": str(upload.size)},
            seconds=seconds_for(upload.size),
        )
        if not passage.is_as_announced:
            raise ValidationFailed(f"{upload.name} is other than announced, so it was not attached.")
        file, url = str(answer.data.get("id", "")), str(answer.data.get("url", ""))
        value = {"rel": "AttachedFile", "url": url, "attributes": {"comment": (seen.OP + op)[:REMARK_LONGEST]}}
        await self._api.patch(
            "PATCH", f"{self._wit()}/workitems/{remote_id}", [{"op": "add", "path": "/relations/-", "value": value}],
            {"$expand": "none"},
        )  # fmt: skip
        return file

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        if not GUID.fullmatch(attachment_id):
            raise ValidationFailed(f"{attachment_id[:40]!r} is no id of a file there.")
        query = urlencode({"download": "true", "api-version": VERSION})
        path = f"{self._wit()}/attachments/{attachment_id}?{query}"
        headers = {**await self._api.headers(), "accept": "application/octet-stream"}
        async with self._api.caller.stream(path, headers=headers, seconds=seconds_for(FILE_BYTES_MOST)) as coming:
            if coming.status == 200:
                async for chunk in coming.chunks():
                    yield chunk
                return
        if coming.status == 404:
            raise Stale("The file is not there any more.")
        await self._identity()  # says so when it is the token
        raise Outage(f"The file is listed, but was answered with {coming.status}.")

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """The link to the incident, among the item's links; its comment tells title and state, rewritten in place."""
        seen.demand_id(remote_id)
        row = await self._item(remote_id)
        if row is None:
            raise Stale("The work item is not there any more, or hidden from us.")
        there = [one for one in row.get("relations") or () if isinstance(one, dict)]
        mine = [
            place
            for place, one in enumerate(there)
            if links.leads_to(one, panel.url) or links.moved_from(one, panel.url)
        ]
        key = next((found for place in mine if (found := links.key_of(there[place]))), "")
        told = " · ".join(part for part in (" ".join(panel.title.split()), panel.status) if part)
        remark = cut(f"{links.label(key)} {told}", REMARK_LONGEST)
        if len(mine) == 1 and links.leads_to(there[mine[0]], panel.url):
            if links.remark(there[mine[0]]) == remark:
                return
            path = f"/relations/{mine[0]}/attributes/comment"
            operations: list[dict[str, Any]] = [{"op": "replace", "path": path, "value": remark}]
        else:
            operations = [{"op": "remove", "path": f"/relations/{place}"} for place in reversed(mine)]
            operations.append(links.link(panel.url, remark))
        await self._change(remote_id, operations, str(row["rev"]))

    # Relations.

    async def relate(self, remote_id: str, relation: Relation, op: str) -> None:
        """Azure DevOps mirrors it on the other item by itself."""
        row, place = await self._related(remote_id, relation)
        if place is None:
            other = str(row["url"]).rstrip("/").rpartition("/")[0] + f"/{relation.remote_id}"
            value = {"rel": seen.WRITTEN_RELATIONS[relation.kind], "url": other}
            await self._change(remote_id, [{"op": "add", "path": "/relations/-", "value": value}], str(row["rev"]))

    async def unrelate(self, remote_id: str, relation: Relation, op: str) -> None:
        row, place = await self._related(remote_id, relation)
        if place is not None:
            await self._change(remote_id, [{"op": "remove", "path": f"/relations/{place}"}], str(row["rev"]))

    async def _related(self, remote_id: str, relation: Relation) -> tuple[dict[str, Any], int | None]:
        """The item, and the place of the relation among its links."""
        seen.demand_id(remote_id)
        seen.demand_id(relation.remote_id)
        if relation.kind not in seen.WRITTEN_RELATIONS:
            raise ValidationFailed(f"A link of the kind {relation.kind.value} is written from the other work item.")
        row = await self._item(remote_id)
        if row is None:
            raise Stale("The work item is not there any more, or hidden from us.")
        there = [seen.relation(one) if isinstance(one, dict) else None for one in row.get("relations") or ()]
        wanted = (relation.kind, relation.remote_id)
        places = (place for place, one in enumerate(there) if one and (one.kind, one.remote_id) == wanted)
        return row, next(places, None)

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """One service hook for each kind of event. Those with this address are renewed, which also enables them."""
        project_id = str((await self._one_project())["id"]) if self._project else ""
        return await Registrar(self._api).register(url, secret, project_id)

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        return await Registrar(self._api).state(webhook)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret)
