"""Rallypoint: one incident, one record, one history. ARCHITECTURE.md is the map."""

__version__ = "0.1.0"
