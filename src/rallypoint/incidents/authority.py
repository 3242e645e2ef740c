"""Hierarchical escalation by itself: when a target comes near or is missed, a person of authority is told.

It pages nobody and does not hurry the policy: how long each step of a policy waits is its owner's choice. It puts the
incident in front of somebody who can change that.
"""

from rallypoint import access, notify, oncall
from rallypoint.actors import SYSTEM
from rallypoint.db import Transaction
from rallypoint.incidents import change, history, store
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Incident

TOLD_ABOUT = ("response", "resolution")
"""A late update is for those at work on the incident; the others are for somebody above them."""


async def tell(tx: Transaction, number: int, *, kind: str, what: str, reason: str) -> None:
    """Tell whoever answers for the owning team, or else the fallback, and put the act into the history."""
    incident = await store.incident(tx, number)
    if kind not in TOLD_ABOUT or incident.drill or not incident.status_category.open:
        return
    person, address = await _authority(tx, incident)
    if person is None and address is None:
        return
    name = person.name if person else str(address)
    await notify.message(
        tx,
        purpose="notice",
        title=f"{incident.name} {incident.priority} {incident.title}: {what}",
        text=f"{what}: {reason}.\n\nYou are told because you answer for this work. Nobody was paged by this.",
        incident=number,
        person_id=person.id if person else None,
        address=address,
        url=f"/i/{number}",
    )
    line = Line(
        kind="escalation",
        text=f"Escalated to {name}, hierarchical",
        reason=what[0].lower() + what[1:],
        key=True,
        data={"kind": "hierarchical", "person_id": person.id if person else None},
        actor=SYSTEM,
    )
    await history.append(tx, number, line)
    change.touch(tx, number)


async def _authority(tx: Transaction, incident: Incident) -> tuple[access.Person | None, str | None]:
    """The owning team's manager, its lead, or the fallback contact."""
    if incident.team_id is not None:
        team = await access.team_by_id(tx, incident.team_id)
        if team.manager_id is not None:
            return await access.person(tx, team.manager_id), None
        members = [person for person in await access.members(tx, team.id) if person.active]
        if members:
            return members[0], None  # a team's leads come first
    contact = await oncall.fallback(tx)
    if contact is None:
        return None, None
    return (await access.person(tx, contact.person_id), None) if contact.person_id else (None, contact.address)
