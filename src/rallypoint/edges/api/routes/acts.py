"""What is done to an incident on its way from open to closed. Each act answers with the record as it then stands."""

from enum import StrEnum

from pydantic import Field

from rallypoint import access, incidents
from rallypoint.access import Permission
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.incidents import IncidentView, shown
from rallypoint.edges.api.words import Id, Input, Key, Moment, Number, OptionalText, Text

routes = Routes("lifecycle")


class Note(Input):
    note: OptionalText = ""


class Reason(Input):
    reason: Text


class Via(Input):
    via: str = Field("", max_length=100, description="How it was acknowledged, when it matters: phone, mail.")


class EscalationKind(StrEnum):
    FUNCTIONAL = "functional"
    HIERARCHICAL = "hierarchical"


class Escalation(Input):
    kind: EscalationKind = Field(EscalationKind.FUNCTIONAL, description="To a specialist, or to a person of authority.")
    to_policy: Key | None = Field(None, description="Start this policy; without it the next step comes at once.")
    to_person: Id | None = None
    note: OptionalText = ""


class Restoration(Note):
    at: Moment | None = Field(None, description="When service was back, if earlier than now.")


class Resolution(Input):
    resolution: Text = Field(description="What was wrong and what was done.")
    workaround: bool = Field(False, description="It is a workaround; the permanent fix is tracked elsewhere.")


def _scoped(tx: Tx) -> None:
    """Reporters answer for themselves whatever their role, but not with a key that was made for less."""
    if tx.actor.scopes is not None:
        access.require(tx.actor, Permission.CONFIRM_FOR_REPORTER)


@routes.post("/incidents/{number}/acknowledge", permission=Permission.ACKNOWLEDGE)
async def acknowledge(tx: Tx, number: Number, body: Via | None = None) -> IncidentView:
    """Somebody works on it: paging stops, everything pending is void."""
    await incidents.acknowledge(tx, number, via=body.via if body else "")
    return await shown(tx, number)


@routes.post("/incidents/{number}/escalate", permission=Permission.ESCALATE)
async def escalate(tx: Tx, number: Number, body: Escalation | None = None) -> IncidentView:
    """Bring in the next step, another policy, or a person."""
    asked = body or Escalation.model_validate({})
    await incidents.escalate(
        tx, number, kind=asked.kind.value, to_policy=asked.to_policy, to_person=asked.to_person, note=asked.note
    )
    return await shown(tx, number)


@routes.post("/incidents/{number}/hold", permission=Permission.WORK_INCIDENT)
async def hold(tx: Tx, number: Number, body: Reason) -> IncidentView:
    """Wait for something outside: clocks pause, with the reason on the record."""
    await incidents.hold(tx, number, reason=body.reason)
    return await shown(tx, number)


@routes.post("/incidents/{number}/resume", permission=Permission.WORK_INCIDENT)
async def resume(tx: Tx, number: Number) -> IncidentView:
    await incidents.resume(tx, number)
    return await shown(tx, number)


@routes.post("/incidents/{number}/restore", permission=Permission.WORK_INCIDENT)
async def restore(tx: Tx, number: Number, body: Restoration | None = None) -> IncidentView:
    """Users have their service back; the work may go on."""
    await incidents.restore(tx, number, note=body.note if body else "", at=body.at if body else None)
    return await shown(tx, number)


@routes.post("/incidents/{number}/resolve", permission=Permission.WORK_INCIDENT)
async def resolve(tx: Tx, number: Number, body: Resolution) -> IncidentView:
    """It is fixed; the reporter is asked to confirm."""
    await incidents.resolve(tx, number, resolution=body.resolution, workaround=body.workaround)
    return await shown(tx, number)


@routes.post("/incidents/{number}/confirm", permission=Permission.READ_INCIDENT)
async def confirm(tx: Tx, number: Number, body: Note | None = None) -> IncidentView:
    """It works again, says the reporter, or who answers for them: the service desk."""
    _scoped(tx)
    await incidents.confirm(tx, number, note=body.note if body else "")
    return await shown(tx, number)


@routes.post("/incidents/{number}/reject", permission=Permission.READ_INCIDENT)
async def reject(tx: Tx, number: Number, body: Reason) -> IncidentView:
    """It does not, says the reporter, or who answers for them: the incident is open again."""
    _scoped(tx)
    await incidents.reject(tx, number, reason=body.reason)
    return await shown(tx, number)


@routes.post("/incidents/{number}/close", permission=Permission.WORK_INCIDENT)
async def close(tx: Tx, number: Number, body: Note | None = None) -> IncidentView:
    """File it. Who may, and after what, is the domain's closure policy."""
    await incidents.close(tx, number, note=body.note if body else "")
    return await shown(tx, number)


@routes.post("/incidents/{number}/reopen", permission=Permission.WORK_INCIDENT)
async def reopen(tx: Tx, number: Number, body: Reason) -> IncidentView:
    await incidents.reopen(tx, number, reason=body.reason)
    return await shown(tx, number)


@routes.post("/incidents/{number}/cancel", permission=Permission.WORK_INCIDENT)
async def cancel(tx: Tx, number: Number, body: Reason) -> IncidentView:
    """It was none: kept, and out of the figures."""
    await incidents.cancel(tx, number, reason=body.reason)
    return await shown(tx, number)
