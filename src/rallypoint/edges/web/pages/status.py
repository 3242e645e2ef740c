"""The public status page, its feeds, and the Statuspage-format JSON that other programs already read."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from rallypoint import access, statuspage
from rallypoint.access import Permission
from rallypoint.actors import SYSTEM
from rallypoint.db import Transaction
from rallypoint.edges.web import visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import Copy
from rallypoint.statuspage import ComponentStatus
from rallypoint.statuspage.model import ComponentView, DayCell, PastDay, StatusIncident

BAR = {"ok": 9, "part": 14, "out": 28, "none": 6}


def bar(cell: DayCell) -> dict[str, object]:
    """One day: taller is worse, so it reads in grey."""
    match cell.worst:
        case None:
            kind = "none"
        case ComponentStatus.OPERATIONAL | ComponentStatus.UNDER_MAINTENANCE:
            kind = "ok"
        case ComponentStatus.DEGRADED:
            kind = "part"
        case _:
            kind = "out"
    words = "not watched yet" if cell.worst is None else cell.worst.words.lower()
    return {"kind": kind, "height": BAR[kind], "title": f"{cell.day:%-d %B}: {words}"}


def days_say(view: ComponentView) -> str:
    """The 90 days of a component as a sentence, for those who do not see the bars."""
    kinds = [str(bar(cell)["kind"]) for cell in view.cells]
    down, partly = kinds.count("out"), kinds.count("part")
    trouble = f"{down} days down, {partly} days partly" if down or partly else "no trouble"
    return f"{view.component.name}, last {len(view.cells)} days: {trouble}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A day with what began on it, or a run of days on which nothing did."""

    words: str
    incidents: tuple[StatusIncident, ...] = ()


def past(days: Sequence[PastDay]) -> list[Past]:
    """Days newest first; quiet ones in a row become one line."""
    found = []
    for quiet, run in groupby(days, key=lambda day: not day.incidents):
        some = list(run)
        if not quiet:
            found += [Past(words=f"{d.day:%a %-d %b}", incidents=d.incidents) for d in some]
        elif len(some) == 1:
            found.append(Past(words=f"{some[0].day:%a %-d %b}"))
        else:
            found.append(Past(words=f"{some[-1].day:%-d %b} – {some[0].day:%-d %b}"))
    return found


def title_of(name: str) -> str:
    """The page's name, which may say already that it is about status."""
    return name if "status" in name.lower() else f"{name} status"


@page("/status", permission=Permission.PUBLIC)
async def show(request: Request) -> Response:
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        view = await statuspage.page(tx)
    visit.update(
        request, zone=visit.zone(view.page.time_zone) if visit.of(request).zone.key == "UTC" else visit.of(request).zone
    )
    return await render(
        request,
        "status.html",
        live="statuspage",
        copies=(Copy(name="JSON", to="/status/api/v2/summary.json"),),
        view=view,
        title=title_of(view.page.name),
        past=past(view.past),
        rows=[(c, [bar(cell) for cell in c.cells], days_say(c)) for c in view.components],
        may_publish=access.allows(visit.of(request).actor, Permission.PUBLISH_UPDATE),
    )


@page("/status/incidents/{public_id}", permission=Permission.PUBLIC)
async def incident(request: Request) -> Response:
    async with visit.house(request).db.transaction(SYSTEM) as tx:
        found = await statuspage.incident_view(tx, request.path_params["public_id"])
        own = await statuspage.about(tx)
    return await render(request, "status_incident.html", live="statuspage", p=found, title=title_of(own.name))


Read = Callable[..., Awaitable[dict[str, Any]]]
DOCUMENTS: dict[str, Read] = {
    "summary.json": statuspage.summary,
    "status.json": statuspage.status,
    "components.json": statuspage.components_json,
    "incidents.json": statuspage.incidents_json,
    "incidents/unresolved.json": statuspage.unresolved,
    "scheduled-maintenances.json": statuspage.scheduled_maintenances,
    "scheduled-maintenances/upcoming.json": statuspage.scheduled_maintenances,
    "scheduled-maintenances/active.json": statuspage.scheduled_maintenances,
}
OPEN_TO_ALL = {"access-control-allow-origin": "*", "cache-control": "public, max-age=10"}


@page("/status/api/v2/{document:path}", permission=Permission.PUBLIC)
async def document(request: Request) -> Response:
    read = DOCUMENTS.get(request.path_params["document"])
    if read is None:
        return JSONResponse({"error": "not found"}, 404, headers=OPEN_TO_ALL)
    base = visit.house(request).settings.base_url + "/status"

    async def work(tx: Transaction) -> dict[str, Any]:
        return await read(tx, base_url=base)

    return JSONResponse(await visit.run(request, work, actor=SYSTEM), headers=OPEN_TO_ALL)


@page("/status/history.atom", permission=Permission.PUBLIC)
async def atom(request: Request) -> Response:
    base = visit.house(request).settings.base_url + "/status"
    text = await visit.run(request, lambda tx: statuspage.history_atom(tx, base_url=base), actor=SYSTEM)
    return Response(text, media_type="application/atom+xml", headers=OPEN_TO_ALL)


@page("/status/history.rss", permission=Permission.PUBLIC)
async def rss(request: Request) -> Response:
    base = visit.house(request).settings.base_url + "/status"
    text = await visit.run(request, lambda tx: statuspage.history_rss(tx, base_url=base), actor=SYSTEM)
    return Response(text, media_type="application/rss+xml", headers=OPEN_TO_ALL)
