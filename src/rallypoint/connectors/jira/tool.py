"""What a connection to Jira asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.jira.oauth import Credentials
from rallypoint.connectors.jira.tracker import JiraTracker
from rallypoint.connectors.oauth import GROUP
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.tools import Access, Asked, Tool


def make(given: Access, egress: Egress) -> JiraTracker:
    """Raises Invalid when neither a token nor an OAuth client is given whole."""
    credentials = Credentials(
        user=str(given.settings.get("user", "") or "").strip(),
        token=given.secrets.get("token", ""),
        client_id=str(given.settings.get("client_id", "") or "").strip(),
        client_secret=given.secrets.get("client_secret", ""),
        refresh_token=given.secrets.get("refresh_token", ""),
    )
    if bool(credentials.client_id) != bool(credentials.client_secret):
        raise Invalid(Problem("client_secret", "is needed together with the client id, and the other way round"))
    if not credentials.client_id and not credentials.token:
        raise Invalid(Problem("token", "is needed, or else an OAuth client"))
    return JiraTracker(
        egress,
        base_url=given.base_url,
        credentials=credentials,
        now=process_time,
        wallet=given.wallet,
        project=str(given.settings.get("project", "") or "").strip(),
        role=str(given.settings.get("role", "") or "").strip(),
    )


TOOL = Tool(
    kind="jira",
    name="Jira",
    example_url="https://example.atlassian.net",
    teaches="docs/connectors/jira.md",
    make=make,
    asked=(
        Asked(
            name="user",
            label="User",
            help="On Cloud the mail address of an account of its own; on Data Center only with a password.",
            required=False,
            example="rallypoint@example.com",
        ),
        Asked(
            name="token",
            label="Token",
            help="On Cloud an API token of that account, on Data Center a personal access token, without a user.",
            secret=True,
            required=False,
        ),
        Asked(
            name="project",
            label="Project",
            help="Its key, if only one is to be followed; without it every project that the account sees.",
            required=False,
            example="PAY",
        ),
        Asked(
            name="role",
            label="Role for private comments",
            help="Outside of service desks: the project role whose members alone read comments that are private here.",
            required=False,
            example="Developers",
        ),
        Asked(
            name="client_id",
            label="Client ID",
            help="On Cloud, instead of user and token.",
            required=False,
            group=GROUP,
        ),
        Asked(name="client_secret", label="Client secret", secret=True, required=False, group=GROUP),
        Asked(
            name="refresh_token",
            label="Refresh token",
            help="Only for an application that a person consented to; a service account's needs none. Jira replaces it "
            "with each use, and the new one is kept.",
            secret=True,
            required=False,
            group=GROUP,
        ),
    ),
)
