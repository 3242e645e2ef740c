"""Insight: the figures about how incidents went, stated so that they can be trusted.

Every time is named by its two anchors, every figure says on how many it rests and what it leaves out.
`metrics(tx, ...)` gives all of them for one window.
"""

from rallypoint.insight.actions import metrics
from rallypoint.insight.model import Adherence, Measure, Metrics, ServiceUptime, WeekPoint
from rallypoint.insight.summary import Trend

__all__ = ["Adherence", "Measure", "Metrics", "ServiceUptime", "Trend", "WeekPoint", "metrics"]
