"""Who uses a desk: agents, administrators, end users; and the tokens by which they are known."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

AGENTS = frozenset({"agent", "admin"})


@dataclass(slots=True)
class User:
    """An account. `writes` whether an agent may change tickets; `groups` an agent is a member of, the default first."""

    id: int
    name: str
    email: str
    role: str
    created: datetime
    groups: tuple[int, ...] = ()
    organization: int | None = None
    writes: bool = True

    @property
    def agent(self) -> bool:
        return self.role in AGENTS

    def shown(self, base: str, stamp: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "url": f"{base}/api/v2/users/{self.id}.json",
            "name": self.name,
            "email": self.email,
            "created_at": stamp,
            "updated_at": stamp,
            "time_zone": "UTC",
            "iana_time_zone": "Etc/UTC",
            "phone": None,
            "shared_phone_number": None,
            "photo": None,
            "locale_id": 1,
            "locale": "en-US",
            "organization_id": self.organization,
            "role": self.role,
            "verified": True,
            "external_id": None,
            "tags": [],
            "alias": "",
            "active": True,
            "shared": False,
            "shared_agent": False,
            "last_login_at": stamp,
            "two_factor_auth_enabled": None,
            "signature": "",
            "details": "",
            "notes": "",
            "role_type": None,
            "custom_role_id": None,
            "moderator": self.agent,
            "ticket_restriction": None if self.agent else "requested",
            "only_private_comments": False,
            "restricted_agent": False,
            "suspended": False,
            "default_group_id": self.groups[0] if self.groups else None,
            "report_csv": False,
            "user_fields": {},
        }


@dataclass(slots=True)
class Token:
    """What an OAuth client was given. `scopes` are those of the interface: read, write."""

    value: str
    user: int
    scopes: frozenset[str] = field(default_factory=lambda: frozenset({"read", "write"}))
    expires: datetime | None = None


@dataclass(slots=True)
class Group:
    id: int
    name: str
    created: datetime
    default: bool = False


@dataclass(slots=True)
class Organization:
    id: int
    name: str
    created: datetime
    domains: tuple[str, ...] = ()
