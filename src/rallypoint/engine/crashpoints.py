"""The engine's name for the root's places to die at."""

from rallypoint.crashpoints import crashpoint

__all__ = ["crashpoint"]
