"""Who somebody is on the other side: same mail address, then the map, then what the mapping says of the unmapped."""

from collections.abc import Sequence

from rallypoint.sync.equality import NoWay
from rallypoint.sync.mapping import PeopleMap, Unmapped
from rallypoint.sync.model import Person


def outward(person: Person, rule: PeopleMap, directory: Sequence[Person]) -> Person | str | NoWay | None:
    """The tool's person for ours, a text to write instead, None for nobody, or NoWay: leave the field as it is."""
    mapped = next((pair.remote_id for pair in rule.pairs if _same_mail(pair.hub_email, person.email)), "")
    if rule.by_mail and person.email:
        known = next((one for one in directory if _same_mail(one.email, person.email)), None)
        if known is not None:
            return known
        if not directory and not mapped:
            return Person(email=person.email, name=person.name)
    if mapped:
        return next((one for one in directory if one.remote_id == mapped), Person(remote_id=mapped))
    match rule.unmapped:
        case Unmapped.NOBODY:
            return None
        case Unmapped.FALLBACK if rule.fallback:
            return Person(remote_id=rule.fallback)
        case Unmapped.AS_TEXT:
            return as_text(person)
        case _:
            return NoWay(f"{as_text(person)} is not known there.")


def inward(person: Person, rule: PeopleMap) -> Person:
    """Our notation of the tool's person: with the mapped mail address where there is one, else as the tool told."""
    if person.email and rule.by_mail:
        return person
    mail = next((pair.hub_email for pair in rule.pairs if pair.remote_id == person.remote_id), "")
    return Person(email=mail, name=person.name, remote_id=person.remote_id) if mail else person


def as_text(person: Person) -> str:
    """How a person is written where only text can stand."""
    if person.name and person.email:
        return f"{person.name} <{person.email}>"
    return person.name or person.email or person.remote_id


def _same_mail(one: str, other: str) -> bool:
    return bool(one) and one.casefold() == other.casefold()
