"""A Zendesk Support account as far as tickets go: tickets, comments, files, exports, triggers and webhooks.

Written from the vendor's documentation. Left out: views, macros, SLAs, satisfaction, messaging, the agent's screens.
"""

from rallypoint.emulators.zendesk.emulator import AGENT, CLIENT, CUSTOMER, INTEGRATION, LEAD, Zendesk

__all__ = ["AGENT", "CLIENT", "CUSTOMER", "INTEGRATION", "LEAD", "Zendesk"]
