"""The whole organisation, with people in it, ready to be served."""

import secrets

from starlette.applications import Starlette
from starlette.types import ASGIApp

from rallypoint.emulators.azure_devops.api import Interface
from rallypoint.emulators.azure_devops.hooks import Hooks, Outgoing
from rallypoint.emulators.azure_devops.limits import Limit
from rallypoint.emulators.azure_devops.organization import Organization
from rallypoint.emulators.azure_devops.people import User
from rallypoint.emulators.base import Deliveries, FaultLayer, Faults, MovableClock, Now, control_routes

ORGANIZATION, PROJECT = "fabrikam", "Payments"
INTEGRATION, ENGINEER, LEAD = "rallypoint.sync@fabrikam.example", "noor@fabrikam.example", "sam@fabrikam.example"
PEOPLE = ((INTEGRATION, "Rallypoint Sync"), (ENGINEER, "Noor Haddad"), (LEAD, "Sam Ortiz"))
PAT_BYTES = 39


class AzureDevOps:
    """An organisation of its own with one project: an integration's account, an engineer, a lead.

    Tokens are made anew for each; `tokens` has them by mail. The address to connect to ends with ORGANIZATION.
    """

    def __init__(self, clock: Now, *, seed: int = 1) -> None:
        self.clock = MovableClock(clock)
        outgoing = Outgoing()
        self.faults = Faults()
        self.deliveries: Deliveries = outgoing
        self.organization = Organization(ORGANIZATION, self.clock, seed=seed)
        self.control_token = secrets.token_urlsafe(24)
        self.tokens = {mail: secrets.token_urlsafe(PAT_BYTES) for mail, _ in PEOPLE}
        for mail, name in PEOPLE:
            self.organization.users[mail] = User(self.organization.new_id(), name, mail, self.tokens[mail])
        project = self.organization.add_project(PROJECT)
        project.areas |= {f"{PROJECT}\\Checkout", f"{PROJECT}\\Ledger"}
        self.hooks = Hooks(self.organization, outgoing)
        self.limit = Limit(self.clock)
        interface = Interface(self.organization, self.hooks, self.limit)
        routes = [*control_routes(self, self.control_token), *interface.routes()]
        self._app = FaultLayer(Starlette(routes=routes), self.faults, self.clock)

    @property
    def app(self) -> ASGIApp:
        return self._app
