"""Machines talking to us: the receivers of alerts, as a raw ASGI application."""

from rallypoint.edges.hooks.app import Hooks

__all__ = ["Hooks"]
