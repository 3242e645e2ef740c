"""What is asked of a tool in one pass, as values: perform.py and carrying.py do it."""

from collections.abc import Mapping
from dataclasses import dataclass

from rallypoint.sync.model import (
    CommentPair,
    Person,
    Relation,
    Transition,
    Value,
    Visibility,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteFields:
    op: str
    changes: Mapping[str, Value]
    base_revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TakeStep:
    """One transition of the tool's workflow."""

    op: str
    transition: Transition
    fields: Mapping[str, Value]
    base_revision: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendComment:
    op: str
    body: str
    visibility: Visibility
    author: Person | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditComment:
    op: str
    remote_id: str
    body: str
    visibility: Visibility
    pair: CommentPair


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteComment:
    op: str
    remote_id: str
    pair: CommentPair


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchFile:
    """Download and hash. The worker keeps the hash, and the bytes where the next settling may take them."""

    remote_id: str
    name: str = ""
    op: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFile:
    op: str
    hub_id: str
    visibility: Visibility
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class WriteRelation:
    """Say how the item hangs together with another, or that it does no more. `key` names the decision behind it."""

    op: str
    relation: Relation
    key: str
    incident: int
    gone: bool = False


Call = WriteRelation | WriteFields | TakeStep | SendComment | EditComment | DeleteComment | FetchFile | SendFile
