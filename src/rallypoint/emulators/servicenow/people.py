"""Who uses an instance."""

from dataclasses import dataclass


@dataclass(slots=True)
class User:
    """Who signs in. Without roles somebody is a caller: sees and comments only what they reported."""

    name: str
    sys_id: str
    password: str
    roles: frozenset[str] = frozenset()
    zone: str = "UTC"
    active: bool = True

    @property
    def admin(self) -> bool:
        return "admin" in self.roles

    @property
    def agent(self) -> bool:
        return self.admin or "itil" in self.roles


SYSTEM = User("system", "", "", frozenset({"admin"}))
"""Jobs and rules write as this one."""
