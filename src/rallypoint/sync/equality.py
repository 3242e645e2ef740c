"""When two values are the same: exactly, and as far as a tool's tidying may change what we wrote."""

from dataclasses import dataclass

from rallypoint.sync.model import Person, Value

SHORTENED_AT_LEAST = 20
"""A text that merely begins like ours counts as ours shortened only from this length on."""


@dataclass(frozen=True, slots=True)
class NoWay:
    """The other side has nothing for this value. `reason` is a sentence for people."""

    reason: str


def same(one: Value, other: Value) -> bool:
    """Equal: empty is empty, order in a set does not matter, line ends do not matter, a number is not a truth value."""
    return key(one) == key(other)


def key(value: Value) -> object:
    """A hashable stand-in that is equal exactly when values are the same."""
    if value is None or value == "" or value == ():
        return None
    if isinstance(value, str):
        return value.replace("\r\n", "\n")
    if isinstance(value, bool):
        return ("truth", value)
    if isinstance(value, tuple):
        return frozenset(value)
    if isinstance(value, Person):
        return person_key(value)
    return value


def person_key(person: Person) -> object:
    """Who it is: the tool's id, else the mail address, else the name."""
    if person.remote_id:
        return ("id", person.remote_id)
    if person.email:
        return ("mail", person.email.casefold())
    return ("name", person.name.casefold()) if person.name else None


def same_person(one: Person, other: Person) -> bool:
    """They share an id, an address, or failing both a name."""
    if one.remote_id and other.remote_id:
        return one.remote_id == other.remote_id
    if one.email and other.email:
        return one.email.casefold() == other.email.casefold()
    return bool(one.name) and one.name.casefold() == other.name.casefold()


def like(ours: Value, found: Value) -> bool:
    """What was found may be what a tool made of ours: trimmed, cased, shortened, reordered. Not symmetric."""
    if same(ours, found):
        return True
    if isinstance(ours, str) and isinstance(found, str):
        mine, theirs = _plain(ours), _plain(found).rstrip("….")
        return mine == _plain(found) or (len(theirs) >= SHORTENED_AT_LEAST and mine.startswith(theirs))
    if isinstance(ours, tuple) and isinstance(found, tuple):
        return {_plain(one) for one in ours} == {_plain(one) for one in found}
    if isinstance(ours, Person) and isinstance(found, Person):
        return same_person(ours, found)
    if not isinstance(ours, tuple | Person) and not isinstance(found, tuple | Person):
        return _plain(str(ours)) == _plain(str(found)) and ours is not None and found is not None
    return False


def _plain(text: str) -> str:
    return " ".join(text.split()).casefold()
