"""The sandbox phone: a channel that keeps each message for a screen to show, as the person would have got it."""

from rallypoint.connectors.sandbox.channel import Sandbox, SandboxMessage
from rallypoint.connectors.sandbox.store import inbox

__all__ = ["Sandbox", "SandboxMessage", "inbox"]
