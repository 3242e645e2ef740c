"""Zendesk Support: tickets with safe updates, public and private comments, files, the incremental export, webhooks."""

from rallypoint.connectors.zendesk.tool import TOOL
from rallypoint.connectors.zendesk.tracker import ZendeskTracker

__all__ = ["TOOL", "ZendeskTracker"]
