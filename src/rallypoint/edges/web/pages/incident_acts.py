"""Every act on an incident's page: one route, one table. What was refused comes back with everything that was typed."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

from starlette.requests import Request
from starlette.responses import Response

from rallypoint import catalog, incidents, statuspage
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.web import forms, refusals, visit
from rallypoint.edges.web.forms import Form
from rallypoint.edges.web.pages.incident import COMPOSER, number_of, shown
from rallypoint.edges.web.routing import page
from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, Refused

Act = Callable[[Transaction, int, Form], Awaitable[object]]
YEARS = range(1971, 2100)
KINDS = frozenset(kind for kind, _ in COMPOSER)


def moment(form: Form, key: str, request: Request) -> datetime | None:
    """A datetime-local field, in the viewer's zone, as UTC."""
    typed = form.text(key)
    if not typed:
        return None
    try:
        found = datetime.fromisoformat(typed).replace(tzinfo=visit.of(request).zone)
    except ValueError:
        raise Invalid(key, "this is not a date and time", "2026-06-04T03:14") from None
    if found.year not in YEARS:
        raise Invalid(key, f"this year is out of reach: {YEARS[0]} to {YEARS[-1]} are known", "2026-06-04T03:14")
    return found.astimezone(UTC)


async def compose(tx: Transaction, number: int, form: Form) -> object:
    kind = form.text("kind") or "note"
    if kind not in KINDS:
        raise Invalid("kind", "this is not a kind of entry", "note")
    text = form.required("text", "write what happened first")
    private = form.ticked("private")
    if kind == "update":
        return await publish(tx, number, form, text, private)
    if kind == "hypothesis":
        return await incidents.add_hypothesis(tx, number, text=text)
    return await incidents.note(tx, number, text=text, kind=kind, visibility="internal" if private else "public")


async def publish(tx: Transaction, number: int, form: Form, text: str, private: bool) -> object:
    component = form.text("component")
    changes = {component: form.text("component_status") or "operational"} if component else None
    return await incidents.publish_update(
        tx,
        number,
        text=text,
        audience="internal" if private else "public",
        public_status=None if private else form.text("public_status") or "investigating",
        components=None if private else changes,
    )


async def escalate(tx: Transaction, number: int, form: Form) -> object:
    return await incidents.escalate(
        tx,
        number,
        kind=form.text("kind") or "functional",
        to_policy=form.maybe("to_policy"),
        to_person=form.number("to_person"),
        note=form.text("note"),
    )


async def priority(tx: Transaction, number: int, form: Form) -> object:
    reason = form.required("reason", "write why; it stands on the timeline")
    return await incidents.set_priority(
        tx,
        number,
        impact=form.maybe("impact"),
        urgency=form.maybe("urgency"),
        priority=form.maybe("priority"),
        reason=reason,
    )


async def describe(tx: Transaction, number: int, form: Form) -> object:
    """Title, description and category from one form; what was not touched stays."""
    await incidents.describe(
        tx, number, title=form.required("title", "say in a few words what is broken"),
        description=form.text("description"),
    )  # fmt: skip
    if category := form.text("category"):
        record = await incidents.incident(tx, number)
        kind = await catalog.category_by_id(tx, record.category_id) if record.category_id else None
        if kind is None or kind.key != category:
            return await incidents.set_category(tx, number, category=category)
    return None


async def hand_over(tx: Transaction, number: int, form: Form) -> object:
    to = form.number("to")
    if to is None:
        raise Invalid("to", "choose who takes over")
    return await incidents.hand_over(
        tx, number, to=to, brief=form.required("brief", "say what is known and what comes next")
    )


async def add_task(tx: Transaction, number: int, form: Form) -> object:
    title = form.required("title", "say what is to be done")
    return await incidents.add_task(tx, number, title=title, owner_id=form.number("owner_id"))


async def set_tags(tx: Transaction, number: int, form: Form) -> object:
    return await incidents.set_tags(tx, number, tags=[form.text("tags")])


async def relate(tx: Transaction, number: int, form: Form) -> object:
    typed = form.required("to", "write the number of the other one", "INC-42").upper().removeprefix("INC").strip(" -")
    if not typed.isdecimal() or len(typed) > 15:
        raise Invalid("to", "this is no number of an incident", "INC-42")
    try:
        return await incidents.relate(tx, number, to=int(typed), tie=form.text("tie"))
    except NotFound:
        raise Invalid("to", f"there is no INC-{typed}", "INC-42") from None


async def fill_in(tx: Transaction, number: int, form: Form) -> object:
    """The fields of the form, each typed as `custom.<key>`."""
    return await incidents.set_fields(tx, number, values=custom_of(form))


def custom_of(form: Form, prefix: str = "custom.") -> dict[str, str]:
    return {key.removeprefix(prefix): value for key, value in form.values.items() if key.startswith(prefix)}


async def set_role(tx: Transaction, number: int, form: Form) -> object:
    person = form.number("person_id")
    if person is None:
        raise Invalid("person_id", "choose a person")
    return await incidents.set_role(tx, number, role=form.required("role", "choose a role"), person_id=person)


async def add_link(tx: Transaction, number: int, form: Form) -> object:
    url = form.required("url", "write the address", "https://grafana.example.org/d/42")
    if not url.startswith(("https://", "http://")):
        raise Invalid("url", "an address starts with https:// or http://", "https://grafana.example.org/d/42")
    return await incidents.add_link(tx, number, title=form.text("title") or url, url=url)


def resolution(form: Form) -> str:
    return form.required(
        "resolution", "say what fixed it; the reporter reads it", "Rolled payments back to 2026.06.03-4"
    )


ACTS: dict[str, tuple[Act, str]] = {
    "acknowledge": (
        lambda tx, n, f: incidents.acknowledge(tx, n, via="web"),
        "Acknowledged. Everything pending is void.",
    ),
    "escalate": (escalate, "Escalated."),
    "restore": (lambda tx, n, f: incidents.restore(tx, n, note=f.text("note")), "Marked restored."),
    "resolve": (
        lambda tx, n, f: incidents.resolve(tx, n, resolution=resolution(f), workaround=f.ticked("workaround")),
        "Resolved. The reporter is asked to confirm.",
    ),
    "confirm": (lambda tx, n, f: incidents.confirm(tx, n, note=f.text("note")), "Confirmed."),
    "reject": (
        lambda tx, n, f: incidents.reject(tx, n, reason=f.required("reason", "say what does not work")),
        "Open again.",
    ),
    "close": (lambda tx, n, f: incidents.close(tx, n, note=f.text("note")), "Closed."),
    "reopen": (lambda tx, n, f: incidents.reopen(tx, n, reason=f.required("reason", "say why")), "Reopened."),
    "cancel": (lambda tx, n, f: incidents.cancel(tx, n, reason=f.required("reason", "say why")), "Cancelled."),
    "hold": (lambda tx, n, f: incidents.hold(tx, n, reason=f.required("reason", "say what we wait for")), "On hold."),
    "recover": (lambda tx, n, f: incidents.recover(tx, n, note=f.text("note")), "Noted: everything is as it was."),
    "review": (lambda tx, n, f: incidents.review(tx, n), "In review."),
    "resume": (lambda tx, n, f: incidents.resume(tx, n), "Work goes on."),
    "command": (lambda tx, n, f: incidents.take_command(tx, n), "You command this incident."),
    "hand-over": (hand_over, "Offered. It is theirs when they accept."),
    "accept-command": (lambda tx, n, f: incidents.accept_command(tx, n), "You command this incident."),
    "priority": (priority, "The priority was decided again."),
    "describe": (describe, ""),
    "compose": (compose, ""),
    "task": (add_task, ""),
    "role": (set_role, ""),
    "tags": (set_tags, ""),
    "relate": (relate, ""),
    "fields": (fill_in, ""),
    "link": (add_link, ""),
    "public-title": (
        lambda tx, n, f: statuspage.set_title(tx, n, f.text("title")),
        "The status page shows the new title.",
    ),
    "workaround": (
        lambda tx, n, f: incidents.set_workaround(tx, n, text=f.required("text", "write the workaround")),
        "",
    ),
}


async def act(request: Request, number: int, name: str, work: Act, said: str) -> Response:
    """Do it, or show the page again with the reason beside what was typed."""
    form = await forms.read(request, name)
    try:
        await visit.run(request, lambda tx: work(tx, number, form))
    except Invalid as problem:
        return await shown(request, number, failed=form.wrong(problem), status=422)
    except (Refused, Conflict, OutsideFailure) as problem:
        failed = form.refused(refusals.in_words(problem))
        return await shown(request, number, failed=failed, status=refusals.status_of(problem))
    return visit.go(request, f"/i/{number}", said)


@page("/i/{number:int}/impact", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def impact(request: Request) -> Response:
    async def work(tx: Transaction, number: int, form: Form) -> object:
        return await incidents.set_impact(
            tx,
            number,
            affected_people=form.number("affected_people"),
            impact_started_at=moment(form, "impact_started_at", request),
        )

    return await act(request, number_of(request), "impact", work, "")


@page("/i/{number:int}/tasks/{task:int}", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def finish_task(request: Request) -> Response:
    task = int(request.path_params["task"])
    return await act(request, number_of(request), "tasks", lambda tx, n, f: incidents.finish_task(tx, task), "")


@page("/i/{number:int}/hypotheses/{hypothesis:int}", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def settle(request: Request) -> Response:
    key = int(request.path_params["hypothesis"])
    return await act(
        request,
        number_of(request),
        "hypotheses",
        lambda tx, n, f: incidents.settle_hypothesis(tx, key, outcome=f.text("outcome"), text=f.text("text")),
        "",
    )


@page("/i/{number:int}/relations/{relation:int}", permission=Permission.WORK_INCIDENT, methods=("POST",))
async def unrelate(request: Request) -> Response:
    key = int(request.path_params["relation"])
    return await act(request, number_of(request), "relations", lambda tx, n, f: incidents.unrelate(tx, n, key), "")


def _register(name: str, work: Act, said: str) -> None:
    """One address per verb: a pattern would also swallow the pages that stand below an incident."""

    @page(f"/i/{{number:int}}/{name}", permission=Permission.READ_INCIDENT, methods=("POST",))
    async def verb(request: Request) -> Response:
        """Reading is enough to try; whether the act itself is allowed is the room's to say, with who may."""
        return await act(request, number_of(request), name, work, said)


for _name, (_work, _said) in ACTS.items():
    _register(_name, _work, _said)
