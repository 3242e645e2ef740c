"""The person who reported it: who that is, what they are told, and the link by which they answer."""

import re
from typing import Any

from rallypoint import access, ids, notify
from rallypoint.actors import ActorKind
from rallypoint.db import Transaction
from rallypoint.incidents import change, store
from rallypoint.incidents.model import Incident

PATH = "/r/{token}"
"""Where the reporter sees their incident and answers; edges/web serves it."""

EMAIL = re.compile(r"[^\s@<>,;]+@[^\s@<>,;]+")


async def who(tx: Transaction, *, name: str, contact: str) -> dict[str, Any]:
    """Reporter fields of a new incident. Nobody named: the person who acts reports it themselves."""
    name = change.one_line("reporter_name", name, needed=False)
    contact = change.one_line("reporter_contact", contact, needed=False)
    if EMAIL.fullmatch(contact) and (person := await access.person_by_email(tx, contact)):
        return _named(name or person.name, contact, person.id)
    if name or contact:
        return _named(name or contact, contact, None)
    if tx.actor.person_id is not None:
        person = await access.person(tx, tx.actor.person_id)
        return _named(person.name, person.email, person.id)
    return _named(tx.actor.name if tx.actor.kind is not ActorKind.REPORTER else "", "", None)


def _named(name: str, contact: str, person_id: int | None) -> dict[str, Any]:
    return {"reporter_name": name, "reporter_contact": contact, "reporter_person_id": person_id}


def reachable(incident: Incident) -> bool:
    """Whether there is an address to write to. A phone number is for people to call."""
    return incident.reporter_person_id is not None or EMAIL.fullmatch(incident.reporter_contact) is not None


async def reporter_token(tx: Transaction, number: int) -> str:
    """A new secret by which the reporter, and nobody else, answers for this incident."""
    token = ids.token()
    await store.add_token(tx, number, ids.digest(token))
    return token


async def incident_by_reporter_token(tx: Transaction, token: str) -> Incident:
    """The incident a reporter's link leads to."""
    return await store.incident(tx, await store.number_of_token(tx, ids.digest(token)))


async def receipt(tx: Transaction, incident: Incident) -> None:
    """On opening: we have it, this is its number."""
    await _tell(
        tx, incident, purpose="notice", title=f"{incident.name} received: {incident.title}",
        text=(
            f"We have received your {incident.kind}. Its number is {incident.name}.\n\n"
            f"{incident.title}\n\nPriority: {incident.priority}. Reason: {incident.priority_reason}.\n"
            "We write again when it is resolved. The link shows where it stands."
        ),
    )  # fmt: skip


async def ask(tx: Transaction, incident: Incident, *, again: bool = False) -> bool:
    """On resolution, and in each reminder: is it solved for you? Says whether there was an address to ask at."""
    return await _tell(
        tx, incident, purpose="confirm",
        title=f"{'Reminder: is' if again else 'Is'} {incident.name} solved for you? {incident.title}",
        text=(
            f"{incident.name} is resolved: {incident.title}\n\n{incident.resolution}\n\n"
            "Please say whether it works for you again. The link shows a page with both answers.\n"
            "If we hear nothing, we note that it was not confirmed, and it may be closed."
        ),
    )  # fmt: skip


async def goodbye(tx: Transaction, incident: Incident) -> None:
    """On closing: this is the end of it, and how to come back."""
    await _tell(
        tx, incident, purpose="notice", title=f"{incident.name} is closed: {incident.title}",
        text=f"{incident.name} is closed.\n\n{incident.resolution}\n\nIf it comes back, please report it again.",
    )  # fmt: skip


async def reopened(tx: Transaction, incident: Incident, reason: str) -> None:
    await _tell(
        tx, incident, purpose="notice", title=f"{incident.name} is open again: {incident.title}",
        text=f"We are working on {incident.name} again.\n\nReason: {reason}",
    )  # fmt: skip


async def _tell(tx: Transaction, incident: Incident, *, purpose: str, title: str, text: str) -> bool:
    if not reachable(incident) or incident.drill:
        return False
    url = PATH.format(token=await reporter_token(tx, incident.number))
    by_person = incident.reporter_person_id
    await notify.message(
        tx, purpose=purpose, title=title, text=text, incident=incident.number, url=url,
        person_id=by_person, address=None if by_person else incident.reporter_contact,
    )  # fmt: skip
    return True
