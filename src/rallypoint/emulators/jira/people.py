"""Who uses a site. Cloud knows people by account id, Data Center by name and key."""

from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from rallypoint.emulators.jira.definitions import Edition


@dataclass(slots=True)
class User:
    """An account. `secret` is its API token on Cloud, its password on Data Center; `pat` a personal access token.

    `roles` are names of project roles. A customer sees nothing but the portal. Without `shows_mail` nobody else is
    told the address, as most people have it on Cloud.
    """

    account: str
    name: str
    mail: str
    title: str
    secret: str
    pat: str
    roles: frozenset[str] = frozenset({"Developers", "Service Desk Team"})
    zone: str = "UTC"
    active: bool = True
    admin: bool = False
    writes: bool = True
    customer: bool = False
    shows_mail: bool = True

    def ref(self, base: str, edition: Edition, viewer: "User | None" = None) -> dict[str, Any]:
        """As reads show it to the viewer."""
        cloud = edition is Edition.CLOUD
        picture = {f"{size}x{size}": f"{base}/avatar/{self.account}?size={size}" for size in (48, 24, 16, 32)}
        said: dict[str, Any] = {
            "self": f"{base}/rest/api/2/user?{'accountId' if cloud else 'username'}={self.id(edition)}"
        }
        if cloud:
            said |= {"accountId": self.account, "accountType": "customer" if self.customer else "atlassian"}
        else:
            said |= {"name": self.name, "key": self.key}
        if self.shows_mail or viewer is self:
            said["emailAddress"] = self.mail
        return said | {"avatarUrls": picture, "displayName": self.title, "active": self.active, "timeZone": self.zone}

    def id(self, edition: Edition) -> str:
        return self.account if edition is Edition.CLOUD else self.name

    def inner(self, edition: Edition) -> str:
        """As the history names it."""
        return self.account if edition is Edition.CLOUD else self.key

    @property
    def key(self) -> str:
        """On Data Center those who came later have keys that are not their names."""
        return f"JIRAUSER{10100 + sum(map(ord, self.name)) % 900}"

    @property
    def tz(self) -> ZoneInfo:
        return ZoneInfo(self.zone)
