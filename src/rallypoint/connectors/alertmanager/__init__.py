"""Alertmanager's webhook receiver, version 4."""

from rallypoint.connectors.alertmanager.connector import Alertmanager

__all__ = ["Alertmanager"]
