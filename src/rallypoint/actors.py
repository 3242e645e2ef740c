"""Who acts, and from where. Every transaction has one, and so has every line of history."""

from dataclasses import dataclass, field
from enum import StrEnum


class ActorKind(StrEnum):
    PERSON = "person"
    API_KEY = "api key"
    MONITOR = "monitor"
    SYSTEM = "system"
    TOOL = "tool"
    REPORTER = "reporter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who acts (kind, person, name), from where (origin), and what that allows (roles, teams, scopes).

    `origin` is web, api, cli, email, timer, demo, `monitor:<integration>` or `sync:<tool>`.
    `scopes` narrows an API key; None means the roles decide alone.
    """

    kind: ActorKind
    name: str
    origin: str
    person_id: int | None = None
    key_id: int | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    teams: frozenset[int] = field(default_factory=frozenset)
    scopes: frozenset[str] | None = None

    @property
    def is_bot(self) -> bool:
        """A program with a key of its own. A key that belongs to a person acts as that person."""
        return self.kind is ActorKind.API_KEY and self.person_id is None


SYSTEM = Actor(kind=ActorKind.SYSTEM, name="Rallypoint", origin="timer")
ANONYMOUS = Actor(kind=ActorKind.REPORTER, name="someone not signed in", origin="web")


def monitor(name: str) -> Actor:
    """The monitor behind an integration, as the actor of what its alerts cause."""
    return Actor(kind=ActorKind.MONITOR, name=name, origin=f"monitor:{name}")
