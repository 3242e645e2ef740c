"""Whatever speaks PagerDuty's Events API v2 speaks to us."""

from rallypoint.connectors.pagerduty.connector import PagerDuty, routing_key

__all__ = ["PagerDuty", "routing_key"]
