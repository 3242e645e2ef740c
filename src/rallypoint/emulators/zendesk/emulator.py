"""The whole account, with people in it, ready to be served."""

from typing import Any

from starlette.applications import Starlette
from starlette.types import ASGIApp

from rallypoint.emulators.base import Deliveries, FaultLayer, Faults, MovableClock, Now, Secrets, anew, control_routes
from rallypoint.emulators.zendesk import definitions as d
from rallypoint.emulators.zendesk.api import Interface
from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.limits import Limits
from rallypoint.emulators.zendesk.pages import Pages
from rallypoint.emulators.zendesk.people import Group, Organization, Token
from rallypoint.emulators.zendesk.tokens import Client, Tokens
from rallypoint.emulators.zendesk.webhooks import Outgoing, Webhooks

INTEGRATION, AGENT, LEAD = "rallypoint.sync@lantern.example", "noor@lantern.example", "sam@lantern.example"
CUSTOMER = "mira@customer.example"
PEOPLE = (
    (INTEGRATION, "Rallypoint Sync", "admin"),
    (AGENT, "Noor Haddad", "agent"),
    (LEAD, "Sam Ortiz", "admin"),
    (CUSTOMER, "Mira Kovač", "end-user"),
)
CLIENT = "rallypoint"
GROUPS = ("Support", "Payments")


class Zendesk:
    """An account of its own: an integration, an agent, a lead, a customer; groups, fields and one ticket form.

    Tokens are made anew for each, unless `secret_of` says them. `api_token` goes with anybody's mail; `bearers` has an
    OAuth token by mail.
    """

    def __init__(self, clock: Now, *, seed: int = 1, secret_of: Secrets = anew) -> None:
        self.clock = MovableClock(clock)
        outgoing = Outgoing()
        self.faults = Faults()
        self.deliveries: Deliveries = outgoing
        self.desk = Desk(self.clock, seed=seed)
        self.control_token = secret_of("control")
        self.api_token = secret_of("api")
        self._furnish()
        self.bearers = {one.email: secret_of(one.email) for one in self.desk.users.values()}
        for mail, value in self.bearers.items():
            found = self.desk.by_email(mail)
            assert found is not None
            self.desk.tokens[value] = Token(value, found.id)
        self.oauth = Tokens(self.desk)
        self.client_secret = secret_of("client")
        self.oauth.clients[CLIENT] = Client(CLIENT, self.client_secret, self.person(INTEGRATION))
        self.webhooks = Webhooks(self.desk, outgoing)
        self.limits = Limits(self.clock)
        self.interface = Interface(self.desk, self.webhooks, self.limits, {self.api_token})
        seen = Pages(self.desk, (AGENT, LEAD, CUSTOMER))
        routes = [
            *control_routes(self, self.control_token),
            *seen.routes(),
            *self.oauth.routes(),
            *self.interface.routes(),
        ]
        self._app = FaultLayer(Starlette(routes=routes), self.faults, self.clock)

    @property
    def app(self) -> ASGIApp:
        return self._app

    def tick(self) -> None:
        """Sends what waits for another try."""
        self.webhooks.pump()

    def kept(self) -> dict[str, Any]:
        """Everything that happened in it, for `take_up`; webhooks and triggers too, for they have their secret."""
        return {"desk": self.desk.kept(), "webhooks": self.webhooks.kept()}

    def take_up(self, kept: dict[str, Any]) -> None:
        """Go on where another one was."""
        self.desk.take_up(kept["desk"])
        self.webhooks.take_up(kept["webhooks"])

    def person(self, mail: str) -> int:
        """The id of somebody."""
        found = self.desk.by_email(mail)
        assert found is not None
        return found.id

    def _furnish(self) -> None:
        desk, now = self.desk, self.desk.now()
        desk.brand = desk.new_id()
        for place, name in enumerate(GROUPS):
            made = Group(desk.new_id(), name, now, default=place == 0)
            desk.groups[made.id] = made
        company = Organization(desk.new_id(), "Kovač Books", now, ("customer.example",))
        desk.organizations[company.id] = company
        for mail, name, role in PEOPLE:
            groups = tuple(desk.groups) if role != "end-user" else ()
            desk.add_user(name, mail, role, groups=groups, organization=company.id if mail == CUSTOMER else None)
        for category, label in d.STATUS_LABELS:
            status = d.Status(desk.new_id(), category, label, now, default=True)
            desk.statuses[status.id] = status
        for kind, title, required, options in d.SYSTEM_FIELDS:
            rows = [d.Option(desk.new_id(), name, value) for name, value in options]
            one = d.Field(desk.new_id(), kind, title, now, rows, required=required, system=True)
            desk.fields[one.id] = one
        for kind, title, options in d.CUSTOM_FIELDS:
            rows = [d.Option(desk.new_id(), name, value) for name, value in options]
            one = d.Field(desk.new_id(), kind, title, now, rows)
            if kind == "checkbox":
                one.tag = "escalated"
            if kind == "regexp":
                one.regexp = d.SIX_DIGITS.pattern
            desk.fields[one.id] = one
        form = d.Form(desk.new_id(), "Default Ticket Form", list(desk.fields), now, default=True)
        desk.forms[form.id] = form
