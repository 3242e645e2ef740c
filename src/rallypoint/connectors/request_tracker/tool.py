"""What a connection to Request Tracker asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.request_tracker.api import Credentials
from rallypoint.connectors.request_tracker.shape import DEFAULT_PRIORITIES, DEFAULT_STATUSES, Named
from rallypoint.connectors.request_tracker.tracker import RequestTracker
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.tools import Access, Asked, Tool

EXAMPLE_PRIORITIES = ", ".join(f"{name}={number}" for number, name in DEFAULT_PRIORITIES)


def make(given: Access, egress: Egress) -> RequestTracker:
    """Raises Invalid when neither token nor password is given, and for priorities that cannot be read."""
    token, password = given.secrets.get("token", ""), given.secrets.get("password", "")
    if not (token or password):
        raise Invalid(Problem("token", "a token or a password is needed"))
    statuses = tuple(one.strip() for one in str(given.settings.get("statuses", "") or "").split(",") if one.strip())
    return RequestTracker(
        egress,
        base_url=given.base_url,
        credentials=Credentials(user=str(given.settings.get("user", "")), token=token, password=password),
        now=process_time,
        named=Named(
            statuses=statuses,
            priorities=_priorities(str(given.settings.get("priorities", "") or EXAMPLE_PRIORITIES)),
            tags=str(given.settings.get("tags", "") or Named().tags),
        ),
    )


def _priorities(text: str) -> tuple[tuple[str, str], ...]:
    """(number, name) of each, as in `Low=0, High=100`."""
    pairs = [one.rpartition("=") for one in text.split(",") if one.strip()]
    if not pairs or any(not name.strip() or not number.strip().isdecimal() for name, _, number in pairs):
        raise Invalid(Problem("priorities", "must be names with numbers", EXAMPLE_PRIORITIES))
    return tuple((str(int(number)), name.strip()) for name, _, number in pairs)


TOOL = Tool(
    kind="request_tracker",
    name="Request Tracker",
    example_url="https://rt.example.org",
    teaches="docs/connectors/request-tracker.md",
    make=make,
    asked=(
        Asked(
            name="user",
            label="User",
            help="A privileged account of its own for Rallypoint, with the time zone UTC.",
            example="rallypoint",
        ),
        Asked(
            name="token",
            label="Token",
            help="Logged in as, Settings, Auth Tokens. Or its password.",
            secret=True,
            required=False,
        ),
        Asked(name="password", label="Password", help="Needed only without a token.", secret=True, required=False),
        Asked(
            name="statuses",
            label="Statuses",
            help="Those of the queue's lifecycle, where it is not the one that Request Tracker ships with.",
            required=False,
            example=", ".join(DEFAULT_STATUSES),
        ),
        Asked(
            name="priorities",
            label="Priorities",
            help="Their numbers, where they differ from what Request Tracker ships with.",
            required=False,
            example=EXAMPLE_PRIORITIES,
        ),
        Asked(
            name="tags",
            label="Field for tags",
            help="A custom field with many values that holds tags, if there is one.",
            required=False,
            example="Tags",
        ),
    ),
)
