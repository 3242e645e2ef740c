"""The whole host, with people in it, ready to be served."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from rallypoint.emulators.base import (
    Deliveries,
    FaultLayer,
    Faults,
    MovableClock,
    Now,
    Secrets,
    anew,
    control_routes,
)
from rallypoint.emulators.github.api import Interface
from rallypoint.emulators.github.forge import Forge
from rallypoint.emulators.github.hooks import Hooks, Outgoing
from rallypoint.emulators.github.limits import Limit
from rallypoint.emulators.github.pages import Pages
from rallypoint.emulators.github.people import Right, User

REPOSITORY, PUBLIC = "lantern/payments", "lantern/handbook"
INTEGRATION, ENGINEER, LEAD, STRANGER = "rallypoint-sync", "noor-haddad", "sam-ortiz", "passer-by"
MOST = 5000
PEOPLE = (
    (INTEGRATION, "Rallypoint Sync", Right.ADMIN),
    (ENGINEER, "Noor Haddad", Right.WRITE),
    (LEAD, "Sam Ortiz", Right.ADMIN),
    (STRANGER, "Kim Passer", Right.NONE),
)


class GitHub:
    """A host of its own with a private repository and a public one; an integration's account, an engineer, a lead.

    Tokens are made anew for each; `tokens` has them by login. Renaming, deleting and moving issues, which are done on
    the web there, are methods of `forge`.
    """

    def __init__(self, clock: Now, *, secret_of: Secrets = anew) -> None:
        self.clock = MovableClock(clock)
        outgoing = Outgoing()
        self.faults = Faults()
        self.deliveries: Deliveries = outgoing
        self.forge = Forge(self.clock)
        self.control_token = secret_of("control")
        self.tokens = {login: f"github_pat_{secret_of(login)}" for login, _, _ in PEOPLE}
        self.repository = self.forge.add_repository(REPOSITORY)
        self.public = self.forge.add_repository(PUBLIC, private=False)
        for number, (login, name, right) in enumerate(PEOPLE, start=11):
            self.forge.users[login] = User(number, login, name, self.tokens[login], f"{login}@lantern.example")
            for place in (self.repository, self.public):
                if right:
                    place.rights[login] = right
        for label in ("bug", "incident", "p1", "p2"):
            self.forge.add_label(self.repository, label)
        for title in ("Now", "Next"):
            self.forge.add_milestone(self.repository, title)
        self.hooks = Hooks(self.forge, outgoing)
        self.limit = Limit(self.clock)
        interface = Interface(self.forge, self.hooks, self.limit)
        seen = Pages(self.forge, (ENGINEER, LEAD))
        routes = [*control_routes(self, self.control_token), *interface.routes(), *seen.routes()]
        self._app = FaultLayer(Starlette(routes=routes), self.faults, self.clock)

    @property
    def app(self) -> ASGIApp:
        return self._app

    def allow(self, requests: int | None) -> None:
        """So many requests of an account in an hour."""
        self.limit.per_hour = MOST if requests is None else requests
