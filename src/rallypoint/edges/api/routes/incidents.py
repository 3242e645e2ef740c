"""Incidents: find them, open them, read all that is known about one."""

from typing import Annotated

from fastapi import Query
from pydantic import Field

from rallypoint import catalog, incidents, notify, sla
from rallypoint.access import Permission
from rallypoint.catalog import Impact, Kind, StatusCategory, Urgency
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.incidents import ClockView, EntryView, IncidentView, LinkView, RoleView, shown
from rallypoint.edges.api.views.reaching import IncidentAlertView, PageView
from rallypoint.edges.api.words import (
    Custom,
    Input,
    Key,
    Line,
    Listed,
    Listing,
    Moment,
    Number,
    OptionalLine,
    OptionalText,
    Page,
    Tags,
    paged,
)

routes = Routes("incidents")


class Wanted(Listing):
    q: str = Field("", max_length=200, description="Words in the title, or a number.")
    status_category: StatusCategory | None = None
    service: str = Field("", max_length=63, description="A service's key.")
    domain: str = Field("", max_length=63, description="A domain's key.")
    priority: str = Field("", max_length=20)
    kind: Kind | None = None
    tag: str = Field("", max_length=60, description="Only those with this tag.")
    mine: bool = Field(False, description="Only those I own or command.")
    no_commander: bool = False
    open: bool = Field(False, description="Only those that are not closed, cancelled or merged.")
    drills: bool = Field(False, description="Drills, too.")


class NewIncident(Input):
    title: Line
    kind: Kind = Kind.INCIDENT
    description: OptionalText = ""
    service: Key | None = None
    domain: Key | None = None
    category: Key | None = None
    impact: Impact | None = Field(None, description="Leave out what you do not know: it then counts as the higher.")
    urgency: Urgency | None = None
    reporter_name: OptionalLine = ""
    reporter_contact: OptionalLine = ""
    affected_people: Annotated[int, Field(ge=0, le=2_000_000_000)] | None = None
    impact_started_at: Moment | None = None
    drill: bool = False
    tags: Tags = []
    custom: Custom = Field({}, description="Fields of the incident's domain, by key.")


@routes.get("/incidents", permission=Permission.READ_INCIDENT)
async def list_incidents(tx: Tx, query: Annotated[Wanted, Query()]) -> Page[IncidentView]:
    """Incidents in rank order, those that are over after them."""
    if query.service:
        await catalog.service(tx, query.service)
    if query.domain:
        await catalog.domain(tx, query.domain)
    wanted = incidents.BoardFilter(
        q=query.q,
        status_category=query.status_category or "",
        service=query.service,
        domain=query.domain,
        priority=query.priority,
        kind=query.kind or "",
        tag=query.tag,
        mine=query.mine,
        no_commander=query.no_commander,
        open_only=query.open,
        drills=query.drills,
    )
    found, next_cursor = await incidents.board(tx, filter=wanted, cursor=query.cursor, limit=query.limit)
    return Page(items=[IncidentView.of(r.incident, r) for r in found], next_cursor=next_cursor)


@routes.post("/incidents", permission=Permission.REPORT, status=201)
async def open_incident(tx: Tx, body: NewIncident) -> IncidentView:
    """Log an incident or a service request. An incident of a service with a policy starts paging at once."""
    opened = await incidents.open_incident(tx, **body.model_dump())
    return await shown(tx, opened.number)


@routes.get("/incidents/{number}", permission=Permission.READ_INCIDENT)
async def show_incident(tx: Tx, number: Number) -> IncidentView:
    """The record as it stands, with its rank while it is open."""
    return await shown(tx, number)


class WantedEntries(Listing):
    limit: int = Field(200, ge=1, le=1000)
    key_only: bool = Field(False, description="Only the events that tell the story.")


@routes.get("/incidents/{number}/timeline", permission=Permission.READ_INCIDENT)
async def show_timeline(tx: Tx, number: Number, query: Annotated[WantedEntries, Query()]) -> Page[EntryView]:
    """Every act on the incident: who, from where, when it happened, when it was recorded, why."""
    entries, next_cursor = await incidents.timeline(
        tx, number, key_only=query.key_only, cursor=query.cursor, limit=query.limit
    )
    return Page(items=[EntryView.model_validate(e) for e in entries], next_cursor=next_cursor)


@routes.get("/incidents/{number}/pages", permission=Permission.READ_INCIDENT)
async def show_pages(tx: Tx, number: Number, query: Listed) -> Page[PageView]:
    """Who was paged, by which method, in which state, and why."""
    await incidents.incident(tx, number)
    part, next_cursor = paged(await notify.pages_of(tx, number), query, lambda view: view.page.id)
    return Page(items=[PageView.of(view) for view in part], next_cursor=next_cursor)


@routes.get("/incidents/{number}/alerts", permission=Permission.READ_INCIDENT)
async def show_alerts(tx: Tx, number: Number, query: Listed) -> Page[IncidentAlertView]:
    """The alerts that belong to it, each with the reason."""
    await incidents.incident(tx, number)
    part, next_cursor = paged(await incidents.alerts_of(tx, number), query, lambda joined: joined.alert.id)
    return Page(items=[IncidentAlertView.of(joined) for joined in part], next_cursor=next_cursor)


@routes.get("/incidents/{number}/links", permission=Permission.READ_INCIDENT)
async def show_links(tx: Tx, number: Number, query: Listed) -> Page[LinkView]:
    """What it is linked to elsewhere."""
    await incidents.incident(tx, number)
    part, next_cursor = paged(await incidents.links(tx, number), query, lambda link: link.id)
    return Page(items=[LinkView.model_validate(link) for link in part], next_cursor=next_cursor)


@routes.get("/incidents/{number}/clocks", permission=Permission.READ_INCIDENT)
async def show_clocks(tx: Tx, number: Number, query: Listed) -> Page[ClockView]:
    """Its SLA clocks."""
    await incidents.incident(tx, number)
    clocks = {clock.kind.value: clock for clock in await sla.clocks_of(tx, number)}
    part, next_cursor = paged(list(clocks), query, str)
    return Page(items=[ClockView.model_validate(clocks[kind]) for kind in part], next_cursor=next_cursor)


@routes.get("/incidents/{number}/roles", permission=Permission.READ_INCIDENT)
async def show_roles(tx: Tx, number: Number, query: Listed) -> Page[RoleView]:
    """Who held which role from when to when."""
    await incidents.incident(tx, number)
    part, next_cursor = paged(await incidents.roles(tx, number), query, lambda held: held.id)
    return Page(items=[RoleView.model_validate(held) for held in part], next_cursor=next_cursor)
