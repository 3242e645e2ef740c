"""A tracker in memory with many items, as plain as can be: what a tool looks like from here. It implements the port."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from rallypoint.egress import Egress
from rallypoint.sync.model import (
    Capabilities,
    Choice,
    FieldKind,
    Gone,
    GoneReason,
    Person,
    Project,
    RemoteComment,
    RemoteField,
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
    Outage,
    Panel,
    RateNote,
    Stale,
    TrackerError,
    Unverified,
    Upload,
    ValidationFailed,
    Webhook,
    WebhookHint,
    WebhookState,
    Written,
)
from rallypoint.sync.tools import Access, Asked, Tool

AGENT = Person(name="Noor", email="noor@desk.example", remote_id="noor")
US = Person(name="sync", remote_id="sync")


FIELDS = (
    RemoteField(id="subject", name="Subject", kind=FieldKind.TEXT, required=True, max_length=80),
    RemoteField(id="body", name="Description", kind=FieldKind.RICH_TEXT),
    RemoteField(
        id="urgency", name="Urgency", kind=FieldKind.CHOICE,
        choices=(Choice(id="1", name="High"), Choice(id="2", name="Medium"), Choice(id="3", name="Low")),
    ),
    RemoteField(id="workaround", name="Workaround", kind=FieldKind.RICH_TEXT),
    RemoteField(
        id="state", name="State", kind=FieldKind.STATUS,
        choices=tuple(Choice(id=id, name=id) for id in ("new", "open", "waiting", "solved", "closed")),
    ),
)  # fmt: skip


@dataclass
class Ticket:
    id: str
    fields: dict[str, Value]
    key: str = ""
    revision: int = 1
    comments: list[RemoteComment] = field(default_factory=list)
    changed_by: Person = US
    changed_at: datetime | None = None
    panel: str = ""
    gone: bool = False
    made_at: datetime | None = None


@dataclass
class Desk:
    """The tool itself, which lives longer than any connection to it."""

    now: Callable[[], datetime]
    places: tuple[Project, ...] = (Project(id="desk", name="Desk", types=("ticket",)),)
    tickets: dict[str, Ticket] = field(default_factory=dict)
    more: tuple[RemoteField, ...] = ()
    password: str = "open sesame"
    broken: TrackerError | None = None
    loses_answers: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    writes: list[tuple[str, dict[str, Value]]] = field(default_factory=list)
    reads: int = 0
    notes: list[RateNote] = field(default_factory=list)
    """What the next answers say of the budget."""
    after_words: list[RateNote] = field(default_factory=list)
    """What the answer to a comment says of it."""
    search_lag: float = 0.0
    """For so many seconds a search does not show a new ticket."""
    gate: asyncio.Event | None = None
    """While it is shut, nothing is answered."""
    hooks: list[tuple[str, str]] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    """Tickets that went into another one."""
    defaults: dict[str, Value] = field(default_factory=dict)
    """What a new ticket is given by itself where its maker says nothing."""
    hook_state: WebhookState = WebhookState.ACTIVE
    """What becomes of a registration; a new one makes it active, or BY_HAND stays."""
    hook_lasts: timedelta | None = None
    hook_ends: datetime | None = None
    refuses_hooks: TrackerError | None = None
    _ids: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def add(self, **fields: Value) -> Ticket:
        id = f"T{next(self._ids)}"
        blank: dict[str, Value] = {"subject": "", "body": "", "urgency": None, "workaround": None, "state": "new"}
        self.tickets[id] = Ticket(
            id=id,
            key=f"DESK-{id[1:]}",
            fields={**blank, **self.defaults, **fields},
            changed_at=self.now(),
            made_at=self.now(),
        )
        return self.tickets[id]

    def edit(self, id: str, **fields: Value) -> None:
        """A person there changes something."""
        ticket = self.tickets[id]
        ticket.fields.update(fields)
        self._touch(ticket, AGENT)

    def say(self, id: str, body: str, visibility: Visibility = Visibility.PUBLIC) -> None:
        ticket = self.tickets[id]
        self._comment(ticket, body, visibility, AGENT, "")
        self._touch(ticket, AGENT)

    def _touch(self, ticket: Ticket, by: Person) -> None:
        ticket.revision += 1
        ticket.changed_by, ticket.changed_at = by, self.now()

    def _comment(self, ticket: Ticket, body: str, visibility: Visibility, by: Person, op: str) -> str:
        id = f"{ticket.id}.{len(ticket.comments) + 1}"
        ticket.comments.append(
            RemoteComment(id=id, body=body, author=by, visibility=visibility, created_at=self.now(), op=op)
        )
        return id

    @property
    def tool(self) -> Tool:
        return Tool(
            kind="desk", name="Desk", example_url="https://desk.example",
            asked=(
                Asked(name="team", label="Team", required=False),
                Asked(name="password", label="Password", secret=True),
            ),
            make=self._tracker,
        )  # fmt: skip

    def _tracker(self, access: Access, egress: Egress) -> "DeskTracker":
        return DeskTracker(self, access)


class DeskTracker:
    """One connection to the desk."""

    capabilities = Capabilities(
        conditional_write=True, push=True, private_comments=True, provenance=True, time_grain_seconds=1.0
    )

    def __init__(self, desk: Desk, access: Access) -> None:
        self._desk, self._access = desk, access

    def _enter(self) -> None:
        if self._desk.broken is not None:
            raise self._desk.broken
        if self._access.secrets.get("password") != self._desk.password:
            raise AuthFailed("Wrong password.")

    def _leave(self) -> None:
        if self._desk.loses_answers:
            self._desk.loses_answers -= 1
            raise Outage("The answer was lost.", unknown=True)

    def rate_notes(self) -> tuple[RateNote, ...]:
        told, self._desk.notes = tuple(self._desk.notes), []
        return told

    async def check(self) -> Checked:
        try:
            self._enter()
        except AuthFailed as problem:
            return Checked(findings=(Finding(level=Level.ERROR, about="credentials", text=str(problem)),))
        return Checked(identity=US, findings=(Finding(level=Level.OK, about="identity", text="Signed in as sync."),))

    async def projects(self) -> tuple[Project, ...]:
        return self._desk.places

    async def describe(self, project: str, type: str) -> Schema:
        self._enter()
        return Schema(project=project, type=type, fields=(*FIELDS, *self._desk.more))

    async def list_changes(self, cursor: str | None) -> Changes:
        self._enter()
        hints = tuple(Hint(remote_id=one.id, revision=str(one.revision)) for one in self._desk.tickets.values())
        return Changes(hints=hints if cursor else (), cursor="now")

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        """Three a page, in the order in which they were made."""
        self._enter()
        after = int(cursor or 0)
        ids = [one.id for one in self._desk.tickets.values() if int(one.id[1:]) > after]
        page = [self._desk.tickets[id] for id in ids[:3]]
        found = tuple(
            Listed(remote_id=one.id, key=one.key, title=str(one.fields["subject"]), changed_at=one.changed_at)
            for one in page
            if since is None or (one.changed_at is not None and one.changed_at >= since)
        )
        return Listing(items=found, cursor=page[-1].id[1:] if page else str(after), more=len(ids) > 3)

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        self._enter()
        if self._desk.gate is not None:
            await self._desk.gate.wait()
        self._desk.reads += 1
        found = self._desk.tickets.get(remote_id)
        if remote_id in self._desk.moved:
            return Gone(reason=GoneReason.MOVED, moved_to=self._desk.moved[remote_id])
        if found is None:
            return Gone(reason=GoneReason.UNREADABLE)
        if found.gone:
            return Gone(reason=GoneReason.DELETED)
        return RemoteItem(
            id=found.id, key=found.key, url=f"https://desk.example/{found.key}", project="desk", type="ticket",
            revision=str(found.revision), fields=dict(found.fields), comments=tuple(found.comments),
            comments_complete=True, changed_at=found.changed_at, changed_by=found.changed_by, read_at=self._desk.now(),
        )  # fmt: skip

    async def find(self, natural_key: str) -> str | None:
        self._enter()
        shown = self._desk.now() - timedelta(seconds=self._desk.search_lag)
        made = [one for one in self._desk.tickets.values() if one.made_at is not None and one.made_at <= shown]
        return next((one.id for one in made if one.fields.get("ref") == natural_key), None)

    async def create(self, draft: Draft, op: str) -> Created:
        self._enter()
        made = self._desk.add(**{**draft.fields, "ref": draft.natural_key})
        self._leave()
        return Created(remote_id=made.id, key=made.key, url=f"https://desk.example/{made.key}")

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        self._enter()
        ticket = self._desk.tickets[remote_id]
        if str(ticket.revision) != base_revision:
            raise Stale()
        for name in changes:
            if name in self._desk.refuses:
                raise ValidationFailed(self._desk.refuses[name], fields={name: self._desk.refuses[name]})
        ticket.fields.update(changes)
        self._desk._touch(ticket, US)
        self._desk.writes.append((remote_id, dict(changes)))
        self._leave()
        return Written(revision=str(ticket.revision))

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        return ()

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        raise AssertionError("statuses are fields here")

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        self._enter()
        ticket = self._desk.tickets[remote_id]
        id = self._desk._comment(ticket, draft.body, draft.visibility, US, op)
        self._desk._touch(ticket, US)
        self._desk.notes.extend(self._desk.after_words)
        self._leave()
        return id

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        raise AssertionError("comments stay as they are here")

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        raise AssertionError("comments stay as they are here")

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        raise AssertionError("no files here")

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        raise AssertionError("no files here")
        yield b""

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        self._enter()
        self._desk.tickets[remote_id].panel = f"{panel.title} ({panel.status})"

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        self._enter()
        desk = self._desk
        if desk.refuses_hooks is not None:
            raise desk.refuses_hooks
        desk.hooks.append((url, secret))
        if desk.hook_state is not WebhookState.BY_HAND:
            desk.hook_state = WebhookState.ACTIVE
        desk.hook_ends = None if desk.hook_lasts is None else desk.now() + desk.hook_lasts
        return Webhook(state=desk.hook_state, id=str(len(desk.hooks)), expires_at=desk.hook_ends)

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        self._enter()
        return replace(webhook, state=self._desk.hook_state, expires_at=self._desk.hook_ends)

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        if headers.get("x-desk-secret") != secret:
            raise Unverified("The secret is not ours.")
        delivery, _, id = raw.decode().partition(" ")
        return WebhookHint(delivery=delivery, hints=(Hint(remote_id=id),))

    async def close(self) -> None:
        return None
