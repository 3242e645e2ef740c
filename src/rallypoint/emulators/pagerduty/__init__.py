"""An account of PagerDuty as far as incidents go: REST version 2, notes, log, custom fields, webhooks version 3.

Written from the vendor's documentation. Left out: alerts and events, schedules, teams, workflows, the user interface;
nobody is paged.
"""

from rallypoint.emulators.pagerduty.emulator import ENGINEER, INTEGRATION, LEAD, SUBDOMAIN, PagerDuty

__all__ = ["ENGINEER", "INTEGRATION", "LEAD", "SUBDOMAIN", "PagerDuty"]
