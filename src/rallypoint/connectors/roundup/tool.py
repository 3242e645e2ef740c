"""What a connection to Roundup asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.roundup.api import Credentials
from rallypoint.connectors.roundup.tracker import CLASS, Audience, RoundupTracker
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.tools import Access, Asked, Tool


def make(given: Access, egress: Egress) -> RoundupTracker:
    """Raises Invalid for an audience or a class that cannot be."""
    of, audience = str(given.settings.get("class", "") or CLASS), str(given.settings.get("audience", "") or "unknown")
    if not of.isidentifier():
        raise Invalid(Problem("class", "must be the name of a class in the tracker's schema", CLASS))
    if audience not in list(Audience):
        raise Invalid(Problem("audience", f"must be one of {', '.join(Audience)}", Audience.TEAM))
    return RoundupTracker(
        egress,
        base_url=given.base_url,
        credentials=Credentials(user=str(given.settings.get("user", "")), password=given.secrets.get("password", "")),
        now=process_time,
        of=of,
        audience=Audience(audience),
    )


TOOL = Tool(
    kind="roundup",
    name="Roundup",
    example_url="https://example.org/tracker",
    teaches="docs/connectors/roundup.md",
    make=make,
    asked=(
        Asked(name="user", label="User", help="An account of its own for Rallypoint.", example="rallypoint"),
        Asked(name="password", label="Password", secret=True),
        Asked(
            name="audience",
            label="Who reads messages there",
            help="everyone: they count as public. team: as internal, and internal comments go there. "
            "Left empty, theirs arrive as internal and only public ones of ours go there.",
            required=False,
            example=Audience.TEAM,
        ),
        Asked(
            name="class",
            label="Class",
            help=f"Whose items are linked; {CLASS} unless told otherwise.",
            required=False,
            example=CLASS,
        ),
    ),
)
