"""Every tool whose items can be linked with incidents, by its kind: set-up, lanes and webhooks read this one list."""

from rallypoint.sync.tools import Tool

TOOLS: dict[str, Tool] = {}
