"""Judging an incident: how bad, how urgent, what kind, who is hit, whose it is.

A priority goes up on anyone's word. It goes down only on the word of those who may lower it, and with a reason.
"""

from dataclasses import replace
from datetime import datetime
from types import EllipsisType
from typing import Any

from rallypoint import access, catalog
from rallypoint.access import Permission
from rallypoint.actors import Actor
from rallypoint.catalog.model import Impact, PriorityModel, Urgency
from rallypoint.catalog.priority import is_higher
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import change, lifecycle, opening
from rallypoint.incidents.events import IncidentChanged, PriorityChanged
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Incident


async def set_priority(
    tx: Transaction,
    number: int,
    *,
    impact: str | None = None,
    urgency: str | None = None,
    priority: str | None = None,
    reason: str = "",
) -> Incident:
    """Judge impact and urgency, from which the matrix decides; or set the priority itself, with a reason."""
    before, model = await _judgeable(tx, number)
    judged = replace(
        before,
        impact=change.choice("impact", impact, Impact) or before.impact,
        urgency=change.choice("urgency", urgency, Urgency) or before.urgency,
    )
    reason = change.words("reason", reason, longest=2000, needed=priority is not None)
    if priority is not None:
        if priority not in (level.key for level in model.levels):
            raise Invalid("priority", f"must be one of {', '.join(level.key for level in model.levels)}")
        key, why = priority, f"{priority}: set by {tx.actor.name}: {reason}"
    else:
        category = await catalog.category_by_id(tx, before.category_id) if before.category_id else None
        verdict = opening.judge(model, judged, category)
        key, why = verdict.priority, verdict.reason + (f" ({reason})" if reason else "")
    if is_higher(model, before.priority, than=key):
        access.require(tx.actor, Permission.LOWER_PRIORITY)
        if not reason:
            raise Invalid("reason", "is needed to lower a priority", "only the test shop is affected")
    return await decided(
        tx, before, model, key, why, by=tx.actor, impact=judged.impact, urgency=judged.urgency,
        priority_by_hand=priority is not None,
    )  # fmt: skip


async def decided(
    tx: Transaction, before: Incident, model: PriorityModel, key: str, reason: str, *, by: Actor, **changes: Any
) -> Incident:
    """Write a priority and what led to it. The clocks and the pages hear of it only where it is another one."""
    moved = key != before.priority
    text = f"{before.priority} became {key}" if moved else f"{key} stays, judged anew"
    data = {"priority": key, "was": before.priority}
    line = Line(kind="priority" if moved else "state", text=text, reason=reason, key=moved, actor=by, data=data)
    after, _ = await change.write(tx, before, line, **changes, **opening.priority_changes(model, key, reason))
    if moved:
        await tx.announce(
            PriorityChanged(
                number=after.number, epoch=after.epoch, was=before.priority, now=key, urgency=after.paging_urgency,
                reason=reason, by=by.name, domain_id=after.domain_id, at=tx.now,
                raised=is_higher(model, key, than=before.priority),
            )
        )  # fmt: skip
    return after


async def set_category(tx: Transaction, number: int, *, category: str, reason: str = "") -> Incident:
    """What kind of trouble it is. The category may route it to another team, and stand in for what is unknown.

    Where that would lower the priority and the actor may not lower it, the priority stays.
    """
    before, model = await _judgeable(tx, number)
    kind = await catalog.category_by_key(tx, before.domain_id, category)
    team_id = kind.route_team_id or before.team_id
    changes: dict[str, Any] = {"category_id": kind.id, "category_name": kind.name, "team_id": team_id}
    if team_id != before.team_id and before.team_id is not None:
        changes["reassigned"] = before.reassigned + 1
    text = f"Category: {kind.name}" + (f", was {before.category_name}" if before.category_name else "")
    reason = change.words("reason", reason, longest=2000, needed=False)
    after, _ = await change.write(
        tx, before, Line(kind="assigned", text=text, reason=reason, data={"category_key": kind.key}), **changes
    )
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    verdict = opening.judge(model, after, kind)
    lowers = is_higher(model, after.priority, than=verdict.priority)
    if after.priority_by_hand or verdict.priority == after.priority:
        return after
    if lowers and not access.allows(tx.actor, Permission.LOWER_PRIORITY):
        return after
    return await decided(tx, after, model, verdict.priority, verdict.reason, by=tx.actor)


async def set_impact(
    tx: Transaction,
    number: int,
    *,
    affected_people: int | EllipsisType | None = ...,
    impact_started_at: datetime | EllipsisType | None = ...,
    detected_at: datetime | EllipsisType | None = ...,
) -> Incident:
    """What is known of who is hit and since when. None makes a fact unknown again; left out, it stays."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    before, _ = await change.load(tx, number)
    changes: dict[str, Any] = {}
    if affected_people is not ...:
        changes["affected_people"] = opening.people("affected_people", affected_people)
    if impact_started_at is not ...:
        changes["impact_started_at"] = change.past("impact_started_at", impact_started_at, now=tx.now)
    if detected_at is not ...:
        changes["detected_at"] = change.past("detected_at", detected_at, now=tx.now)
    changes = {name: value for name, value in changes.items() if value != getattr(before, name)}
    if not changes:
        return before
    text = "; ".join(f"{name.replace('_', ' ')}: {_said(value)}" for name, value in changes.items())
    was = {name: _said(getattr(before, name)) for name in changes}
    after, _ = await change.write(
        tx, before, Line(kind="state", text=text[:1].upper() + text[1:], data={"was": was}), **changes
    )
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return after


async def describe(
    tx: Transaction, number: int, *, title: str | None = None, description: str | None = None
) -> Incident:
    """Call it by a better name, or say better what it is. What it was called before stays in the history."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    before, _ = await change.load(tx, number)
    wanted: dict[str, str] = {}
    if title is not None:
        wanted["title"] = change.one_line("title", title)
    if description is not None:
        wanted["description"] = change.words("description", description, longest=100_000, needed=False)
    changes = {name: text for name, text in wanted.items() if text != getattr(before, name)}
    if not changes:
        return before
    texts = []
    if "title" in changes:
        texts.append(f"Title: {changes['title']}")
    if "description" in changes:
        texts.append("Description written anew")
    line = Line(kind="state", text="; ".join(texts), data={"was": {name: getattr(before, name) for name in changes}})
    after, _ = await change.write(tx, before, line, **changes)
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return after


async def set_owner(tx: Transaction, number: int, *, person_id: int | None) -> Incident:
    """Whose it is. Handing it to someone else counts as a reassignment (R34)."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    before, _ = await change.load(tx, number)
    person = await access.person(tx, person_id) if person_id is not None else None
    if person is not None and not person.active:
        raise Invalid("person_id", f"{person.name} is not active any more")
    if person_id == before.owner_id:
        return before
    counted = before.reassigned + (1 if before.owner_id is not None else 0)
    name = person.name if person else ""
    text = f"{name} owns it now" if person else "Nobody owns it now"
    line = Line(kind="assigned", text=text, data={"owner_id": person_id, "was": before.owner_name})
    after, _ = await change.write(tx, before, line, owner_id=person_id, owner_name=name, reassigned=counted)
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return after


async def _judgeable(tx: Transaction, number: int) -> tuple[Incident, PriorityModel]:
    """Priorities are for incidents that are being worked on; afterwards they are history."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    before, _ = await change.load(tx, number)
    if not (before.status_category.working or before.status_category is before.status_category.RESTORED):
        raise Refused(
            f"{before.name} is {lifecycle.in_words(before.status_category)}; its priority is history.",
            guard="status", who_may=lifecycle.who_may_from(before.status_category),
            help="If it is not solved, re-open it.",
        )  # fmt: skip
    return before, await catalog.priority_model(tx, before.domain_id)


def _said(value: object) -> str:
    if value is None:
        return "unknown"
    return value.strftime("%Y-%m-%d %H:%M UTC") if isinstance(value, datetime) else str(value)
