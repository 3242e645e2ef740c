"""Jira: issues of Cloud and Data Center, workflows, comments public and internal, files, history, webhooks."""

from rallypoint.connectors.jira.oauth import Credentials
from rallypoint.connectors.jira.tool import TOOL
from rallypoint.connectors.jira.tracker import JiraTracker

__all__ = ["TOOL", "Credentials", "JiraTracker"]
