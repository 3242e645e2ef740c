"""Who does what in the response. Command is taken explicitly, and handed over with a brief and an acceptance (R47)."""

from rallypoint import access
from rallypoint.access import Permission, Person
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents import change, lifecycle, work_store
from rallypoint.incidents.events import CommandTaken, IncidentChanged
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import HandOver, Incident, RoleHolding

COMMANDER = "commander"
ROLES = (
    COMMANDER,
    "deputy",
    "tech lead",
    "communications lead",
    "scribe",
    "major incident manager",
    "responder",
    "subject-matter expert",
    "observer",
)
"""What screens offer. Organisations may name others; ONE_AT_A_TIME says which have a single holder."""

ONE_AT_A_TIME = frozenset({COMMANDER, "deputy", "tech lead", "communications lead", "scribe", "major incident manager"})


async def take_command(tx: Transaction, number: int) -> Incident:
    """I am in command. Where somebody else is, they hand it over first."""
    before, me = await _open_and_me(tx, number)
    if before.commander_id == me.id:
        return before
    if before.commander_id is not None:
        raise Refused(
            f"{before.commander_name} is in command of {before.name}.",
            guard="commander", who_may=before.commander_name, help="Ask them to hand command over to you.",
        )  # fmt: skip
    return await _put_in_command(tx, before, me, f"{me.name} took command")


async def hand_over(tx: Transaction, number: int, *, to: int, brief: str) -> HandOver:
    """Offer command to someone, with what they need to know. It stays with me until they accept."""
    before = await _open(tx, number)
    _only_the_commander(before, tx)
    brief = change.words("brief", brief, longest=5000)
    person = await _active(tx, to, "to")
    if person.id == before.commander_id:
        raise Invalid("to", f"{person.name} is in command already")
    offer = await work_store.offer(
        tx, number, from_id=before.commander_id, from_name=before.commander_name, to_id=person.id,
        to_name=person.name, brief=brief,
    )  # fmt: skip
    text = f"{tx.actor.name} offered command to {person.name}"
    after, _ = await change.write(tx, before, Line(kind="role", text=text, reason=brief, data={"to": person.id}))
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return offer


async def accept_command(tx: Transaction, number: int) -> Incident:
    """I have read the brief, and I am in command now."""
    before, me = await _open_and_me(tx, number)
    offer = await work_store.offered(tx, number)
    if offer is None:
        raise Refused(f"Nobody has offered command of {before.name}.", guard="hand_over", help="Take command instead.")
    if offer.to_id != me.id:
        raise Refused(f"Command was offered to {offer.to_name}.", guard="hand_over", who_may=offer.to_name)
    await work_store.accept(tx, offer.id)
    who = f" from {offer.from_name}" if offer.from_name else ""
    return await _put_in_command(tx, before, me, f"{me.name} accepted command{who}", brief=offer.brief)


async def set_role(tx: Transaction, number: int, *, role: str, person_id: int | None) -> Incident:
    """Somebody holds a role from now on; nobody (None) leaves it empty. The commander's goes by command's own ways,
    unless nobody holds it or the desk decides."""
    role = change.one_line("role", role, longest=60).lower()
    before = await _open(tx, number)
    person = await _active(tx, person_id, "person_id") if person_id is not None else None
    if role == COMMANDER:
        if before.commander_id is not None:
            _only_the_commander(before, tx)
        text = f"{tx.actor.name} put {person.name} in command" if person else f"{before.commander_name} left command"
        return await _put_in_command(tx, before, person, text)
    if role in ONE_AT_A_TIME or person is None:
        ended = await work_store.end_role(tx, number, role)
        if person is None and not ended:
            return before
    if person is not None:
        await work_store.begin_role(tx, number, role=role, person_id=person.id, person_name=person.name)
    text = f"{person.name} is {role}" if person else f"Nobody is {role} any more"
    data = {"role": role, "person_id": person_id}
    after, _ = await change.write(tx, before, Line(kind="role", text=text, data=data))
    await tx.announce(IncidentChanged(number=number, epoch=after.epoch))
    return after


async def roles(tx: Transaction, number: int) -> list[RoleHolding]:
    """Everybody who holds or held a role, in the order in which they began."""
    return await work_store.roles(tx, number)


async def offered_command(tx: Transaction, number: int) -> HandOver | None:
    """An offer of command that nobody has accepted yet."""
    return await work_store.offered(tx, number)


async def _put_in_command(
    tx: Transaction, before: Incident, person: Person | None, text: str, *, brief: str = ""
) -> Incident:
    await work_store.end_role(tx, before.number, COMMANDER)
    if person is not None:
        await work_store.begin_role(
            tx, before.number, role=COMMANDER, person_id=person.id, person_name=person.name, brief=brief
        )
    await work_store.withdraw(tx, before.number)
    person_id, name = (person.id, person.name) if person else (None, "")
    data = {"role": COMMANDER, "person_id": person_id, "was": before.commander_name}
    line = Line(kind="role", text=text, reason=brief, key=True, data=data)
    changes: dict[str, object] = {"commander_id": person_id, "commander_name": name}
    if person is not None and before.owner_id is None:
        changes |= {"owner_id": person_id, "owner_name": name}
    after, _ = await change.write(tx, before, line, **changes)
    await tx.announce(CommandTaken(number=before.number, epoch=after.epoch, person_id=person_id, person_name=name))
    return after


async def _open(tx: Transaction, number: int) -> Incident:
    access.require(tx.actor, Permission.WORK_INCIDENT)
    before, _ = await change.load(tx, number)
    if not before.status_category.open:
        raise Refused(
            f"{before.name} is over; nobody need hold a role in it.",
            guard="status", who_may=lifecycle.who_may_from(before.status_category), help="Re-open it first.",
        )  # fmt: skip
    return before


async def _open_and_me(tx: Transaction, number: int) -> tuple[Incident, Person]:
    before = await _open(tx, number)
    if tx.actor.person_id is None:
        raise Refused("Command is taken by a person, not by a key.", guard="person", who_may="someone signed in")
    return before, await access.person(tx, tx.actor.person_id)


def _only_the_commander(before: Incident, tx: Transaction) -> None:
    mine = tx.actor.person_id is not None and tx.actor.person_id == before.commander_id
    if mine or access.allows(tx.actor, Permission.CLOSE_AS_DESK):
        return
    raise Refused(
        f"Only the commander hands over command of {before.name}." if before.commander_id else
        f"Nobody is in command of {before.name}.",
        guard="commander",
        who_may=", ".join(filter(None, (before.commander_name, access.who_may(Permission.CLOSE_AS_DESK)))),
        help="" if before.commander_id else "Take command first.",
    )  # fmt: skip


async def _active(tx: Transaction, person_id: int, field: str) -> Person:
    person = await access.person(tx, person_id)
    if not person.active:
        raise Invalid(field, f"{person.name} is not active any more")
    return person
