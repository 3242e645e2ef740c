"""A mapping: the rules under which one connection's items and our incidents follow each other. Plain data.

Versions of a mapping are kept whole; a change is a new version. `mapping_to_json` and `mapping_from_json` are the one
notation for store, screens and configuration as code.
"""

from collections.abc import Mapping as ReadOnly
from dataclasses import dataclass, field
from dataclasses import fields as dataclass_fields
from enum import StrEnum
from typing import Any, ClassVar

from rallypoint.sync import codec
from rallypoint.sync.model import Markup, Side, Value


class Direction(StrEnum):
    """Which way changes travel: IN is from the tool to us, OUT from us to the tool."""

    BOTH = "both"
    IN = "in"
    OUT = "out"


class Owner(StrEnum):
    """Who wins when both sides changed a field: always one side, the later change, or a person decides."""

    HUB = "hub"
    REMOTE = "remote"
    NEWEST = "newest"
    ASK = "ask"


# How a value changes on its way.


class Shape(StrEnum):
    AS_IS = "as is"
    NUMBER = "number"
    BOOLEAN = "boolean"
    TIME = "time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Direct:
    """As it is, read as `shape` says, since some tools answer only in texts. Texts are trimmed."""

    kind: ClassVar[str] = "direct"
    shape: Shape = Shape.AS_IS


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A text in the tool's markup, cut to `max_length` characters. What was cut is never taken back as an edit."""

    kind: ClassVar[str] = "text"
    markup: Markup = Markup.PLAIN
    max_length: int | None = None
    single_line: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    hub: str
    remote: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueMap:
    """Choices by pairs; the first pair that fits is the one that is written. Several hub words may share a remote id.

    `default_out` and `default_in` stand for what no pair names; None leaves the other side as it is.
    """

    kind: ClassVar[str] = "values"
    pairs: tuple[Pair, ...]
    default_out: str | None = None
    default_in: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMap:
    """People, by the mapping's people map."""

    kind: ClassVar[str] = "person"


@dataclass(frozen=True, slots=True, kw_only=True)
class TagSet:
    """Tags, add-wins. Only managed ones are ours to add or remove: those named, or with `prefix`; all if neither."""

    kind: ClassVar[str] = "tags"
    prefix: str = ""
    managed: tuple[str, ...] = ()
    fold_case: bool = True


Transform = Direct | Text | ValueMap | PersonMap | TagSet


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRule:
    """One field of the incident and one of the tool, how they correspond and who wins. `ties` wins an equal time."""

    hub: str
    remote: str
    direction: Direction = Direction.BOTH
    owner: Owner = Owner.NEWEST
    ties: Side = Side.HUB
    transform: Transform = field(default_factory=Direct)


# Which items.


class Check(StrEnum):
    """How a condition looks at a field."""

    IS = "is"
    IS_NOT = "is not"
    CONTAINS = "contains"
    SET = "is set"
    NOT_SET = "is not set"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A field against values, any of which may fit; conditions of a list must all hold."""

    field: str
    check: Check = Check.IS
    values: tuple[str, ...] = ()


class WhenLeft(StrEnum):
    """What happens to a link whose item no longer fits the scope."""

    KEEP = "keep"
    STOP = "stop"


@dataclass(frozen=True, slots=True, kw_only=True)
class Scope:
    """Which incidents and which remote items this mapping is about. No conditions fit everything."""

    hub: tuple[Condition, ...] = ()
    remote: tuple[Condition, ...] = ()
    when_left: WhenLeft = WhenLeft.KEEP


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What makes a link: `send` creates a remote item for an incident in scope, `receive` an incident for an item."""

    send: bool = False
    receive: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Project and type for incidents that meet all conditions."""

    when: tuple[Condition, ...]
    project: str
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateRule:
    """Where a remote item is created, and what is filled in besides the mapped fields (raw values by field id)."""

    project: str
    type: str
    places: tuple[Place, ...] = ()
    defaults: ReadOnly[str, Value] = field(default_factory=dict)


# What else follows.


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusWrite:
    """The remote status that stands for a hub status, and raw values to fill where the workflow demands them."""

    hub: str
    remote: str
    fill: ReadOnly[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusRead:
    remote: str
    hub: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusMap:
    """Status both ways. `hub_field` is our status category; `field` the tool's. A remote done is never our closed."""

    field: str
    hub_field: str = "status"
    direction: Direction = Direction.BOTH
    owner: Owner = Owner.NEWEST
    ties: Side = Side.HUB
    out: tuple[StatusWrite, ...] = ()
    into: tuple[StatusRead, ...] = ()
    longest_path: int = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentRule:
    """Which comments travel. Private never becomes public; `work_notes_public` is the one rule that may name notes.

    A tool without private comments gets private ones only by `private_to_open_tool`: everybody there can read them.
    What is said in such a tool was not said to the reporter: it arrives private unless `open_tool_to_reporter`.
    """

    direction: Direction = Direction.BOTH
    send_public: bool = True
    send_private: bool = True
    send_work_notes: bool = True
    work_notes_public: bool = False
    private_to_open_tool: bool = False
    open_tool_to_reporter: bool = False
    edits: bool = True
    deletes: bool = True
    name_author: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachmentRule:
    """Which files travel. `types` are content types or prefixes like "image/"; empty allows all.

    In a tool whose files have no visibility of their own, everybody there sees them: such a one gets private files only
    by `private_to_open_tool`.
    """

    direction: Direction = Direction.BOTH
    max_bytes: int = 25_000_000
    types: tuple[str, ...] = ()
    refused_types: tuple[str, ...] = ()
    send_private: bool = True
    private_to_open_tool: bool = False
    link_when_refused: bool = True


class Unmapped(StrEnum):
    """What is done with a person the other side does not know."""

    AS_TEXT = "as text"
    NOBODY = "nobody"
    FALLBACK = "fallback"
    KEEP = "keep"


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonPair:
    hub_email: str
    remote_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PeopleMap:
    """Who is who: same mail, then these pairs, then `unmapped`. `fallback` is a remote id."""

    by_mail: bool = True
    pairs: tuple[PersonPair, ...] = ()
    unmapped: Unmapped = Unmapped.KEEP
    fallback: str = ""


class OnDelete(StrEnum):
    """What a deletion on one side does on the other. A notice is one last comment; nothing is deleted silently."""

    NOTICE = "notice"
    NOTHING = "nothing"
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeletionRule:
    """`confirmations` is how many reads in a row must miss an item, another being readable, until it counts as gone."""

    remote_deleted: OnDelete = OnDelete.NOTICE
    hub_deleted: OnDelete = OnDelete.NOTICE
    confirmations: int = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkRule:
    """Relations between items that are both linked, and the panel on the remote item."""

    parents: bool = False
    related: bool = False
    panel: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Mapping:
    """All rules of one connection for one kind of item."""

    id: int
    version: int
    connection: int
    name: str
    create: CreateRule
    scope: Scope = field(default_factory=Scope)
    trigger: Trigger = field(default_factory=Trigger)
    fields: tuple[FieldRule, ...] = ()
    status: StatusMap | None = None
    comments: CommentRule = field(default_factory=CommentRule)
    attachments: AttachmentRule = field(default_factory=AttachmentRule)
    people: PeopleMap = field(default_factory=PeopleMap)
    deletion: DeletionRule = field(default_factory=DeletionRule)
    links: LinkRule = field(default_factory=LinkRule)

    def rule_for(self, hub_field: str) -> FieldRule | None:
        return next((rule for rule in self.fields if rule.hub == hub_field), None)


def changed_rules(before: Mapping, after: Mapping) -> frozenset[str]:
    """The incident's fields for which two versions may bring about other values. Who wins is no part of it."""

    def rule(mapping: Mapping, name: str) -> object:
        found = mapping.rule_for(name)
        if found is None:
            return None
        people = mapping.people if isinstance(found.transform, PersonMap) else None
        return found.remote, found.direction, found.transform, people

    def status(mapping: Mapping) -> object:
        found = mapping.status
        return None if found is None else (found.field, found.direction, found.out, found.into)

    names = {one.hub for one in (*before.fields, *after.fields)}
    changed = {name for name in names if rule(before, name) != rule(after, name)}
    if after.status is not None and status(before) != status(after):
        changed.add(after.status.hub_field)
    return frozenset(changed)


APART = frozenset({"id", "version", "connection", "fields", "status"})
"""What `differences` does not compare as a whole."""


def differences(before: Mapping, after: Mapping) -> tuple[str, ...]:
    """What another version changed, by name: the incident's fields whose rules differ, then other members."""
    old, new = ({one.hub: one for one in each.fields} for each in (before, after))
    fields = [name for name in dict.fromkeys((*new, *old)) if old.get(name) != new.get(name)]
    if before.status != after.status:
        fields.append("status")
    others = [one.name for one in dataclass_fields(Mapping) if one.name not in APART]
    return (*fields, *(name for name in others if getattr(before, name) != getattr(after, name)))


def mapping_to_json(mapping: Mapping) -> dict[str, Any]:
    """The mapping as JSON-able data. Members that have their default are written too: a file shows all there is."""
    data = codec.to_json(mapping)
    assert isinstance(data, dict)
    return data


def mapping_from_json(data: object) -> Mapping:
    """The mapping that the data says. Invalid names each member that is wrong, unknown or missing."""
    return codec.from_json(Mapping, data)
