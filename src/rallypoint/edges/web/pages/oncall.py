"""On call: who, until when, who then; a schedule's next two weeks; who would be paged; policies and the last resort."""

from datetime import UTC, date, datetime, time, timedelta

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, catalog, oncall
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import calendar, forms, refusals, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages.incident_acts import moment
from rallypoint.edges.web.pages.now import SEEN_COOKIE, team_rows
from rallypoint.edges.web.routing import page
from rallypoint.errors import Invalid, Refused

WEEKS = 2


@page("/oncall", permission=Permission.READ_ONCALL)
async def show(request: Request) -> Response:
    async with visit.transaction(request) as tx:
        teams = await team_rows(tx, visit.me(request), visit.of(request).zone)
        policies = await oncall.policies(tx)
        fallback = await oncall.fallback(tx)
        services = [s for s in await catalog.services(tx) if not s.retired]
        uncovered = [s for s in services if await oncall.policy_of(tx, s.id) is None]
    return await render(
        request, "oncall.html", live="board", teams=teams, policies=policies, fallback=fallback, uncovered=uncovered
    )


async def schedule_page(request: Request, key: str, form: forms.Form, status: int = 200) -> Response:
    screen, me = visit.of(request), visit.me(request)
    async with visit.transaction(request) as tx:
        view = await oncall.schedule(tx, key)
        zone = visit.zone(view.schedule.time_zone)
        monday = calendar.monday(request.query_params.get("week"), screen.now.astimezone(screen.zone).date())
        start = datetime.combine(monday, time(), screen.zone).astimezone(UTC)
        end = datetime.combine(monday + timedelta(weeks=WEEKS), time(), screen.zone).astimezone(UTC)
        shifts = await oncall.shifts(tx, view.schedule.id, start, end)
        people = {person.id: person for person in await access.people(tx)}
        ahead = await oncall.shifts(tx, view.schedule.id, tx.now, tx.now + timedelta(weeks=WEEKS))
    weeks = calendar.weeks(
        shifts, monday, WEEKS, screen.zone, now=screen.now, me=me, names={p.id: p.name for p in people.values()}
    )
    return await render(
        request,
        "schedule.html",
        status=status,
        live="board",
        view=view,
        schedule_zone=zone.key,
        weeks=weeks,
        people=people,
        ahead=ahead,
        gaps=[s for s in ahead if s.person_id is None],
        monday=monday,
        earlier=monday - timedelta(weeks=WEEKS),
        later=monday + timedelta(weeks=WEEKS),
        form=form,
        may_edit=access.allows(screen.actor, Permission.EDIT_OVERRIDE),
    )


@page("/oncall/new", permission=Permission.EDIT_ONCALL)
async def new(request: Request) -> Response:
    return await new_page(request, forms.of("schedule", starts_on=visit.of(request).now.date(), hands_over_at="09:00"))


async def new_page(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        teams, people = await access.teams(tx), [p for p in await access.people(tx) if p.active]
    zones = sorted(visit.all_zones())
    return await render(request, "schedule_new.html", status=status, form=form, teams=teams, people=people, zones=zones)


@page("/oncall/new", permission=Permission.EDIT_ONCALL, methods=("POST",))
async def create(request: Request) -> Response:
    form = await forms.read(request, "schedule")

    async def work(tx: Transaction) -> None:
        key = form.required("key", "give it a short name for addresses", "commerce")
        people = [int(p) for p in (form.text(f"person{n}") for n in range(1, 9)) if p.isdecimal()]
        if not people:
            raise Invalid("person1", "choose at least one person")
        await oncall.create_schedule(
            tx,
            key=key,
            name=form.text("name") or key,
            team=form.maybe("team"),
            time_zone=form.text("time_zone") or "UTC",
        )
        await oncall.add_rotation(
            tx,
            key,
            name="Main",
            kind=form.text("kind") or "weekly",
            starts_on=day(form, "starts_on"),
            hands_over_at=hour(form, "hands_over_at"),
            people=people,
        )

    try:
        await visit.run(request, work)
    except Invalid as problem:
        return await new_page(request, form.wrong(problem), 422)
    except Refused as problem:
        return await new_page(request, form.refused(refusals.in_words(problem)), 409)
    return visit.go(request, f"/oncall/{form.text('key')}", "The rotation stands. This is who is paged, day by day.")


def day(form: forms.Form, key: str) -> date:
    try:
        return date.fromisoformat(form.text(key))
    except ValueError:
        raise Invalid(key, "this is not a date", "2026-06-01") from None


def hour(form: forms.Form, key: str) -> time:
    try:
        return time.fromisoformat(form.text(key))
    except ValueError:
        raise Invalid(key, "this is not a time of day", "09:00") from None


@page("/oncall/dry-run", permission=Permission.READ_ONCALL)
async def dry_run(request: Request) -> Response:
    """Who would be paged for a service at an instant: asks the same rule that pages."""
    screen, query = visit.of(request), request.query_params
    form = forms.of("dry", service=query.get("service", ""), at=query.get("at") or None)
    steps, asked = [], None
    try:
        asked = moment(form, "at", request) or calendar.next_sunday_at_three(screen.now, screen.zone)
        problem = None
    except Invalid as wrong:
        problem = wrong
    async with visit.transaction(request) as tx:
        services = [s for s in await catalog.services(tx) if not s.retired]
        fallback = await oncall.fallback(tx)
        people = {person.id: person for person in await access.people(tx)}
        if asked and query.get("service"):
            steps = await oncall.dry_run(tx, query["service"], asked)
    response = await render(
        request,
        "dry_run.html",
        status=422 if problem else 200,
        form=form.wrong(problem) if problem else form,
        services=services,
        steps=steps,
        asked=asked,
        fallback=fallback,
        people=people,
        ran=bool(query.get("service")) and not problem,
    )
    if steps:
        response.set_cookie(SEEN_COOKIE, "dry-run", max_age=365 * 86400, httponly=True, samesite="lax", path="/")
    return response


@page("/oncall/policies", permission=Permission.READ_ONCALL)
async def policies(request: Request) -> Response:
    return await policies_page(request, forms.of("fallback"))


async def policies_page(request: Request, form: forms.Form, status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        found, fallback = await oncall.policies(tx), await oncall.fallback(tx)
        people = {p.id: p for p in await access.people(tx)}
        services = [s for s in await catalog.services(tx) if not s.retired]
        covers = [(s, await oncall.policy_of(tx, s.id)) for s in services]
        schedules, teams = await oncall.schedules(tx), await access.teams(tx)
    return await render(
        request,
        "policies.html",
        status=status,
        policies=found,
        fallback=fallback,
        people=people,
        covers=covers,
        form=form,
        schedules=schedules,
        teams=teams,
        may_edit=access.allows(visit.of(request).actor, Permission.EDIT_ONCALL),
    )


def target(value: str) -> tuple[str, str]:
    kind, _, key = value.partition(":")
    return kind, key


@page("/oncall/policies", permission=Permission.EDIT_ONCALL, methods=("POST",))
async def save_policy(request: Request) -> Response:
    """A new policy, the fallback, or which policy covers a service: told apart by the field `what`."""
    form = await forms.read(request, "policies")

    async def work(tx: Transaction) -> str:
        match form.text("what"):
            case "fallback":
                await oncall.set_fallback(tx, person_id=form.number("person_id"), address=form.maybe("address"))
                return "The fallback is set."
            case "assign":
                policy = form.required("policy", "choose a policy")
                await oncall.assign_policy(tx, form.text("service"), policy)
                return "The service is covered."
            case _:
                steps = [
                    {"after_minutes": form.number(f"after{n}") or 0, "targets": [target(form.text(f"target{n}"))]}
                    for n in range(1, 5)
                    if form.text(f"target{n}")
                ]
                key = form.required("key", "give it a short name", "commerce")
                await oncall.create_policy(
                    tx, key=key, name=form.text("name") or key, steps=steps, repeat=form.number("repeat") or 1
                )
                return "The policy stands."

    try:
        said = await visit.run(request, work)
    except Invalid as problem:
        return await policies_page(request, form.wrong(problem), 422)
    except Refused as problem:
        return await policies_page(request, form.refused(refusals.in_words(problem)), 409)
    return visit.go(request, "/oncall/policies", said)


@page("/oncall/{key}", permission=Permission.READ_ONCALL)
async def schedule(request: Request) -> Response:
    query = request.query_params
    typed = {"starts_at": query.get("from"), "ends_at": query.get("to"), "person_id": visit.me(request)}
    return await schedule_page(request, request.path_params["key"], forms.of("override", **typed))


@page("/oncall/{key}", permission=Permission.EDIT_OVERRIDE, methods=("POST",))
async def override(request: Request) -> Response:
    key, form = request.path_params["key"], await forms.read(request, "override")

    async def work(tx: Transaction) -> None:
        if remove := form.number("remove"):
            await oncall.remove_override(tx, remove)
            return
        person, starts, ends = (
            form.number("person_id"),
            moment(form, "starts_at", request),
            moment(form, "ends_at", request),
        )
        if person is None or starts is None or ends is None:
            missing = "person_id" if person is None else "starts_at" if starts is None else "ends_at"
            raise Invalid(missing, "this is needed")
        await oncall.add_override(tx, key, person_id=person, starts_at=starts, ends_at=ends, reason=form.text("reason"))

    try:
        await visit.run(request, work)
    except Invalid as problem:
        return await schedule_page(request, key, form.wrong(problem), 422)
    except Refused as problem:
        return await schedule_page(request, key, form.refused(refusals.in_words(problem)), 409)
    return visit.go(request, f"/oncall/{key}", "Saved. The final row shows who is paged now.")
