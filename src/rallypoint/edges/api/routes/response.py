"""The work on an incident: notes, updates, tasks, hypotheses, links."""

from collections.abc import Iterable
from enum import StrEnum
from typing import Annotated

from pydantic import Field

from rallypoint import incidents, statuspage
from rallypoint.access import Permission
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.incidents import (
    EntryView,
    HypothesisView,
    IncidentView,
    LinkView,
    RelationView,
    TaskView,
    shown,
)
from rallypoint.edges.api.words import (
    Id,
    Input,
    Key,
    Line,
    Listed,
    Moment,
    Number,
    OptionalText,
    Page,
    PathId,
    Text,
    paged,
)
from rallypoint.errors import Invalid, Problem
from rallypoint.incidents import Outcome, Visibility

routes = Routes("response")


class NoteKind(StrEnum):
    NOTE = "note"
    DECISION = "decision"
    CALL = "call"
    PROJECTION = "projection"


class NewNote(Input):
    text: Text
    kind: NoteKind = NoteKind.NOTE
    visibility: Visibility = Visibility.INTERNAL


class ComponentStatus(StrEnum):
    OPERATIONAL = "operational"
    DEGRADED_PERFORMANCE = "degraded_performance"
    PARTIAL_OUTAGE = "partial_outage"
    MAJOR_OUTAGE = "major_outage"
    UNDER_MAINTENANCE = "under_maintenance"


class PublicStatus(StrEnum):
    INVESTIGATING = "investigating"
    IDENTIFIED = "identified"
    MONITORING = "monitoring"
    RESOLVED = "resolved"


class NewUpdate(Input):
    text: Text
    audience: Visibility = Visibility.INTERNAL
    public_status: PublicStatus | None = None
    components: Annotated[dict[Key, ComponentStatus], Field(max_length=100)] | None = None


class NewTask(Input):
    title: Line
    owner_id: Id | None = None
    due_at: Moment | None = None


class NewHypothesis(Input):
    text: Text


class Settled(Input):
    outcome: Outcome
    text: OptionalText = ""


class NewLink(Input):
    title: Line
    url: Annotated[str, Field(min_length=8, max_length=2000, pattern=r"^https?://[^\s/]")]
    kind: Line = "link"


class NewRelation(Input):
    to: Id = Field(description="The number of the other incident.")
    tie: incidents.Tie = Field(description="What the other one is to this one.")


class NewWorkaround(Input):
    text: Text


@routes.post("/incidents/{number}/notes", permission=Permission.WORK_INCIDENT, status=201)
async def add_note(tx: Tx, number: Number, body: NewNote) -> EntryView:
    """A line for the timeline: a note, a decision, a call, a projection of impact."""
    entry = await incidents.note(tx, number, text=body.text, kind=body.kind.value, visibility=body.visibility)
    return EntryView.model_validate(entry)


@routes.post("/incidents/{number}/updates", permission=Permission.PUBLISH_UPDATE, status=201)
async def publish_update(tx: Tx, number: Number, body: NewUpdate) -> EntryView:
    """Tell everyone who waits. A public one also goes to the status page."""
    if body.components:
        await _on_the_page(tx, body.components)
    entry = await incidents.publish_update(
        tx,
        number,
        text=body.text,
        audience=body.audience.value,
        public_status=body.public_status.value if body.public_status else None,
        components={key: status.value for key, status in body.components.items()} if body.components else None,
    )
    return EntryView.model_validate(entry)


async def _on_the_page(tx: Tx, named: Iterable[str]) -> None:
    """Raises Invalid for components that the page does not show: who sent them believes that the public was told."""
    there = {component.key for component in await statuspage.components(tx) if not component.hidden}
    known = ", ".join(sorted(there)) or "none yet"
    reason = f"is not on the status page; there are: {known}"
    if wrong := [Problem(f"components.{key}", reason) for key in named if key not in there]:
        raise Invalid(wrong)


@routes.get("/incidents/{number}/tasks", permission=Permission.READ_INCIDENT)
async def list_tasks(tx: Tx, number: Number, query: Listed) -> Page[TaskView]:
    await incidents.incident(tx, number)
    part, next_cursor = paged(await incidents.tasks(tx, number), query, lambda task: task.id)
    return Page(items=[TaskView.model_validate(task) for task in part], next_cursor=next_cursor)


@routes.post("/incidents/{number}/tasks", permission=Permission.WORK_INCIDENT, status=201)
async def add_task(tx: Tx, number: Number, body: NewTask) -> TaskView:
    task = await incidents.add_task(tx, number, title=body.title, owner_id=body.owner_id, due_at=body.due_at)
    return TaskView.model_validate(task)


@routes.post("/tasks/{id}/finish", permission=Permission.WORK_INCIDENT)
async def finish_task(tx: Tx, id: PathId) -> TaskView:
    return TaskView.model_validate(await incidents.finish_task(tx, id))


@routes.get("/incidents/{number}/hypotheses", permission=Permission.READ_INCIDENT)
async def list_hypotheses(tx: Tx, number: Number, query: Listed) -> Page[HypothesisView]:
    """What was thought, and how it ended: what did not work is kept, too."""
    await incidents.incident(tx, number)
    part, next_cursor = paged(await incidents.hypotheses(tx, number), query, lambda idea: idea.id)
    return Page(items=[HypothesisView.model_validate(idea) for idea in part], next_cursor=next_cursor)


@routes.post("/incidents/{number}/hypotheses", permission=Permission.WORK_INCIDENT, status=201)
async def add_hypothesis(tx: Tx, number: Number, body: NewHypothesis) -> HypothesisView:
    return HypothesisView.model_validate(await incidents.add_hypothesis(tx, number, text=body.text))


@routes.post("/hypotheses/{id}/settle", permission=Permission.WORK_INCIDENT)
async def settle_hypothesis(tx: Tx, id: PathId, body: Settled) -> HypothesisView:
    settled = await incidents.settle_hypothesis(tx, id, outcome=body.outcome, text=body.text)
    return HypothesisView.model_validate(settled)


@routes.post("/incidents/{number}/links", permission=Permission.WORK_INCIDENT, status=201)
async def add_link(tx: Tx, number: Number, body: NewLink) -> LinkView:
    link = await incidents.add_link(tx, number, kind=body.kind, title=body.title, url=body.url)
    return LinkView.model_validate(link)


@routes.get("/incidents/{number}/relations", permission=Permission.READ_INCIDENT)
async def list_relations(tx: Tx, number: Number, query: Listed) -> Page[RelationView]:
    """What hangs together with it: parent, children, duplicates, what blocks it."""
    await incidents.incident(tx, number)
    part, next_cursor = paged(await incidents.relations(tx, number), query, lambda one: one.id)
    return Page(items=[RelationView.of(one) for one in part], next_cursor=next_cursor)


@routes.post("/incidents/{number}/relations", permission=Permission.WORK_INCIDENT, status=201)
async def relate(tx: Tx, number: Number, body: NewRelation) -> RelationView:
    """Say what another incident is to this one. Saying it twice is no error."""
    found = await incidents.relate(tx, number, to=body.to, tie=body.tie)
    return RelationView.of(next(one for one in found if one.number == body.to and incidents.tie_of(one) == body.tie))


@routes.delete("/incidents/{number}/relations/{id}", permission=Permission.WORK_INCIDENT)
async def unrelate(tx: Tx, number: Number, id: PathId) -> None:
    """Take a relation away, at both ends."""
    await incidents.unrelate(tx, number, id)


@routes.post("/incidents/{number}/workaround", permission=Permission.WORK_INCIDENT)
async def set_workaround(tx: Tx, number: Number, body: NewWorkaround) -> IncidentView:
    """How users get by until it is fixed."""
    await incidents.set_workaround(tx, number, text=body.text)
    return await shown(tx, number)
