"""What a connection to Zendesk asks for, and its tracker."""

from dataclasses import replace

from rallypoint.clock import process_time
from rallypoint.connectors.oauth import asked, granted
from rallypoint.connectors.zendesk.api import Credentials
from rallypoint.connectors.zendesk.tracker import ZendeskTracker
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.model import Visibility
from rallypoint.sync.tools import Access, Asked, Tool

TOKENS = "/oauth/tokens"
SCOPE = "read write"


def make(given: Access, egress: Egress) -> ZendeskTracker:
    """Raises Invalid when neither an API token with its mail nor an OAuth client is given whole."""
    grant = granted(given, token_url=given.base_url.rstrip("/") + TOKENS, scope=SCOPE)
    credentials = Credentials(
        email=str(given.settings.get("email", "") or "").strip(),
        api_token=given.secrets.get("api_token", ""),
        grant=replace(grant, as_json=True) if grant is not None else None,
    )
    if grant is None and not (credentials.email and credentials.api_token):
        raise Invalid(Problem("api_token", "is needed with the mail of an agent, or else an OAuth client"))
    said = str(given.settings.get("description", "") or "private").strip().lower()
    if said not in ("private", "public"):
        raise Invalid(Problem("description", "must be private or public", "private"))
    return ZendeskTracker(
        egress,
        base_url=given.base_url,
        credentials=credentials,
        now=process_time,
        wallet=given.wallet,
        name=given.key,
        description=Visibility.PUBLIC if said == "public" else Visibility.PRIVATE,
    )


TOOL = Tool(
    kind="zendesk",
    name="Zendesk",
    example_url="https://your-company.zendesk.com",
    teaches="docs/connectors/zendesk.md",
    make=make,
    asked=(
        Asked(
            name="email",
            label="Agent's mail",
            help="Of an account of its own for Rallypoint, an administrator; not needed with an OAuth client.",
            required=False,
            example="rallypoint.sync@your-company.com",
        ),
        Asked(name="api_token", label="API token", secret=True, required=False),
        Asked(
            name="description",
            label="Description of new tickets",
            help="private: an internal note. public: the requester reads it, and is mailed by Zendesk.",
            required=False,
            example="private",
        ),
        *asked(
            token_url=f"https://your-company.zendesk.com{TOKENS}",
            scope=SCOPE,
            more="Of a confidential client in Admin Center › Apps and integrations › APIs › OAuth clients.",
        ),
    ),
)
