"""What a mapping loses, told when it is saved: value maps, texts, people. And value maps suggested from names."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rallypoint.sync.equality import NoWay
from rallypoint.sync.lenses import Lenses, Seen, WordsLens
from rallypoint.sync.mapping import Direction, FieldRule, Pair, StatusMap, StatusRead, StatusWrite, Text
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.model import Choice, RemoteField, Schema
from rallypoint.sync.ports import Level

DONE_WORDS = frozenset({"done", "closed", "completed", "complete", "resolved", "solved", "fixed", "rejected"})
NEVER_FROM_OUTSIDE = frozenset({"closed", "review"})
"""Our statuses that no other tool may bring about: a remote done is resolved and waits for confirmation."""


class Loss(StrEnum):
    """What a mapping cannot carry. The first three refuse the mapping, the others are told and allowed."""

    UNSTABLE = "unstable"
    UNKNOWN_VALUE = "unknown value"
    CLOSES = "closes from outside"
    FEWER_THERE = "fewer values there"
    FEWER_HERE = "fewer values here"
    NOT_SENT = "not sent"
    NOT_TAKEN = "not taken"
    SHORTENED = "shortened"
    READ_ONLY = "read only"
    NO_FIELD = "no such field"

    @property
    def refuses(self) -> bool:
        return self in (Loss.UNSTABLE, Loss.UNKNOWN_VALUE, Loss.CLOSES, Loss.NO_FIELD)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lossy:
    """One loss of one field, in a sentence."""

    field: str
    loss: Loss
    text: str

    @property
    def level(self) -> Level:
        return Level.ERROR if self.loss.refuses else Level.WARNING


def review(mapping: Rules, hub: Schema, remote: Schema) -> tuple[Lossy, ...]:
    """Everything that this mapping would lose or cannot do between these two schemas. Asked whenever one is saved."""
    found: list[Lossy] = []
    for seen in Lenses(mapping).fields:
        ours, theirs = hub.field(seen.rule.hub), remote.field(seen.rule.remote)
        if ours is None or theirs is None:
            missing = seen.rule.hub if ours is None else seen.rule.remote
            side = "The incident" if ours is None else "The tool"
            found.append(Lossy(field=seen.rule.hub, loss=Loss.NO_FIELD, text=f"{side} has no field {missing!r}."))
            continue
        found += _field(seen, ours, theirs)
    return tuple(found)


def _field(seen: Seen, ours: RemoteField, theirs: RemoteField) -> list[Lossy]:
    rule, found = seen.rule, []
    if rule.direction is not Direction.IN and not theirs.writable and not seen.status:
        found.append(_warning(rule, Loss.READ_ONLY, f"{theirs.name} cannot be written there; make it inward only."))
    if rule.direction is not Direction.OUT and not ours.writable:
        found.append(_warning(rule, Loss.READ_ONLY, f"{ours.name} cannot be written here; make it outward only."))
    if isinstance(rule.transform, Text) and theirs.max_length and not ours.max_length:
        text = f"{theirs.name} holds {theirs.max_length} characters; a longer text is shortened there and whole here."
        found.append(_warning(rule, Loss.SHORTENED, text))
    if isinstance(seen.lens, WordsLens):
        found += words(rule, seen.lens, _ids(ours.choices), _ids(theirs.choices), status=seen.status)
    return found


def words(
    rule: FieldRule, lens: WordsLens, ours: Sequence[str], theirs: Sequence[str], *, status: bool = False
) -> list[Lossy]:
    """What a value map loses over all values of both sides. Empty `ours` or `theirs`: those of the map itself."""
    ours = ours or tuple(lens.out)
    theirs = theirs or tuple(lens.into)
    found = _unknown(rule, lens, frozenset(ours), frozenset(theirs))
    found += _unstable(rule, lens, [one for one in ours if not (status and one in NEVER_FROM_OUTSIDE)])
    if rule.direction is not Direction.IN:
        unsent = [one for one in ours if isinstance(lens.put(one, None), NoWay)]
        if unsent:
            found.append(_warning(rule, Loss.NOT_SENT, f"{_list(unsent)} has no value there and is not sent."))
        found += [
            _warning(
                rule, Loss.FEWER_THERE, f"{_list(same)} look alike there ({there}); a change among them stays here."
            )
            for there, same in _classes(lens, ours).items()
            if len(same) > 1
        ]
    if rule.direction is not Direction.OUT:
        untaken = [one for one in theirs if isinstance(lens.get(one, None), NoWay)]
        if untaken:
            found.append(_warning(rule, Loss.NOT_TAKEN, f"{_list(untaken)} has no value here and is not taken."))
        if status:
            closing = [one for one in theirs if lens.get(one, None) in NEVER_FROM_OUTSIDE]
            found += [
                _warning(rule, Loss.CLOSES, f"{one} would close the incident; a tool may resolve it at most.")
                for one in closing
            ]
    return found


def _unknown(rule: FieldRule, lens: WordsLens, ours: frozenset[str], theirs: frozenset[str]) -> list[Lossy]:
    here = sorted({one for one in (*lens.out, *lens.into.values()) if one} - ours)
    there = sorted({one for one in (*lens.into, *lens.out.values()) if one} - theirs)
    found = []
    if here:
        found.append(_warning(rule, Loss.UNKNOWN_VALUE, f"{_list(here)} is no value of {rule.hub}."))
    if there:
        found.append(_warning(rule, Loss.UNKNOWN_VALUE, f"{_list(there)} is no value of {rule.remote} there."))
    return found


def _unstable(rule: FieldRule, lens: WordsLens, ours: Sequence[str]) -> list[Lossy]:
    """Values whose written form reads as another class. Closed is let through: written as closed, read as resolved."""
    if rule.direction is not Direction.BOTH:
        return []
    found = []
    for one in ours:
        there = lens.put(one, None)
        back = None if isinstance(there, NoWay) else lens.get(there, None)
        if isinstance(there, NoWay) or isinstance(back, NoWay) or back is None:
            continue
        again = lens.put(back, None)
        if isinstance(again, NoWay) or again != there:
            text = f"{one} is written as {there}, read as {back}, and that is written as {_told(again)}: not the same."
            found.append(_warning(rule, Loss.UNSTABLE, text))
    return found


def _told(value: object) -> str:
    return "nothing" if isinstance(value, NoWay) else str(value)


def _classes(lens: WordsLens, values: Iterable[str]) -> dict[str, list[str]]:
    classes: dict[str, list[str]] = {}
    for one in values:
        there = lens.put(one, None)
        if not isinstance(there, NoWay):
            classes.setdefault(str(there), []).append(one)
    return classes


def _warning(rule: FieldRule, loss: Loss, text: str) -> Lossy:
    return Lossy(field=rule.hub, loss=loss, text=text)


def _ids(choices: Sequence[Choice]) -> tuple[str, ...]:
    return tuple(one.id for one in choices if one.active)


def _list(values: Sequence[str]) -> str:
    return ", ".join(values)


# Suggestions.

RANKS: Mapping[str, int] = {
    "highest": 1, "critical": 1, "urgent": 1, "immediate": 1, "blocker": 1, "extensive": 1, "sev1": 1, "p1": 1,
    "high": 2, "major": 2, "significant": 2, "sev2": 2, "p2": 2,
    "medium": 3, "moderate": 3, "normal": 3, "sev3": 3, "p3": 3,
    "low": 4, "minor": 4, "sev4": 4, "p4": 4,
    "lowest": 5, "trivial": 5, "planning": 5, "sev5": 5, "p5": 5,
}  # fmt: skip
"""Words that place a value in an order, the first being the worst."""


def suggest_pairs(ours: Sequence[Choice], theirs: Sequence[Choice]) -> tuple[Pair, ...]:
    """A map between two lists of choices: same name, else same place in an order of ranks.

    Each of ours gets its nearest of theirs, the worse one of two equally near; each of theirs that nobody was given
    gets a pair of its own, so that it can be read. Nothing is guessed where names tell nothing.
    """
    theirs = [one for one in theirs if one.active]
    pairs = []
    for mine in (one for one in ours if one.active):
        named = next((one for one in theirs if bare(one.name) == bare(mine.name)), None)
        found = named or _nearest(mine, ours, theirs)
        if found is not None:
            pairs.append(Pair(hub=mine.id, remote=found.id))
    taken = {pair.remote for pair in pairs}
    for other in (one for one in theirs if one.id not in taken):
        back = _nearest(other, theirs, ours)
        if back is not None:
            pairs.append(Pair(hub=back.id, remote=other.id))
    return tuple(pairs)


def _nearest(one: Choice, among: Sequence[Choice], others: Sequence[Choice]) -> Choice | None:
    place = rank(one, among)
    ranked = [(rank(other, others), other) for other in others]
    known = [(abs(at - place), at, other) for at, other in ranked if at is not None and place is not None]
    return min(known, key=lambda found: (found[0], found[1]))[2] if known else None


def rank(one: Choice, among: Sequence[Choice]) -> float | None:
    """Where a choice stands from 1, the worst, to 5; by its name, else by the number it begins with."""
    name = bare(one.name)
    if name in RANKS:
        return float(RANKS[name])
    words = [RANKS[word] for word in name.split() if word in RANKS]
    if words:
        return float(words[0])
    digits = [int(word) for word in name.split() if word.isdecimal()]
    highest = max((int(word) for other in among for word in bare(other.name).split() if word.isdecimal()), default=0)
    if digits and highest > 1:
        return 1 + (digits[0] - 1) * 4 / (highest - 1)
    return None


def bare(name: str) -> str:
    """A name without case, punctuation and double spaces."""
    return " ".join("".join(one if one.isalnum() else " " for one in name.casefold()).split())


def suggest_status(field: RemoteField) -> StatusMap:
    """Our status categories and a tool's statuses, by the tool's own categories first and by names second."""
    read: dict[str, str] = {}
    for choice in (one for one in field.choices if one.active):
        found = status_of(choice)
        if found is not None:
            read[choice.id] = found
    if "new" in (bare(one.category) for one in field.choices):
        # Where new is a category of its own, what is open is being worked on.
        read |= {
            one.id: "active" for one in field.choices if bare(one.category) == "open" and read.get(one.id) == "triage"
        }
    first = {hub: remote for remote, hub in reversed(read.items())}
    # Where closed is a category of its own, it is final there, and left to the tool.
    closed = next(
        (one.id for one in field.choices if bare(one.name) == "closed" and bare(one.category) != "closed"), ""
    )
    first.setdefault("closed", closed or first.get("resolved", ""))
    # A tool with few statuses: what has none of its own there goes to the nearest, and is not taken back as another.
    first.setdefault("triage", first.get("active", ""))
    first.setdefault("active", first.get("triage", ""))
    first.setdefault("cancelled", first.get("resolved", ""))
    first.setdefault("on_hold", first.get("active", ""))
    first.setdefault("restored", first.get("active", ""))
    first.setdefault("review", first.get("resolved", ""))
    out = tuple(StatusWrite(hub=hub, remote=remote) for hub, remote in first.items() if remote)
    return StatusMap(
        field=field.id, out=out, into=tuple(StatusRead(remote=remote, hub=hub) for remote, hub in read.items())
    )


def status_of(choice: Choice) -> str | None:
    """Our status category for a status there. Done there is resolved here, never closed."""
    name, category = bare(choice.name), bare(choice.category)
    if any(word in name for word in ("cancel", "reject", "duplicate", "removed", "wont")):
        return "cancelled"
    if any(word in name for word in ("hold", "pending", "wait", "stalled", "feedback", "blocked")):
        return "on_hold"
    by_category = {
        "new": "triage", "to do": "triage", "proposed": "triage", "open": "triage",
        "indeterminate": "active", "in progress": "active", "inprogress": "active",
        "done": "resolved", "resolved": "resolved", "completed": "resolved", "complete": "resolved",
        "removed": "cancelled",
    }  # fmt: skip
    if category in by_category:
        return by_category[category]
    if name in ("new", "to do", "triggered", "proposed", "unread"):
        return "triage"
    if name in DONE_WORDS:
        return "resolved"
    if any(
        word in name for word in ("progress", "active", "open", "acknowledged", "investigating", "chatting", "doing")
    ):
        return "active"
    return None
