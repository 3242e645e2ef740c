"""Promises about time: targets per priority, and a response, a resolution and an update clock per incident.

Clocks are folded from the incident's history by pure rules. Others use `clocks_of`, `clocks_for` and the models.
"""

from rallypoint.sla.actions import clocks_for, clocks_of, recompute
from rallypoint.sla.model import Clock, ClockKind, ClockState, Mark, MarkKind, Target

__all__ = [
    "Clock",
    "ClockKind",
    "ClockState",
    "Mark",
    "MarkKind",
    "Target",
    "clocks_for",
    "clocks_of",
    "recompute",
]
