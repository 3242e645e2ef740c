"""The whole instance, with people in it, ready to be served."""

from typing import Any

from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import ASGIApp

from rallypoint.emulators.base import Deliveries, FaultLayer, Faults, MovableClock, Now, Secrets, anew, control_routes
from rallypoint.emulators.servicenow.api import Interface
from rallypoint.emulators.servicenow.hooks import BusinessRule, Hook
from rallypoint.emulators.servicenow.instance import Instance
from rallypoint.emulators.servicenow.limits import RateLimit
from rallypoint.emulators.servicenow.pages import Pages
from rallypoint.emulators.servicenow.tokens import Client, Tokens

INTEGRATION_USER, AGENT, CALLER, ADMIN = "rallypoint.sync", "beth.anglin", "abel.tuter", "admin"
CLIENT = "c0ffee5eed0a4b1e8a7d3f2b1c0d9e8f"


class ServiceNow:
    """An instance of its own: an integration's account, an agent, a caller, an administrator, two groups.

    Passwords are made anew for each instance, unless `secret_of` says them; `passwords` has them by user name. Faults,
    held webhooks and the clock are set on the members; `instance` has the records, rights and properties.
    """

    def __init__(self, clock: Now, *, seed: int = 1, secret_of: Secrets = anew) -> None:
        self.clock = MovableClock(clock)
        self.faults, self.deliveries = Faults(), Deliveries()
        self.instance = Instance(self.clock, seed=seed)
        self.passwords = {name: secret_of(name) for name in (INTEGRATION_USER, AGENT, CALLER, ADMIN)}
        self.client_secret, self.control_token = secret_of("client"), secret_of("control")
        self._people()
        self.tokens = Tokens(self.clock, self.instance.users)
        self.tokens.clients[CLIENT] = Client(CLIENT, self.client_secret, INTEGRATION_USER)
        self.limit = RateLimit(self.clock)
        self.rule = BusinessRule(self.instance, self.deliveries)
        routes: list[Route] = Interface(self.instance, self.tokens, self.limit).routes()
        routes += Pages(self.instance, (AGENT, CALLER)).routes()
        self._app = FaultLayer(
            Starlette(routes=[*routes, *control_routes(self, self.control_token)]), self.faults, self.clock
        )

    @property
    def app(self) -> ASGIApp:
        return self._app

    def tell(self, url: str, secret: str) -> None:
        """From now on the business rule posts changes there."""
        self.rule.hook = Hook(url, secret)

    def kept(self) -> dict[str, Any]:
        """Everything that happened in it, for `take_up`."""
        return self.instance.kept()

    def take_up(self, kept: dict[str, Any]) -> None:
        """Go on where another one was."""
        self.instance.take_up(kept)

    def sys_id(self, user: str) -> str:
        return self.instance.users[user].sys_id

    def group(self, name: str) -> str:
        """The sys_id of a group by its name."""
        return next(r["sys_id"] for r in self.instance.tables["sys_user_group"].values() if r["name"] == name)

    def _people(self) -> None:
        for name, title, roles, zone in (
            (INTEGRATION_USER, "Rallypoint Sync", {"itil", "integration"}, "UTC"),
            (AGENT, "Beth Anglin", {"itil"}, "America/Los_Angeles"),
            (CALLER, "Abel Tuter", set[str](), "Europe/Berlin"),
            (ADMIN, "System Administrator", {"admin"}, "UTC"),
        ):
            self.instance.add_user(
                name,
                password=self.passwords[name],
                title=title,
                email=f"{name}@example.com",
                roles=frozenset(roles),
                zone=zone,
            )
        for group in ("Service Desk", "Software"):
            self.instance.store("sys_user_group", {"name": group})
        self.instance.store("cmdb_ci", {"name": "Payments"})
