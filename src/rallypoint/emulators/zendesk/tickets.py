"""What a ticket consists of: its values, the audits that changed them, comments, files."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

PROPERTIES = (
    "subject", "type", "priority", "status", "custom_status_id", "assignee_id", "group_id", "requester_id",
    "submitter_id", "organization_id", "problem_id", "due_at", "external_id", "ticket_form_id", "brand_id",
)  # fmt: skip
"""In the order in which an audit tells of them."""


@dataclass(slots=True)
class File:
    """A file; `key` is what its address is known by."""

    id: int
    name: str
    type: str
    body: bytes
    key: str
    redacted: bool = False


@dataclass(slots=True)
class Upload:
    """Files that wait for a comment, under one token that lives for an hour."""

    token: str
    expires: datetime
    files: list[File] = field(default_factory=list)


@dataclass(slots=True)
class Comment:
    id: int
    audit: int
    author: int
    at: datetime
    html: str
    body: str
    public: bool
    files: list[File] = field(default_factory=list)
    via: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Audit:
    """One update: what came together. `custom` is the metadata that the caller sent along."""

    id: int
    ticket: int
    author: int
    at: datetime
    events: list[dict[str, Any]]
    custom: dict[str, Any]
    via: dict[str, Any]


@dataclass(slots=True)
class State:
    """What an update may change."""

    values: dict[str, Any]
    custom: dict[int, Any] = field(default_factory=dict)
    tags: set[str] = field(default_factory=set)

    def copy(self) -> "State":
        return State(dict(self.values), dict(self.custom), set(self.tags))


@dataclass(slots=True)
class Ticket:
    """A ticket. `generated` is when anything about it was last touched, also by the system, in whole seconds."""

    id: int
    state: State
    created: datetime
    updated: datetime
    generated: int
    via: dict[str, Any]
    public: bool = True
    audits: list[Audit] = field(default_factory=list)
    comments: list[Comment] = field(default_factory=list)
    followup_source: int | None = None
    deleted_at: datetime | None = None
    deleted_by: int | None = None

    def __getitem__(self, name: str) -> Any:
        return self.state.values.get(name)

    @property
    def closed(self) -> bool:
        return bool(self["status"] == "closed")


def via(channel: str, rel: str | None = None, origin: dict[str, Any] | None = None) -> dict[str, Any]:
    return {"channel": channel, "source": {"from": origin or {}, "to": {}, "rel": rel}}
