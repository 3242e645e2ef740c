"""Anything that can POST JSON."""

from rallypoint.connectors.generic.connector import Generic

__all__ = ["Generic"]
