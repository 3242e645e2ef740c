"""What a connector must offer, and how it fails. One folder in connectors/ implements `Tracker` for one tool.

A tracker holds no state of ours: it reads, writes and says what happened. It never retries by itself; the caller has
the journal, the lanes and the budget. All calls may raise a `TrackerError`.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Protocol, runtime_checkable

from rallypoint.errors import OutsideFailure
from rallypoint.sync.model import (
    Capabilities,
    Gone,
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

# How it fails.


class Cause(StrEnum):
    """Why a call failed, which decides what happens next: pause, wait, ask a person, read again."""

    AUTH = "auth"
    PERMISSION = "permission"
    VALIDATION = "validation"
    WORKFLOW = "workflow"
    MAPPING = "mapping"
    RATE = "rate"
    OUTAGE = "outage"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What was asked and answered, for the error queue. Bodies are cut, secrets are not in it."""

    method: str
    url: str
    request: str = ""
    status: int | None = None
    response: str = ""


class TrackerError(OutsideFailure):
    """A tool refused or failed. `said` is its own words; `unknown` that the call may have taken effect."""

    cause: ClassVar[Cause] = Cause.OUTAGE

    def __init__(
        self, said: str, *, retry: bool = False, unknown: bool = False, help: str = "", exchange: Exchange | None = None
    ):
        self.exchange = exchange
        super().__init__(said, retry=retry, unknown=unknown, help=help)


class AuthFailed(TrackerError):
    """Credentials are wrong, expired or revoked: the connection pauses, a person is told."""

    cause = Cause.AUTH


class PermissionDenied(TrackerError):
    """The account may not do this. Other links go on."""

    cause = Cause.PERMISSION


class ValidationFailed(TrackerError):
    """The tool refused the content. `fields` maps remote field ids to its words; it may be empty."""

    cause = Cause.VALIDATION

    def __init__(
        self, said: str, *, fields: Mapping[str, str] | None = None, help: str = "", exchange: Exchange | None = None
    ):
        self.fields = dict(fields or {})
        super().__init__(said, help=help, exchange=exchange)


class WorkflowRefused(TrackerError):
    """The tool's workflow does not allow this status now, or demands `missing` fields with it."""

    cause = Cause.WORKFLOW

    def __init__(self, said: str, *, missing: tuple[str, ...] = (), help: str = "", exchange: Exchange | None = None):
        self.missing = missing
        super().__init__(said, help=help, exchange=exchange)


class MappingBroken(TrackerError):
    """The mapping names something the tool no longer has: a field, a choice, a project, a type."""

    cause = Cause.MAPPING

    def __init__(self, said: str, *, field: str = "", help: str = "", exchange: Exchange | None = None):
        self.field = field
        super().__init__(said, help=help, exchange=exchange)


class RateLimited(TrackerError):
    """Too many calls. `retry_after` in seconds; `bucket` is the tool's name of the budget, or an item's id."""

    cause = Cause.RATE

    def __init__(
        self, said: str, *, retry_after: float | None = None, bucket: str = "", exchange: Exchange | None = None
    ):
        self.retry_after, self.bucket = retry_after, bucket
        super().__init__(said, retry=True, exchange=exchange)


class Outage(TrackerError):
    """Not reachable, or broken on its side. `unknown`: the call may have been applied before the answer was lost."""

    cause = Cause.OUTAGE

    def __init__(self, said: str, *, unknown: bool = False, help: str = "", exchange: Exchange | None = None):
        super().__init__(said, retry=True, unknown=unknown, help=help, exchange=exchange)


class Stale(TrackerError):
    """The item changed since `base_revision`: nothing was written, read again."""

    cause = Cause.STALE

    def __init__(self, said: str = "The item changed since it was read.", *, exchange: Exchange | None = None):
        super().__init__(said, retry=True, exchange=exchange)


class Unverified(TrackerError):
    """A webhook without a valid signature, too old, or not for us. It is answered 401 and counted."""

    cause = Cause.AUTH


# What is handed over.


@dataclass(frozen=True, slots=True, kw_only=True)
class RateNote:
    """What a tool said of its budget, with any answer, also a good one. Seconds from the answer; None is not said."""

    bucket: str = ""
    limit: int | None = None
    remaining: int | None = None
    reset_seconds: float | None = None
    retry_after: float | None = None


class Level(StrEnum):
    OK = "ok"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing a check found, and what to do about it. `about` is a short word: credentials, identity, permission."""

    level: Level
    about: str
    text: str
    help: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What `check` found: who we are there, and every finding. It does not raise for wrong credentials: it says so."""

    identity: Person | None = None
    version: str = ""
    findings: tuple[Finding, ...] = ()
    skew_seconds: float = 0.0

    @property
    def ok(self) -> bool:
        return all(one.level is not Level.ERROR for one in self.findings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """Something about an item may have changed: read it again. A deletion may be certain only from here.

    `revision` lets the caller skip what it has seen; empty when not told.
    """

    remote_id: str
    revision: str = ""
    at: datetime | None = None
    deleted: bool = False
    project: str = ""
    type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """One page of changes. `more` asks to be called again at once; the cursor is opaque and safe to store."""

    hints: tuple[Hint, ...]
    cursor: str
    more: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """An item to create. `natural_key` is put where `find` finds it again; `url` leads back to the incident."""

    project: str
    type: str
    fields: Mapping[str, Value]
    natural_key: str
    url: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A write the tool says it took. `item` if the answer held the whole item: it is still read back."""

    revision: str = ""
    item: RemoteItem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Created:
    remote_id: str
    key: str = ""
    url: str = ""
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentDraft:
    """A comment to write. `body` is in `markup`. `author` is whom to name where the tool can show somebody else."""

    body: str
    markup: Markup
    visibility: Visibility
    author: Person | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to attach. `chunks` gives the bytes anew each time it is called."""

    name: str
    content_type: str
    size: int
    sha256: str
    chunks: "Chunks"
    visibility: Visibility = Visibility.PRIVATE


class Chunks(Protocol):
    def __call__(self) -> AsyncIterator[bytes]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """What the remote item shows about us: one link, updated in place, never appended."""

    url: str
    title: str
    status: str = ""
    resolved: bool = False
    lines: tuple[str, ...] = ()


class WebhookState(StrEnum):
    NONE = "none"
    ACTIVE = "active"
    EXPIRING = "expiring"
    DISABLED = "disabled"
    MISSING = "missing"
    BY_HAND = "by hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """A registration at the tool. `instructions` tells what a person must install where we cannot register."""

    state: WebhookState
    id: str = ""
    secret: str = field(default="", repr=False)
    expires_at: datetime | None = None
    instructions: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookHint:
    """A verified delivery. `delivery` is stable across the tool's retries; `hints` may be empty (a ping)."""

    delivery: str
    hints: tuple[Hint, ...] = ()


class Tracker(Protocol):
    """One connection to one tool.

    Rules every implementation keeps: `read` is fresh (no search index, no cache); a revision differs whenever
    anything we map differs, as far as the tool allows; `write` sends only `changes`, conditionally on `base_revision`
    where `capabilities.conditional_write` (raising `Stale`); `op` is carried where the tool can keep it, and comes back
    in history, comments or attachments; an answer that may have been lost after the effect raises with `unknown`.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    def rate_notes(self) -> tuple[RateNote, ...]:
        """What the tool said of its budgets since the last call of this; forgets them."""
        ...

    async def check(self) -> Checked:
        """Credentials, identity (never an anonymous fall-back) and permissions, as findings."""
        ...

    async def projects(self) -> tuple[Project, ...]: ...

    async def describe(self, project: str, type: str) -> Schema:
        """Fields, choices, transitions and people of one item type. MappingBroken when it is not there."""
        ...

    async def list_changes(self, cursor: str | None) -> Changes:
        """Hints since the cursor, overlapping: repeats are allowed, gaps are not. None begins now."""
        ...

    async def read(self, remote_id: str) -> RemoteItem | Gone: ...

    async def find(self, natural_key: str) -> str | None:
        """The item an earlier `create` with this key made, or None. May lag: the caller waits before creating again."""
        ...

    async def create(self, draft: Draft, op: str) -> Created: ...

    async def write(self, remote_id: str, changes: Mapping[str, Value], base_revision: str, op: str) -> Written:
        """Sets raw values by field id. Statuses go through `transition` where the tool has transitions."""
        ...

    async def transitions(self, remote_id: str) -> tuple[Transition, ...]:
        """The steps allowed from where the item stands now, for our account."""
        ...

    async def transition(
        self, remote_id: str, transition: Transition, fields: Mapping[str, Value], base_revision: str, op: str
    ) -> Written: ...

    async def comment(self, remote_id: str, draft: CommentDraft, op: str) -> str:
        """Adds a comment and returns its id. Raises ValidationFailed when the visibility cannot be had: never wider."""
        ...

    async def edit_comment(self, remote_id: str, comment_id: str, draft: CommentDraft, op: str) -> None: ...

    async def delete_comment(self, remote_id: str, comment_id: str, op: str) -> None: ...

    async def attach(self, remote_id: str, upload: Upload, op: str) -> str:
        """Adds a file and returns its id."""
        ...

    def download(self, remote_id: str, attachment_id: str) -> AsyncIterator[bytes]:
        """The bytes. Credentials do not follow a redirect to another host."""
        ...

    async def show_panel(self, remote_id: str, panel: Panel) -> None: ...

    async def register_webhook(self, url: str, secret: str) -> Webhook:
        """Registers, or renews in place; where only a person can, says how in `instructions`."""
        ...

    async def webhook_state(self, webhook: Webhook) -> Webhook: ...

    def verify_webhook(self, raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
        """Pure. `headers` has lower-case names. Raises Unverified; never trusts the payload's values, only its ids."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An item that is there, as a list shows it: enough to name it. It is read before anything is done with it."""

    remote_id: str
    key: str = ""
    title: str = ""
    url: str = ""
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One page of a list. With `more` the next begins at the cursor, which is opaque and safe to store."""

    items: tuple[Listed, ...]
    cursor: str
    more: bool = False


@runtime_checkable
class Historical(Protocol):
    """A tracker that can list what was there before a mapping was. Optional: without it items come over one by one."""

    async def list_items(self, project: str, type: str, since: datetime | None, cursor: str | None) -> Listing:
        """Items of one type, changed at `since` or later if given. Repeats are allowed, gaps are not, also while others
        write; a last page may be empty. MappingBroken when project or type is not there."""
        ...


@runtime_checkable
class Relates(Protocol):
    """What a tracker offers besides where `capabilities.relation_writes` names kinds of relations that it can write."""

    async def relate(self, remote_id: str, relation: Relation, op: str) -> None:
        """Says how the item hangs together with another. One that is there already is no error."""
        ...

    async def unrelate(self, remote_id: str, relation: Relation, op: str) -> None:
        """Takes a relation away. One that is not there is no error."""
        ...


class RichText(Protocol):
    """Converts rich text between canonical Markdown and a tool's markup.

    `from_markdown(to_markdown(raw, m), m, raw)` is `raw`; and `to_markdown` of what `from_markdown` made is stable.
    """

    def to_markdown(self, raw: str, markup: Markup) -> str: ...

    def from_markdown(self, text: str, markup: Markup, original: str | None = None) -> str: ...
