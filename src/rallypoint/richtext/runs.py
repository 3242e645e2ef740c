"""Flat runs as a sequence of steps for markups that nest: what to open, say and close, in which order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from rallypoint.richtext.tree import Inline, Mark, Text


class Do(Enum):
    OPEN = 1
    CLOSE = 2
    LINK = 3
    UNLINK = 4
    SAY = 5
    """A text without white space at its ends, or a gap of one space."""
    NODE = 6


@dataclass(frozen=True, slots=True)
class Step:
    do: Do
    mark: Mark | None = None
    text: str = ""
    """The words, or the address of a link."""
    node: Inline | None = None


def steps(content: Sequence[Inline], signs: frozenset[Mark]) -> list[Step]:
    """The steps for `content`. Of the marks only `signs` are opened and closed; a `NODE` keeps the others.

    What lasts longest is opened first. A space never stands next to the inside of a sign, where most markups would
    take the sign for a character: it goes outside, and reading gives it back the marks its neighbours share.
    """
    said: list[Step] = []
    opened: list[Mark] = []
    link = ""
    gap = False

    def lasts(mark: Mark, index: int) -> int:
        end = index
        while end < len(content) and isinstance(node := content[end], Text) and mark in node.marks:
            end += 1
        return end

    def close(keep: int) -> None:
        while len(opened) > keep:
            said.append(Step(Do.CLOSE, opened.pop()))

    for index, node in enumerate(content):
        wanted = node.marks & signs if isinstance(node, Text) else frozenset[Mark]()
        target = node.link if isinstance(node, Text) else ""
        words = node.value if isinstance(node, Text) else "x"
        gap = gap or words.startswith(" ")
        core = words.strip(" ")
        if not core:
            gap = True
            continue
        keep = 0
        while target == link and keep < len(opened) and opened[keep] in wanted:
            keep += 1
        close(keep)
        if link and target != link:
            said.append(Step(Do.UNLINK, text=link))
        if gap:
            said.append(Step(Do.SAY, text=" "))
        if target and target != link:
            said.append(Step(Do.LINK, text=target))
        link = target
        for mark in sorted(wanted - set(opened), key=lambda mark: (-lasts(mark, index), mark)):
            said.append(Step(Do.OPEN, mark))
            opened.append(mark)
        gap = words.endswith(" ")
        if isinstance(node, Text) and not node.marks - signs:
            said.append(Step(Do.SAY, text=core, node=replace(node, value=core)))
        else:
            said.append(Step(Do.NODE, node=replace(node, value=core) if isinstance(node, Text) else node))
    close(0)
    if link:
        said.append(Step(Do.UNLINK, text=link))
    return said
