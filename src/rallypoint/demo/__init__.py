"""The demo company: Lantern, a web shop with teams in Berlin and Chicago, and six weeks of its history.

Everything in it is made by the same actions a person or a monitor would call, on a ManualClock;
no row is inserted by hand.
"""

from rallypoint.demo.seed import DemoAccess, seed

__all__ = ["DemoAccess", "seed"]
