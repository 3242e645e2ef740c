"""Prometheus sends to us as if we were an Alertmanager."""

from rallypoint.connectors.prometheus.connector import Prometheus

__all__ = ["Prometheus"]
