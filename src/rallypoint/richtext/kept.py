"""What a tool stored, beside what we understood of it: the original goes back wherever nobody changed anything."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher

from rallypoint.richtext.conversion import NOBODY, Markup, Raw, project, read, write
from rallypoint.richtext.tree import Block, Document, normalise

MANY = 2_000
"""Blocks beyond which a changed document is not compared block by block."""


@dataclass(frozen=True, slots=True)
class Kept:
    """`original` as the tool gave it, and the `document` it was read as."""

    markup: Markup
    original: Raw
    document: Document


def keep(
    markup: Markup, original: Raw, *, people: Mapping[str, str] = NOBODY, attachments: Mapping[str, str] = NOBODY
) -> Kept:
    """The original with its document."""
    return Kept(markup, original, read(markup, original, people=people, attachments=attachments))


def emit(
    kept: Kept,
    changed: Document,
    *,
    via: Markup = Markup.MARKDOWN,
    people: Mapping[str, str] = NOBODY,
    attachments: Mapping[str, str] = NOBODY,
) -> Raw:
    """What to store in the tool now. `via` is the markup that the document was kept in on our side meanwhile.

    A document that says the same as before, or all of it that `via` can say, is answered with the original itself.
    In any other, each block that did not change keeps all that was read from the tool, opaque parts and all.
    """
    now = normalise(changed)
    if now in (kept.document, project(via, kept.document)):
        return kept.original
    return write(kept.markup, merged(kept.document, now, via=via), people=people, attachments=attachments)


def merged(before: Document, now: Document, *, via: Markup) -> Document:
    """`now` with those blocks of `before` that went through `via` unchanged, as they were before it."""
    if max(len(before.blocks), len(now.blocks)) > MANY:
        return now
    faint = [project(via, Document((block,))).blocks for block in before.blocks]
    flat = [(index, block) for index, blocks in enumerate(faint) for block in blocks]
    matcher = SequenceMatcher(None, [block for _, block in flat], list(now.blocks), autojunk=False)
    done: list[Block] = _unseen(before, faint, 0)
    for what, start, end, now_start, now_end in matcher.get_opcodes():
        if what != "equal":
            done.extend(now.blocks[now_start:now_end])
            continue
        at = start
        while at < end:
            origin = flat[at][0]
            size = len(faint[origin])
            whole = at + size <= end and flat[at : at + size] == [(origin, block) for block in faint[origin]]
            if whole:
                done += (before.blocks[origin], *_unseen(before, faint, origin + 1))
            else:
                done.append(flat[at][1])
            at += size if whole else 1
    return normalise(Document(tuple(done)))


def _unseen(before: Document, faint: list[tuple[Block, ...]], start: int) -> list[Block]:
    """The blocks from `start` on of which `via` can say nothing: nobody can have removed them, so they stay."""
    end = start
    while end < len(faint) and not faint[end]:
        end += 1
    return list(before.blocks[start:end])
