"""Lantern as data: people, teams, services and what they need, schedules and policies."""

from dataclasses import dataclass

BERLIN, CHICAGO = "Europe/Berlin", "America/Chicago"


@dataclass(frozen=True, slots=True)
class Member:
    key: str
    name: str
    roles: tuple[str, ...]
    zone: str = BERLIN
    team: str = ""
    lead: bool = False

    @property
    def email(self) -> str:
        return f"{self.key}@lantern.example"


@dataclass(frozen=True, slots=True)
class ServiceOf:
    key: str
    name: str
    description: str
    domain: str
    team: str
    tier: int
    layer: str
    hosting: str = "cloud"
    needs: tuple[str, ...] = ()
    public: str = ""  # name on the status page
    runbook: str = ""


PEOPLE = (
    Member("ines", "Ines Keller", ("admin", "responder"), team="platform", lead=True),
    Member("piotr", "Piotr Nowak", ("responder",), team="platform"),
    Member("hana", "Hana Sato", ("responder",), team="platform"),
    Member("marcus", "Marcus Bell", ("responder",), CHICAGO, "platform"),
    Member("priya", "Priya Nair", ("responder",), CHICAGO, "platform"),
    Member("jonah", "Jonah Reyes", ("responder",), CHICAGO, "commerce", lead=True),
    Member("adaeze", "Adaeze Obi", ("responder",), team="commerce"),
    Member("maren", "Maren Vogt", ("responder",), team="commerce"),
    Member("tomas", "Tomás Ferreira", ("responder",), team="commerce"),
    Member("oskar", "Oskar Lind", ("responder",), team="data", lead=True),
    Member("aylin", "Aylin Demir", ("responder",), team="data"),
    Member("grace", "Grace Whitfield", ("responder",), CHICAGO, "data"),
    Member("dana", "Dana Kowalczyk", ("desk2", "manager"), team="desk", lead=True),
    Member("lukas", "Lukas Brandt", ("desk1",), team="desk"),
    Member("sofia", "Sofia Marchetti", ("stakeholder", "responder")),
    Member("henrik", "Henrik Baum", ("stakeholder",)),
    Member("wanda", "Wanda Mazur", ("reporter",)),
)

TEAMS = (
    ("commerce", "Commerce", BERLIN),
    ("platform", "Platform", BERLIN),
    ("data", "Data", BERLIN),
    ("desk", "Service desk", BERLIN),
)

SERVICES = (
    ServiceOf("postgres-eu", "postgres-eu", "The order database in Frankfurt.", "production", "platform", 1, "data",
              runbook="Connections on postgres-eu"),
    ServiceOf("identity", "identity", "Sign-in, passkeys and sessions of customers.", "production", "platform", 1,
              "application", needs=("postgres-eu",), public="Sign-in", runbook="Sign-in is failing"),
    ServiceOf("payments", "payments", "Card and wallet payments through two processors.", "production", "commerce", 1,
              "application", needs=("postgres-eu",), public="Payments", runbook="Payment errors"),
    ServiceOf("catalogue", "catalogue", "Products, prices and pictures.", "production", "commerce", 2, "application",
              needs=("postgres-eu",), public="Catalogue"),
    ServiceOf("search", "search", "Product search and its index.", "production", "data", 2, "application",
              needs=("catalogue",), public="Search", runbook="Search index is behind"),
    ServiceOf("cdn", "cdn", "Pictures and scripts close to customers.", "production", "platform", 2, "network", "saas"),
    ServiceOf("checkout", "checkout", "From basket to paid order.", "production", "commerce", 1, "application",
              needs=("payments", "identity"), public="Checkout", runbook="Checkout is slow"),
    ServiceOf("storefront", "storefront", "The shop as customers see it.", "production", "commerce", 1, "application",
              needs=("catalogue", "search", "checkout", "cdn"), public="Shop"),
    ServiceOf("warehouse-api", "warehouse-api", "Orders to packing, labels and stock.", "it-service", "platform", 2,
              "application", "hybrid", needs=("postgres-eu",), public="Delivery", runbook="Orders do not reach packing"),
    ServiceOf("mail", "mail", "Order confirmations and newsletters.", "it-service", "platform", 3, "vendor", "saas",
              public="E-mail"),
    ServiceOf("analytics", "analytics", "Figures for the people who run the shop.", "it-service", "data", 4, "data",
              needs=("postgres-eu",)),
    ServiceOf("status-site", "status-site", "The public status page.", "production", "platform", 3, "application"),
)  # fmt: skip

# Schedule: key, name, team, zone, hand-over (local hour), people in turn, length in days.
SCHEDULES = (
    ("commerce", "Commerce, first line", "commerce", BERLIN, "weekly", 9, ("jonah", "adaeze", "maren", "tomas")),
    (
        "commerce-backup",
        "Commerce, second line",
        "commerce",
        BERLIN,
        "weekly",
        9,
        ("maren", "tomas", "jonah", "adaeze"),
    ),
    ("platform", "Platform, first line", "platform", BERLIN, "weekly", 9, ("ines", "piotr", "hana")),
    ("platform-chicago", "Platform, Chicago", "platform", CHICAGO, "weekly", 9, ("marcus", "priya")),
    ("data", "Data, first line", "data", BERLIN, "daily", 8, ("oskar", "aylin", "grace")),
    ("desk", "Service desk", "desk", BERLIN, "daily", 8, ("lukas", "dana")),
)

# Policy: key, name, team, steps of (minutes after the step before, targets), repeat.
POLICIES = (
    ("commerce", "Commerce", "commerce",
     ((0, (("schedule", "commerce"),)), (5, (("schedule", "commerce-backup"),)), (10, (("person", "dana"),))), 2),
    ("platform", "Platform", "platform",
     ((0, (("schedule", "platform"),)), (5, (("schedule", "platform-chicago"),)), (10, (("person", "dana"),))), 2),
    ("data", "Data", "data", ((0, (("schedule", "data"),)), (10, (("team", "data"),))), 1),
    ("desk", "Service desk first", "desk", ((0, (("schedule", "desk"),)), (15, (("schedule", "platform"),))), 1),
)  # fmt: skip

POLICY_OF = {
    "storefront": "commerce", "checkout": "commerce", "payments": "commerce", "catalogue": "commerce",
    "search": "data", "analytics": "data",
    "identity": "platform", "postgres-eu": "platform", "cdn": "platform", "status-site": "platform",
    "warehouse-api": "desk", "mail": "desk",
}  # fmt: skip
