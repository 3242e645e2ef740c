"""The whole organisation, with people in it, ready to be served."""

from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp

from rallypoint.emulators.azure_devops.api import Interface
from rallypoint.emulators.azure_devops.entra import Application, Entra
from rallypoint.emulators.azure_devops.hooks import Hooks, Outgoing
from rallypoint.emulators.azure_devops.limits import Limit
from rallypoint.emulators.azure_devops.organization import Organization
from rallypoint.emulators.azure_devops.pages import Pages
from rallypoint.emulators.azure_devops.people import User
from rallypoint.emulators.base import Deliveries, FaultLayer, Faults, MovableClock, Now, Secrets, anew, control_routes

ORGANIZATION, PROJECT = "fabrikam", "Payments"
INTEGRATION, ENGINEER, LEAD = "rallypoint.sync@fabrikam.example", "noor@fabrikam.example", "sam@fabrikam.example"
CLIENT = "b2f0c9a4-6d1e-4f3a-9a55-0c7d3e1f2a68"
"""The application that may act for the integration."""

PEOPLE = ((INTEGRATION, "Rallypoint Sync"), (ENGINEER, "Noor Haddad"), (LEAD, "Sam Ortiz"))


class AzureDevOps:
    """An organisation of its own with one project: an integration's account, an engineer, a lead.

    Tokens are made anew for each, unless `secret_of` says them; `tokens` has them by mail. The address to connect to
    ends with ORGANIZATION.
    """

    def __init__(self, clock: Now, *, seed: int = 1, secret_of: Secrets = anew) -> None:
        self.clock = MovableClock(clock)
        outgoing = Outgoing()
        self.faults = Faults()
        self.deliveries: Deliveries = outgoing
        self.organization = Organization(ORGANIZATION, self.clock, seed=seed)
        self.control_token = secret_of("control")
        self.tokens = {mail: secret_of(mail) for mail, _ in PEOPLE}
        for mail, name in PEOPLE:
            self.organization.users[mail] = User(self.organization.new_id(), name, mail, self.tokens[mail])
        project = self.organization.add_project(PROJECT)
        project.areas |= {f"{PROJECT}\\Checkout", f"{PROJECT}\\Ledger"}
        self.hooks = Hooks(self.organization, outgoing)
        self.limit = Limit(self.clock)
        self.entra = Entra(self.clock)
        self.client_secret = secret_of("client")
        self.entra.applications[CLIENT] = Application(CLIENT, self.client_secret, INTEGRATION)
        interface = Interface(self.organization, self.hooks, self.limit, self.entra)
        seen = Pages(self.organization, (ENGINEER, LEAD))
        routes = [
            *control_routes(self, self.control_token),
            *self.entra.routes(),
            *seen.routes(),
            *interface.routes(),
        ]
        self._app = FaultLayer(Starlette(routes=routes), self.faults, self.clock)

    @property
    def app(self) -> ASGIApp:
        return self._app

    def allow(self, requests: int | None) -> None:
        """So many requests of an account in five minutes."""
        self.limit.most = requests

    def tick(self) -> None:
        """Sends what waits for another try."""
        self.hooks.pump()

    def kept(self) -> dict[str, Any]:
        """Everything that happened in it, for `take_up`. Subscriptions are made anew by whoever wants to be told."""
        return self.organization.kept()

    def take_up(self, kept: dict[str, Any]) -> None:
        """Go on where another one was."""
        self.organization.take_up(kept)
