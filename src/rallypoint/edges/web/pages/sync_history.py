"""What was there before a mapping was: a plan that is looked at, then started, and how far it is."""

from datetime import UTC, datetime, time

from starlette.requests import Request
from starlette.responses import Response

from rallypoint.access import Permission
from rallypoint.edges.web import forms, refusals, sync_form, sync_words, visit
from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages.sync_connections import set_up
from rallypoint.edges.web.pages.sync_mappings import Desk, desk_of
from rallypoint.edges.web.routing import page
from rallypoint.errors import Conflict, Invalid, OutsideFailure, Problem, Refused
from rallypoint.sync import history, history_store, store
from rallypoint.sync.history_model import Stage, Way
from rallypoint.sync.mapping import Condition
from rallypoint.sync.mapping import Mapping as Rules

AT = "/admin/mappings/{id:int}/history"
SHOWN_MOST = 30
SIDES = {Way.RECEIVE: "r", Way.SEND: "h"}
VERBS = {
    "start": (history.start, "It goes on in the background."),
    "pause": (history.pause, "It is paused. What was begun comes to its end."),
    "cancel": (history.cancel, "It is over. What was brought over stays."),
    "retry": (history.try_again, "What failed is taken up once more."),
}


@page(AT, permission=Permission.MANAGE_INTEGRATIONS)
async def show(request: Request) -> Response:
    """The historical sync that is going on, or the last; and a form for the next."""
    way = Way.SEND if request.query_params.get("way") == Way.SEND else Way.RECEIVE
    return await shown(request, forms.of("history", direction=way.value))


async def shown(request: Request, form: Form, *, status: int = 200) -> Response:
    id = int(request.path_params["id"])
    async with visit.transaction(request) as tx:
        rules = await store.mapping(tx, id)
        connection = await store.connection_by_id(tx, rules.connection)
        runs = await history_store.of_mapping(tx, id)
        now = runs[0] if runs else None
        progress = await history_store.progress(tx, now) if now else None
        failed = await history_store.pieces(tx, now.id, state="failed", limit=SHOWN_MOST) if now else []
        pieces = await history_store.pieces(tx, now.id, limit=SHOWN_MOST) if now else []
    open_form = now is None or now.state.over
    desk = await desk_of(request, connection.key, rules) if open_form else None
    way = Way.SEND if form.value("direction") == Way.SEND else Way.RECEIVE
    return await render(
        request,
        "history.html",
        status=status,
        live=history_store.PROGRESS,
        m=rules,
        c=connection,
        run=now,
        progress=progress,
        failed=failed,
        pieces=pieces,
        earlier=runs[1:],
        form=form if open_form else None,
        way=way.value,
        side=SIDES[way],
        places=sync_form.condition_places(form, SIDES[way]),
        fields=_fields(desk, way),
        checks=sync_words.CHECKS,
        matches=_matches(desk, rules),
        away=desk.away if desk else "",
    )


def _fields(desk: Desk | None, way: Way) -> list[tuple[str, str]]:
    if desk is None:
        return []
    return [(one.id, one.name) for one in (desk.base.here if way is Way.SEND else desk.base.there).fields]


def _matches(desk: Desk | None, rules: Rules) -> list[tuple[str, str]]:
    """Fields that both sides hold and that may tell which incident an item is."""
    if desk is None:
        return []
    linked = {rule.hub for rule in rules.fields}
    return [(one.id, one.name) for one in desk.base.here.fields if one.id in linked]


@page(AT, permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def plan(request: Request) -> Response:
    id, form = int(request.path_params["id"]), await forms.read(request, "history")
    try:
        way = Way.SEND if form.text("direction") == Way.SEND else Way.RECEIVE
        wrong: list[Problem] = []
        conditions: tuple[Condition, ...] = sync_form.conditions(form, SIDES[way], wrong)
        since = _since(form, wrong)
        if wrong:
            raise Invalid(wrong)
        house = visit.house(request)
        await history.plan_with(
            house.db, set_up(request), visit.of(request).actor, id, direction=way, since=since, conditions=conditions,
            match=form.text("match") if way is Way.RECEIVE else "",
        )  # fmt: skip
    except Invalid as problem:
        return await shown(request, form.wrong(problem), status=422)
    except (Refused, Conflict, OutsideFailure) as problem:
        return await shown(request, form.refused(refusals.in_words(problem)), status=refusals.status_of(problem))
    return visit.go(request, _at(id), "It is being planned. Nothing is written before you start it.")


def _since(form: Form, wrong: list[Problem]) -> datetime | None:
    """Midnight, UTC, of the day that was typed."""
    text = form.text("since")
    if not text:
        return None
    try:
        return datetime.combine(datetime.fromisoformat(text).date(), time(), UTC)
    except ValueError:
        wrong.append(Problem("since", "is no date", "2026-05-01"))
        return None


@page(AT + "/{run:int}/{verb}", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def move(request: Request) -> Response:
    """Start, pause, cancel, take up again what failed."""
    id, run, verb = (request.path_params[name] for name in ("id", "run", "verb"))
    await forms.read(request, "move")
    if verb not in VERBS:
        raise Invalid("verb", f"{verb} is nothing that can be done with it")
    act, said = VERBS[verb]
    made = await visit.run(request, lambda tx: act(tx, int(run)))
    if made.mapping_id != int(id):
        raise Invalid("run", "is of another mapping")
    return visit.go(request, _at(int(id)), said if made.state is not Stage.PLANNED else "It waits for its start.")


def _at(id: int) -> str:
    return f"/admin/mappings/{id}/history"
