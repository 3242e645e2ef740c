"""Roundup: issues over its REST interface, messages as comments, files, changes by poll and by a detector."""

from rallypoint.connectors.roundup.api import Credentials
from rallypoint.connectors.roundup.tool import TOOL
from rallypoint.connectors.roundup.tracker import Audience, RoundupTracker

__all__ = ["TOOL", "Audience", "Credentials", "RoundupTracker"]
