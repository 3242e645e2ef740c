"""The whole account, with people in it, ready to be served."""

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
from rallypoint.emulators.pagerduty.account import Account, CustomField, Policy, Priority, Service
from rallypoint.emulators.pagerduty.api import Interface
from rallypoint.emulators.pagerduty.hooks import Hooks, Outgoing
from rallypoint.emulators.pagerduty.limits import Limit
from rallypoint.emulators.pagerduty.pages import Pages
from rallypoint.emulators.pagerduty.people import Key, User

SUBDOMAIN = "lantern"
INTEGRATION, ENGINEER, LEAD = "rallypoint@lantern.example", "noor@lantern.example", "sam@lantern.example"
PEOPLE = (
    (INTEGRATION, "Rallypoint Sync", "admin"),
    (ENGINEER, "Noor Haddad", "user"),
    (LEAD, "Sam Ortiz", "owner"),
)
MOST = 960
PRIORITIES = ("P1", "P2", "P3", "P4", "P5")


class PagerDuty:
    """An account of its own: an integration's user, an engineer, a lead; two services; priorities; two custom fields.

    Keys are made anew for each; `keys` has them by mail, and `account_key` is one that is nobody's own.
    """

    def __init__(self, clock: Now, *, seed: int = 1, secret_of: Secrets = anew) -> None:
        self.clock = MovableClock(clock)
        outgoing = Outgoing()
        self.faults = Faults()
        self.deliveries: Deliveries = outgoing
        self.account = Account(SUBDOMAIN, self.clock, seed=seed)
        self.control_token = secret_of("control")
        self.account_key = Key(secret_of("account"))
        self.keys: dict[str, Key] = {}
        for mail, name, role in PEOPLE:
            user = User(self.account.new_id(), name, mail, role)
            self.account.users[user.id] = user
            self.keys[mail] = Key("u+" + secret_of(mail), user)
        policy = Policy(self.account.new_id(), "Payments on call", [self.user(ENGINEER), self.user(LEAD)])
        self.account.policies[policy.id] = policy
        for name in ("Payments", "Storefront"):
            service = Service(self.account.new_id(), name, policy)
            self.account.services[service.id] = service
        self.account.priorities = [Priority(self.account.new_id(), name) for name in PRIORITIES]
        for name, display, options in (
            ("customer_impact", "Customer impact", None),
            ("environment", "Environment", ["production", "staging"]),
        ):
            made = CustomField(self.account.new_id(), name, display, options=options)
            self.account.fields[made.id] = made
        self.hooks = Hooks(self.account, outgoing)
        self.limit = Limit(self.clock)
        interface = Interface(self.account, [self.account_key, *self.keys.values()], self.hooks, self.limit)
        seen = Pages(self.account, (ENGINEER, LEAD))
        routes = [*control_routes(self, self.control_token), *seen.routes(), *interface.routes()]
        self._app = FaultLayer(Starlette(routes=routes), self.faults, self.clock)

    @property
    def app(self) -> ASGIApp:
        return self._app

    def allow(self, requests: int | None) -> None:
        """So many requests of a key in a minute."""
        self.limit.per_minute = MOST if requests is None else requests

    def tick(self) -> None:
        """What goes by itself: timeouts of services, deliveries that are tried again."""
        self.account.tick()
        self.hooks.pump()

    def user(self, mail: str) -> User:
        return next(one for one in self.account.users.values() if one.email == mail)

    def service(self, name: str) -> Service:
        return next(one for one in self.account.services.values() if one.name == name)

    def priority(self, name: str) -> Priority:
        return next(one for one in self.account.priorities if one.name == name)
