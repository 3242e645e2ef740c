"""What a connection to ServiceNow asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.servicenow.api import Credentials
from rallypoint.connectors.servicenow.tracker import ServiceNowTracker
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.tools import Access, Asked, Tool

DEFAULT_TABLE = "incident"


def make(given: Access, egress: Egress) -> ServiceNowTracker:
    """Raises Invalid when neither a user with a password nor an OAuth client is given whole."""
    credentials = Credentials(
        user=str(given.settings.get("user", "")),
        password=given.secrets.get("password", ""),
        client_id=str(given.settings.get("client_id", "")),
        client_secret=given.secrets.get("client_secret", ""),
        refresh_token=given.secrets.get("refresh_token", ""),
    )
    if bool(credentials.client_id) != bool(credentials.client_secret):
        raise Invalid(Problem("client_secret", "is needed together with the client id, and the other way round"))
    if not credentials.client_id and not (credentials.user and credentials.password):
        raise Invalid(Problem("user", "is needed with a password, or else an OAuth client", "rallypoint.sync"))
    return ServiceNowTracker(
        egress,
        base_url=given.base_url,
        credentials=credentials,
        now=process_time,
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
        Asked(name="client_id", label="OAuth client ID", help="Instead of user and password.", required=False),
        Asked(name="client_secret", label="OAuth client secret", secret=True, required=False),
        Asked(
            name="refresh_token",
            label="OAuth refresh token",
            help="Only for an application without client credentials.",
            secret=True,
            required=False,
        ),
        Asked(
            name="table",
            label="Table",
            help=f"Whose records are linked; {DEFAULT_TABLE} unless told otherwise.",
            required=False,
            example=DEFAULT_TABLE,
        ),
    ),
)
