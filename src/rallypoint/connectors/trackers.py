"""Every tool whose items can be linked with incidents, by its kind: set-up, lanes and webhooks read this one list."""

from rallypoint.connectors.azure_devops import TOOL as AZURE_DEVOPS
from rallypoint.connectors.github import TOOL as GITHUB
from rallypoint.connectors.jira import TOOL as JIRA
from rallypoint.connectors.pagerduty import TOOL as PAGERDUTY
from rallypoint.connectors.request_tracker import TOOL as REQUEST_TRACKER
from rallypoint.connectors.roundup import TOOL as ROUNDUP
from rallypoint.connectors.servicenow import TOOL as SERVICENOW
from rallypoint.connectors.zendesk import TOOL as ZENDESK
from rallypoint.sync.tools import Tool

TOOLS: dict[str, Tool] = {
    tool.kind: tool for tool in (AZURE_DEVOPS, GITHUB, JIRA, PAGERDUTY, REQUEST_TRACKER, ROUNDUP, SERVICENOW, ZENDESK)
}
