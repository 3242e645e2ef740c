"""A ServiceNow instance as far as incidents go: Table, Attachment and Batch API, OAuth, business rules.

Written from the vendor's documentation. Left out: XML, import sets, scoped applications, the user interface.
"""

from rallypoint.emulators.servicenow.emulator import ADMIN, AGENT, CALLER, CLIENT, INTEGRATION_USER, ServiceNow
from rallypoint.emulators.servicenow.hooks import Hook

__all__ = ["ADMIN", "AGENT", "CALLER", "CLIENT", "INTEGRATION_USER", "Hook", "ServiceNow"]
