"""Request Tracker: tickets over REST 2, replies and comments, custom fields, changes by poll and by a scrip."""

from rallypoint.connectors.request_tracker.api import Credentials
from rallypoint.connectors.request_tracker.tool import TOOL
from rallypoint.connectors.request_tracker.tracker import RequestTracker

__all__ = ["TOOL", "Credentials", "RequestTracker"]
