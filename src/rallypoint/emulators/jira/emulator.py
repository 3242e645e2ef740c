"""A whole site, with people and projects in it, ready to be served."""

from starlette.applications import Starlette
from starlette.types import ASGIApp

from rallypoint.emulators.base import Deliveries, FaultLayer, Faults, MovableClock, Now, Secrets, anew, control_routes
from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira.api import Interface
from rallypoint.emulators.jira.definitions import Edition
from rallypoint.emulators.jira.hooks import Hooks, Outgoing
from rallypoint.emulators.jira.limits import Limits
from rallypoint.emulators.jira.pages import Pages
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.site import Site
from rallypoint.emulators.jira.tokens import Client, Tokens

INTEGRATION, ENGINEER, LEAD, CUSTOMER = "rallypoint.sync", "noor", "sam", "abel"
PROJECT, DESK = "PAY", "HELP"
CLIENT = "KzR7uQ0mVb2nXc5tYp8wLd3sGh6jFa1e"


class Jira:
    """A site of its own, Cloud or Data Center: a software project, a service desk, an integration's account with the
    right to administer webhooks, an engineer, a lead, a customer.

    `tokens` are by name: API tokens on Cloud, personal access tokens on Data Center, where `passwords` has the others.
    """

    def __init__(self, clock: Now, edition: Edition = Edition.CLOUD, *, secret_of: Secrets = anew) -> None:
        self.clock = MovableClock(clock)
        self.faults = Faults()
        outgoing = Outgoing()
        self.deliveries: Deliveries = outgoing
        self.site = Site(self.clock, edition, title=f"Lantern {edition.value}")
        self.control_token, self.client_secret = secret_of("control"), secret_of("client")
        self._people(secret_of)
        self.project = self.site.add_project(
            PROJECT, "Payments", d.SOFTWARE, (("Bug", False), ("Task", False), ("Sub-task", True))
        )
        self.project.components |= {"10200": "Checkout", "10201": "Ledger"}
        self.desk = self.site.add_project(DESK, "Help desk", d.SERVICE_DESK, (("Incident", False),))
        self.oauth = Tokens(self.clock)
        self.oauth.clients[CLIENT] = Client(CLIENT, self.client_secret, INTEGRATION)
        self.hooks = Hooks(self.site, outgoing, self.oauth.clients)
        self.limits = Limits(self.clock, edition)
        self.interface = Interface(self.site, self.hooks, self.limits, self.oauth)
        seen = Pages(self.site, (ENGINEER, LEAD))
        routes = [*control_routes(self, self.control_token), *seen.routes(), *self.interface.routes()]
        self._app = FaultLayer(Starlette(routes=routes), self.faults, self.clock)

    @property
    def app(self) -> ASGIApp:
        return self._app

    @property
    def tokens(self) -> dict[str, str]:
        cloud = self.site.cloud
        return {name: one.secret if cloud else one.pat for name, one in self.site.users.items()}

    @property
    def passwords(self) -> dict[str, str]:
        return {name: one.secret for name, one in self.site.users.items()}

    def mail(self, name: str) -> str:
        return self.site.users[name].mail

    def tick(self) -> None:
        """Sends what waits for another try."""
        self.hooks.pump()

    def _people(self, secret_of: Secrets) -> None:
        for number, (name, title, zone) in enumerate(
            (
                (INTEGRATION, "Rallypoint Sync", "Europe/Berlin"),
                (ENGINEER, "Noor Haddad", "America/New_York"),
                (LEAD, "Sam Ortiz", "UTC"),
                (CUSTOMER, "Abel Tuter", "UTC"),
            )
        ):
            self.site.users[name] = User(
                account=f"{557058 + number}:5b10a2844c20165700ede2{number}g",
                name=name,
                mail=f"{name}@lantern.example",
                title=title,
                secret=secret_of(name),
                pat=secret_of(f"{name} pat"),
                zone=zone,
                admin=name == INTEGRATION,
                customer=name == CUSTOMER,
                roles=frozenset() if name == CUSTOMER else frozenset({"Developers", "Service Desk Team"}),
            )
