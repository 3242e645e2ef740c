"""GitHub Issues: fields, labels, comments, history, changes by poll and by webhook; no private comments, no files."""

from rallypoint.connectors.github.tool import TOOL
from rallypoint.connectors.github.tracker import GitHubTracker

__all__ = ["TOOL", "GitHubTracker"]
