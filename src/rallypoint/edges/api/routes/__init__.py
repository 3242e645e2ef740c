"""The routes, by the room they open. ALL is what the app includes, in the order the documentation shows."""

from rallypoint.edges.api.routes import (
    acts,
    alerts,
    catalog,
    command,
    files,
    incidents,
    insight,
    integrations,
    keys,
    oncall,
    people,
    policies,
    reach,
    response,
    review,
    sync,
    sync_history,
)

ALL = tuple(
    module.routes
    for module in (
        incidents,
        acts,
        command,
        response,
        files,
        alerts,
        oncall,
        policies,
        catalog,
        integrations,
        people,
        reach,
        keys,
        sync,
        sync_history,
        review,
        insight,
    )
)
