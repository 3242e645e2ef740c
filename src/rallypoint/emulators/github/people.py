"""Who uses the host, and what a fine-grained token lets them do."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from typing import Any


class Right(IntEnum):
    """What somebody may do in a repository; each includes those before it."""

    NONE = 0
    READ = 1
    TRIAGE = 2
    WRITE = 3
    ADMIN = 4


@dataclass(slots=True)
class User:
    """An account. `scopes` are the permissions of its token, like issues:write; they limit what the account may."""

    id: int
    login: str
    name: str
    token: str
    mail: str = ""
    expires: datetime | None = None
    scopes: set[str] = field(default_factory=lambda: {"issues:write", "webhooks:write", "metadata:read"})

    def shown(self, base: str, web: str) -> dict[str, Any]:
        """As other things show who did them."""
        return {
            "login": self.login,
            "id": self.id,
            "node_id": f"U_{self.id}",
            "avatar_url": f"{web}/avatars/{self.id}",
            "gravatar_id": "",
            "url": f"{base}/users/{self.login}",
            "html_url": f"{web}/{self.login}",
            "type": "User",
            "user_view_type": "public",
            "site_admin": False,
        }
