"""PagerDuty both ways: whatever speaks its Events API v2 speaks to us, and its incidents follow ours over its REST API.

`connector.py` is the sender's parser; the other modules are the tracker.
"""

from rallypoint.connectors.pagerduty.connector import PagerDuty, routing_key
from rallypoint.connectors.pagerduty.tool import TOOL
from rallypoint.connectors.pagerduty.tracker import PagerDutyTracker

__all__ = ["TOOL", "PagerDuty", "PagerDutyTracker", "routing_key"]
