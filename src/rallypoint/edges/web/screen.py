"""What every page knows beside its own content: who looks, in which zone, at what time, and what stands at the top."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from rallypoint.access import Permission, allows
from rallypoint.actors import ANONYMOUS, Actor
from rallypoint.edges.web.flash import Said


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """The person signed in."""

    person_id: int
    name: str
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NavItem:
    name: str
    to: str
    here: bool = False
    minor: bool = True
    count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disruption:
    """The worst open incident, when it is a P1: one line on every page but Now, Board and its own."""

    number: int
    title: str
    priority: str
    since: datetime
    commander: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Copy:
    name: str
    to: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Screen:
    """Read by templates as `screen`, and by the time and person helpers through SCREEN."""

    now: datetime
    zone: ZoneInfo
    path: str = "/"
    theme: str = ""
    viewer: Viewer | None = None
    actor: Actor = ANONYMOUS
    nav: Sequence[NavItem] = ()
    disruption: Disruption | None = None
    said: Said | None = None
    may_declare: bool = False
    copies: Sequence[Copy] = ()
    live: str = ""
    moment: str = ""
    """When the page was begun, in the words of the hints: its line asks what changed since."""


NOBODY = Screen(now=datetime(1970, 1, 1, tzinfo=UTC), zone=ZoneInfo("UTC"))
"""What a page sees before anything is known; the instant is never shown."""

SCREEN: ContextVar[Screen] = ContextVar("screen", default=NOBODY)

CONFLICTS = "/conflicts"
PLACES: tuple[tuple[str, str, bool, Permission], ...] = (
    ("Now", "/", False, Permission.READ_INCIDENT),
    ("Board", "/board", False, Permission.READ_INCIDENT),
    ("Conflicts", CONFLICTS, True, Permission.WORK_INCIDENT),
    ("On call", "/oncall", False, Permission.READ_ONCALL),
    ("Report", "/report", False, Permission.REPORT),
    ("Services", "/services", True, Permission.READ_CATALOG),
    ("Alerts", "/alerts", True, Permission.READ_ALERTS),
    ("Status page", "/status", True, Permission.PUBLIC),
    ("Learning", "/learning", True, Permission.READ_INCIDENT),
    ("Insight", "/insight", True, Permission.READ_METRICS),
    ("Admin", "/admin", True, Permission.READ_ONCALL),
)
"""Name, address, whether it hides in a phone's menu, and what the page takes (as its route says)."""


def nav(path: str, counts: dict[str, int], actor: Actor) -> tuple[NavItem, ...]:
    """The main list of what somebody may open, with where we are marked.

    An incident's page belongs to the board, its review to Learning. Reporting is for those who cannot declare.
    Conflicts stand there only while some wait; their place at other times is Admin.
    """
    at = "/board" if path.startswith("/i/") else path
    if path.startswith("/i/") and path.endswith("/retrospective"):
        at = "/learning"
    return tuple(
        NavItem(
            name=name,
            to=to,
            minor=minor,
            here=at == to or (to != "/" and at.startswith(to + "/")),
            count=counts.get(to),
        )
        for name, to, minor, needed in PLACES
        if allows(actor, needed) and (to != "/report" or not allows(actor, Permission.DECLARE_INCIDENT))
        if to != CONFLICTS or counts.get(to) or at == to
    )
