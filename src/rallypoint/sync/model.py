"""What links, shadows and remote work items are, as values. Mappings (the rules a user sets up) are in mapping.py.

A *value* is None, a truth value, a number, a text, a tuple of texts (sets: tags, labels) or a `Person`. There are two
notations of the same shapes. *Canonical* is ours: rich text is Markdown, times are ISO-8601 UTC texts, choices are our
words. *Raw* is the tool's: its markup, its choice ids. Equality of raw values is what echo and change are told by, so
a connector must give the same raw value for the same remote state, always.
"""

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

TAGS = "tags"
"""The field id under which the tags of an item are mapped, read and written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody, as far as a tool tells: any part may be empty. `remote_id` is the tool's own id of the account."""

    email: str = ""
    name: str = ""
    remote_id: str = ""


Value = None | bool | int | float | str | tuple[str, ...] | Person
"""A field's content, canonical or raw. Empty text and None both mean cleared."""


class Markup(StrEnum):
    """How a tool writes rich text. ADF is its JSON document as compact text."""

    PLAIN = "plain"
    MARKDOWN = "markdown"
    HTML = "html"
    ADF = "adf"
    WIKI = "wiki"
    TEXTILE = "textile"


class Visibility(StrEnum):
    """Who may read a comment. Unknown is treated as private everywhere."""

    PRIVATE = "private"
    PUBLIC = "public"
    UNKNOWN = "unknown"


class Side(StrEnum):
    HUB = "hub"
    REMOTE = "remote"


# The remote item, as one read gave it.


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChange:
    """One step of a field's history as the tool keeps it. `at` is the tool's clock, uncorrected."""

    field: str
    old: Value
    new: Value
    at: datetime
    by: Person | None = None
    op: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteComment:
    """A comment or work note of a remote item. `op` is our operation id if the tool could carry one back."""

    id: str
    body: str
    author: Person | None = None
    markup: Markup = Markup.PLAIN
    visibility: Visibility = Visibility.UNKNOWN
    created_at: datetime | None = None
    edited_at: datetime | None = None
    deleted: bool = False
    op: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteAttachment:
    """A file on a remote item. `sha256` is empty until somebody has read the bytes."""

    id: str
    name: str
    size: int | None = None
    content_type: str = ""
    sha256: str = ""
    author: Person | None = None
    created_at: datetime | None = None
    visibility: Visibility = Visibility.UNKNOWN
    op: str = ""


class RelationKind(StrEnum):
    PARENT = "parent"
    CHILD = "child"
    RELATED = "related"
    DUPLICATE_OF = "duplicate of"
    BLOCKS = "blocks"
    BLOCKED_BY = "blocked by"
    WEB = "web"


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A link of a remote item: to another item of the same tool (`remote_id`) or to a page (`url`)."""

    kind: RelationKind
    remote_id: str = ""
    url: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteItem:
    """A work item elsewhere, as one read gave it.

    `id` survives moves and renames, `key` is what people say. `revision` is the tool's version token, opaque to us. A
    field that is neither in `fields` nor in `unreadable` was not read: nothing is concluded from its absence. Cleared
    is an explicit None, "" or (). `comments_complete` says that all comments were read and readable, so one that is
    not there was deleted. `read_at` is our clock, `skew` how far the tool's clock is ahead of ours in seconds.
    """

    id: str
    key: str = ""
    url: str = ""
    project: str = ""
    type: str = ""
    revision: str = ""
    fields: ReadOnly[str, Value] = field(default_factory=dict)
    unreadable: frozenset[str] = frozenset()
    changed_at: datetime | None = None
    changed_by: Person | None = None
    history: tuple[FieldChange, ...] = ()
    comments: tuple[RemoteComment, ...] = ()
    comments_complete: bool = False
    attachments: tuple[RemoteAttachment, ...] = ()
    tags: tuple[str, ...] | None = None
    relations: tuple[Relation, ...] = ()
    deleted: bool = False
    closed_for_writing: bool = False
    read_at: datetime | None = None
    skew: float = 0.0

    def knows(self, field_id: str) -> bool:
        """The read told what this field holds."""
        if field_id in self.unreadable:
            return False
        return field_id in self.fields or (field_id == TAGS and self.tags is not None)

    def raw(self, field_id: str) -> Value:
        """What the field holds. KeyError when the read did not tell."""
        if field_id == TAGS and field_id not in self.fields and self.tags is not None:
            return self.tags
        return self.fields[field_id]


class GoneReason(StrEnum):
    """Why an item could not be read. Many tools answer alike for deleted and forbidden: that is UNREADABLE."""

    DELETED = "deleted"
    UNREADABLE = "unreadable"
    MOVED = "moved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gone:
    """A read that found nothing. `moved_to` is the new stable id where a tool says so (merge, move between sites)."""

    reason: GoneReason
    moved_to: str = ""
    detail: str = ""


# The hub's side.


@dataclass(frozen=True, slots=True, kw_only=True)
class HubField:
    """A field of the incident: canonical value, the version of the field, and who set it when, from where.

    `version` rises by at least one with each change of this field; it never falls. `link` is the link
    it was taken from, `at` then the tool's time, corrected. `human` is False for a change that a rule of ours made.
    """

    value: Value
    version: int
    at: datetime | None = None
    by: str = ""
    origin: str = ""
    link: int | None = None
    human: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class HubComment:
    """A comment or work note of ours. `work_note` is never public unless a rule names it. `body` is Markdown."""

    id: str
    body: str
    author: Person | None = None
    visibility: Visibility = Visibility.PRIVATE
    work_note: bool = False
    created_at: datetime | None = None
    edit: int = 0
    edited_at: datetime | None = None
    deleted: bool = False
    origin: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HubAttachment:
    """A file on the incident, content-addressed. One that was removed is remembered, so that it does not come back."""

    id: str
    name: str
    size: int
    sha256: str
    content_type: str = ""
    visibility: Visibility = Visibility.PRIVATE
    origin: str = ""
    deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRelation:
    """What another incident is to this one, and the item of the same connection that it is linked with."""

    kind: RelationKind
    incident: int
    remote_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HubItem:
    """The incident as sync sees it. `deleted` stands for cancelled by merge or removed by retention.

    `linked` are the incidents that items of the same connection are linked with, as far as somebody asked for them.
    """

    incident: int
    fields: ReadOnly[str, HubField]
    comments: tuple[HubComment, ...] = ()
    attachments: tuple[HubAttachment, ...] = ()
    relations: tuple[HubRelation, ...] = ()
    linked: ReadOnly[str, int] = field(default_factory=dict)
    url: str = ""
    deleted: bool = False


# What a link remembers.


class LinkState(StrEnum):
    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"
    TOMBSTONE = "tombstone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One incident joined to one remote item under one mapping. Unique by (connection, remote id) in the store."""

    id: int
    incident: int
    connection: int
    mapping: int
    mapping_version: int
    remote_id: str
    key: str = ""
    url: str = ""
    project: str = ""
    type: str = ""
    state: LinkState = LinkState.ACTIVE
    state_reason: str = ""
    revision: str = ""
    missed_reads: int = 0
    frozen: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shadow:
    """One field of one link at the last agreement: what the tool held after read-back, and the hub's value then.

    `raw` is also the original that is written again when our text did not change. `hub_version` 0 means they never
    agreed. A value that could not be brought across has a `reason`, for people to read; `tried_version` and
    `tried_revision` say what was tried, so that it is tried again only when either side changes. `remote` is the tool's
    field: a mapping that names another one since starts anew.
    """

    field: str
    raw: Value
    hub_value: Value
    hub_version: int
    revision: str = ""
    at: datetime | None = None
    tried_version: int | None = None
    tried_revision: str = ""
    reason: str = ""
    remote: str = ""

    @property
    def settled(self) -> bool:
        """Both sides say the same, as far as the mapping can express it."""
        return not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A write journaled before its call: which value of which hub version was to replace what, over which revision.

    Fields that go in one call share their `op`. `final` is False for a step on the way to a status further on.
    `base_at` is the time, by the tool's clock, of the field's latest history when the base was read.
    """

    op: str
    field: str
    base_revision: str
    base_raw: Value
    raw: Value
    hub_value: Value
    hub_version: int
    at: datetime | None = None
    base_at: datetime | None = None
    final: bool = True
    remote: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentPair:
    """Hub comment and remote comment that are the same: identity lives here, never in the text.

    `hub_edit` and `remote_print` are what was last agreed: the hub's edit number, the fingerprint of the remote body.
    `visibility` is the lowest either side has had; it only rises when a person raises it at the hub.
    """

    hub_id: str
    remote_id: str
    hub_edit: int
    remote_print: str
    visibility: Visibility = Visibility.PRIVATE
    from_side: Side = Side.HUB
    hub_deleted: bool = False
    remote_deleted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentIntent:
    """A comment journaled before its call. After a lost answer the remote is searched for `op` or `print`."""

    op: str
    hub_id: str
    hub_edit: int
    print: str
    visibility: Visibility
    at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentPair:
    """A file that is on both sides, known by content and name."""

    hub_id: str
    remote_id: str
    sha256: str
    name: str
    from_side: Side = Side.HUB


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """Both sides changed one field. Both values are kept; `winner` None waits for a person. `rule` is a sentence."""

    link: int
    field: str
    hub_value: Value
    hub_version: int
    hub_at: datetime | None
    hub_by: str
    remote_raw: Value
    remote_value: Value
    remote_at: datetime | None
    remote_by: Person | None
    winner: Side | None
    rule: str


# What a tool can do, and what it has.


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a tool's interface can do, as documented and checked. `time_grain` is in seconds; lengths in characters.

    `search_lag_seconds`: what `find` does not show so long after it was made is not there. Too long only delays a
    second try at creating, too short makes two items; the default is for a search index of which nothing is promised.

    `private_files`: a file may be shown to fewer people than the item is. `relations`: a read tells how items hang
    together. `relation_writes`: the kinds that can be written, from the item that has them; a tracker that names any
    offers `Relates`. The other end of a kind (child, blocked by) may be left out.
    """

    conditional_write: bool = False
    push: bool = False
    history: bool = False
    private_comments: bool = False
    public_comments: bool = True
    edit_comments: bool = False
    delete_comments: bool = False
    transitions: bool = False
    provenance: bool = False
    idempotent_create: bool = False
    attachments: bool = False
    private_files: bool = False
    relations: bool = False
    relation_writes: frozenset["RelationKind"] = frozenset()
    delete_events: bool = False
    time_grain_seconds: float = 1.0
    search_lag_seconds: float = 60.0
    max_attachment_bytes: int | None = None
    max_comment_length: int | None = None
    max_lengths: ReadOnly[str, int] = field(default_factory=dict)
    markups: ReadOnly[str, Markup] = field(default_factory=dict)
    comment_markup: Markup = Markup.PLAIN


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One value a field may have. `category` is the tool's own class of a status, in its words."""

    id: str
    name: str
    category: str = ""
    active: bool = True


class FieldKind(StrEnum):
    TEXT = "text"
    RICH_TEXT = "rich text"
    CHOICE = "choice"
    STATUS = "status"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"
    PERSON = "person"
    TAGS = "tags"
    OTHER = "other"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteField:
    """A field of a tool's item type, as `describe` found it."""

    id: str
    name: str
    kind: FieldKind
    custom: bool = False
    required: bool = False
    writable: bool = True
    readable: bool = True
    multiple: bool = False
    max_length: int | None = None
    markup: Markup = Markup.PLAIN
    choices: tuple[Choice, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """A step the tool's workflow allows: by id, from one status to another, with the fields it demands.

    `source` is empty when it may start anywhere. `to` is the status id it leads to.
    """

    id: str
    name: str
    to: str
    source: str = ""
    required: tuple[RemoteField, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """A place that holds items: project, table, queue, tracker."""

    id: str
    name: str
    types: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What one item type of one project looks like."""

    project: str
    type: str
    fields: tuple[RemoteField, ...]
    transitions: tuple[Transition, ...] = ()
    people: tuple[Person, ...] = ()

    def field(self, field_id: str) -> RemoteField | None:
        return next((one for one in self.fields if one.id == field_id), None)
