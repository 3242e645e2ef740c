"""What a site holds, as values: projects with their types, issues with history, comments, files and links; events."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira.people import User

INTERNAL = "sd.public.comment"
"""The property of a comment that says whether it is internal."""


@dataclass(slots=True)
class IssueType:
    """A type of work in one project, with its workflow and screens."""

    id: str
    name: str
    workflow: d.Workflow
    subtask: bool = False
    create: tuple[str, ...] = d.CREATE_SCREEN
    edit: tuple[str, ...] = d.EDIT_SCREEN
    required: tuple[str, ...] = ("summary", "issuetype", "project")


@dataclass(slots=True)
class Project:
    """`key` may change, `id` never does. `components` are id to name."""

    id: str
    key: str
    name: str
    kind: str
    types: list[IssueType]
    components: dict[str, str] = field(default_factory=dict)
    last: int = 0
    old_keys: list[str] = field(default_factory=list)

    def type(self, said: str) -> IssueType | None:
        return next((one for one in self.types if said in (one.id, one.name)), None)


@dataclass(slots=True)
class Comment:
    """`properties` hold among others whether it is internal; `visibility` limits it to a role or group."""

    id: int
    author: User
    body: Any
    created: datetime
    updated: datetime
    update_author: User
    visibility: dict[str, str] | None = None
    properties: dict[str, Any] = field(default_factory=dict)

    @property
    def internal(self) -> bool:
        told = self.properties.get(INTERNAL)
        return bool(isinstance(told, dict) and told.get("internal"))


@dataclass(slots=True)
class File:
    id: int
    name: str
    type: str
    body: bytes
    author: User
    created: datetime


@dataclass(slots=True)
class Link:
    """From the outward end to the inward: "source blocks destination"."""

    id: int
    type: str
    source: int
    destination: int


@dataclass(slots=True)
class Entry:
    """One change of one save. `items` are as they are shown."""

    id: int
    author: User
    created: datetime
    items: list[dict[str, Any]]
    metadata: dict[str, Any] | None = None


@dataclass(slots=True)
class Issue:
    """`waiting` are states on their way into the search index, `indexed` the one that is searched."""

    id: int
    project: Project
    number: int
    type: IssueType
    creator: User
    created: datetime
    updated: datetime
    fields: dict[str, Any] = field(default_factory=dict)
    comments: list[Comment] = field(default_factory=list)
    files: list[File] = field(default_factory=list)
    remote: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, Any] = field(default_factory=dict)
    log: list[Entry] = field(default_factory=list)
    old_keys: list[str] = field(default_factory=list)
    hidden_from: set[str] = field(default_factory=set)
    waiting: list[tuple[datetime, dict[str, Any]]] = field(default_factory=list)
    indexed: dict[str, Any] | None = None

    @property
    def key(self) -> str:
        return f"{self.project.key}-{self.number}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that webhooks may tell of. `secondary` is what only followed from something else."""

    name: str
    user: User
    at: datetime
    issue: Issue | None = None
    kind: str = ""
    entry: Entry | None = None
    comment: Comment | None = None
    file: File | None = None
    link: Link | None = None
    secondary: bool = False
