"""What a connection to Azure DevOps asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.azure_devops.tracker import AzureDevOpsTracker
from rallypoint.connectors.oauth import Bearer, asked, granted
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.tools import Access, Asked, Tool

SCOPE = "499b84ac-1321-427f-aa17-267ca6975798/.default"
"""Azure DevOps as Entra calls it, with all that the application was given there."""

EXAMPLE_TOKENS = "https://login.microsoftonline.com/your-tenant/oauth2/v2.0/token"


def make(given: Access, egress: Egress) -> AzureDevOpsTracker:
    """Raises Invalid when neither a token nor an application of Entra is given whole."""
    token, grant = given.secrets.get("token", ""), granted(given, token_url="", scope=SCOPE)
    if not token and grant is None:
        raise Invalid(Problem("token", "is needed, or else an application of Entra"))
    return AzureDevOpsTracker(
        egress,
        base_url=given.base_url,
        token=token,
        bearer=Bearer(egress, "Entra", grant, process_time, given.wallet) if grant is not None else None,
        now=process_time,
        project=str(given.settings.get("project", "") or "").strip(),
    )


TOOL = Tool(
    kind="azure_devops",
    name="Azure DevOps",
    example_url="https://dev.azure.com/your-organisation",
    teaches="docs/connectors/azure-devops.md",
    make=make,
    asked=(
        Asked(
            name="token",
            label="Personal access token",
            help="Of an account of its own, with the scopes Work Items (read & write) and Project and Team (read). "
            "Not needed with an application of Entra.",
            secret=True,
            required=False,
        ),
        Asked(
            name="project",
            label="Project",
            help="Only this project is followed; without it every project that the account sees.",
            required=False,
            example="Payments",
        ),
        *asked(
            token_url=EXAMPLE_TOKENS,
            scope=SCOPE,
            more="Of an application (service principal) of Entra that is a user of the organisation.",
        ),
    ),
)
