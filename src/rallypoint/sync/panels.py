"""What a remote item shows about its incident: the way back, and whatever the item does not say itself."""

from rallypoint.incidents import Incident
from rallypoint.sync.mapping import Direction, Mapping
from rallypoint.sync.ports import Panel

TITLE_LONGEST = 200


def panel_of(incident: Incident, mapping: Mapping, *, base_url: str) -> Panel:
    """Pure. A title and a status that the mapping carries stand on the item already: repeating them would cost another
    write in every tool for each change, and stay behind for a moment."""
    rule, status = mapping.rule_for("title"), mapping.status
    titled = rule is not None and rule.direction is not Direction.IN
    follows = status is not None and status.direction is not Direction.IN
    title = incident.name if titled else f"{incident.name} {incident.title}"
    return Panel(
        url=f"{base_url}/i/{incident.number}", title=title[:TITLE_LONGEST], status="" if follows else incident.status,
        resolved=not follows and incident.status_category.fixed,
    )  # fmt: skip
