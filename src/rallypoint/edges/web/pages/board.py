"""The board: every open incident in one order, with the reason for each place. The URL holds the filters."""

import csv
import io
from collections.abc import Mapping
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rallypoint import catalog, incidents
from rallypoint.access import Permission
from rallypoint.catalog import Kind, StatusCategory
from rallypoint.edges.web import faces, forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import Copy, NavItem
from rallypoint.errors import RallypointError
from rallypoint.incidents import BoardFilter, Ranked

LIMIT = 50
CSV_LIMIT = 1000
PRIORITIES = ("P1", "P2", "P3", "P4")
VIEWS: tuple[tuple[str, dict[str, str]], ...] = (
    ("All open", {}),
    ("Mine", {"mine": "1"}),
    ("No commander", {"no_commander": "1"}),
    ("Service requests", {"kind": Kind.SERVICE_REQUEST.value}),
    ("Waits for confirmation", {"status_category": StatusCategory.RESOLVED.value}),
    ("Closed too", {"open": "0"}),
)
FILTERS = ("q", "status_category", "service", "domain", "priority", "kind", "tag")


def chosen(query: Mapping[str, str]) -> dict[str, str]:
    """What of the URL is a filter, without empty ones."""
    return {key: query[key] for key in (*FILTERS, "mine", "no_commander", "open", "drills") if query.get(key)}


def board_filter(query: Mapping[str, str]) -> BoardFilter:
    """The URL as a filter."""
    words = {key: query.get(key, "") for key in FILTERS}
    return BoardFilter(
        **words,
        mine=query.get("mine") == "1",
        no_commander=query.get("no_commander") == "1",
        open_only=query.get("open") != "0",
        drills=query.get("drills") == "1",
    )


def views(now: Mapping[str, str]) -> list[NavItem]:
    plain = chosen(now)
    return [NavItem(name=name, to="/board" + (f"?{urlencode(q)}" if q else ""), here=plain == q) for name, q in VIEWS]


@page("/board", permission=Permission.READ_INCIDENT)
async def show(request: Request) -> Response:
    query = request.query_params
    async with visit.transaction(request) as tx:
        rows, following = await incidents.board(
            tx, filter=board_filter(query), cursor=query.get("cursor") or None, limit=LIMIT
        )
        services, domains = await catalog.services(tx), await catalog.domains(tx)
        tags = await incidents.known_tags(tx)
    on = chosen(query)
    now = visit.of(request).now
    further = f"/board?{urlencode({**on, 'cursor': following})}" if following else ""
    without = {key: "/board?" + urlencode({k: v for k, v in on.items() if k != key}) for key in on}
    return await render(
        request,
        "board.html",
        live="board",
        copies=(Copy(name="CSV", to="/board.csv?" + urlencode(on)), Copy(name="API call", to="/api/v1/incidents")),
        rows=[(row, faces.deadline(row.next_deadline, now)) for row in rows],
        further=further,
        start="/board?" + urlencode(on) if query.get("cursor") else "",
        views=views(query),
        on=on,
        without=without,
        services=services,
        domains=domains,
        priorities=PRIORITIES,
        categories=list(StatusCategory),
        kinds=list(Kind),
        tags=tags,
        form=forms.of("filter", **on),
    )


CSV_HEAD = (
    "rank",
    "number",
    "title",
    "priority",
    "status",
    "service",
    "commander",
    "affected people",
    "created (UTC)",
    "next deadline (UTC)",
    "reason for rank",
    "tags",
    "fields",
)


def csv_row(row: Ranked) -> tuple[object, ...]:
    """One incident as a line; a cell that a spreadsheet would take for a formula is defused."""
    i, due = row.incident, row.next_deadline
    cells = (
        row.rank,
        i.number,
        i.title,
        i.priority,
        i.status,
        i.service_key or "",
        i.commander_name or "",
        "" if i.affected_people is None else i.affected_people,
        i.created_at.isoformat(),
        due.due_at.isoformat() if due and due.due_at else "",
        row.rank_reason,
        ", ".join(i.tags),
        "; ".join(f"{key}={value}" for key, value in i.custom.items()),
    )
    return tuple("'" + c if isinstance(c, str) and c[:1] in "=+-@\t\r" and c else c for c in cells)


@page("/board.csv", permission=Permission.READ_INCIDENT)
async def as_csv(request: Request) -> Response:
    async with visit.transaction(request) as tx:
        rows, _ = await incidents.board(tx, filter=board_filter(request.query_params), cursor=None, limit=CSV_LIMIT)
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_HEAD)
    writer.writerows(csv_row(row) for row in rows)
    headers = {"content-disposition": 'attachment; filename="incidents.csv"'}
    return PlainTextResponse(out.getvalue(), media_type="text/csv", headers=headers)


@page("/board", permission=Permission.ACKNOWLEDGE, methods=("POST",))
async def several(request: Request) -> Response:
    """Acknowledge what was ticked. Each stands alone: one refusal does not undo the others, and all are told."""
    form = await forms.read(request)
    numbers = [int(value) for value in form.many("i") if value.isdecimal() and len(value) < 10][:LIMIT]
    done, refused = [], []
    for number in numbers:
        try:
            await visit.run(request, lambda tx, number=number: incidents.acknowledge(tx, number))  # type: ignore[misc]
            done.append(f"INC-{number}")
        except RallypointError as problem:
            refused.append(f"INC-{number}: {refusals.in_words(problem)}")
    if not numbers:
        return visit.go(request, "/board", "Nothing was ticked, so nothing was done.", tone="bad")
    words = (f"Acknowledged {', '.join(done)}. " if done else "") + " ".join(refused)
    return visit.go(request, "/board", words.strip(), tone="bad" if refused else "ok")
