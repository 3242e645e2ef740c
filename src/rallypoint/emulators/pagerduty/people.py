"""Who uses an account, and the keys with which programs do."""

from dataclasses import dataclass
from typing import Any


@dataclass(slots=True)
class User:
    id: str
    name: str
    email: str
    role: str = "user"

    def ref(self, base: str, web: str) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "user_reference",
            "summary": self.name,
            "self": f"{base}/users/{self.id}",
            "html_url": f"{web}/users/{self.id}",
        }

    def shown(self, base: str, web: str) -> dict[str, Any]:
        return self.ref(base, web) | {
            "type": "user",
            "name": self.name,
            "email": self.email,
            "time_zone": "UTC",
            "color": "purple",
            "role": self.role,
            "avatar_url": f"{web}/avatars/{self.id}.png",
            "description": None,
            "invitation_sent": False,
            "job_title": None,
            "teams": [],
            "contact_methods": [],
            "notification_rules": [],
        }


@dataclass(slots=True)
class Key:
    """An API key: a user's, or with no `user` the account's, for which each write says in whose name it is."""

    secret: str
    user: User | None = None
    read_only: bool = False

    @property
    def whose(self) -> str:
        return self.user.id if self.user else self.secret
