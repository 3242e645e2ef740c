"""A Zendesk Support account as far as tickets go: tickets, comments, files, exports, triggers and webhooks.

Written from the vendor's documentation. Left out: views, macros, SLAs, satisfaction, messaging, the agent's screens.
"""

from rallypoint.emulators.zendesk.emulator import AGENT, CUSTOMER, INTEGRATION, LEAD, Zendesk

__all__ = ["AGENT", "CUSTOMER", "INTEGRATION", "LEAD", "Zendesk"]
