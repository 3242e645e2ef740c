"""Figures, and the review of an incident."""

from datetime import timedelta
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from rallypoint import insight
from rallypoint.access import Permission
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.house import MetricsView
from rallypoint.edges.api.words import Moment

routes = Routes("insight and learning")

SIX_WEEKS = timedelta(weeks=6)


class Span(BaseModel):
    model_config = ConfigDict(extra="forbid")

    since: Moment | None = Field(None, description="Six weeks before `until`, if left out.")
    until: Moment | None = Field(None, description="Now, if left out.")
    domain: Annotated[str, Field(min_length=1, max_length=63)] | None = None
    service: Annotated[str, Field(min_length=1, max_length=63)] | None = None


@routes.get("/metrics", permission=Permission.READ_METRICS)
async def metrics(tx: Tx, query: Annotated[Span, Query()]) -> MetricsView:
    """MTTD, MTTA and each MTTR by its full name: n, median and p90 beside the mean; drills and cancelled are out."""
    until = query.until or tx.now
    since = query.since or until - SIX_WEEKS
    found = await insight.metrics(tx, since=since, until=until, domain=query.domain, service=query.service)
    return MetricsView.model_validate(found)
