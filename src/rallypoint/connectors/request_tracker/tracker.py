"""Tickets of Request Tracker as a tracker.

A revision is the number of the ticket's last transaction, and every write is conditional on it. A refused change is
answered as a good one, so the ticket is read again after each and compared. What leads back to us are two links of the
kind refers-to: the incident's address, and a name by which a ticket is found again after a lost answer. Our operation
travels as a parameter of the content type, which no reader sees.
"""

import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from rallypoint.connectors.calling import Answer, Way
from rallypoint.connectors.request_tracker import changes as following
from rallypoint.connectors.request_tracker import history, hook
from rallypoint.connectors.request_tracker.api import ID, Api, Credentials, NotThere, Row, at, made_id
from rallypoint.connectors.request_tracker.shape import (
    CONTENT,
    DELETED,
    OWNER,
    REQUESTOR,
    STATUS,
    SUBJECT,
    SUBJECT_LONGEST,
    TICKET,
    Named,
    Shape,
    discover,
    inward,
    not_taken,
    outward,
    person,
    user_id,
)
from rallypoint.connectors.tracking import Passage, clock_findings, refused, seconds_for
from rallypoint.sync.model import (
    TAGS,
    Capabilities,
    FieldKind,
    Gone,
    GoneReason,
    Markup,
    Person,
    Project,
    Relation,
    RelationKind,
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
    MappingBroken,
    Outage,
    Panel,
    PermissionDenied,
    RateNote,
    TrackerError,
    Upload,
    ValidationFailed,
    Webhook,
    WebhookHint,
    WebhookState,
    WorkflowRefused,
    Written,
)

SHAPE_LASTS = timedelta(minutes=10)
URN = "urn:rallypoint:"
OPENING = "This ticket is also worked on in Rallypoint."
FILE_BYTES_MOST = 10_000_000
"""Its own limit as shipped (MaxAttachmentSize)."""

COMMENT_LONGEST = 1_000_000
KEPT_TYPES = ("image/", "audio/", "video/", "application/")
"""Files of other types it recodes, cuts or takes for mails, so they go as bytes."""

BYTES = "application/octet-stream"
NOT_ALLOWED = "Permission Denied"
_RELATIONS = {
    "parent": RelationKind.PARENT,
    "child": RelationKind.CHILD,
    "depends-on": RelationKind.BLOCKED_BY,
    "depended-on-by": RelationKind.BLOCKS,
    "refers-to": RelationKind.RELATED,
    "referred-to-by": RelationKind.RELATED,
}


class RequestTracker:
    """One account at one Request Tracker. `named` is what its interface does not tell; `now` is our clock."""

    def __init__(
        self,
        way: Way,
        *,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        named: Named | None = None,
    ) -> None:
        self._api, self._now, self._named = Api(way, base_url, credentials, now), now, named or Named()
        self._base_url = base_url.rstrip("/")
        self._shapes: dict[str, Shape] = {}
        self._is_utc: bool | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            conditional_write=True,
            push=True,
            history=True,
            private_comments=True,
            public_comments=True,
            provenance=True,
            attachments=True,
            private_files=True,
            relations=True,
            time_grain_seconds=1.0,
            max_attachment_bytes=FILE_BYTES_MOST,
            max_comment_length=COMMENT_LONGEST,
            max_lengths={SUBJECT: SUBJECT_LONGEST},
            markups={
                one.id: one.markup
                for shape in self._shapes.values()
                for one in shape.schema.fields
                if one.kind is FieldKind.RICH_TEXT
            },
            comment_markup=Markup.HTML,
        )

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        """Who we are, whose proof it is, what of queues can be seen, and the time zone."""
        try:
            mine, _ = await self._api.one(f"/user/{quote(self._api.user, safe='@')}")
        except (AuthFailed, NotThere) as no:
            return self._checked(refused("credentials" if isinstance(no, AuthFailed) else "identity", no))
        except PermissionDenied as no:
            return self._checked(refused("permission", no))
        except TrackerError as no:
            return self._checked(refused("address", no))
        identity = person(mine)
        if "Memberships" not in mine:  # told of oneself only, or to administrators
            said = f"The token is not one of {self._api.user}."
            return self._checked(Finding(level=Level.ERROR, about="identity", text=said, help="Name its owner."))
        findings = [Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}.")]
        try:
            for queue in await self.projects():
                findings.append(Finding(level=Level.OK, about="permission", text=f"Queue {queue.name} can be seen."))
            if len(findings) == 1:
                said, help = "No queue can be seen.", "Give the account SeeQueue and ShowTicket for a queue."
                findings.append(Finding(level=Level.ERROR, about="permission", text=said, help=help))
            if not await following.is_utc(self._api):
                wrong = following.wrong_zone()
                findings.append(Finding(level=Level.ERROR, about="time zone", text=wrong.said, help=wrong.help))
        except TrackerError as no:
            findings.append(refused("permission", no))
        findings += clock_findings("server", self._api.caller.skew.seconds)
        return replace(self._checked(*findings), identity=identity)

    def _checked(self, *findings: Finding) -> Checked:
        return Checked(findings=findings, skew_seconds=self._api.caller.skew.seconds)

    async def projects(self) -> tuple[Project, ...]:
        rows = await self._api.every("/queues/all", ("Name", "Disabled"))
        return tuple(
            Project(id=str(one["id"]), name=str(one.get("Name") or one["id"]), types=(TICKET,))
            for one in rows
            if str(one.get("Disabled", "0")) != "1"
        )

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew."""
        return (await self._known(project, type, fresh=True)).schema

    async def _known(self, queue: str, type: str = TICKET, *, fresh: bool = False) -> Shape:
        if type not in ("", TICKET):
            raise MappingBroken(f"Request Tracker has tickets, and no {type[:40]}.", help=f"Choose the type {TICKET}.")
        known = self._shapes.get(queue)
        if fresh or known is None or self._now() - known.at >= SHAPE_LASTS:
            known = await discover(self._api, queue, self._named, self._now())
            self._shapes[queue] = known
        return known

    # Reading.

    async def list_changes(self, cursor: str | None) -> Changes:
        if not self._is_utc:
            self._is_utc = await following.is_utc(self._api)  # its answer tells the time there, too
        if not self._is_utc:
            raise following.wrong_zone()
        if cursor is None:
            return Changes(hints=(), cursor=following.beginning(self._api.their_time() or self._now()))
        return await following.changes(self._api, cursor)

    async def _ticket(self, remote_id: str) -> tuple[Row, str] | Gone:
        _demand_id(remote_id)
        try:
            row, etag = await self._api.one(f"/ticket/{remote_id}")
        except (NotThere, PermissionDenied) as no:
            return Gone(reason=GoneReason.UNREADABLE, detail=no.said)
        if str(row.get("id")) != remote_id:
            return Gone(reason=GoneReason.MOVED, moved_to=str(row.get("id")), detail="The ticket was merged.")
        if row.get(STATUS) == DELETED:
            return Gone(reason=GoneReason.DELETED, detail="The ticket has the status deleted.")
        return row, etag

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """The ticket as of its last transaction: what is added while the rest is read comes with a later revision."""
        found = await self._ticket(remote_id)
        if isinstance(found, Gone):
            return found
        row, etag = found
        shape = await self._known(str(row["Queue"]["id"]))
        rows = await history.transactions(self._api, remote_id, etag)
        parts = await history.parts_of(self._api, remote_id, rows)
        said = history.bodies(parts)
        texts = await history.texts_of(self._api, remote_id, said.values())
        people = history.People(self._api, shape.people)
        watchers = [row.get(OWNER), *(row.get(REQUESTOR) or ()), row.get("LastUpdatedBy")]
        await people.learn({user_id(one) for one in watchers} | history.creators(rows))
        changes = await history.field_changes(shape, rows, people)
        fields = inward(shape, row)
        first = history.first_message(rows, said, texts)
        if first is not None:
            fields[CONTENT] = first
        asked = {one.id for one in shape.schema.fields}
        tags = fields.pop(TAGS, None)
        return RemoteItem(
            id=remote_id,
            key=f"#{remote_id}",
            url=f"{self._base_url}/Ticket/Display.html?id={remote_id}",
            project=shape.queue,
            type=TICKET,
            revision=etag,
            fields=fields,
            unreadable=frozenset(asked - fields.keys() - ({TAGS} if tags is not None else set())),
            changed_at=at(row.get("LastUpdated")),
            changed_by=people.get(user_id(row.get("LastUpdatedBy"))),
            history=changes,
            comments=tuple(history.comments(rows, said, texts, people)),
            # Comments hidden from us look like none, and none can be taken back there.
            comments_complete=False,
            attachments=tuple(history.files(rows, parts, people)),
            tags=tags if isinstance(tags, tuple) else None,
            relations=_relations(row),
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        if not natural_key:
            return None
        asked = (("query", f"RefersTo = '{_name(natural_key)}'"), ("orderby", "id"))
        rows, _ = await self._api.page("/tickets", ("Subject",), asked)
        return str(rows[0]["id"]) if rows else None

    async def create(self, draft: Draft, op: str) -> Created:
        values = {**draft.fields, **({TAGS: draft.tags} if draft.tags else {})}
        _, sent = await self._sent(draft.project, draft.type, values)
        links = [one for one in (draft.url, _name(draft.natural_key)) if one]
        body = {
            **{name: value for name, value in sent.items() if value},
            "Queue": int(draft.project),
            "Content": f"{OPENING}\n{draft.url}".strip(),
            "ContentType": history.typed("text/plain", op),
            "RefersTo": links,
        }
        answer = await self._api.call("POST", "/ticket", body=body)
        made = made_id(answer, TICKET)
        return Created(remote_id=made, key=f"#{made}", url=f"{self._base_url}/Ticket/Display.html?id={made}")

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """An empty `base_revision`, as after a creation, stands for the ticket as it is now."""
        row, etag = await self._there(remote_id)
        shape, sent = await self._sent(str(row["Queue"]["id"]), TICKET, changes)
        told, answer = await self._api.change(remote_id, sent, base_revision or etag)
        after, _ = await self._there(remote_id)
        missed = not_taken(shape, sent, after)
        if missed and (stuck := await self._unmoved(shape, remote_id, base_revision or etag, missed)):
            raise _not_done(stuck, told, answer)
        return Written()

    async def _there(self, remote_id: str) -> tuple[Row, str]:
        found = await self._ticket(remote_id)
        if isinstance(found, Gone):
            raise NotThere(f"The ticket cannot be changed: {found.detail}")
        return found

    async def _unmoved(self, shape: Shape, remote_id: str, before: str, missed: list[str]) -> list[str]:
        """Those of the fields that nothing happened to since: others were taken, and are kept in another form."""
        _, last = await self._api.one(f"/ticket/{remote_id}")
        since = int(before) if before.isdecimal() else 0
        rows = [one for one in await history.transactions(self._api, remote_id, last) if int(one["id"]) > since]
        moved = {one.field for one in await history.field_changes(shape, rows, history.People(self._api, shape.people))}
        return [one for one in missed if one not in moved]

    async def _sent(self, queue: str, type: str, values: Mapping[str, Value]) -> tuple[Shape, Row]:
        """(the queue's shape, what is sent). A field or choice we do not know is looked for once more."""
        shape = await self._known(queue, type)
        values = await self._with_names(shape, values)
        try:
            return shape, outward(shape, values)
        except MappingBroken:
            shape = await self._known(queue, type, fresh=True)
            return shape, outward(shape, values)

    async def _with_names(self, shape: Shape, values: Mapping[str, Value]) -> Mapping[str, Value]:
        """People who are known by mail only, with the names of their accounts."""
        found = dict(values)
        for name, value in values.items():
            if not isinstance(value, Person) or value.remote_id or not (value.email or value.name):
                continue
            asked = json.dumps([{"field": "EmailAddress", "value": value.email}])
            rows = (await self._api.page("/users", ("Name",), (("query", asked),)))[0] if value.email else []
            if len(rows) != 1:
                why = "has nobody who is known there under this mail"
                raise ValidationFailed(f"{name} {why}.", fields={name: why})
            found[name] = Person(remote_id=str(rows[0]["id"]))
        return found

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """None: which steps the lifecycle allows is not told, only which of them have a button."""
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise ValidationFailed("Request Tracker tells no transitions: write the field Status.")

    # Comments.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """A reply, which the requestor gets by mail, or a comment, which they do not see."""
        public = draft.visibility is Visibility.PUBLIC
        body = draft.body.replace("\r\n", "\n").replace("\x00", "")
        if not body.strip():
            raise ValidationFailed("A comment without text cannot be added.")
        if len(body) > COMMENT_LONGEST:
            raise ValidationFailed(f"The comment has {len(body)} characters; at most {COMMENT_LONGEST} are sent.")
        kind = "text/html" if draft.markup is Markup.HTML else "text/plain"
        row, _ = await self._there(remote_id)
        said: dict[str, Any] = {"Content": body, "ContentType": history.typed(kind, op)}
        if public:
            # A reply opens a ticket that is new or done, unless it says with which status it shall stay.
            said["Status"] = str(row[STATUS])
        answer = await self._api.call("POST", f"/ticket/{remote_id}/{_verb(draft.visibility)}", body=said)
        return made_id(answer, "transaction")

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        raise ValidationFailed("Request Tracker keeps what was said: a comment cannot be changed there.")

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        raise ValidationFailed("Request Tracker keeps what was said: a comment cannot be taken back there.")

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        """Nothing can be taken back there, so the bytes are looked at before any of them is sent."""
        _demand_id(remote_id)
        if not upload.name or '"' in upload.name or not upload.name.isprintable():
            raise ValidationFailed("The file needs a name without quotation marks and control characters.")
        if not upload.size:
            raise ValidationFailed("Request Tracker does not take a file without content.")
        if upload.size > FILE_BYTES_MOST:
            raise ValidationFailed(f"{upload.name} has {upload.size} bytes; at most {FILE_BYTES_MOST} are sent.")
        row, _ = await self._there(remote_id)
        passage = Passage(upload)
        whole = b"".join([piece async for piece in passage.pieces()])
        if not passage.is_as_announced:
            raise ValidationFailed(f"{upload.name} is other than announced, and was left out.")
        kind = upload.content_type if upload.content_type.startswith(KEPT_TYPES) else BYTES
        public = upload.visibility is Visibility.PUBLIC
        said = json.dumps({"Status": row[STATUS]} if public else {})
        mark = token_hex(16)
        head = f'--{mark}\r\nContent-Disposition: form-data; name="JSON"\r\n\r\n{said}\r\n'
        head += f'--{mark}\r\nContent-Disposition: form-data; name="Attachments"; filename="{upload.name}"\r\n'
        head += f"Content-Type: {history.typed(kind, op)}\r\n\r\n"
        parts = (head.encode(), whole, f"\r\n--{mark}--\r\n".encode())

        async def pieces() -> AsyncIterator[bytes]:
            for one in parts:
                yield one

        answer = await self._api.call(
            "POST",
            f"/ticket/{remote_id}/{_verb(upload.visibility)}",
            content=pieces(),
            headers={
                "content-type": f"multipart/form-data; boundary={mark}",
                "content-length": str(sum(map(len, parts))),
            },
            seconds=seconds_for(upload.size),
        )
        made = made_id(answer, "transaction")
        listed = await self._api.every(f"/transaction/{made}/attachments", ("Filename", "ContentLength"))
        for one in listed:
            if one.get("Filename") == upload.name:
                if str(one.get("ContentLength")) != str(upload.size):
                    raise ValidationFailed(
                        f"Request Tracker kept {one.get('ContentLength')} of {upload.size} bytes of {upload.name}.",
                        help="Compare its settings MaxAttachmentSize and TruncateLongAttachments.",
                    )
                return str(one["id"])
        raise ValidationFailed(
            f"Request Tracker dropped {upload.name}.",
            help="Compare its settings MaxAttachmentSize and DropLongAttachments.",
        )

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        _demand_id(attachment_id)
        row, _ = await self._api.one(f"/attachment/{attachment_id}")
        try:
            whole = base64.b64decode(str(row.get("Content") or ""))
        except binascii.Error as problem:
            raise Outage("The file is listed, but its content cannot be read.") from problem
        yield whole

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """A link to the incident. It has no room for a status."""
        row, etag = await self._there(remote_id)
        if not any(one.get("_url") == panel.url for one in row.get("_hyperlinks") or ()):
            await self._api.change(remote_id, {"AddRefersTo": panel.url}, etag)

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """By hand: scrips cannot be made from outside."""
        return Webhook(state=WebhookState.BY_HAND, secret=secret, instructions=hook.instructions(url))

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        """What is heard of it tells whether it works; scrips cannot be seen from outside."""
        return webhook

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret)


def _demand_id(text: str) -> None:
    """Ids become part of addresses and searches, so they are nothing else than ids."""
    if not ID.fullmatch(text):
        raise ValidationFailed(f"{text[:40]!r} is no number of a ticket.")


def _name(natural_key: str) -> str:
    """What a ticket of ours refers to, letters and signs of addresses only."""
    return URN + quote(natural_key, safe="")


def _verb(visibility: Visibility) -> str:
    return "correspond" if visibility is Visibility.PUBLIC else "comment"


def _relations(row: Row) -> tuple[Relation, ...]:
    found: list[Relation] = []
    for one in row.get("_hyperlinks") or ():
        kind, url = _RELATIONS.get(str(one.get("ref"))), str(one.get("_url") or "")
        if kind is None or url.startswith(URN):
            continue
        if one.get("type") == TICKET:
            found.append(Relation(kind=kind, remote_id=str(one.get("id"))))
        else:
            found.append(Relation(kind=RelationKind.WEB, url=url))
    return tuple(sorted(found, key=lambda one: (one.kind, one.remote_id, one.url)))


def _not_done(fields: list[str], told: str, answer: Answer) -> TrackerError:
    """Why fields still hold what they held: its own sentences are all there is."""
    said = f"Request Tracker did not change {', '.join(fields)}: {told[:500] or 'it does not say why'}"
    if NOT_ALLOWED in told:
        help = "Give the account the right ModifyTicket for the queue, or ModifyCustomField for the field."
        return PermissionDenied(said, help=help, exchange=answer.exchange)
    if STATUS in fields:
        return WorkflowRefused(said, help="The lifecycle of the queue decides.", exchange=answer.exchange)
    return ValidationFailed(said, fields=dict.fromkeys(fields, told[:500]), exchange=answer.exchange)
