"""Mappings: from a project and its type to rules that keep two records in step, with a rehearsal on real items."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from rallypoint.access import Permission
from rallypoint.edges.web import forms, refusals, sync_form, sync_rules_form, sync_words, visit
from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.pages.sync_connections import LIST, at, set_up
from rallypoint.edges.web.routing import page
from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, Problem, Refused
from rallypoint.sync import setting_up, store, values
from rallypoint.sync.connection import Connection
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.model import Capabilities, FieldKind, Project, RemoteField, Schema, Side
from rallypoint.sync.ports import Level
from rallypoint.sync.preview import Preview
from rallypoint.sync.setting_up import Effect, Remark


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A mapping being set up: its connection, what it was read against, and what is to be said about it. `places` are
    those an item may be made in, asked for only where a rule chooses."""

    connection: Connection
    base: sync_form.Base
    remarks: tuple[Remark, ...] = ()
    away: str = ""
    places: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What was asked for with a button: a rehearsal, or what would change for the links there are."""

    preview: Preview | None = None
    effect: Effect | None = None


async def desk_of(request: Request, key: str, rules: Rules, *, places: bool = False) -> Desk:
    """Both schemas as they are now. A tool that is away leaves the rules readable, with the ids they name."""
    actor = visit.of(request).actor
    async with visit.transaction(request) as tx:
        here, connection = await setting_up.hub_schema(tx), await store.connection(tx, key)
    try:
        async with set_up(request).tracker(actor, key) as (connection, tracker):
            there = await tracker.describe(rules.create.project, rules.create.type)
            able = tracker.capabilities
            listed = places_of(await tracker.projects()) if places or rules.create.places else ()
    except (OutsideFailure, Invalid) as problem:
        base = sync_form.Base(rules=rules, here=here, there=_known(rules, here), able=Capabilities())
        return Desk(connection=connection, base=base, away=refusals.in_words(problem))
    base = sync_form.Base(rules=rules, here=here, there=there, able=able)
    return Desk(connection=connection, base=base, remarks=remarks_on(base), places=listed)


def places_of(projects: Iterable[Project]) -> tuple[tuple[str, str], ...]:
    """Projects with their types as options: what is chosen, and how it is called."""
    return tuple(
        (sync_rules_form.place_key(one.id, type), f"{one.name}: {type}" if type != one.name else type)
        for one in projects
        for type in one.types
    )


def remarks_on(base: sync_form.Base) -> tuple[Remark, ...]:
    lossy = values.review(base.rules, base.here, base.there)
    told = [Remark(level=one.level, field=one.field, kind=one.loss.value, text=one.text) for one in lossy]
    return (*told, *setting_up.beyond(base.rules, base.here, base.there))


def _known(rules: Rules, here: Schema) -> Schema:
    """What the rules themselves tell of the tool, while it does not answer."""
    kinds = {one.id: one.kind for one in here.fields}
    fields = [
        RemoteField(id=one.remote, name=one.remote, kind=kinds.get(one.hub, FieldKind.OTHER)) for one in rules.fields
    ]
    if rules.status is not None:
        fields.append(RemoteField(id=rules.status.field, name=rules.status.field, kind=FieldKind.STATUS))
    return Schema(project=rules.create.project, type=rules.create.type, fields=tuple(fields))


def form_of(rules: Rules, **more: str) -> Form:
    """The form that says these rules; they lie in it whole, so that what is not shown is not lost."""
    whole = json.dumps(setting_up.bare_rules(rules), ensure_ascii=False)
    said = {**sync_form.values_of(rules), **sync_rules_form.values_of(rules)}
    return Form(name="mapping", values={**said, "rules": whole, **more})


async def editor(
    request: Request, desk: Desk, form: Form, *, shown: Shown | None = None, status: int = 200
) -> Response:
    """The page of one mapping, new or kept."""
    base, id = desk.base, desk.base.rules.id
    linked, others = sync_form.rows(form, base)
    status_field = base.there.field(form.value("status"))
    async with visit.transaction(request) as tx:
        versions = await store.versions(tx, id) if id else []
    beside: dict[str, list[Remark]] = {}
    places = {row.field.id for row in (*linked, *others)} | {"status"}
    for one in desk.remarks:
        field = _ours(one.field, base)
        beside.setdefault(field if field in places else "", []).append(one)
    ours = next((one for one in base.here.fields if one.kind is FieldKind.STATUS), None)
    usual = (base.rules.create.project, base.rules.create.type)
    return await render(
        request,
        "mapping.html",
        status=status,
        c=desk.connection,
        m=base.rules,
        form=form,
        linked=linked,
        others=others,
        remarks=beside,
        wrong=sum(one.level is Level.ERROR for one in desk.remarks),
        away=desk.away,
        statuses=[one for one in base.there.fields if one.kind is FieldKind.STATUS],
        our_statuses=[one for one in (ours.choices if ours else ()) if one.id != "merged"],
        their_statuses=[one for one in (status_field.choices if status_field else ()) if one.active],
        readable=[one for one in (ours.choices if ours else ()) if one.id not in values.NEVER_FROM_OUTSIDE],
        here=base.here,
        there=base.there,
        directions=sync_words.DIRECTIONS,
        owners=sync_words.owners(desk.connection.name),
        checks=sync_words.CHECKS,
        comment_ticks=sync_form.COMMENTS,
        risky=sync_form.RISKY,
        file_ticks=sync_form.FILES,
        tie_ticks=sync_form.TIES,
        rules=sync_rules_form,
        kinds={rule.hub: rule.transform.kind for rule in base.rules.fields},
        sides=((Side.HUB.value, "Rallypoint"), (Side.REMOTE.value, desk.connection.name)),
        way_wrong=any(key.startswith(sync_rules_form.OF_FIELDS) for key in form.problems),
        places=sync_rules_form.shown_conditions(form, form.text("do") == "place"),
        place_options=sync_rules_form.place_options(form, usual, desk.places),
        usual=sync_rules_form.named(sync_rules_form.place_key(*usual)),
        our_conditions=sync_form.condition_places(form, "h"),
        their_conditions=sync_form.condition_places(form, "r"),
        versions=versions,
        shown=shown or Shown(),
        ours=partial(sync_words.named, base.here),
        theirs=partial(sync_words.named, base.there),
        action=f"/admin/mappings/{id}" if id else f"{at(desk.connection.key)}/mappings/new",
    )


def _ours(field: str, base: sync_form.Base) -> str:
    """The row that a remark belongs to: it may name our field, theirs, or a place within the status map."""
    if base.rules.status is not None and (field == base.rules.status.field or field.startswith("status.")):
        return "status"
    return next((rule.hub for rule in base.rules.fields if rule.remote == field), field)


# A new one.


@page(LIST + "/{key}/mappings/new", permission=Permission.MANAGE_INTEGRATIONS)
async def new(request: Request) -> Response:
    """First the project and its type; then what is suggested for them."""
    key, place = request.path_params["key"], request.query_params.get("place", "")
    actor, desk = visit.of(request).actor, set_up(request)
    if not place:
        return await choose(request, key)
    try:
        project, type = json.loads(place)
        suggested = await desk.suggest(actor, key, project=str(project), type=str(type))
    except (ValueError, TypeError):
        raise NotFound("project", place) from None
    except (OutsideFailure, Invalid) as problem:
        return await choose(request, key, refusals.in_words(problem), 422)
    return await editor(request, await desk_of(request, key, suggested.mapping), form_of(suggested.mapping))


async def choose(request: Request, key: str, said: str = "", status: int = 200) -> Response:
    async with visit.transaction(request) as tx:
        connection = await store.connection(tx, key)
    places: tuple[tuple[str, str], ...] = ()
    try:
        places = places_of(await set_up(request).projects(visit.of(request).actor, key))
    except (OutsideFailure, Invalid) as problem:
        said, status = said or refusals.in_words(problem), 502
    return await render(
        request, "mapping_new.html", status=status, c=connection, places=places, form=forms.of("place").refused(said)
    )


@page(LIST + "/{key}/mappings/new", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def work_new(request: Request) -> Response:
    key = request.path_params["key"]
    async with visit.transaction(request) as tx:
        connection = await store.connection(tx, key)
    return await worked(request, await forms.read(request, "mapping"), connection, id=0)


# One that is kept.


@page("/admin/mappings/{id:int}", permission=Permission.MANAGE_INTEGRATIONS)
async def show(request: Request) -> Response:
    id, version = int(request.path_params["id"]), request.query_params.get("version", "")
    async with visit.transaction(request) as tx:
        now = await store.mapping(tx, id)
        rules = await store.mapping(tx, id, int(version)) if version.isdecimal() and len(version) < 9 else now
        key = (await store.connection_by_id(tx, rules.connection)).key
    form = form_of(rules, based_on=str(now.version))
    return await editor(request, await desk_of(request, key, rules), form)


@page("/admin/mappings/{id:int}", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def work_kept(request: Request) -> Response:
    id, form = int(request.path_params["id"]), await forms.read(request, "mapping")
    async with visit.transaction(request) as tx:
        connection = await store.connection_by_id(tx, (await store.mapping(tx, id)).connection)
    return await worked(request, form, connection, id=id)


async def worked(request: Request, form: Form, connection: Connection, *, id: int) -> Response:
    """Read the form, then what the button asked: look at it, rehearse it, compare with the links, or turn it on."""
    try:
        data = json.loads(form.text("rules"))
        rules = setting_up.read_rules(data, connection=connection.id, id=id)
    except (ValueError, TypeError):
        raise Invalid("rules", "the form came without its rules; open the page again") from None
    desk = await desk_of(request, connection.key, rules, places=form.text("do") == "place")
    if desk.away:
        return await editor(request, desk, form.refused(desk.away), status=502)
    try:
        rules = read(form, desk.base)
    except Invalid as problem:
        return await editor(request, desk, form.wrong(problem), status=422)
    base = replace(desk.base, rules=rules)
    desk = replace(desk, base=base, remarks=remarks_on(base))
    do = form.text("do")
    form = form_of(rules, **{key: form.text(key) for key in ("incident", "item", "based_on", "do")})
    try:
        return await _done(request, form, desk, do)
    except Invalid as problem:
        names = {"remote_id": "item"}
        told = Invalid([replace(one, field=names.get(one.field, one.field)) for one in problem.problems])
        return await editor(request, desk, form.wrong(told), status=422)
    except (Refused, Conflict, NotFound, OutsideFailure) as problem:
        return await editor(
            request, desk, form.refused(refusals.in_words(problem)), status=refusals.status_of(problem)
        )  # fmt: skip


def read(form: Form, base: sync_form.Base) -> Rules:
    """The rules that both parts of the form say. Raises Invalid with what is wrong in either."""
    rules, wrong = base.rules, list[Problem]()
    try:
        rules = sync_form.read(form, base)
    except Invalid as problem:
        wrong += problem.problems
    try:
        rules = sync_rules_form.read(form, base, rules)
    except Invalid as problem:
        wrong += problem.problems
    if wrong:
        raise Invalid(wrong)
    return rules


async def _done(request: Request, form: Form, desk: Desk, do: str) -> Response:
    actor, rules, up = visit.of(request).actor, desk.base.rules, set_up(request)
    data, key = setting_up.bare_rules(rules), desk.connection.key
    if do == "preview":
        shown = Shown(
            preview=await up.preview(
                actor, key, data, incident=incident_of(form), remote_id=form.text("item"), id=rules.id
            )
        )
        return await editor(request, desk, form, shown=shown)
    if do == "effect" and rules.id:
        return await editor(request, desk, form, shown=Shown(effect=await up.effect(actor, rules.id, data=data)))
    if do != "save":
        return await editor(request, desk, form)
    if any(one.level is Level.ERROR for one in desk.remarks):
        said = "It was not turned on: what is marked below would not hold. Nothing of it is lost."
        return await editor(request, desk, form.refused(said), status=422)
    if not rules.id:
        made = await up.save(actor, key, data)
        return visit.go(request, f"/admin/mappings/{made.mapping.id}", "It is on. Linked items follow it from now.")
    made = await up.save_next(actor, rules.id, data, based_on=form.number("based_on") or 0)
    said = f"Version {made.mapping.version} is on. Its links are looked at again, one after another."
    return visit.go(request, f"/admin/mappings/{rules.id}", said)


def incident_of(form: Form) -> int | None:
    """42 and INC-42 are the same."""
    typed = form.text("incident").upper().removeprefix("INC-")
    if not typed:
        return None
    if not typed.isdecimal() or len(typed) > 9:
        raise Invalid("incident", "this is no number of an incident", "INC-42")
    return int(typed)


@page("/admin/mappings/{id:int}/roll-back", permission=Permission.MANAGE_INTEGRATIONS, methods=("POST",))
async def roll_back(request: Request) -> Response:
    id, form = int(request.path_params["id"]), await forms.read(request, "roll-back")
    version = form.number("version") or 0
    made = await visit.run(request, lambda tx: setting_up.roll_back(tx, id, version))
    return visit.go(
        request, f"/admin/mappings/{id}", f"The rules of version {version} are on, as version {made.version}."
    )
