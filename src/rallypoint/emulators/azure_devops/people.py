"""Who uses an organisation, and what a personal access token lets them do."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(slots=True)
class User:
    """An account. `pat` is its token; `writes` whether it may save work items, `hooks` whether it may subscribe."""

    id: str
    name: str
    mail: str
    pat: str
    expires: datetime | None = None
    writes: bool = True
    hooks: bool = True
    scopes: frozenset[str] = field(default_factory=lambda: frozenset({"vso.work_full", "vso.project"}))

    def ref(self, base: str) -> dict[str, Any]:
        """As reads show it."""
        return {
            "displayName": self.name,
            "url": f"{base}/_apis/Identities/{self.id}",
            "_links": {"avatar": {"href": f"{base}/_apis/GraphProfile/MemberAvatars/aad.{self.id}"}},
            "id": self.id,
            "uniqueName": self.mail,
            "imageUrl": f"{base}/_apis/GraphProfile/MemberAvatars/aad.{self.id}",
            "descriptor": f"aad.{self.id}",
        }

    @property
    def text(self) -> str:
        """As service hooks show it."""
        return f"{self.name} <{self.mail}>"
