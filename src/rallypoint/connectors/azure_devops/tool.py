"""What a connection to Azure DevOps asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.azure_devops.tracker import AzureDevOpsTracker
from rallypoint.egress import Egress
from rallypoint.sync.tools import Access, Asked, Tool


def make(given: Access, egress: Egress) -> AzureDevOpsTracker:
    return AzureDevOpsTracker(
        egress,
        base_url=given.base_url,
        token=given.secrets.get("token", ""),
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
            help="Of an account of its own, with the scopes Work Items (read & write) and Project and Team (read).",
            secret=True,
        ),
        Asked(
            name="project",
            label="Project",
            help="Only this project is followed; without it every project that the account sees.",
            required=False,
            example="Payments",
        ),
    ),
)
