"""People, teams, sessions, keys and audit entries, as values."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What somebody is, and so what they may do. A person may hold several."""

    ADMIN = "admin"
    MANAGER = "manager"
    DESK1 = "desk1"
    DESK2 = "desk2"
    DESK3 = "desk3"
    RESPONDER = "responder"
    STAKEHOLDER = "stakeholder"
    REPORTER = "reporter"
    VIEWER = "viewer"

    @property
    def words(self) -> str:
        """How screens call the role."""
        return f"service desk tier {self.value[-1]}" if self.value.startswith("desk") else self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: int
    name: str
    email: str
    phone: str
    time_zone: str
    roles: tuple[Role, ...]
    active: bool
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    id: int
    key: str
    name: str
    time_zone: str
    email: str
    manager_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Membership:
    team_id: int
    person_id: int
    lead: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A new session. The token goes into the cookie; only its hash is kept."""

    token: str
    person: Person


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as lists show it: the token itself is shown once, when it is made."""

    id: int
    name: str
    hint: str
    roles: tuple[Role, ...]
    scopes: tuple[str, ...] | None
    person_id: int | None
    created_by: str
    created_at: datetime
    last_used_at: datetime | None
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewKey:
    token: str
    key: ApiKey


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One line of the audit trail. `detail` is the JSON text that was hashed."""

    number: int
    at: datetime
    actor_kind: str
    actor_name: str
    person_id: int | None
    origin: str
    action: str
    subject: str
    detail: str
    previous_hash: bytes
    hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """What reading the whole trail again showed. `head` is worth keeping elsewhere: it fixes everything before it."""

    ok: bool
    count: int
    broken_at: int | None
    reason: str
    head: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Remembered:
    """The reply an earlier request with the same Idempotency-Key got."""

    status: int
    body: bytes
