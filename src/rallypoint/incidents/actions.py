"""What people do with an incident: acknowledge, hold, restore, resolve, and so on to the close.

Each asks lifecycle.py, which refuses with a reason; each writes one line of history and announces one fact.
"""

from datetime import datetime
from typing import Any

from rallypoint import access, oncall, sla
from rallypoint.access import Permission, require
from rallypoint.actors import Actor
from rallypoint.catalog.model import Domain, StatusCategory
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import change, confirming, history, lifecycle, opening, reporter
from rallypoint.incidents.events import (
    IncidentAcknowledged,
    IncidentCancelled,
    IncidentClosed,
    IncidentEscalated,
    IncidentHeld,
    IncidentReopened,
    IncidentResolved,
    IncidentRestored,
    IncidentResumed,
    IncidentReviewed,
)
from rallypoint.incidents.history import Line
from rallypoint.incidents.lifecycle import Decision, Verb
from rallypoint.incidents.model import Confirmation, Incident

FUNCTIONAL, HIERARCHICAL = "functional", "hierarchical"


async def acknowledge(tx: Transaction, number: int, *, via: str = "", by: Actor | None = None) -> Incident:
    """Someone takes it up: paging stops. Doing it again changes nothing, unless people are being paged again.

    A bot (a key that belongs to nobody) stops paging as well, but a person has still to take it up.
    """
    by = by or tx.actor
    before, domain = await change.load(tx, number)
    decision = lifecycle.decide(Verb.ACKNOWLEDGE, before, domain=domain, by=by)
    done = before.acknowledged_at if by.is_bot else before.taken_up_at
    if done is not None and not await _being_paged(tx, number):
        return before
    changes = await change.moved_to(tx, before, decision.to)
    if done is None:
        changes |= {"acknowledged_at": tx.now, "acknowledged_by": by.name, "acknowledged_by_bot": by.is_bot}
    if before.owner_id is None and by.person_id is not None:
        changes |= {"owner_id": by.person_id, "owner_name": by.name}
    said = f"{by.name} acknowledged it" + (f" by {change.one_line('via', via, longest=80)}" if via else "")
    return await _step(
        tx, before, IncidentAcknowledged, said, by=by, acknowledges=not by.is_bot, changes=changes, decision=decision
    )


async def hold(tx: Transaction, number: int, *, reason: str) -> Incident:
    """It has to wait for someone or something: the resolution clock pauses, the customer's impact does not."""
    before, domain = await change.load(tx, number)
    reason = change.words("reason", reason, longest=2000, needed=False)
    decision = lifecycle.decide(Verb.HOLD, before, domain=domain, by=tx.actor, reason=reason)
    before = await acknowledge(tx, number)  # who puts it on hold has looked at it: nobody need be paged any more
    changes = await change.moved_to(tx, before, decision.to)
    changes |= {"held_from": before.status_category, "hold_reason": reason}
    said = f"{tx.actor.name} put it on hold"
    return await _step(tx, before, IncidentHeld, said, by=tx.actor, changes=changes, decision=decision, reason=reason)


async def resume(tx: Transaction, number: int) -> Incident:
    before, domain = await change.load(tx, number)
    decision = lifecycle.decide(Verb.RESUME, before, domain=domain, by=tx.actor)
    changes = await change.moved_to(tx, before, decision.to) | {"held_from": "", "hold_reason": ""}
    said = f"{tx.actor.name} took it off hold"
    return await _step(tx, before, IncidentResumed, said, by=tx.actor, changes=changes, decision=decision)


async def restore(
    tx: Transaction, number: int, *, note: str = "", at: datetime | None = None, by: Actor | None = None
) -> Incident:
    """The service works again for those who use it. What caused it may still be there: resolving is for that."""
    by = by or tx.actor
    before, domain = await change.load(tx, number)
    note = change.words("note", note, longest=2000, needed=False)
    decision = lifecycle.decide(Verb.RESTORE, before, domain=domain, by=by, reason=note)
    at = change.past("at", at, now=tx.now) or tx.now
    if before.impact_started_at is not None and at < before.impact_started_at:
        raise Invalid("at", "lies before the impact began")
    changes = await change.moved_to(tx, before, decision.to)
    changes |= {"restored_at": at, "held_from": "", "hold_reason": "", **_taken_up(tx, before, by)}
    after = await _step(
        tx, before, IncidentRestored, f"{by.name}: the service is restored", by=by, changes=changes,
        decision=decision, reason=note, at=at,
    )  # fmt: skip
    if at < tx.now:
        await sla.recompute(tx, number, domain_id=domain.id, marks=await history.marks(tx, number))
    return after


async def recover(tx: Transaction, number: int, *, note: str = "", at: datetime | None = None) -> Incident:
    """Everything is as it was before: backlogs worked off, data repaired. A fact of its own, often later (R53)."""
    require(tx.actor, Permission.WORK_INCIDENT)
    before, _ = await change.load(tx, number)
    if before.restored_at is None:
        raise Refused(
            f"{before.name} is not restored yet.", guard="restored", who_may="nobody before it is restored",
            help="Recovery comes after restoration.",
        )  # fmt: skip
    at = change.past("at", at, now=tx.now) or tx.now
    if at < before.restored_at:
        raise Invalid("at", "lies before the service was restored")
    reason = change.words("note", note, longest=2000, needed=False)
    line = Line(kind="state", text=f"{tx.actor.name}: fully recovered", reason=reason, occurred_at=at, key=True)
    after, _ = await change.write(tx, before, line, recovered_at=at)
    return after


async def resolve(tx: Transaction, number: int, *, resolution: str, workaround: bool = False) -> Incident:
    """It is dealt with. The reporter, or the monitor, has the last word on that."""
    before, domain = await change.load(tx, number)
    resolution = change.words("resolution", resolution, needed=False)
    decision = lifecycle.decide(Verb.RESOLVE, before, domain=domain, by=tx.actor, reason=resolution)
    changes = await change.moved_to(tx, before, decision.to)
    changes |= {
        "resolution": resolution,
        "resolved_at": tx.now,
        "held_from": "",
        "hold_reason": "",
        **opening.UNCONFIRMED,
    }
    changes |= _taken_up(tx, before)
    # Who calls it resolved says that the service works. When it began to is not known any better, and the line says so.
    changes |= {"restored_at": before.restored_at or tx.now}
    if workaround and not before.workaround:
        changes["workaround"] = resolution
    said = f"{tx.actor.name} resolved it" + (" with a workaround" if workaround else "")
    after = await _step(
        tx, before, IncidentResolved, said, by=tx.actor, changes=changes, decision=decision, reason=resolution,
        kind="resolution", data={"workaround": workaround, "restored_unknown": before.restored_at is None},
        more={"resolution": resolution},
    )  # fmt: skip
    await confirming.begin(tx, after, domain)
    return after


async def review(tx: Transaction, number: int) -> Incident:
    """Resolved, and kept until what was learned is written down."""
    before, domain = await change.load(tx, number)
    decision = lifecycle.decide(Verb.REVIEW, before, domain=domain, by=tx.actor)
    changes = await change.moved_to(tx, before, decision.to)
    said = f"{tx.actor.name} put it into review"
    return await _step(tx, before, IncidentReviewed, said, by=tx.actor, changes=changes, decision=decision)


async def reopen(tx: Transaction, number: int, *, reason: str) -> Incident:
    """It is not over after all."""
    before, domain = await change.load(tx, number)
    return await reopen_loaded(tx, before, domain, reason=reason, by=tx.actor)


async def reopen_loaded(tx: Transaction, before: Incident, domain: Domain, *, reason: str, by: Actor) -> Incident:
    """Open again what is loaded already; a monitor whose alert came back does it the same way."""
    reason = change.words("reason", reason, longest=2000, needed=False)
    decision = lifecycle.decide(Verb.REOPEN, before, domain=domain, by=by, reason=reason)
    after = await _step(
        tx, before, IncidentReopened, f"{by.name} opened it again", by=by, reason=reason, decision=decision,
        changes=await opening.open_again(tx, before, decision), more={"summary": opening.summary_of(before)},
    )  # fmt: skip
    await confirming.end(tx, before.number)
    if before.status_category is not StatusCategory.RESTORED:
        await reporter.reopened(tx, after, reason)
    return after


async def close(tx: Transaction, number: int, *, note: str = "") -> Incident:
    """The end, as the domain's closure policy wants it."""
    before, domain = await change.load(tx, number)
    note = change.words("note", note, longest=2000, needed=False)
    decision = lifecycle.decide(Verb.CLOSE, before, domain=domain, by=tx.actor, reason=note)
    changes = await change.moved_to(tx, before, decision.to) | {"closed_at": tx.now}
    if before.confirmed_at is None:
        changes |= {"confirmation": Confirmation.BY_SILENCE, "confirmation_note": note}
    said = f"{tx.actor.name} closed it"
    after = await _step(tx, before, IncidentClosed, said, by=tx.actor, changes=changes, decision=decision, reason=note)
    await confirming.end(tx, number)
    await reporter.goodbye(tx, after)
    return after


async def cancel(tx: Transaction, number: int, *, reason: str) -> Incident:
    """It is no incident: a duplicate, a mistake, a test."""
    before, domain = await change.load(tx, number)
    reason = change.words("reason", reason, longest=2000, needed=False)
    decision = lifecycle.decide(Verb.CANCEL, before, domain=domain, by=tx.actor, reason=reason)
    changes = await change.moved_to(tx, before, decision.to) | {"held_from": "", "hold_reason": ""}
    said = f"{tx.actor.name} cancelled it"
    return await _step(
        tx, before, IncidentCancelled, said, by=tx.actor, changes=changes, decision=decision, reason=reason
    )


async def escalate(
    tx: Transaction,
    number: int,
    *,
    kind: str = FUNCTIONAL,
    to_policy: str | None = None,
    to_person: int | None = None,
    note: str = "",
) -> Incident:
    """Ask for more: a specialist (functional) or someone with authority (hierarchical). Paging goes on at once."""
    require(tx.actor, Permission.ESCALATE)
    if kind not in (FUNCTIONAL, HIERARCHICAL):
        raise Invalid("kind", "must be functional or hierarchical")
    before, _ = await change.load(tx, number)
    if not before.status_category.working:
        raise Refused(
            f"{before.name} is {lifecycle.in_words(before.status_category)}; there is nothing to escalate.",
            guard="status", who_may=lifecycle.who_may_from(before.status_category),
            help="If it is not solved, re-open it.",
        )  # fmt: skip
    note = change.words("note", note, longest=2000, needed=False)
    to = await _target(tx, to_policy, to_person)
    said = f"{tx.actor.name} escalated it ({kind}){f' to {to}' if to else ''}"
    line = Line(kind="escalation", text=said, reason=note, key=True, data={"kind": kind, "to": to})
    after, _ = await change.write(tx, before, line)
    await tx.announce(
        IncidentEscalated(
            number=number, epoch=after.epoch, kind=kind, by=tx.actor.name, note=note,
            to_policy=to_policy, to_person=to_person,
        )
    )  # fmt: skip
    about = oncall.About(
        title=after.title, priority=after.priority, urgency=after.paging_urgency, service=after.service_key,
        summary=opening.summary_of(after), drill=after.drill,
    )  # fmt: skip
    await oncall.escalate(
        tx, number, why=oncall.Why.ESCALATED_BY_PERSON, to_policy=to_policy, to_person=to_person, about=about,
        service_id=after.service_id,
    )  # fmt: skip
    return after


async def _being_paged(tx: Transaction, number: int) -> bool:
    """Whether a paging run still waits for an answer."""
    waiting = (oncall.RunState.RUNNING, oncall.RunState.EXHAUSTED)
    return any(run.state in waiting for run in await oncall.runs_of(tx, number))


async def _target(tx: Transaction, to_policy: str | None, to_person: int | None) -> str:
    """Who is asked for, by name; raises where there is no such person or policy."""
    if to_person is not None:
        return (await access.person(tx, to_person)).name
    return (await oncall.policy(tx, to_policy)).name if to_policy else ""


def _taken_up(tx: Transaction, before: Incident, by: Actor | None = None) -> dict[str, Any]:
    """A person who acts without having acknowledged has taken it up all the same."""
    by = by or tx.actor
    if before.taken_up_at is not None or not change.of_a_person(by):
        return {}
    owner = {"owner_id": by.person_id, "owner_name": by.name} if before.owner_id is None and by.person_id else {}
    return {"acknowledged_at": tx.now, "acknowledged_by": by.name, "acknowledged_by_bot": False, **owner}


async def _step(
    tx: Transaction,
    before: Incident,
    fact: type[Any],
    text: str,
    *,
    by: Actor,
    changes: dict[str, Any],
    decision: Decision,
    reason: str = "",
    at: datetime | None = None,
    acknowledges: bool = False,
    kind: str = "state",
    data: dict[str, Any] | None = None,
    more: dict[str, Any] | None = None,
) -> Incident:
    """Write the change and its line, and announce it."""
    draft = change.next_of(before, changes)
    told = change.step(
        fact, before, draft, by, at=at or tx.now, reason=reason, acknowledges=acknowledges, **(more or {})
    )
    text = f"{text}, {decision.jump}" if decision.jump else text
    line = change.state_line(told, text, actor=by, kind=kind, data={"jump": decision.jump, **(data or {})})
    after, _ = await change.write(tx, before, line, **changes)
    await tx.announce(told)
    return after
