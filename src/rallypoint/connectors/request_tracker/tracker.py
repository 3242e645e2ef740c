"""Tickets of Request Tracker as a tracker.

A revision is the number of the ticket's last transaction, and every write is conditional on it. A refused change is
answered as a good one, so the ticket is read again after each and compared. What leads back to us are two links of the
kind refers-to: the incident's address, and a name by which a ticket is found again after a lost answer. Our operation
travels as a parameter of the content type, which no reader sees.
"""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from rallypoint.connectors.calling import Answer, Way
from rallypoint.connectors.request_tracker import changes as following
from rallypoint.connectors.request_tracker import files, history, hook, links
from rallypoint.connectors.request_tracker.api import (
    ID,
    PAGE,
    Api,
    Credentials,
    NotThere,
    Row,
    at,
    made_id,
    sentences,
)
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
from rallypoint.connectors.tracking import clock_findings, refused
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
OPENING = "This ticket is also worked on in Rallypoint."
COMMENT_LONGEST = 1_000_000
NOT_ALLOWED = "Permission Denied"


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
            relation_writes=frozenset(links.WRITTEN),
            time_grain_seconds=1.0,
            max_attachment_bytes=files.BYTES_MOST,
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

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        """Along their numbers, which nobody changes."""
        shape = await self._known(project, type)
        if cursor is not None and not ID.fullmatch(cursor):
            raise ValidationFailed("This is not a cursor of ours.", help="Begin anew without one.")
        if since is not None and not await following.is_utc(self._api):
            raise following.wrong_zone()
        asked = f"Queue = {shape.queue} AND id > {cursor or 0}"
        asked += f" AND {following.after(since)}" if since is not None else ""
        rows, pages = await self._api.page("/tickets", (SUBJECT, "LastUpdated"), (("query", asked), ("orderby", "id")))
        items = tuple(
            Listed(
                remote_id=str(one["id"]),
                key=f"#{one['id']}",
                title=str(one.get(SUBJECT) or ""),
                url=self._url(str(one["id"])),
                changed_at=at(one.get("LastUpdated")),
            )
            for one in rows
        )
        more = pages > 1 if pages is not None else len(rows) >= PAGE
        return Listing(items=items, cursor=items[-1].remote_id if items else cursor or "", more=more and bool(items))

    def _url(self, remote_id: str) -> str:
        return f"{self._base_url}/Ticket/Display.html?id={remote_id}"

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
            url=self._url(remote_id),
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
            relations=links.of_ticket(row),
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        if not natural_key:
            return None
        asked = (("query", f"RefersTo = '{links.name_of(natural_key)}'"), ("orderby", "id"))
        rows, _ = await self._api.page("/tickets", ("Subject",), asked)
        return str(rows[0]["id"]) if rows else None

    async def create(self, draft: Draft, op: str) -> Created:
        values = {**draft.fields, **({TAGS: draft.tags} if draft.tags else {})}
        _, sent = await self._sent(draft.project, draft.type, values)
        back = [one for one in (draft.url, links.name_of(draft.natural_key)) if one]
        body = {
            **{name: value for name, value in sent.items() if value},
            "Queue": int(draft.project),
            "Content": f"{OPENING}\n{draft.url}".strip(),
            "ContentType": history.typed("text/plain", op),
            "RefersTo": back,
        }
        answer = await self._api.call("POST", "/ticket", body=body)
        made = made_id(answer, TICKET)
        return Created(remote_id=made, key=f"#{made}", url=self._url(made))

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
        _demand_id(remote_id)
        files.demand(upload)
        row, _ = await self._there(remote_id)
        said = {"Status": str(row[STATUS])} if upload.visibility is Visibility.PUBLIC else {}
        return await files.attach(self._api, f"/ticket/{remote_id}/{_verb(upload.visibility)}", upload, said, op)

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        _demand_id(attachment_id)
        yield await files.content(self._api, attachment_id)

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """A link to the incident. It has no room for a status."""
        row, etag = await self._there(remote_id)
        if not any(one.get("_url") == panel.url for one in row.get("_hyperlinks") or ()):
            await self._api.change(remote_id, {"AddRefersTo": panel.url}, etag)

    # Relations.

    async def relate(self, remote_id: str, relation: Relation, op: str) -> None:
        row, _ = await self._there(remote_id)
        _demand_id(relation.remote_id)
        if not links.holds(row, relation):
            await self._linked(remote_id, relation, f"Add{links.WRITTEN[relation.kind][0]}", wanted=True)

    async def unrelate(self, remote_id: str, relation: Relation, op: str) -> None:
        row, _ = await self._there(remote_id)
        _demand_id(relation.remote_id)
        if links.holds(row, relation):
            verbs = [f"Delete{one}" for one in links.WRITTEN[relation.kind]]
            await self._linked(remote_id, relation, *verbs, wanted=False)

    async def _linked(self, remote_id: str, relation: Relation, *verbs: str, wanted: bool) -> None:
        """Said, and looked at: what it refused, a circle or a right that is missing, is only told in its sentences."""
        answer = await self._api.call("PUT", f"/ticket/{remote_id}", body=links.change(verbs, relation.remote_id))
        row, _ = await self._there(remote_id)
        if links.holds(row, relation) is not wanted:
            raise _not_done([str(relation.kind)], sentences(answer), answer)

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


def _verb(visibility: Visibility) -> str:
    return "correspond" if visibility is Visibility.PUBLIC else "comment"


def _not_done(fields: list[str], told: str, answer: Answer) -> TrackerError:
    """Why fields still hold what they held: its own sentences are all there is."""
    said = f"Request Tracker did not change {', '.join(fields)}: {told[:500] or 'it does not say why'}"
    if NOT_ALLOWED in told:
        help = "Give the account the right ModifyTicket for the queue, or ModifyCustomField for the field."
        return PermissionDenied(said, help=help, exchange=answer.exchange)
    if STATUS in fields:
        return WorkflowRefused(said, help="The lifecycle of the queue decides.", exchange=answer.exchange)
    return ValidationFailed(said, fields=dict.fromkeys(fields, told[:500]), exchange=answer.exchange)
