"""Small tools in memory with the habits of real ones. They implement the port and share no code with the engine."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from random import Random

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
    RemoteComment,
    RemoteField,
    RemoteItem,
    Schema,
    Transition,
    Value,
    Visibility,
)
from rallypoint.sync.ports import (
    Changes,
    Checked,
    CommentDraft,
    Created,
    Draft,
    Hint,
    Outage,
    Panel,
    RateLimited,
    RateNote,
    Stale,
    Upload,
    Webhook,
    WebhookHint,
    WebhookState,
    WorkflowRefused,
    Written,
)

US = Person(name="sync", remote_id="us")
STATUSES = ("new", "work", "wait", "done")
STEPS = {"new": ("work",), "work": ("wait", "done"), "wait": ("work",), "done": ("work",)}


@dataclass(frozen=True, kw_only=True)
class Habits:
    """What a tool can do and what it does to what it is given."""

    name: str
    able: Capabilities
    trims: bool = False
    lowers: bool = False
    cuts: int | None = None
    sorts_tags: bool = False
    marks_history: bool = False
    marks_comments: bool = False
    adopts_account: bool = False


@dataclass
class Faults:
    """How often things go wrong; the dice are the schedule's."""

    dice: Random
    outage: float = 0.0
    lost_answer: float = 0.0
    limited: float = 0.0
    down: bool = False
    happened: int = 0

    def before(self) -> None:
        if self.down or self.dice.random() < self.outage:
            self.happened += 1
            raise Outage("Not reachable.")
        if self.dice.random() < self.limited:
            self.happened += 1
            raise RateLimited("Too many.", retry_after=1.0)

    def after(self) -> None:
        if self.dice.random() < self.lost_answer:
            self.happened += 1
            raise Outage("The answer was lost.", unknown=True)


@dataclass
class Tool:
    """One tool with one item."""

    habits: Habits
    clock: Callable[[], datetime]
    skew: float
    faults: Faults
    fields: dict[str, Value] = field(default_factory=dict)
    history: list[FieldChange] = field(default_factory=list)
    comments: list[RemoteComment] = field(default_factory=list)
    revision: int = 1
    ids: int = 0
    writes: int = 0
    comment_writes: int = 0
    overwritten: list[Value] = field(default_factory=list)
    last_read: dict[str, Value] = field(default_factory=dict)
    changed_at: datetime | None = None

    @property
    def capabilities(self) -> Capabilities:
        return self.habits.able

    def now(self) -> datetime:
        """The tool's own clock, as coarse as it keeps time."""
        return (self.clock() + timedelta(seconds=self.skew)).replace(microsecond=0)

    # What people do there.

    def person_sets(self, name: str, value: Value) -> None:
        self._set(name, value, Person(name="human", remote_id="h"), "")
        self.revision += 1

    def person_says(self, body: str, visibility: Visibility) -> None:
        shown = visibility if self.habits.able.private_comments else Visibility.UNKNOWN
        self._say(body, shown, Person(name="human", remote_id="h"), "")

    def person_edits(self, id: str, body: str) -> None:
        self._edit(id, body=body, edited_at=self.now())

    def person_deletes(self, id: str) -> None:
        self.comments = [one for one in self.comments if one.id != id]
        self.revision += 1

    # The port.

    def rate_notes(self) -> tuple[RateNote, ...]:
        return ()

    async def check(self) -> Checked:
        return Checked(identity=US)

    async def projects(self) -> tuple[Project, ...]:
        return (Project(id="p", name="P", types=("item",)),)

    async def describe(self, project: str, type: str) -> Schema:
        return Schema(project=project, type=type, fields=())

    async def list_changes(self, cursor: str | None) -> Changes:
        self.faults.before()
        return Changes(hints=(Hint(remote_id="1", revision=str(self.revision)),), cursor=str(self.revision))

    async def read(self, remote_id: str) -> RemoteItem | Gone:
        self.faults.before()
        if remote_id != "1":
            return Gone(reason=GoneReason.DELETED)
        fields = {name: value for name, value in self.fields.items() if name != TAGS}
        tags = self.fields.get(TAGS, ())
        self.last_read = dict(self.fields)
        drift = self.faults.dice.uniform(-0.4, 0.4)
        return RemoteItem(
            id="1",
            revision=str(self.revision),
            fields=fields,
            tags=tags if isinstance(tags, tuple) else (),
            history=tuple(self.history) if self.habits.able.history else (),
            comments=tuple(self.comments),
            comments_complete=True,
            changed_at=self.changed_at,
            read_at=self.clock(),
            skew=self.skew + drift,
        )

    async def find(self, natural_key: str) -> str | None:
        return None

    async def create(self, draft: Draft, op: str) -> Created:
        raise NotImplementedError

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        self.faults.before()
        if self.habits.able.conditional_write and base_revision != str(self.revision):
            raise Stale()
        for name, value in changes.items():
            if name == "status" and self.habits.able.transitions:
                continue  # ignored without a word, as some do
            if not self.habits.able.history and self.fields.get(name) != self.last_read.get(name):
                self.overwritten.append(self.fields.get(name))
            self._set(name, value, US, op)
        self.revision += 1
        self.writes += 1
        self.faults.after()
        return Written(revision=str(self.revision))

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        self.faults.before()
        return transitions_from(str(self.fields["status"]))

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written:
        self.faults.before()
        if transition.to not in STEPS[str(self.fields["status"])]:
            raise WorkflowRefused("Not from here.")
        if transition.to == "done" and not fields.get("resolution"):
            raise WorkflowRefused("Resolution is required.", missing=("resolution",))
        self._set("status", transition.to, US, op)
        self.revision += 1
        self.writes += 1
        self.faults.after()
        return Written(revision=str(self.revision))

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        self.faults.before()
        shown = draft.visibility if self.habits.able.private_comments else Visibility.UNKNOWN
        made = self._say(draft.body, shown, US, op)
        self.comment_writes += 1
        self.faults.after()
        return made

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None:
        self.faults.before()
        self._edit(comment_id, body=self._tidy(draft.body), visibility=draft.visibility, edited_at=self.now())
        self.comment_writes += 1
        self.faults.after()

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None:
        self.faults.before()
        self.person_deletes(comment_id)
        self.comment_writes += 1
        self.faults.after()

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        raise NotImplementedError

    async def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        yield b""

    async def show_panel(self, remote_id: str, panel: Panel) -> None:
        return None

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        return Webhook(state=WebhookState.NONE)

    async def webhook_state(self, webhook: Webhook) -> Webhook:
        return webhook

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        return WebhookHint(delivery="")

    async def close(self) -> None:
        return None

    # What the tool makes of it.

    def normalised(self, name: str, value: Value) -> Value:
        """What this field holds after it was given the value."""
        if isinstance(value, str) and name in ("title", "text"):
            return self._tidy(value)
        if isinstance(value, tuple) and self.habits.sorts_tags:
            return tuple(sorted({one.lower() for one in value}))
        return value

    def _tidy(self, text: str) -> str:
        text = text.strip() if self.habits.trims else text
        text = text.lower() if self.habits.lowers else text
        return text[: self.habits.cuts] if self.habits.cuts else text

    def _set(self, name: str, value: Value, by: Person, op: str) -> None:
        new, old = self.normalised(name, value), self.fields.get(name)
        self.changed_at = self.now()
        if new == old:
            return
        self.fields[name] = new
        mark = op if self.habits.marks_history else ""
        self.history.append(FieldChange(field=name, old=old, new=new, at=self.now(), by=by, op=mark))

    def _say(self, body: str, shown: Visibility, by: Person, op: str) -> str:
        self.ids += 1
        mark = op if self.habits.marks_comments else ""
        self.comments.append(
            RemoteComment(
                id=f"{self.habits.name}-{self.ids}",
                body=self._tidy(body) if by is US else body,
                author=by,
                visibility=shown,
                created_at=self.now(),
                op=mark,
            )
        )
        self.revision += 1
        return f"{self.habits.name}-{self.ids}"

    def _edit(self, id: str, **changes: object) -> None:
        if not self.habits.able.private_comments:
            changes.pop("visibility", None)
        self.comments = [replace(one, **changes) if one.id == id else one for one in self.comments]  # type: ignore[arg-type]
        self.revision += 1


def transitions_from(status: str) -> tuple[Transition, ...]:
    """What the workflow allows from a status. Done demands a resolution."""
    need = (RemoteField(id="resolution", name="Resolution", kind=FieldKind.CHOICE, required=True),)
    return tuple(
        Transition(id=f"{status}-{to}", name=to, to=to, source=status, required=need if to == "done" else ())
        for to in STEPS[status]
    )


ALL_STEPS = tuple(step for status in STATUSES for step in transitions_from(status))


def habits() -> tuple[Habits, ...]:
    """Five tools: conditional or blind, with and without history, marks, private comments, and each with its quirks."""
    return (
        Habits(
            name="careful",
            able=Capabilities(
                conditional_write=True,
                history=True,
                private_comments=True,
                edit_comments=True,
                delete_comments=True,
                provenance=True,
                comment_markup=Markup.PLAIN,
            ),
            marks_history=True,
            marks_comments=True,
        ),
        Habits(
            name="journal",
            able=Capabilities(history=True, private_comments=True),
            trims=True,
            cuts=48,
        ),
        Habits(
            name="lower",
            able=Capabilities(conditional_write=True, edit_comments=True, delete_comments=True),
            lowers=True,
            sorts_tags=True,
        ),
        Habits(
            name="workflow",
            able=Capabilities(history=True, transitions=True, private_comments=True, edit_comments=True),
            trims=True,
        ),
        Habits(name="blind", able=Capabilities(private_comments=True), trims=True, sorts_tags=True),
    )
