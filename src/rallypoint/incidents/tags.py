"""Tags: words that people put on incidents, to find them again. Spelt as typed, and each once whatever its case."""

from collections.abc import Iterable, Sequence

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.access.check import Checks
from rallypoint.db import Transaction
from rallypoint.errors import Invalid
from rallypoint.incidents import change, tag_store
from rallypoint.incidents.events import IncidentChanged
from rallypoint.incidents.history import Line
from rallypoint.incidents.model import Incident

LONGEST_TAG, MOST_TAGS = 60, 50
APART = (",", ";")
"""What stands between tags where several are typed, here and in other tools: it cannot stand in one."""


async def change_tags(tx: Transaction, number: int, *, add: Sequence[str] = (), remove: Sequence[str] = ()) -> Incident:
    """Put tags on, take tags off. One that is there already, or is not there, changes nothing."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    new, old = cleaned("add", add), {one.casefold() for one in cleaned("remove", remove)}
    before, _ = await change.load(tx, number)
    return await _become(tx, before, [*(one for one in before.tags if one.casefold() not in old), *new])


async def set_tags(tx: Transaction, number: int, *, tags: Sequence[str]) -> Incident:
    """These tags and no others."""
    access.require(tx.actor, Permission.WORK_INCIDENT)
    wanted = cleaned("tags", tags)
    before, _ = await change.load(tx, number)
    return await _become(tx, before, wanted)


async def _become(tx: Transaction, before: Incident, wanted: Iterable[str]) -> Incident:
    tags = in_order(wanted)
    if len(tags) > MOST_TAGS:
        raise Invalid("tags", f"are too many: an incident has {MOST_TAGS} at most")
    if tags == before.tags:
        return before
    came, went = [one for one in tags if one not in before.tags], [one for one in before.tags if one not in tags]
    said = [f"tagged {', '.join(came)}"] * bool(came) + [f"no longer {', '.join(went)}"] * bool(went)
    text = "; ".join(said)
    line = Line(kind="state", text=text[:1].upper() + text[1:], data={"tags": list(tags), "was": list(before.tags)})
    after, _ = await change.write(tx, before, line, tags=tags)
    await tx.announce(IncidentChanged(number=before.number, epoch=after.epoch))
    return after


async def known_tags(tx: Transaction, *, limit: int = 200) -> list[str]:
    """Tags in use on the newest incidents, the most frequent first."""
    return await tag_store.known(tx, limit=limit)


def cleaned(field: str, typed: Sequence[str]) -> list[str]:
    """Tags in their stored form; a text with commas or semicolons is several. Raises Invalid."""
    checks = Checks()
    parts = [part for one in typed for part in split(one) if part.strip()]
    tags = [checks.name(field, part, longest=LONGEST_TAG) for part in parts]
    checks.done()
    return tags


def split(typed: str) -> list[str]:
    """The tags of a text in which several stand."""
    for mark in APART[1:]:
        typed = typed.replace(mark, APART[0])
    return [part.strip() for part in typed.split(APART[0]) if part.strip()]


def in_order(tags: Iterable[str]) -> tuple[str, ...]:
    """Each once, whatever its case (the first spelling stays), by the alphabet."""
    each: dict[str, str] = {}
    for one in tags:
        each.setdefault(one.casefold(), one)
    return tuple(each[key] for key in sorted(each))
