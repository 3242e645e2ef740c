"""Azure DevOps: work items with conditional writes, comments, files, the stream of revisions, service hooks."""

from rallypoint.connectors.azure_devops.tool import TOOL
from rallypoint.connectors.azure_devops.tracker import AzureDevOpsTracker

__all__ = ["TOOL", "AzureDevOpsTracker"]
