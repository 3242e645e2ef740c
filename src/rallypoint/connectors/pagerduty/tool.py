"""What a connection to PagerDuty asks for, and its tracker."""

from rallypoint.clock import process_time
from rallypoint.connectors.pagerduty.tracker import PagerDutyTracker
from rallypoint.egress import Egress
from rallypoint.sync.tools import Access, Asked, Tool


def make(given: Access, egress: Egress) -> PagerDutyTracker:
    services = str(given.settings.get("service", "") or "").split(",")
    return PagerDutyTracker(
        egress,
        base_url=given.base_url,
        key=given.secrets.get("key", ""),
        mail=str(given.settings.get("mail", "") or "").strip(),
        services=tuple(one.strip() for one in services if one.strip()),
        now=process_time,
    )


TOOL = Tool(
    kind="pagerduty",
    name="PagerDuty",
    example_url="https://your-company.pagerduty.com",
    teaches="docs/connectors/pagerduty-incidents.md",
    make=make,
    asked=(
        Asked(
            name="key",
            label="API key",
            help="A key of a user of its own for Rallypoint, or one of the account.",
            secret=True,
        ),
        Asked(
            name="mail",
            label="E-mail of the user",
            help="In whose name is written. Needed with a key of the account; a user's own key says it.",
            required=False,
            example="rallypoint@example.org",
        ),
        Asked(
            name="service",
            label="Service",
            help="Only incidents of this service are followed; several with commas between them. Without it all.",
            required=False,
            example="Payments",
        ),
    ),
)
