"""ServiceNow: incidents over the Table API, journals as comments, files, changes by poll and by business rule."""

from rallypoint.connectors.servicenow.api import Credentials
from rallypoint.connectors.servicenow.tool import TOOL
from rallypoint.connectors.servicenow.tracker import ServiceNowTracker

__all__ = ["TOOL", "Credentials", "ServiceNowTracker"]
