"""What the reconciler needs to know about one kind of thing, and what kinds have in common."""

from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

import msgspec

from rallypoint.db import Transaction
from rallypoint.edges.code.document import Part
from rallypoint.edges.code.files import plain

Item = TypeVar("Item", bound=Part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One thing that is, or would be, done: create, update, or (pruning) disable, retire, hide or remove.

    `fields` tells what an update changes; `key` is that of a new integration, shown this once.
    """

    kind: str
    name: str
    what: str
    fields: tuple[str, ...] = ()
    key: str = ""


class Kind(Generic[Item]):
    """One section of the document. Subclasses say how its things are read, made, changed and taken away."""

    section: ClassVar[str]
    word: ClassVar[str]
    part: type[Item]
    names: ClassVar[str] = "key"
    """The field that names a thing."""
    sets: ClassVar[tuple[str, ...]] = ()
    """Fields that are sets of texts: without pruning they only grow."""
    lists: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Fields that are lists of parts, with the fields that name an entry: without pruning they only grow."""
    whole: ClassVar[tuple[str, ...]] = ()
    """Of those lists, the ones that never shrink, because history refers to their entries."""

    async def current(self, tx: Transaction) -> list[Item]:
        raise NotImplementedError

    async def create(self, tx: Transaction, wanted: Item) -> str:
        """Make it; returns the key that is shown once, if there is one."""
        raise NotImplementedError

    async def update(self, tx: Transaction, before: Item, wanted: Item) -> None:
        raise NotImplementedError

    async def link(self, tx: Transaction, before: Item | None, wanted: Item) -> None:
        """What can only be done once every thing of this kind is there."""

    async def remove(self, tx: Transaction, before: Item) -> str:
        """Take it away when pruning; returns what was done in words, empty for nothing."""
        return ""

    def name(self, item: Item) -> str:
        return str(getattr(item, self.names)).casefold()

    def merged(self, before: Item | None, raw: dict[str, Any], *, prune: bool) -> Item:
        """What is wanted: what the document says, over what is there."""
        start = {} if before is None else plain(before)
        new = {**start, **raw}
        for field in self.sets:
            if isinstance(raw.get(field), list):
                keep = [] if prune else start.get(field, [])
                new[field] = _merged_set(keep, raw[field])
        for field, by in self.lists.items():
            if isinstance(raw.get(field), list):
                keep_rest = not prune or field in self.whole
                new[field] = _merged_list(start.get(field, []), raw[field], by, keep_rest=keep_rest)
        return msgspec.convert(new, self.part)


def _merged_set(keep: list[str], raw: list[Any]) -> list[Any]:
    """Sorted and each once; what is not a text is left for the conversion to refuse."""
    return sorted({*keep, *raw}) if all(isinstance(entry, str) for entry in raw) else raw


def _merged_list(before: list[Any], raw: list[Any], by: tuple[str, ...], *, keep_rest: bool) -> list[Any]:
    """Entries in the document's order, each over the entry of the same name; what it leaves out follows."""
    known = {tuple(str(entry[f]) for f in by): entry for entry in before}
    result: list[Any] = []
    for entry in raw:
        old = known.pop(tuple(str(entry.get(f, "")) for f in by), {}) if isinstance(entry, dict) else {}
        result.append({**old, **entry} if isinstance(entry, dict) else entry)
    return result + (list(known.values()) if keep_rest else [])


def difference(before: Part, after: Part) -> tuple[str, ...]:
    """What changes, for people: `tier: '3' -> '1'`, `needs: + search`."""
    parts = []
    for field in after.__struct_fields__:
        was, now = getattr(before, field), getattr(after, field)
        if was != now:
            parts.append(f"{field}: {_told(was, now)}")
    return tuple(parts)


def _told(was: Any, now: Any) -> str:
    if isinstance(was, list) and isinstance(now, list):
        labels_was, labels_now = [_label(e) for e in was], [_label(e) for e in now]
        gone, new = [e for e in labels_was if e not in labels_now], [e for e in labels_now if e not in labels_was]
        told = [f"+ {e}" for e in new] + [f"- {e}" for e in gone]
        changed = [_label(e) for e in now if e not in was and _label(e) in labels_was]
        told += [f"~ {e}" for e in changed]
        return ", ".join(told) or "another order"
    if isinstance(was, dict):
        return "changed"
    return f"{_short(was)} -> {_short(now)}"


def _label(entry: Any) -> str:
    if isinstance(entry, str):
        return str(entry)
    for field in ("key", "name", "title", "targets"):
        if hasattr(entry, field):
            return str(getattr(entry, field))
    return str(entry)


def _short(value: Any) -> str:
    text = str(value)
    return repr(text) if len(text) <= 60 else repr(text[:57] + "...")
