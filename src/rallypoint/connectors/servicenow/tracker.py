"""ServiceNow incidents as a tracker.

Writes are blind, for the interface has no conditional write: the caller reads, writes and reads back. The revision is
sys_mod_count. `comments` are what the caller reads, `work_notes` are among agents; both can only be added to.
"""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rallypoint.connectors.calling import Answer, Way
from rallypoint.connectors.servicenow import changes as following
from rallypoint.connectors.servicenow import hook
from rallypoint.connectors.servicenow.api import GRAIN, Api, Credentials, Row, at, literal, result, texts
from rallypoint.connectors.servicenow.shape import JOURNALS, Shape, discover, known_choice, no_choice
from rallypoint.connectors.servicenow.values import inward, outward
from rallypoint.connectors.tracking import Passage, clock_findings, cut, refused, seconds_for
from rallypoint.sync.attachments import ATTACHMENTS
from rallypoint.sync.comments import COMMENTS
from rallypoint.sync.model import (
    Capabilities,
    FieldChange,
    FieldKind,
    Gone,
    GoneReason,
    Markup,
    Person,
    Project,
    Relation,
    RelationKind,
    RemoteAttachment,
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
    WebhookState,
    WorkflowRefused,
    Written,
)
from rallypoint.sync.tools import Wallet

SHAPE_LASTS = timedelta(minutes=10)
PEOPLE_LAST = timedelta(minutes=10)
PEOPLE_MOST = 5000
JOURNAL_MOST = 10_000
HISTORY_MOST = 500
FILES_MOST = 5000
RECENT = 20
LIST_PAGE = 200
HANDED_MOST = 1000
KEY_LONGEST = 100
COMMENT_LONGEST = 4000
FILE_NAME_LONGEST = 100
FILE_BYTES_MOST = 1024 * 1024 * 1024
NUMBER = re.compile(r"[A-Z]{2,8}[0-9]{4,15}")
ADDRESS = re.compile(r"sys_id(?:=|%3D)([0-9a-f]{32})")
CODE = re.compile(r"\[(/?code)\]", re.IGNORECASE)
PARENT = "parent_incident"
PANEL_NOTE = "This incident is also worked on in Rallypoint; its state there is in the field Correlation display."
"""First line of the one work note of the panel. The second is the address, and there is no third."""


class ServiceNowTracker:
    """One account at one instance, and one table: incident, unless told otherwise. `now` is our clock."""

    def __init__(
        self,
        way: Way,
        *,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        table: str = "incident",
        wallet: Wallet | None = None,
    ) -> None:
        self._api, self._table, self._now = Api(way, base_url, credentials, now, wallet), table, now
        self._base_url, self._user = base_url.rstrip("/"), credentials.user
        self._shape: Shape | None = None
        self._people: dict[str, tuple[Person, datetime]] = {}
        self._handed: deque[str] = deque(maxlen=HANDED_MOST)

    @property
    def capabilities(self) -> Capabilities:
        """Lengths as the instance's dictionary last told them."""
        shape = self._shape
        return Capabilities(
            push=True,
            history=True,
            private_comments=True,
            public_comments=True,
            attachments=True,
            relations=True,
            relation_writes=frozenset({RelationKind.PARENT}),
            delete_events=True,
            time_grain_seconds=1.0,
            search_lag_seconds=10.0,  # the table itself is asked, at times a copy of the database that lags by seconds
            max_attachment_bytes=FILE_BYTES_MOST,
            max_comment_length=(shape.comment_length if shape else None) or COMMENT_LONGEST,
            max_lengths=shape.lengths if shape else {},
            markups={one.id: one.markup for one in shape.schema.fields} if shape else {},
            comment_markup=Markup.PLAIN,
        )

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        """Who we are, and what of the tables that sync needs can be read."""
        try:
            identity = await self._identity()
        except AuthFailed as no:
            return self._checked((refused("credentials", no),))
        except TrackerError as no:
            return self._checked((refused("address", no),))
        findings: list[Finding] = []
        if identity is None:
            said = "The instance does not tell whose account this is."
            findings.append(Finding(level=Level.ERROR, about="identity", text=said, help="Let it read sys_user."))
        else:
            findings.append(Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}."))
        try:
            self._shape = await discover(self._api, self._table, self._now())
            findings += [await self._permission(*one) for one in self._needed()]
        except TrackerError as no:
            findings.append(refused("permission", no))
        findings += clock_findings("instance", self._api.caller.skew.seconds)
        return replace(self._checked(tuple(findings)), identity=identity)

    def _checked(self, findings: tuple[Finding, ...]) -> Checked:
        return Checked(findings=findings, skew_seconds=self._api.caller.skew.seconds)

    def _needed(self) -> tuple[tuple[str, str, Level, str], ...]:
        """(table, query, how bad if closed, what is lost then)"""
        mine = f"tablename={self._table}"
        return (
            (self._table, "", Level.WARNING, "No record can be read; perhaps there is none yet."),
            ("sys_journal_field", f"name={self._table}", Level.WARNING, "No comment can be read; perhaps none exists."),
            ("sys_audit", mine, Level.WARNING, "No history can be read: conflicts are decided by arrival alone."),
            ("sys_audit_delete", mine, Level.OK, "No deletion can be read; perhaps there was none."),
        )

    async def _permission(self, table: str, query: str, closed: Level, lost: str) -> Finding:
        help = f"Let the account read {table}."
        try:
            page = await self._api.page(table, query, ("sys_id",), limit=1)
        except PermissionDenied as no:
            level = closed if closed is Level.OK else Level.ERROR
            return Finding(level=level, about="permission", text=f"{table}: {no.said}", help=help)
        if page.rows:
            return Finding(level=Level.OK, about="permission", text=f"{table} can be read.")
        return Finding(level=closed, about="permission", text=lost, help=help)

    async def _identity(self) -> Person | None:
        """Our own account; None unless exactly one is named, for a query that is not understood reads everybody."""
        fields = ("sys_id", "name", "email", "user_name")
        rows = await self._api.rows("sys_user", "sys_id=javascript:gs.getUserID()", fields, most=2)
        if len(rows) != 1 and self._user:
            rows = await self._api.rows("sys_user", f"user_name={literal(self._user)}", fields, most=2)
            rows = [one for one in rows if one.get("user_name", "").lower() == self._user.lower()]
        return _person(rows[0]) if len(rows) == 1 else None

    async def projects(self) -> tuple[Project, ...]:
        return (Project(id=self._table, name=self._table.replace("_", " ").capitalize(), types=(self._table,)),)

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew. MappingBroken for any other table than this connection's."""
        self._demand_table(project, type)
        self._shape = await discover(self._api, self._table, self._now())
        return self._shape.schema

    def _demand_table(self, project: str, type: str) -> None:
        if (project or self._table, type or self._table) != (self._table, self._table):
            raise MappingBroken(
                f"This connection is about the table {self._table}, not {project}/{type}.",
                help="Make a connection for each table.",
            )

    async def _known(self, *, fresh: bool = False) -> Shape:
        if fresh or self._shape is None or self._now() - self._shape.at >= SHAPE_LASTS:
            self._shape = await discover(self._api, self._table, self._now())
        return self._shape

    # Reading.

    async def list_changes(self, cursor: str | None) -> Changes:
        if cursor is None:
            await self._api.page(self._table, "", ("sys_id",), limit=1)  # its answer tells the time there
            return Changes(hints=(), cursor=following.beginning(self._api.their_time() or self._now(), self._table))
        return await following.changes(self._api, self._table, cursor)

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        """By sys_id, which never changes: each page begins behind the last row, whatever happens meanwhile."""
        self._demand_table(project, type)
        after = cursor or ""
        if after:
            _demand_id(after)
        changed = f"sys_updated_on>={since.astimezone(UTC).strftime(GRAIN)}^" if since else ""
        behind = f"sys_id>{after}^" if after else ""
        fields = ("sys_id", "number", "short_description", "sys_updated_on")
        query, offset = f"{changed}{behind}ORDERBYsys_id", 0
        for _ in range(following.EMPTY_PAGES_MOST):
            page = await self._api.page(self._table, query, fields, limit=LIST_PAGE, offset=offset)
            if page.rows or page.following is None:
                break
            offset = page.following  # a page of nothing but hidden rows
        wrong = [one for one in page.rows if one.get("sys_id", "") <= after]
        if wrong or any(since and (at(one.get("sys_updated_on", "")) or since) < _whole(since) for one in page.rows):
            raise MappingBroken(
                f"The instance did not keep to our query of {self._table}.", field="sys_updated_on",
                help="The account must be able to read sys_id and sys_updated_on.",
            )  # fmt: skip
        found = tuple(
            Listed(
                remote_id=one["sys_id"], key=one.get("number", ""), title=one.get("short_description", ""),
                url=self._url(one["sys_id"]), changed_at=at(one.get("sys_updated_on", "")),
            )
            for one in page.rows
        )  # fmt: skip
        return Listing(
            items=found, cursor=found[-1].remote_id if found else after, more=bool(found) and page.following is not None
        )

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """The record first, then what belongs to it: what is added meanwhile comes with a later revision.

        People link a record by its number, or by the address of its page; both are taken beside the id.
        """
        remote_id = await self._id_of(remote_id)
        if not remote_id:
            return Gone(reason=GoneReason.UNREADABLE, detail="no record that we may read has this number")
        shape = await self._known()
        row = await self._api.record(self._table, remote_id)
        if row is None:
            return await self._gone(remote_id)
        (journal, no_journal), (files, no_files), (audit, _) = await asyncio.gather(
            _if_open(self._journal(remote_id)), _if_open(self._files(remote_id)), _if_open(self._audit(remote_id))
        )
        # A closed journal reads empty more often than it is refused; the history tells that it is not.
        no_journal = no_journal or not (journal or all(one.get("fieldname") not in JOURNALS for one in audit))
        closed = {COMMENTS} if no_journal else set[str]()
        closed |= {ATTACHMENTS} if no_files else set()
        await self._meet(shape, row, journal, files, audit)
        fields = {one.id: self._value(shape, one.id, row[one.id]) for one in shape.schema.fields if one.id in row}
        history = self._history(shape, audit)
        parent = row.get(PARENT, "")
        return RemoteItem(
            id=remote_id,
            key=row.get("number", ""),
            url=self._url(remote_id),
            project=self._table,
            type=self._table,
            revision=row.get("sys_mod_count", ""),
            fields=fields,
            unreadable=_hidden(shape, row, history) | closed,
            changed_at=at(row.get("sys_updated_on", "")),
            changed_by=self._named(row.get("sys_updated_by", "")),
            history=history,
            comments=tuple(self._comment(one) for one in journal if not _is_panel(one)),
            attachments=tuple(self._file(one) for one in files),
            relations=(Relation(kind=RelationKind.PARENT, remote_id=parent),) if parent else (),
            closed_for_writing=row.get("active") == "false",
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    async def _gone(self, remote_id: str) -> Gone:
        """Deleted only if the instance says so: a record that is missing and one that is hidden answer alike."""
        query = f"tablename={self._table}^documentkey={remote_id}"
        try:
            rows = await self._api.rows("sys_audit_delete", query, ("sys_id", "documentkey"), most=1)
        except PermissionDenied:
            rows = []
        if any(one.get("documentkey") == remote_id for one in rows):
            return Gone(reason=GoneReason.DELETED)
        return Gone(reason=GoneReason.UNREADABLE, detail="The record does not exist, or our account may not see it.")

    async def _journal(self, remote_id: str) -> list[Row]:
        rows = await self._api.rows(
            "sys_journal_field",
            f"element_id={remote_id}^elementIN{','.join(JOURNALS)}^ORDERBYsys_created_on",
            ("sys_id", "element", "element_id", "value", "sys_created_on", "sys_created_by"),
            most=JOURNAL_MOST,
        )
        return [one for one in rows if one.get("element_id") == remote_id and one.get("element") in JOURNALS]

    async def _files(self, remote_id: str) -> list[Row]:
        rows = await self._api.rows(
            "sys_attachment",
            f"table_name={self._table}^table_sys_id={remote_id}^ORDERBYsys_created_on",
            ("sys_id", "file_name", "content_type", "size_bytes", "table_sys_id", "sys_created_on", "sys_created_by"),
            most=FILES_MOST,
        )
        return [one for one in rows if one.get("table_sys_id") == remote_id]

    async def _audit(self, remote_id: str) -> list[Row]:
        """The newest changes, oldest first."""
        rows = await self._api.rows(
            "sys_audit",
            f"tablename={self._table}^documentkey={remote_id}^ORDERBYDESCsys_created_on^ORDERBYDESCrecord_checkpoint",
            ("sys_id", "documentkey", "fieldname", "oldvalue", "newvalue", "user", "sys_created_on"),
            most=HISTORY_MOST,
        )
        return [one for one in reversed(rows) if one.get("documentkey") == remote_id]

    def _history(self, shape: Shape, audit: list[Row]) -> tuple[FieldChange, ...]:
        found: list[FieldChange] = []
        for one in audit:
            name, moment = one.get("fieldname", ""), at(one.get("sys_created_on", ""))
            if moment is None or shape.schema.field(name) is None:
                continue
            found.append(
                FieldChange(
                    field=name,
                    old=self._value(shape, name, one.get("oldvalue", "")),
                    new=self._value(shape, name, one.get("newvalue", "")),
                    at=moment,
                    by=self._named(one.get("user", "")),
                )
            )
        return tuple(found)

    def _comment(self, row: Row) -> RemoteComment:
        visibility = {"comments": Visibility.PUBLIC, "work_notes": Visibility.PRIVATE}[row["element"]]
        return RemoteComment(
            id=row["sys_id"],
            body=row.get("value", ""),
            author=self._named(row.get("sys_created_by", "")),
            markup=Markup.PLAIN,
            visibility=visibility,
            created_at=at(row.get("sys_created_on", "")),
        )

    def _file(self, row: Row) -> RemoteAttachment:
        """Whoever reads the record sees its files, the caller too; that does not make them fit for everybody."""
        size = row.get("size_bytes", "")
        return RemoteAttachment(
            id=row["sys_id"],
            name=row.get("file_name", ""),
            size=int(size) if size.isdigit() else None,
            content_type=row.get("content_type", ""),
            author=self._named(row.get("sys_created_by", "")),
            created_at=at(row.get("sys_created_on", "")),
            visibility=Visibility.UNKNOWN,
        )

    def _value(self, shape: Shape, name: str, text: str) -> Value:
        return inward(shape.kind(name), text, self._by_id)

    def _by_id(self, sys_id: str) -> Person:
        found = self._people.get(sys_id)
        return found[0] if found else Person(remote_id=sys_id)

    def _url(self, remote_id: str) -> str:
        return f"{self._base_url}/{self._table}.do?sys_id={remote_id}"

    # People.

    async def _meet(self, shape: Shape, row: Row, *others: list[Row]) -> None:
        """Learns names and mails of everybody a read speaks of: by id in fields, by user name in journals."""
        persons = {one.id for one in shape.schema.fields if one.kind is FieldKind.PERSON}
        ids = {row.get(name, "") for name in persons}
        names = {row.get("sys_updated_by", "")}
        for one in (one for rows in others for one in rows):
            names |= {one.get("sys_created_by", ""), one.get("user", "")}
            if one.get("fieldname") in persons:
                ids |= {one.get("oldvalue", ""), one.get("newvalue", "")}
        before = self._now() - PEOPLE_LAST
        known = {key for key, (_, when) in self._people.items() if when > before}
        ids, names = ids - known - {""}, names - known - {""}
        if not (ids or names):
            return
        asked = [f"sys_idIN{','.join(sorted(ids))}"] * bool(ids)
        asked += [f"user_nameIN{','.join(literal(one) for one in sorted(names))}"] * bool(names)
        fields = ("sys_id", "user_name", "name", "email")
        try:
            rows = await self._api.rows("sys_user", "^NQ".join(asked), fields, most=len(ids) + len(names))
        except PermissionDenied:
            rows = []
        if len(self._people) > PEOPLE_MOST:
            self._people.clear()
        for one in rows:
            person = _person(one)
            self._people |= {one["sys_id"]: (person, self._now()), one.get("user_name", ""): (person, self._now())}

    def _named(self, user_name: str) -> Person | None:
        if not user_name:
            return None
        found = self._people.get(user_name)
        return found[0] if found else Person(name=user_name)

    # Writing.

    async def _id_of(self, said: str) -> str:
        """The id in an id, an address or a number; empty for a number that no record has."""
        in_address = ADDRESS.search(said)
        if in_address is not None:
            return in_address[1]
        if NUMBER.fullmatch(said.upper()):
            rows = await self._api.rows(self._table, f"number={said.upper()}", ("sys_id", "number"), most=1)
            # Compared again: a query on a field that we may not read is not refused but left out.
            return next((one["sys_id"] for one in rows if one.get("number") == said.upper()), "")
        _demand_id(said)
        return said

    async def find(self, natural_key: str) -> str | None:
        if not natural_key:
            return None
        query = f"correlation_id={literal(natural_key)}^ORDERBYsys_created_on"
        rows = await self._api.rows(self._table, query, ("sys_id", "correlation_id"), most=5)
        # Compared again: a query on a field that we may not read is not refused but left out.
        return next((one["sys_id"] for one in rows if one.get("correlation_id") == natural_key), None)

    async def create(self, draft: Draft, op: str) -> Created:
        self._demand_table(draft.project, draft.type)
        if not draft.natural_key or len(draft.natural_key) > KEY_LONGEST:
            raise ValidationFailed(f"The key of a new record must have 1 to {KEY_LONGEST} characters.")
        sent = await self._sent(draft.fields)
        row = await self._api.insert(
            self._table, {**sent, "correlation_id": draft.natural_key, "correlation_display": "Rallypoint"}
        )
        return Created(
            remote_id=row["sys_id"],
            key=row.get("number", ""),
            url=self._url(row["sys_id"]),
            revision=row.get("sys_mod_count", ""),
        )

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """`comments` and `work_notes` may be among the changes: a status may demand a comment in the same update."""
        _demand_id(remote_id)
        sent = await self._sent(changes)
        row = await self._labelled(self._api.update(self._table, remote_id, sent))
        return Written(revision=row.get("sys_mod_count", ""))

    async def _labelled(self, call: Any) -> Row:
        """A refusal names fields by their labels; the mapping knows them by id."""
        try:
            row: Row = await call
        except WorkflowRefused as no:
            labels = (await self._known()).labels
            missing = tuple(labels.get(one, one) for one in no.missing)
            raise WorkflowRefused(no.said, missing=missing, help=no.help, exchange=no.exchange) from no
        return row

    async def _sent(self, changes: Mapping[str, Value]) -> dict[str, str]:
        """The texts to send. Raises MappingBroken for a field or a choice that the instance has no more."""
        shape = await self._known()
        try:
            return self._texts(shape, changes)
        except MappingBroken:
            return self._texts(await self._known(fresh=True), changes)

    def _texts(self, shape: Shape, changes: Mapping[str, Value]) -> dict[str, str]:
        sent: dict[str, str] = {}
        for name, value in changes.items():
            if name in JOURNALS:
                sent[name] = _tame(str(value or ""))
                continue
            found = shape.schema.field(name)
            if found is None or not found.writable:
                raise MappingBroken(
                    f"The table {self._table} has no field {name} that can be written.",
                    field=name,
                    help="Choose another field in the mapping.",
                )
            sent[name] = outward(found, value)
            if not known_choice(found, sent[name]):
                raise no_choice(found, sent[name])
        return sent

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """None: a status is a field here, and what it demands is known only when it is refused."""
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise ValidationFailed("ServiceNow has no transitions: write the field state.")

    # Comments.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """Public only when said so; anything else is a work note, which the caller does not see."""
        _demand_id(remote_id)
        body = _tame(draft.body).strip()
        if not body:
            raise ValidationFailed("A comment without text cannot be added.")
        most = self.capabilities.max_comment_length or COMMENT_LONGEST
        if len(body) > most:
            raise ValidationFailed(f"The comment has {len(body)} characters; ServiceNow keeps {most}.")
        element = "comments" if draft.visibility is Visibility.PUBLIC else "work_notes"
        await self._labelled(self._api.update(self._table, remote_id, {element: body}))
        return await self._written_entry(remote_id, element, body)

    async def _written_entry(self, remote_id: str, element: str, body: str) -> str:
        """The id of the entry just written: the newest with this text that was not handed out before."""
        try:
            rows = await self._api.rows(
                "sys_journal_field",
                f"element_id={remote_id}^element={element}^ORDERBYDESCsys_created_on",
                ("sys_id", "element", "element_id", "value"),
                most=RECENT,
            )
        except PermissionDenied:
            rows = []
        except TrackerError as lost:
            # Only asking failed: the comment itself stands.
            said = f"The comment was taken, but not what its entry is called: {lost.said}"
            raise Outage(said, unknown=True, help=lost.help, exchange=lost.exchange) from lost
        for one in rows:
            same = _plain(one.get("value", "")) == _plain(body) and one.get("element_id") == remote_id
            if same and one.get("element") == element and one["sys_id"] not in self._handed:
                self._handed.append(one["sys_id"])
                return one["sys_id"]
        if not rows:
            raise PermissionDenied(
                "The comment was taken, but the account may not read it, so it could not be followed.",
                unknown=True,
                help="Let the account read sys_journal_field.",
            )
        raise Outage("The comment was taken, but its entry cannot be found.", unknown=True)

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        raise ValidationFailed("ServiceNow does not let journal entries be changed: add another.")

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        raise ValidationFailed("ServiceNow does not let journal entries be deleted.")

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        """The bytes go through as they come. A file that is not what was announced is taken away again."""
        _demand_id(remote_id)
        if not upload.name or len(upload.name) > FILE_NAME_LONGEST:
            raise ValidationFailed(f"A file's name must have 1 to {FILE_NAME_LONGEST} characters there.")
        passage = Passage(upload)

        answer = await self._api.call(
            "POST",
            "/api/now/v1/attachment/file",
            query={"table_name": self._table, "table_sys_id": remote_id, "file_name": upload.name},
            content=passage.pieces(),
            headers={
                "content-type": upload.content_type or "application/octet-stream",
                "content-length": str(upload.size),
            },
            seconds=seconds_for(upload.size),
        )
        row = texts(result(answer, dict))
        if not passage.is_as_announced or row.get("size_bytes") != str(upload.size):
            await self._api.send("DELETE", f"/api/now/v1/attachment/{row['sys_id']}")
            raise ValidationFailed(f"{upload.name} arrived other than announced, and was taken away again.")
        return row["sys_id"]

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        _demand_id(attachment_id)
        path = f"/api/now/v1/attachment/{attachment_id}/file"
        for fresh in (False, True):
            signed = {"authorization": await self._api.authorization(fresh)}
            async with self._api.caller.stream(path, headers=signed, seconds=seconds_for(FILE_BYTES_MOST)) as coming:
                if coming.status == 200:
                    async for chunk in coming.chunks():
                        yield chunk
                    return
                if coming.status != 401 or fresh:
                    break
        answer = await self._api.send("GET", f"/api/now/v1/attachment/{attachment_id}")
        self._api.judge(answer)
        raise self._no_file(answer, coming.status)

    def _no_file(self, answer: Answer, status: int) -> TrackerError:
        return Outage(f"The file is listed, but was answered with {status}.", exchange=answer.exchange)

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """Title and state in the field Correlation display, rewritten in place; the address in one work note, once."""
        _demand_id(remote_id)
        row = await self._api.record(self._table, remote_id)
        if row is None:
            raise Stale("The record is not there any more, or hidden from us.")
        shown = " · ".join(part for part in ("Rallypoint", panel.title, panel.status) if part)
        shown = cut(" ".join(shown.split()), KEY_LONGEST)
        note = f"{PANEL_NOTE}\n{panel.url}"
        changes = {"correlation_display": shown} if row.get("correlation_display") != shown else {}
        journal = await self._journal(remote_id)
        if not any(one["element"] == "work_notes" and one.get("value", "").strip() == note for one in journal):
            changes["work_notes"] = note
        if changes:
            await self._labelled(self._api.update(self._table, remote_id, changes))

    # Relations.

    async def relate(self, remote_id: str, relation: Relation, op: str) -> None:
        """A record has one parent: another that is there is not replaced."""
        before = await self._parent(remote_id, relation)
        if before and before != relation.remote_id:
            raise ValidationFailed("The record has another parent incident there, and it can have one only.")
        if not before:
            await self._labelled(self._api.update(self._table, remote_id, {PARENT: relation.remote_id}))

    async def unrelate(self, remote_id: str, relation: Relation, op: str) -> None:
        if await self._parent(remote_id, relation) == relation.remote_id:
            await self._labelled(self._api.update(self._table, remote_id, {PARENT: ""}))

    async def _parent(self, remote_id: str, relation: Relation) -> str:
        _demand_id(remote_id)
        _demand_id(relation.remote_id)
        if relation.kind is not RelationKind.PARENT:
            raise ValidationFailed("A record tells its parent, and nothing else of how it hangs together.")
        row = await self._api.record(self._table, remote_id)
        if row is None:
            raise Stale("The record is not there any more, or hidden from us.")
        if PARENT not in row:
            raise ValidationFailed(f"Records of {self._table} have no field {PARENT}, or it is hidden from us.")
        return row[PARENT]

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """By hand: a business rule can only be made by an administrator."""
        return Webhook(state=WebhookState.BY_HAND, secret=secret, instructions=hook.instructions(url, self._table))

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        """What is heard of it tells whether it works; the instance itself shows rules to administrators only."""
        return webhook

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret, self._table)


async def _if_open(rows: Awaitable[list[Row]]) -> tuple[list[Row], bool]:
    """(rows, whether the account may not read them)"""
    try:
        return await rows, False
    except PermissionDenied:
        return [], True


def _demand_id(text: str) -> None:
    """Ids become part of addresses and queries, so they are nothing else than ids."""
    if not hook.SYS_ID.fullmatch(text):
        raise ValidationFailed(f"{text[:40]!r} is no id of a ServiceNow record.")


def _person(row: Row) -> Person:
    return Person(remote_id=row["sys_id"], name=row.get("name", ""), email=row.get("email", ""))


def _hidden(shape: Shape, row: Row, history: tuple[FieldChange, ...]) -> frozenset[str]:
    """Fields that the account may not read: left out of the answer; or empty, though they cannot be.

    A field closed to us reads empty, as a cleared one does. What always holds something, or last became something in
    its history, was not cleared.
    """
    ids = {one.id for one in shape.schema.fields}
    last = {change.field: change.new for change in history}
    empty = {name for name in ids if row.get(name, "") == ""}
    told = {name for name in empty if last.get(name) not in (None, "", False)}
    return frozenset((ids - row.keys()) | told | (empty & shape.filled))


def _whole(moment: datetime) -> datetime:
    """The grain of times there."""
    return moment.replace(microsecond=0)


def _is_panel(row: Row) -> bool:
    lines = row.get("value", "").strip().split("\n")
    return row.get("element") == "work_notes" and len(lines) == 2 and lines[0] == PANEL_NOTE


def _tame(text: str) -> str:
    """Text in these brackets would be shown as HTML there."""
    return CODE.sub(r"[ \1 ]", text).replace("\r\n", "\n").replace("\x00", "")


def _plain(text: str) -> str:
    return " ".join(text.split())
