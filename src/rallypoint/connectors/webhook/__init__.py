"""Outgoing webhooks, signed as Standard Webhooks says, so that a receiver can verify them with any of its libraries."""

from rallypoint.connectors.webhook.channel import Webhook
from rallypoint.connectors.webhook.signature import signature

__all__ = ["Webhook", "signature"]
