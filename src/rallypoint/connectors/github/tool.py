"""What a connection to GitHub asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.github.tracker import REPOSITORIES_MOST, GitHubTracker, repository_names
from rallypoint.egress import Egress
from rallypoint.errors import Invalid, Problem
from rallypoint.sync.tools import Access, Asked, Tool

EXAMPLE = "your-organisation/payments"


def make(given: Access, egress: Egress) -> GitHubTracker:
    """Raises Invalid where no repository is named, or something that is none."""
    names = repository_names(str(given.settings.get("repository", "") or ""))
    if names is None or not 0 < len(names) <= REPOSITORIES_MOST:
        why = f"must be 1 to {REPOSITORIES_MOST} repositories, as owner/name, with commas between them"
        raise Invalid(Problem("repository", why, EXAMPLE))
    return GitHubTracker(
        egress,
        base_url=given.base_url,
        token=given.secrets.get("token", ""),
        repositories=names,
        now=process_time,
    )


TOOL = Tool(
    kind="github",
    name="GitHub Issues",
    example_url="https://github.com",
    teaches="docs/connectors/github.md",
    make=make,
    asked=(
        Asked(
            name="token",
            label="Fine-grained personal access token",
            help="Of an account of its own, for these repositories, with the permission Issues (read and write).",
            secret=True,
        ),
        Asked(
            name="repository",
            label="Repository",
            help="Whose issues are linked; several with commas between them.",
            example=EXAMPLE,
        ),
    ),
)
