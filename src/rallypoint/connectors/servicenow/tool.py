"""What a connection to ServiceNow asks for, and its tracker."""

from dataclasses import replace

from rallypoint.clock import process_time
from rallypoint.connectors.oauth import asked, granted
from rallypoint.connectors.servicenow.api import Credentials
from rallypoint.connectors.servicenow.tracker import ServiceNowTracker
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.tools import Access, Asked, Tool

DEFAULT_TABLE = "incident"
TOKENS = "/oauth_token.do"


def make(given: Access, egress: Egress) -> ServiceNowTracker:
    """Raises Invalid when neither a user with a password nor an OAuth client is given whole."""
    user, password = str(given.settings.get("user", "")), given.secrets.get("password", "")
    grant = granted(given, token_url=given.base_url.rstrip("/") + TOKENS)
    if grant is not None and user and password:
        grant = replace(grant, user=user, password=password)
    if grant is None and not (user and password):
        raise Invalid(Problem("user", "is needed with a password, or else an OAuth client", "rallypoint.sync"))
    return ServiceNowTracker(
        egress,
        base_url=given.base_url,
        credentials=Credentials(user=user, password=password, grant=grant),
        now=process_time,
        wallet=given.wallet,
        table=str(given.settings.get("table", "") or DEFAULT_TABLE),
    )


TOOL = Tool(
    kind="servicenow",
    name="ServiceNow",
    example_url="https://example.service-now.com",
    teaches="docs/connectors/servicenow.md",
    make=make,
    asked=(
        Asked(
            name="user",
            label="User",
            help="An account of its own for Rallypoint; not needed with OAuth client credentials.",
            required=False,
            example="rallypoint.sync",
        ),
        Asked(name="password", label="Password", secret=True, required=False),
        Asked(
            name="table",
            label="Table",
            help=f"Whose records are linked; {DEFAULT_TABLE} unless told otherwise.",
            required=False,
            example=DEFAULT_TABLE,
        ),
        *asked(
            token_url=f"https://example.service-now.com{TOKENS}",
            more="Of an application in System OAuth › Application Registry, instead of user and password or with them.",
        ),
    ),
)
