"""An Azure DevOps organisation as far as work items go: work item tracking and service hooks, version 7.1.

Written from the vendor's documentation. Left out: boards, queries with links, permissions by area, the user interface.
"""

from rallypoint.emulators.azure_devops.emulator import (
    CLIENT,
    ENGINEER,
    INTEGRATION,
    LEAD,
    ORGANIZATION,
    PROJECT,
    AzureDevOps,
)

__all__ = ["CLIENT", "ENGINEER", "INTEGRATION", "LEAD", "ORGANIZATION", "PROJECT", "AzureDevOps"]
