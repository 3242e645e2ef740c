"""Now, the home page: who is on call, what is open, what waits for me, and what is still to set up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, alerts, incidents, learning, notify, oncall, statuspage
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import charts, faces, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import Copy
from rallypoint.incidents import BoardFilter
from rallypoint.oncall import OnCallNow, Shift

AHEAD = timedelta(hours=24)
SHOWN = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamNow:
    """One row of the on-call table: who now, until when, who then, and the next day as a line."""

    at: OnCallNow
    segments: tuple[charts.Segment, ...]
    says: str
    gap: Shift | None
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step of the first ten minutes: done or where to do it."""

    name: str
    to: str
    done: bool
    note: str = ""


async def team_rows(tx: Transaction, me: int | None, zone: ZoneInfo) -> list[TeamNow]:
    people = {person.id: person for person in await access.people(tx)}
    rows = []
    for at in await oncall.now(tx):
        shifts = await oncall.shifts(tx, at.schedule.id, tx.now, tx.now + AHEAD)
        segments = charts.hours([(s.starts_at, s.ends_at, s.person_id) for s in shifts], tx.now, tx.now + AHEAD, me)
        who = [people[s.person_id].name if s.person_id in people else "nobody" for s in shifts]
        says = f"{at.schedule.name}, next 24 hours: {', then '.join(who)}"
        gap = next((s for s in shifts if s.person_id is None), None)
        holder = people.get(at.shift.person_id or 0)
        rows.append(TeamNow(at=at, segments=segments, says=says, gap=gap, place=place(holder, tx.now, zone)))
    return rows


def place(person: access.Person | None, now: datetime, zone: ZoneInfo) -> str:
    """Where somebody is and what time it is there, when that is not the viewer's own."""
    if person is None or person.time_zone == zone.key:
        return ""
    there = now.astimezone(visit.zone(person.time_zone))
    return f"{person.time_zone.rpartition('/')[2].replace('_', ' ')}, {there:%H:%M} their time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Zone:
    time: str
    name: str


SEEN_COOKIE = "rallypoint_seen"


async def checklist(tx: Transaction, me: int | None, seen: str) -> list[Step]:
    """The first ten minutes, judged by what is really there; only the dry run leaves no trace but a cookie."""
    integrations = await alerts.integrations(tx)
    heard = any(i.last_seen_at for i in integrations)
    schedules = [await oncall.schedule(tx, s.key) for s in await oncall.schedules(tx)]
    shared = any(len(rotation.people) >= 3 for view in schedules for rotation in view.rotations)
    answered = me is not None and any(view.page.acknowledged_at for view in await notify.my_pages(tx, me))
    component = bool(await statuspage.components(tx))
    reviewed = bool((await learning.list_retrospectives(tx, limit=1))[0])
    return [
        Step(name="Acknowledge a page", to="/sandbox/phone", done=answered, note="1 min"),
        Step(name="Connect a monitor", to="/alerts/integrations", done=heard, note="2 min"),
        Step(name="Make a rotation of three", to="/oncall/new", done=shared, note="2 min"),
        Step(name="Ask who would be paged Sunday 03:00", to="/oncall/dry-run", done="dry-run" in seen, note="1 min"),
        Step(
            name="Say who is told when nobody answers",
            to="/oncall/policies",
            done=await oncall.fallback(tx) is not None,
        ),
        Step(name="Put a service on the status page", to="/admin/status", done=component, note="1 min"),
        Step(name="Close an incident and read its review", to="/learning", done=reviewed, note="3 min"),
    ]


async def other_zones(tx: Transaction, mine: ZoneInfo) -> list[Zone]:
    """What time it is where the teams are, and in UTC."""
    names = dict.fromkeys([s.time_zone for s in await oncall.schedules(tx)] + ["UTC"])
    at = [(name, tx.now.astimezone(visit.zone(name))) for name in names if name != mine.key]
    today = tx.now.astimezone(mine).date()
    return [Zone(time=f"{t:%H:%M}", name=("" if t.date() == today else f"{t:%A}, ") + name) for name, t in at]


def my_shift(teams: list[TeamNow], me: int | None) -> Shift | None:
    """The shift I am on right now, the one that ends last."""
    mine = [row.at.shift for row in teams if row.at.shift and row.at.shift.person_id == me]
    return max(mine, key=lambda shift: shift.ends_at, default=None) if me else None


@page("/", permission=Permission.READ_INCIDENT)
async def show(request: Request) -> Response:
    me, seen = visit.me(request), request.cookies.get(SEEN_COOKIE, "")
    async with visit.transaction(request) as tx:
        teams = await team_rows(tx, me, visit.of(request).zone)
        ranked, more = await incidents.board(tx, filter=BoardFilter(), cursor=None, limit=SHOWN)
        pages = [view.page for view in await notify.my_pages(tx, me)] if me else []
        steps = await checklist(tx, me, seen) if access.allows(tx.actor, Permission.MANAGE_INTEGRATIONS) else []
        fallback = await oncall.fallback(tx)
        counts = await incidents.open_counts(tx)
        zones = await other_zones(tx, visit.of(request).zone)
        methods = await notify.contact_methods(tx, me) if me else []
    rows = [(r, faces.deadline(r.next_deadline, visit.of(request).now)) for r in ranked]
    return await render(
        request,
        "now.html",
        live="board",
        copies=(Copy(name="CSV", to="/board.csv"),),
        teams=teams,
        rows=rows,
        more=bool(more),
        pages=pages,
        steps=steps,
        shift=my_shift(teams, me),
        fallback=fallback,
        methods=methods,
        zones=zones,
        total=sum(counts.values()),
        waiting=[p for p in pages if p.live],
    )
