"""An incident as Markdown, to paste into a chat, a mail or a ticket. Pure."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from rallypoint.edges.web import story
from rallypoint.edges.web.words import clock_words, duration_words
from rallypoint.ids import incident_name
from rallypoint.incidents import Incident, TimelineEntry


def as_markdown(
    incident: Incident, entries: Sequence[TimelineEntry], zone: ZoneInfo, now: datetime,
    fields: Sequence[tuple[str, str]] = (),
) -> str:  # fmt: skip
    """`fields` are those of the incident's domain: (name, words)."""
    end = incident.restored_at or incident.resolved_at
    since = incident.impact_started_at
    facts = [
        f"# {incident_name(incident.number)} {incident.title}",
        "",
        f"- Priority: {incident.priority} ({incident.priority_reason})",
        f"- Status: {incident.status}",
        f"- Service: {incident.service_name or 'none'}",
        f"- Commander: {incident.commander_name or 'nobody'}",
        f"- Impact: {'start unknown' if since is None else duration_words((end or now) - since)}",
    ]
    if incident.tags:
        facts.append(f"- Tags: {', '.join(incident.tags)}")
    facts += [f"- {name}: {words}" for name, words in fields]
    if incident.workaround:
        facts.append(f"- Workaround: {incident.workaround}")
    if incident.resolution:
        facts.append(f"- Resolution: {incident.resolution}")
    lines = [f"## Timeline ({zone.key})", ""]
    for stop in reversed(story.story(incident, entries, "all")):
        who = f" ({stop.who})" if stop.who else ""
        said = f": {' '.join(stop.said.split())}" if stop.said else ""
        lines.append(f"- {clock_words(stop.at, zone, now, 'long')} **{stop.head}**{who}{said}")
    return "\n".join([*facts, "", *lines, ""])
