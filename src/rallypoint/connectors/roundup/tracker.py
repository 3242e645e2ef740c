"""Roundup issues as a tracker.

Every write is conditional: the revision holds the issue's ETag, and behind it a print of its messages, whose text may
be edited without the issue noticing. Roundup keeps no history that can be asked for. What a message is to us is written
into its Message-ID: our key of a created issue, or the operation that wrote a comment.
"""

import asyncio
import hashlib
import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import quote, unquote

from rallypoint.connectors.calling import Way
from rallypoint.connectors.roundup import changes as following
from rallypoint.connectors.roundup import hook
from rallypoint.connectors.roundup.api import ID, Api, Credentials, Row, at, made_id
from rallypoint.connectors.roundup.shape import KEYWORD, STATUS, Shape, discover, inward, outward, people_of, person
from rallypoint.connectors.tracking import Passage, clock_findings, refused, seconds_for
from rallypoint.sync.model import (
    TAGS,
    Capabilities,
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
    Written,
)

CLASS = "issue"
EVER = datetime(1970, 1, 1, tzinfo=UTC)
SHAPE_LASTS = timedelta(minutes=10)
OURS = "@rallypoint.invalid>"
KEY, OP = "<rallypoint-key.", "<rallypoint-op."
TRIES = 5
"""How often a message or file is hung to an issue that others change at the same moment."""

ASKED_ALONE_MOST = 20
FILE_BYTES_MOST = 256 * 1024 * 1024
COMMENT_LONGEST = 1_000_000
OPENING = "This issue is also worked on in Rallypoint."
MESSAGE = ("id", "author", "creator", "creation", "date", "content", "messageid")


class Audience(StrEnum):
    """Who reads messages there, which Roundup does not tell of a message: it is a matter of its schema."""

    EVERYONE = "everyone"
    TEAM = "team"
    UNKNOWN = "unknown"


class RoundupTracker:
    """One account at one tracker, and one class of issues. `now` is our clock."""

    def __init__(
        self,
        way: Way,
        *,
        base_url: str,
        credentials: Credentials,
        now: Callable[[], datetime],
        of: str = CLASS,
        audience: Audience = Audience.UNKNOWN,
    ) -> None:
        self._api, self._of, self._now, self._audience = Api(way, base_url, credentials, now), of, now, audience
        self._base_url = base_url.rstrip("/")
        self._shape: Shape | None = None

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            conditional_write=True,
            push=True,
            private_comments=self._audience is Audience.TEAM,
            public_comments=self._audience is not Audience.TEAM,
            edit_comments=True,
            delete_comments=True,
            provenance=True,
            idempotent_create=True,
            attachments=True,
            private_files=self._audience is Audience.TEAM,
            relations=True,
            relation_writes=frozenset({RelationKind.DUPLICATE_OF}) if self._has_superseder else frozenset(),
            time_grain_seconds=1.0,
            max_attachment_bytes=FILE_BYTES_MOST,
            max_comment_length=COMMENT_LONGEST,
            comment_markup=Markup.PLAIN,
        )

    def rate_notes(self) -> tuple[RateNote, ...]:
        return self._api.rate_notes()

    async def close(self) -> None:
        """Nothing is kept open: the way out belongs to the house."""

    # What is there.

    async def check(self) -> Checked:
        """Who we are, and whether issues and the schema can be read."""
        try:
            rows = await self._api.rows(
                "user", (("username:", self._api.user),), ("id", "username", "realname", "address"), most=2
            )
        except AuthFailed as no:
            return self._checked(refused("credentials", no))
        except PermissionDenied as no:
            return self._checked(refused("permission", no))
        except TrackerError as no:
            return self._checked(refused("address", no))
        mine = [one for one in rows if one.get("username") == self._api.user]
        if len(mine) != 1:
            said = "The tracker does not tell whose account this is."
            return self._checked(Finding(level=Level.ERROR, about="identity", text=said, help="Let it view users."))
        identity = person(mine[0])
        findings = [Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}.")]
        try:
            self._shape = await discover(self._api, self._of, self._now())
            for of in (self._of, "msg", "file"):
                await self._api.rows(of, (), ("id",), most=1)
                findings.append(Finding(level=Level.OK, about="permission", text=f"{of} can be read."))
        except TrackerError as no:
            findings.append(refused("permission", no))
        if self._audience is Audience.UNKNOWN:
            text = "It is not said who reads messages there: theirs arrive as internal, and only public ones go there."
            findings.append(Finding(level=Level.WARNING, about="comments", text=text, help="Set who reads them."))
        findings += clock_findings("tracker", self._api.caller.skew.seconds)
        return replace(self._checked(*findings), identity=identity)

    def _checked(self, *findings: Finding) -> Checked:
        return Checked(findings=findings, skew_seconds=self._api.caller.skew.seconds)

    async def projects(self) -> tuple[Project, ...]:
        return (Project(id=self._of, name=self._of.capitalize(), types=(self._of,)),)

    async def describe(self, project: str, type: str) -> Schema:
        """Always asked anew. MappingBroken for any other class than this connection's."""
        self._demand_class(project, type)
        self._shape = await discover(self._api, self._of, self._now())
        return self._shape.schema

    def _demand_class(self, project: str, type: str) -> None:
        if (project or self._of, type or self._of) != (self._of, self._of):
            raise MappingBroken(
                f"This connection is about the class {self._of}, not {project}/{type}.",
                help="Make a connection for each class.",
            )

    async def _known(self, *, fresh: bool = False) -> Shape:
        if fresh or self._shape is None or self._now() - self._shape.at >= SHAPE_LASTS:
            self._shape = await discover(self._api, self._of, self._now())
        return self._shape

    # Reading.

    async def list_changes(self, cursor: str | None) -> Changes:
        if cursor is None:
            await self._api.rows(self._of, (), ("id",), most=1)  # its answer tells the time there
            return Changes(hints=(), cursor=following.beginning(self._api.their_time() or self._now()))
        return await following.changes(self._api, self._of, cursor)

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        """Along their activity, as changes are followed: an issue that changes meanwhile is listed once more."""
        self._demand_class(project, type)
        page = await following.changes(self._api, self._of, cursor or following.beginning(since or EVER))
        ids = list(dict.fromkeys(one.remote_id for one in page.hints))
        titles = {str(one["id"]): one for one in await self._api.by_id(self._of, ids, ("id", "title"))} if ids else {}
        found = tuple(
            Listed(
                remote_id=one.remote_id, key=f"{self._of}{one.remote_id}",
                title=str(titles[one.remote_id].get("title") or ""), url=self._url(one.remote_id), changed_at=one.at,
            )
            for one in page.hints
            if one.remote_id in titles
        )  # fmt: skip
        return Listing(items=found, cursor=page.cursor, more=page.more)

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        """The issue first, then what belongs to it: what is added meanwhile comes with a later revision."""
        _demand_id(remote_id)
        shape = await self._known()
        try:
            row, etag = await self._api.one(self._of, remote_id, shape.read)
        except Stale as no:
            return Gone(reason=GoneReason.UNREADABLE, detail=no.said)
        except PermissionDenied as no:
            return Gone(reason=GoneReason.UNREADABLE, detail=no.said)
        # A retired issue is answered as any other; only lists leave it out.
        listed, messages, files = await asyncio.gather(
            self._api.by_id(self._of, [remote_id], ("id",)), self._messages(row), self._files(row)
        )
        if not listed:
            return Gone(reason=GoneReason.DELETED, detail="The issue is retired.")
        complete = await self._complete(row, messages)
        shape = await self._meet(shape, row, messages, files)
        fields = {
            one.id: inward(shape, one, row[one.id]) for one in shape.schema.fields if one.id != TAGS and one.id in row
        }
        asked = {one.id for one in shape.schema.fields if one.id != TAGS}
        tags = None
        if shape.keywords is not None and KEYWORD in row:
            tags = tuple(sorted(shape.keywords.get(str(one), str(one)) for one in row[KEYWORD] or ()))
        return RemoteItem(
            id=remote_id,
            key=f"{self._of}{remote_id}",
            url=self._url(remote_id),
            project=self._of,
            type=self._of,
            revision=f"{etag}-{_print(messages)}",
            fields=fields,
            unreadable=frozenset(asked - row.keys()) | (frozenset() if "messages" in row else frozenset({"comments"})),
            changed_at=at(row.get("activity")),
            changed_by=_named(shape, row.get("actor")),
            comments=tuple(self._comment(shape, one) for one in messages if not _is_panel(one)),
            comments_complete=complete,
            attachments=tuple(_file(shape, one) for one in files),
            tags=tags,
            relations=tuple(
                Relation(kind=RelationKind.DUPLICATE_OF, remote_id=str(one)) for one in row.get("superseder") or ()
            ),
            read_at=self._now(),
            skew=self._api.caller.skew.seconds,
        )

    async def _messages(self, row: Row) -> list[Row]:
        return await self._api.by_id("msg", _ids(row, "messages"), MESSAGE, verbose=3)

    async def _files(self, row: Row) -> list[Row]:
        return await self._api.by_id("file", _ids(row, "files"), ("id", "name", "type", "creator", "creation"))

    async def _complete(self, row: Row, messages: list[Row]) -> bool:
        """Whether what is missing of the issue's messages is retired. One that we may not see is not deleted."""
        missing = set(_ids(row, "messages")) - {str(one["id"]) for one in messages}
        if "messages" not in row or len(missing) > ASKED_ALONE_MOST:
            return False
        for one in missing:
            try:
                await self._api.one("msg", one)
            except PermissionDenied:
                return False
            except Stale:
                continue
        return True

    async def _meet(self, shape: Shape, row: Row, *others: list[Row]) -> Shape:
        """Learns who joined the tracker since its users and keywords were read, when a read speaks of them."""
        people = {str(row[one.id]) for one in shape.schema.fields if one.kind == "person" and row.get(one.id)}
        people |= {str(row["actor"])} if row.get("actor") else set()
        people |= {one for rows in others for each in rows for one in (_id(each.get("author")), _id(each["creator"]))}
        if people - shape.people.keys() - {""}:
            shape = replace(shape, people={**dict.fromkeys(people, Person()), **await people_of(self._api)})
            shape = replace(shape, people={id: one if one.remote_id else Person(remote_id=id)
                                           for id, one in shape.people.items() if id})  # fmt: skip
        if shape.keywords is not None and set(map(str, row.get(KEYWORD) or ())) - shape.keywords.keys():
            shape = replace(await self._known(fresh=True), people=shape.people)
        self._shape = shape
        return shape

    def _comment(self, shape: Shape, row: Row) -> RemoteComment:
        return RemoteComment(
            id=str(row["id"]),
            body=str(row.get("content") or ""),
            author=_named(shape, _id(row.get("author")) or _id(row.get("creator"))),
            markup=Markup.PLAIN,
            visibility={
                Audience.EVERYONE: Visibility.PUBLIC,
                Audience.TEAM: Visibility.PRIVATE,
                Audience.UNKNOWN: Visibility.UNKNOWN,
            }[self._audience],
            created_at=at(row.get("date")) or at(row.get("creation")),
            op=_inside(str(row.get("messageid") or ""), OP),
        )

    def _url(self, remote_id: str) -> str:
        return f"{self._base_url}/{self._of}{remote_id}"

    # Writing.

    async def find(self, natural_key: str) -> str | None:
        return (await self._found(natural_key))[1] if natural_key else None

    async def _found(self, natural_key: str) -> tuple[str | None, str | None]:
        """(the message that holds the key, the issue it hangs on): a message without an issue is half a creation."""
        message = await self._message(_message_id(KEY, natural_key))
        if message is None:
            return None, None
        rows = await self._api.rows(self._of, (("messages", message),), ("id", "messages"), most=5)
        return message, next((str(one["id"]) for one in rows if message in _ids(one, "messages")), None)

    async def _message(self, message_id: str) -> str | None:
        rows = await self._api.rows("msg", (("messageid:", message_id),), ("id", "messageid"), most=5)
        return next((str(one["id"]) for one in rows if one.get("messageid") == message_id), None)

    # Relations.

    @property
    def _has_superseder(self) -> bool:
        return self._shape is None or self._shape.has_superseder

    async def relate(self, remote_id: str, relation: Relation, op: str) -> None:
        before, etag = await self._superseders(remote_id, relation)
        if relation.remote_id not in before:
            await self._api.change(self._of, remote_id, {"superseder": [*before, relation.remote_id]}, etag)

    async def unrelate(self, remote_id: str, relation: Relation, op: str) -> None:
        before, etag = await self._superseders(remote_id, relation)
        if relation.remote_id in before:
            left = [one for one in before if one != relation.remote_id]
            await self._api.change(self._of, remote_id, {"superseder": left}, etag)

    async def _superseders(self, remote_id: str, relation: Relation) -> tuple[list[str], str]:
        """(ids of the issues that took this one over, etag)."""
        _demand_id(remote_id)
        _demand_id(relation.remote_id)
        if relation.kind is not RelationKind.DUPLICATE_OF:
            raise ValidationFailed("Roundup's issues tell what they are superseded by, and nothing else of the kind.")
        row, etag = await self._api.one(self._of, remote_id, ("superseder",))
        return [str(one) for one in row.get("superseder") or ()], etag

    async def _say(self, content: str, message_id: str) -> str:
        """A new message. It needs an author: the detector that mails issues breaks on one without."""
        return await self._api.make("msg", {"content": content, "messageid": message_id, "author": self._api.user})

    async def create(self, draft: Draft, op: str) -> Created:
        """First the message that holds the key, then the issue with it: one without the other is never an issue."""
        self._demand_class(draft.project, draft.type)
        values = await self._sent({**draft.fields, **({TAGS: draft.tags} if draft.tags else {})})
        message, made = await self._found(draft.natural_key)
        if made is None:
            if message is None:
                said = f"{OPENING}\n{draft.url}".strip()
                message = await self._say(said, _message_id(KEY, draft.natural_key))
            given = {name: value for name, value in values.items() if value}
            made = await self._api.make_once(self._of, {**given, "messages": [message]})
        return Created(remote_id=made, key=f"{self._of}{made}", url=self._url(made))

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """An empty `base_revision`, as after a creation, stands for the issue as it is now."""
        _demand_id(remote_id)
        sent = await self._sent(changes)
        etag = base_revision.partition("-")[0]
        if not etag:
            _, etag = await self._api.one(self._of, remote_id)
        await self._api.change(self._of, remote_id, sent, etag)
        return Written()

    async def _sent(self, changes: Mapping[str, Value]) -> dict[str, Any]:
        """What is sent. Raises MappingBroken for a property or a choice that the tracker has no more."""
        shape = await self._known()
        try:
            sent = self._texts(shape, changes)
        except MappingBroken:
            shape = await self._known(fresh=True)
            sent = self._texts(shape, changes)
        if TAGS in changes:
            sent[KEYWORD] = await self._keywords(shape, changes[TAGS])
        return sent

    def _texts(self, shape: Shape, changes: Mapping[str, Value]) -> dict[str, Any]:
        sent: dict[str, Any] = {}
        for name, value in changes.items():
            found = shape.schema.field(name)
            if found is None or not found.writable:
                raise MappingBroken(
                    f"The class {self._of} has no property {name} that can be written.",
                    field=name,
                    help="Choose another field in the mapping.",
                )
            if name != TAGS:
                sent[name] = outward(shape, found, value)
        return sent

    async def _keywords(self, shape: Shape, value: Value) -> list[str]:
        """Ids of keywords by their names; those that are new there are made."""
        known = {name: id for id, name in (shape.keywords or {}).items()}
        wanted = value if isinstance(value, tuple) else (str(value),) if value else ()
        for name in wanted:
            if name not in known:
                known[name] = await self._api.make("keyword", {"name": name})
                self._shape = None
        return [known[name] for name in wanted]

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """None: a status is a link to any other; what a detector forbids is known only when it refuses."""
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise ValidationFailed("Roundup has no transitions: write the property status.")

    # Comments.

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """A message, then hung to the issue. One that an earlier try of the same operation made is taken up."""
        _demand_id(remote_id)
        body, message_id = self._body(draft), _message_id(OP, op)
        made = await self._message(message_id) or await self._say(body, message_id)
        await self._hang(remote_id, "messages", made)
        return made

    def _body(self, draft: CommentDraft) -> str:
        wanted = Visibility.PUBLIC if draft.visibility is Visibility.PUBLIC else Visibility.PRIVATE
        able = self.capabilities
        if not (able.public_comments if wanted is Visibility.PUBLIC else able.private_comments):
            raise ValidationFailed(
                f"A {wanted.value} comment cannot be had in this tracker.",
                help="Say in the connection who reads messages there.",
            )
        body = draft.body.replace("\r\n", "\n").replace("\x00", "")
        if not body.strip():
            raise ValidationFailed("A comment without text cannot be added.")
        if len(body) > COMMENT_LONGEST:
            raise ValidationFailed(f"The comment has {len(body)} characters; at most {COMMENT_LONGEST} are sent.")
        return body

    async def _hang(self, remote_id: str, where: str, id: str, op: str = "add") -> None:
        """Adds to a list of the issue, or takes away: whatever else changes meanwhile, so it may be tried again."""
        status = (STATUS,) if (await self._known()).schema.field(STATUS) and where == "messages" else ()
        for left in reversed(range(TRIES)):
            row, etag = await self._api.one(self._of, remote_id, ("id", where, *status))
            try:
                if op == "add" and row.get(STATUS):
                    # A message makes the classic tracker open an issue that is done, unless its status is named.
                    whole = {where: [*_ids(row, where), id], STATUS: _id(row[STATUS])}
                    await self._api.change(self._of, remote_id, whole, etag)
                else:
                    await self._api.change(self._of, remote_id, {where: [id]}, etag, op)
                return
            except Stale:
                if not left:
                    raise

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        _demand_id(remote_id)
        _demand_id(comment_id)
        body = self._body(draft)
        _, etag = await self._api.one("msg", comment_id)
        await self._api.change("msg", comment_id, {"content": body}, etag)

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        """Taken off the issue: to retire a message is a right that accounts usually lack."""
        _demand_id(remote_id)
        _demand_id(comment_id)
        await self._hang(remote_id, "messages", comment_id, "remove")

    # Files.

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        """The bytes go through as they come. A file that is not what was announced is not hung to the issue."""
        _demand_id(remote_id)
        if not upload.name or '"' in upload.name or not upload.name.isprintable():
            raise ValidationFailed("The file needs a name without quotation marks and control characters.")
        if not upload.size:
            raise ValidationFailed("Roundup cannot hold a file without content.")
        passage, mark = Passage(upload), secrets.token_hex(16)
        kind = upload.content_type or "application/octet-stream"
        head = "".join(
            f'--{mark}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
            for name, value in (("name", upload.name), ("type", kind))
        )
        head += f'--{mark}\r\nContent-Disposition: form-data; name="content"; filename="content"\r\n'
        head += "Content-Type: application/octet-stream\r\n\r\n"
        tail = f"\r\n--{mark}--\r\n"

        async def pieces() -> AsyncIterator[bytes]:
            yield head.encode()
            async for chunk in passage.pieces():
                yield chunk
            yield tail.encode()

        length = len(head.encode()) + upload.size + len(tail.encode())
        answer = await self._api.call(
            "POST",
            "/rest/data/file",
            content=pieces(),
            headers={"content-type": f"multipart/form-data; boundary={mark}", "content-length": str(length)},
            seconds=seconds_for(upload.size),
        )
        if not passage.is_as_announced:
            raise ValidationFailed(f"{upload.name} is other than announced, and was left out.")
        made = made_id(answer)
        await self._hang(remote_id, "files", made)
        return made

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        _demand_id(attachment_id)
        path = f"/rest/data/file/{attachment_id}/binary_content"
        signed = {**self._api.signed, "accept": "*/*"}
        async with self._api.caller.stream(path, headers=signed, seconds=seconds_for(FILE_BYTES_MOST)) as coming:
            if coming.status == 200:
                async for chunk in coming.chunks():
                    yield chunk
                return
        answer = await self._api.call("GET", f"/rest/data/file/{attachment_id}")
        raise Outage(f"The file is listed, but was answered with {coming.status}.", exchange=answer.exchange)

    # The panel.

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        """One message, rewritten in place, which neither touches the issue nor mails anybody."""
        _demand_id(remote_id)
        text = "\n".join(part for part in (OPENING, panel.title, panel.status, panel.url, *panel.lines) if part)
        row, _ = await self._api.one(self._of, remote_id, ("id", "messages"))
        shown = next((one for one in await self._messages(row) if _is_panel(one)), None)
        if shown is None:
            message_id = _message_id(KEY, f"{self._of}{remote_id}/panel")
            made = await self._message(message_id) or await self._say(text, message_id)
            await self._hang(remote_id, "messages", made)
        elif shown.get("content") != text:
            _, etag = await self._api.one("msg", str(shown["id"]))
            await self._api.change("msg", str(shown["id"]), {"content": text}, etag)

    # Webhooks.

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """By hand: a detector is a file in the tracker's home."""
        return Webhook(state=WebhookState.BY_HAND, secret=secret, instructions=hook.instructions(url, self._of))

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        """What is heard of it tells whether it works; detectors cannot be seen from outside."""
        return webhook

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return hook.verify(raw, headers, secret, self._of)


def _demand_id(text: str) -> None:
    """Ids become part of addresses and queries, so they are nothing else than ids."""
    if not ID.fullmatch(text):
        raise ValidationFailed(f"{text[:40]!r} is no number of a Roundup item.")


def _message_id(what: str, text: str) -> str:
    return f"{what}{quote(text, safe='')}{OURS}"


def _inside(message_id: str, what: str) -> str:
    """What we wrote into a Message-ID of this kind; empty for any other."""
    if not (message_id.startswith(what) and message_id.endswith(OURS)):
        return ""
    return unquote(message_id[len(what) : -len(OURS)])


def _is_panel(row: Row) -> bool:
    return bool(_inside(str(row.get("messageid") or ""), KEY))


def _ids(row: Row, name: str) -> list[str]:
    return [one for one in map(_id, row.get(name) or ()) if ID.fullmatch(one)]


def _id(said: Any) -> str:
    """A link as its id, in either notation; empty for none."""
    return str((said.get("id") if isinstance(said, dict) else said) or "")


def _named(shape: Shape, said: Any) -> Person | None:
    id = _id(said)
    return shape.people.get(id, Person(remote_id=id)) if id else None


def _print(messages: list[Row]) -> str:
    """Differs whenever a message came, went or was edited. The panel is ours and left out."""
    said = repr([(str(one["id"]), one.get("content")) for one in messages if not _is_panel(one)])
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _file(shape: Shape, row: Row) -> RemoteAttachment:
    return RemoteAttachment(
        id=str(row["id"]),
        name=str(row.get("name") or ""),
        content_type=str(row.get("type") or ""),
        author=_named(shape, row.get("creator")),
        created_at=at(row.get("creation")),
        visibility=Visibility.UNKNOWN,
    )
