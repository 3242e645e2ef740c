"""The status page: what the public may see, in public words, in the format that other programs already read.

Its tables hold nothing internal. An incident appears here when somebody publishes an update for the public, and leaves
when it is resolved. Others use the functions of `actions` (verbs) and `views` (reads).
"""

from rallypoint.statuspage.actions import (
    about,
    add_component,
    components,
    configure,
    set_title,
    update_component,
)
from rallypoint.statuspage.model import Component, ComponentStatus, PublicStatus, StatusIncident, StatusView
from rallypoint.statuspage.reactions import publish
from rallypoint.statuspage.views import (
    components_json,
    history_atom,
    history_rss,
    incident_view,
    incidents_json,
    of_incident,
    page,
    scheduled_maintenances,
    status,
    summary,
    unresolved,
)

__all__ = [
    "Component",
    "ComponentStatus",
    "PublicStatus",
    "StatusIncident",
    "StatusView",
    "about",
    "add_component",
    "components",
    "components_json",
    "configure",
    "history_atom",
    "history_rss",
    "incident_view",
    "incidents_json",
    "of_incident",
    "page",
    "publish",
    "scheduled_maintenances",
    "set_title",
    "status",
    "summary",
    "unresolved",
    "update_component",
]
