"""What a markup can say: a document is first reduced to that, so that what is written is what will be read."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rallypoint.richtext.tree import (
    TASK,
    Block,
    Break,
    Cell,
    CodeBlock,
    Document,
    Heading,
    Image,
    Inline,
    InlineOpaque,
    Item,
    List,
    Mark,
    Mention,
    Opaque,
    Panel,
    PanelKind,
    Paragraph,
    Quote,
    Rule,
    Table,
    Text,
    lines,
    normalise,
    pictured,
)

ALL: tuple[type, ...] = (Paragraph, Heading, CodeBlock, Rule, List, Quote, Panel, Table, Opaque)
TITLES = {
    PanelKind.INFO: "Info",
    PanelKind.NOTE: "Note",
    PanelKind.SUCCESS: "Success",
    PanelKind.WARNING: "Warning",
    PanelKind.ERROR: "Error",
}


@dataclass(frozen=True, slots=True)
class Abilities:
    """What a markup can say. `inside` names the blocks each container may hold; a container not named holds all."""

    opaque: str
    """Opaque parts of this markup are kept; others become their text."""
    marks: frozenset[Mark] = frozenset(Mark)
    code_alone: bool = False
    """Code carries no other mark."""
    code_in_link: bool = True
    mentions: bool = True
    images_by_url: bool = True
    images_by_name: bool = False
    images_alone: bool = False
    """A picture is a paragraph of its own."""
    header_row: bool = False
    """The first row of a table is its heading, and no other is."""
    one_line_cells: bool = False
    """A cell holds one paragraph."""
    plain_items: bool = False
    """An entry is one paragraph, and perhaps a list after it; what else it holds follows the list."""
    numbers: bool = True
    """An ordered list may start at another number than 1."""
    code_ends: tuple[str, str] | None = None
    """What ends a block of code, and what ends the one without a language that is used when code holds the first."""
    inside: Mapping[type, tuple[type, ...]] = field(default_factory=dict)


def fit(document: Document, able: Abilities) -> Document:
    """The nearest document that the markup can say, in normal form. Idempotent; loses no word."""
    reduced = normalise(document)
    for _ in range(8):  # each step only simplifies; two are enough for anything seen
        again = normalise(Document(tuple(_blocks(reduced.blocks, Document, able))))
        if again == reduced:
            break
        reduced = again
    return reduced


def _inlines(content: Iterable[Inline], able: Abilities) -> Iterable[Inline]:
    for node in content:
        if isinstance(node, Text):
            marks = node.marks & able.marks
            if Mark.CODE in marks and node.link and not able.code_in_link:
                marks -= {Mark.CODE}
            if Mark.CODE in marks and able.code_alone:
                marks = frozenset({Mark.CODE})
            yield replace(node, marks=marks)
        elif isinstance(node, Mention) and not able.mentions:
            yield Text("@" + node.name)
        elif isinstance(node, Image):
            shown = able.images_by_url if node.url else able.images_by_name
            yield node if shown else Text(pictured(node), link=node.url)
        elif isinstance(node, InlineOpaque) and node.markup != able.opaque:
            for index, line in enumerate(node.text.split("\n")):
                if index:
                    yield Break()
                yield Text(line)
        else:
            yield node


def _parted(block: Paragraph | Heading, content: tuple[Inline, ...]) -> list[Block]:
    """The block with its pictures as paragraphs of their own."""
    parts: list[list[Inline]] = [[]]
    for node in content:
        if isinstance(node, Image):
            parts += [[node], []]
        else:
            parts[-1].append(node)
    return [
        Paragraph(tuple(part)) if len(part) == 1 and isinstance(part[0], Image) else replace(block, content=tuple(part))
        for part in parts
        if part
    ]


def strong(content: Iterable[Inline]) -> tuple[Inline, ...]:
    return tuple(
        replace(node, marks=node.marks | {Mark.STRONG}) if isinstance(node, Text) else node for node in content
    )


def titled(panel: Panel) -> tuple[Block, ...]:
    """The blocks of a panel under its mood in words."""
    return (Paragraph((Text(TITLES[panel.kind] + ":", frozenset({Mark.STRONG})),)), *panel.blocks)


def _marked(item: Item, lead: str) -> tuple[Block, ...]:
    tick = "" if item.checked is None else next(word for word, done in TASK.items() if done is item.checked)
    first = item.blocks[0] if item.blocks else None
    if isinstance(first, Paragraph):
        return (Paragraph((Text(lead + tick), *first.content)), *item.blocks[1:])
    return item.blocks


def _lowered(block: Block, allowed: tuple[type, ...] = ()) -> Iterable[Block]:
    """A block where it is not allowed, said with simpler ones."""
    if isinstance(block, Heading):
        yield Paragraph(strong(block.content))
    elif isinstance(block, Panel) and Quote in allowed:
        yield Quote(titled(block))
    elif isinstance(block, Panel):
        yield from titled(block)
    elif isinstance(block, Quote):
        yield from block.blocks
    elif isinstance(block, Table):
        for row in block.rows:
            said: list[Inline] = []
            for cell in row:
                said += (Text(" | "),) if said else ()
                said += flat(cell.blocks)
            yield Paragraph(tuple(said))
    elif isinstance(block, List):
        for number, item in enumerate(block.items, block.start):
            yield from _marked(item, f"{number}. " if block.ordered else "- ")
    elif isinstance(block, CodeBlock):
        yield Paragraph(flat((block,)))
    elif isinstance(block, Opaque):
        yield from lines(block.text)


def flat(blocks: Sequence[Block]) -> tuple[Inline, ...]:
    """Blocks as one paragraph, a line for each."""
    said: list[Inline] = []
    for block in blocks:
        said += (Break(),) if said else ()
        if isinstance(block, Paragraph):
            said += block.content
        elif isinstance(block, CodeBlock):
            for index, line in enumerate(filter(str.strip, block.text.split("\n"))):
                said += (Break(),) if index else ()
                said.append(Text(line, frozenset({Mark.CODE})))
        else:
            said += flat(tuple(_lowered(block)))
    return tuple(said)


def _plain_list(block: List, able: Abilities) -> Iterable[Block]:
    """The list with what its entries cannot hold placed after them."""
    items: list[Item] = []
    for item in block.items:
        paragraphs: list[Inline] = []
        inner: List | None = None
        rest: list[Block] = []
        for part in _blocks(item.blocks, Item, able):
            if rest:
                rest.append(part)
            elif isinstance(part, Heading | Paragraph) and not inner:
                content = strong(part.content) if isinstance(part, Heading) else part.content
                paragraphs += (Break(), *content) if paragraphs else content
            elif isinstance(part, List) and not inner:
                inner = part
            else:
                rest.append(part)
        if paragraphs:
            own: tuple[Block, ...] = (Paragraph(tuple(paragraphs)), *((inner,) if inner else ()))
            items.append(Item(own, item.checked))
        elif inner and inner.ordered == block.ordered:
            items += inner.items
        elif inner:
            rest.insert(0, inner)
        if rest:
            yield replace(block, items=tuple(items))
            yield from rest
            items = []
    yield replace(block, items=tuple(items))


def _blocks(blocks: Sequence[Block], parent: type, able: Abilities) -> Iterable[Block]:
    allowed = able.inside.get(parent, ALL)
    for block in blocks:
        if not isinstance(block, allowed) or (isinstance(block, Opaque) and block.markup != able.opaque):
            yield from _blocks(tuple(_lowered(block, allowed)), parent, able)
        elif isinstance(block, Paragraph | Heading):
            content = tuple(_inlines(block.content, able))
            if able.images_alone:
                yield from _parted(block, content)
            else:
                yield replace(block, content=content)
        elif isinstance(block, Quote | Panel):
            yield replace(block, blocks=tuple(_blocks(block.blocks, type(block), able)))
        elif isinstance(block, List):
            numbered = block if able.numbers else replace(block, start=1)
            if able.plain_items:
                yield from _plain_list(numbered, able)
            else:
                items = tuple(replace(item, blocks=tuple(_blocks(item.blocks, Item, able))) for item in numbered.items)
                yield replace(numbered, items=items)
        elif isinstance(block, Table):
            yield Table(
                tuple(
                    tuple(_cell(cell, able, first=number == 0) for cell in row) for number, row in enumerate(block.rows)
                )
            )
        elif isinstance(block, CodeBlock) and able.code_ends and able.code_ends[0] in block.text:
            end = able.code_ends[1]
            yield CodeBlock(block.text.replace(end, end[:-1] + "\u200b" + end[-1]))
        else:
            yield block


def _cell(cell: Cell, able: Abilities, *, first: bool) -> Cell:
    blocks: tuple[Block, ...] = cell.blocks
    if able.one_line_cells and blocks and (len(blocks) > 1 or not isinstance(blocks[0], Paragraph)):
        blocks = (Paragraph(flat(blocks)),)
    return Cell(tuple(_blocks(blocks, Cell, able)), first if able.header_row else cell.header)
