"""The document tree every markup is read into and written from, and its one normal form.

Inline text is flat: a run of characters carries its marks and its link itself, instead of nested nodes. So two
documents that look alike are equal after `normalise`, whatever order of nesting a tool prefers.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from urllib.parse import quote

DEEPEST = 12
"""Levels of lists, quotes, panels and tables inside one another; what lies deeper is kept as plain paragraphs."""


class Mark(StrEnum):
    """What a run of text may carry besides its link."""

    STRONG = "strong"
    EMPHASIS = "emphasis"
    STRIKE = "strike"
    UNDERLINE = "underline"
    CODE = "code"


Marks = frozenset[Mark]
PLAIN: Marks = frozenset()


class PanelKind(StrEnum):
    """The mood of a call-out."""

    INFO = "info"
    NOTE = "note"
    SUCCESS = "success"
    WARNING = "warning"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Text:
    """Characters, their marks, and the address they lead to (empty: none)."""

    value: str
    marks: Marks = PLAIN
    link: str = ""


@dataclass(frozen=True, slots=True)
class Break:
    """A new line inside a paragraph."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A person: `person` is our id or `tool:account`; `name` is what is shown, without the at-sign."""

    person: str
    name: str


@dataclass(frozen=True, slots=True)
class Image:
    """A picture, by address or by the name of an attachment of the same item."""

    alt: str = ""
    url: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class InlineOpaque:
    """Something inside a line that only its own markup can say; `text` stands for it elsewhere."""

    markup: str
    original: str
    text: str = ""


Inline = Text | Break | Mention | Image | InlineOpaque


@dataclass(frozen=True, slots=True)
class Paragraph:
    content: tuple[Inline, ...] = ()


@dataclass(frozen=True, slots=True)
class Heading:
    """`level` is 1 to 6."""

    level: int
    content: tuple[Inline, ...] = ()


@dataclass(frozen=True, slots=True)
class CodeBlock:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line across the page."""


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a list; `checked` is None when it is not a task."""

    blocks: "tuple[Block, ...]" = ()
    checked: bool | None = None


@dataclass(frozen=True, slots=True)
class List:
    """`start` is the first number of an ordered list, and 1 for the others."""

    items: tuple[Item, ...] = ()
    ordered: bool = False
    start: int = 1


@dataclass(frozen=True, slots=True)
class Quote:
    blocks: "tuple[Block, ...]" = ()


@dataclass(frozen=True, slots=True)
class Panel:
    kind: PanelKind
    blocks: "tuple[Block, ...]" = ()


@dataclass(frozen=True, slots=True)
class Cell:
    blocks: "tuple[Block, ...]" = ()
    header: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[tuple[Cell, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Opaque:
    """A block that only its own markup can say; `text` stands for it elsewhere."""

    markup: str
    original: str
    text: str = ""


Block = Paragraph | Heading | CodeBlock | Rule | List | Quote | Panel | Table | Opaque


@dataclass(frozen=True, slots=True)
class Document:
    blocks: tuple[Block, ...] = field(default=())


# ---- characters ----------------------------------------------------------------------------------------------

_UNSAYABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ufffe\uffff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def clean(raw: str) -> str:
    """Characters every tool can store: line ends are \\n, controls are spaces, broken surrogates are U+FFFD."""
    text = raw.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\ufeff", "").replace("\ufdd0", "").replace("@\u200b", "@")
    return _SURROGATE.sub("\ufffd", _UNSAYABLE.sub(" ", text))


def spaced(text: str) -> str:
    """Cleaned, on one line, without spaces at the ends or twice in a row."""
    return " ".join(clean(text).split())


_SCHEME = re.compile(r"(?:https?|ftps?)://[^/\s]|(?:mailto|tel):.", re.IGNORECASE)


def safe_url(raw: str) -> str:
    """The address in its normal form, or nothing if following it could do anything but open a page, mail or call."""
    text = clean(raw).strip()
    if len(text) > 4000 or not _SCHEME.match(text):
        return ""
    return quote(text, safe="!#$%&'()*+,/:;=?@[]~-._")


_BARE = re.compile(r"(?<![\w@/.:-])https?://[\w%#/][^\s<>\"|{}\\^`\[\]()*\u200b]*")
_TAIL = ".,;:!?'\"*_~"
_LANGUAGE = re.compile(r"[^a-z0-9+#.-]")


# ---- normal form ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Space:
    """White space between two words; its marks are those both neighbours share."""


def _linked(run: Text) -> Iterator[Text]:
    """A bare web address becomes a link: every tool shows it as one, and none may escape characters inside it."""
    if run.link or Mark.CODE in run.marks or "://" not in run.value:
        yield run
        return
    at = 0
    for found in _BARE.finditer(run.value):
        address = found[0].rstrip(_TAIL)
        link = safe_url(address)
        if not link:
            continue
        yield Text(run.value[at : found.start()], run.marks)
        yield Text(address, run.marks, link)
        at = found.start() + len(address)
    yield Text(run.value[at:], run.marks)


def _atoms(content: Iterable[Inline]) -> Iterator[Inline | _Space]:
    merged: list[Inline] = []
    for node in content:
        if isinstance(node, Text):
            run = Text(clean(node.value), frozenset(node.marks), safe_url(node.link))
            last = merged[-1] if merged else None
            if isinstance(last, Text) and (last.marks, last.link) == (run.marks, run.link):
                merged[-1] = Text(last.value + run.value, run.marks, run.link)
            elif run.value:
                merged.append(run)
        else:
            merged.append(node)
    for node in merged:
        if isinstance(node, Text):
            for run in _linked(replace(node, value=clean(node.value))):
                for word in re.split(r"(\s+)", run.value):
                    if word and word.isspace():
                        yield _Space()
                    elif word:
                        yield Text(word, run.marks, run.link)
        elif isinstance(node, Mention):
            name = spaced(node.name).lstrip("@").strip()
            person = spaced(node.person)
            if person and name:
                yield Mention(person, name)
            elif name:
                yield from _atoms((Text("@" + name),))
        elif isinstance(node, Image):
            url = safe_url(node.url)
            name = "" if url else spaced(node.name)
            alt = spaced(node.alt)
            if url or name:
                yield Image("" if alt == name else alt, url, name)
            else:
                yield from _atoms((Text(alt),))
        else:
            yield node


def inlines(content: Iterable[Inline], *, one_line: bool = False) -> list[tuple[Inline, ...]]:
    """The content in normal form: lines that an empty line separates are several results. May be empty."""
    parts: list[list[Inline | _Space]] = [[]]
    for atom in _atoms(content):
        here = parts[-1]
        if isinstance(atom, Break) and one_line:
            atom = _Space()
        if isinstance(atom, _Space):
            if here and not isinstance(here[-1], _Space | Break):
                here.append(atom)
        elif isinstance(atom, Break):
            if here and isinstance(here[-1], _Space):
                here.pop()
            if here and isinstance(here[-1], Break):
                parts.append([])
            elif here:
                here.append(atom)
        else:
            here.append(atom)
    return [joined for part in parts if (joined := _joined(part))]


def _joined(part: list[Inline | _Space]) -> tuple[Inline, ...]:
    while part and isinstance(part[-1], _Space | Break):
        part.pop()
    runs: list[tuple[list[str], Marks, str] | Inline] = []

    def add(value: str, marks: Marks, link: str) -> None:
        last = runs[-1] if runs else None
        if isinstance(last, tuple) and last[1] == marks and last[2] == link:
            last[0].append(value)
        else:
            runs.append(([value], marks, link))

    for index, atom in enumerate(part):
        if isinstance(atom, _Space):
            before, after = part[index - 1], part[index + 1]
            if isinstance(before, Text) and isinstance(after, Text):
                add(" ", before.marks & after.marks, before.link if before.link == after.link else "")
            else:
                add(" ", PLAIN, "")
        elif isinstance(atom, Text):
            add(atom.value, atom.marks, atom.link)
        else:
            runs.append(atom)
    return tuple(Text("".join(run[0]), run[1], run[2]) if isinstance(run, tuple) else run for run in runs)


def plain(content: Iterable[Inline]) -> str:
    """The words of a line; a break is a new line."""
    said = []
    for node in content:
        if isinstance(node, Text):
            said.append(node.value)
        elif isinstance(node, Break):
            said.append("\n")
        elif isinstance(node, Mention):
            said.append("@" + node.name)
        elif isinstance(node, Image):
            said.append(pictured(node))
        else:
            said.append(node.text)
    return "".join(said)


def pictured(image: Image) -> str:
    """What stands for a picture that cannot be shown."""
    return f"[image: {' '.join(dict.fromkeys(part for part in (image.alt, image.name) if part)) or image.url}]"


def words(blocks: Sequence[Block]) -> list[str]:
    """Every line of text in reading order; walks without recursion, so any depth will do."""
    said: list[str] = []
    ahead: list[object] = [*reversed(blocks)]
    while ahead:
        node = ahead.pop()
        if isinstance(node, Paragraph | Heading):
            said.extend(plain(node.content).split("\n"))
        elif isinstance(node, CodeBlock | Opaque):
            said.extend(node.text.split("\n"))
        elif isinstance(node, Quote | Panel | Item | Cell):
            ahead.extend(reversed(node.blocks))
        elif isinstance(node, List):
            ahead.extend(reversed(node.items))
        elif isinstance(node, Table):
            ahead.extend(cell for row in reversed(node.rows) for cell in reversed(row))
    return said


def lines(text: str) -> list[Block]:
    """Plain text as paragraphs: an empty line separates them, a new line is a break."""
    content: list[Inline] = []
    for line in text.split("\n"):
        content += (Text(line), Break()) if line.strip() else (Break(),)
    return [Paragraph(part) for part in inlines(content)]


TASK = {"☐ ": False, "☑ ": True}
"""How a task is written where the markup has no word for it; read back everywhere."""


def _item(item: Item, depth: int) -> Item:
    blocks = _blocks(item.blocks, depth)
    checked = item.checked
    first = blocks[0] if blocks else None
    if isinstance(first, Paragraph) and isinstance(first.content[0], Text):
        lead = first.content[0]
        if lead.value[:2] in TASK and (len(lead.value) > 2 or len(first.content) > 1):
            checked = TASK[lead.value[:2]] if checked is None else checked
            rest = inlines((replace(lead, value=lead.value[2:]), *first.content[1:]))
            blocks = (*(Paragraph(part) for part in rest), *blocks[1:])
            return _item(Item(blocks, checked), depth)
    sayable = isinstance(first, Paragraph) and not isinstance(first.content[0], Image)
    return Item(blocks, checked if sayable else None)


def _table(table: Table, depth: int) -> Block | None:
    rows = [tuple(Cell(_blocks(cell.blocks, depth), cell.header) for cell in row) for row in table.rows]
    rows = [row for row in rows if any(cell.blocks for cell in row)]
    width = max(map(len, rows), default=0)
    # A row is a heading only where all that it says is: an empty cell beside a heading is one, too.
    full = tuple(
        tuple(Cell(cell.blocks, cell.header and bool(cell.blocks)) for cell in (*row, *(Cell(),) * (width - len(row))))
        for row in rows
    )
    return Table(full) if full else None


def _blocks(blocks: Sequence[Block], depth: int) -> tuple[Block, ...]:
    done: list[Block] = []
    for block in blocks:
        if depth >= DEEPEST and isinstance(block, List | Quote | Panel | Table):
            done.extend(lines("\n\n".join(clean(line) for line in words((block,)))))
        elif isinstance(block, Paragraph):
            done.extend(Paragraph(part) for part in inlines(block.content))
        elif isinstance(block, Heading):
            done.extend(Heading(min(max(block.level, 1), 6), part) for part in inlines(block.content, one_line=True))
        elif isinstance(block, CodeBlock):
            text = _code(block.text)
            if text:
                done.append(CodeBlock(text, _LANGUAGE.sub("", block.language.lower())[:40]))
        elif isinstance(block, List):
            items = tuple(item for item in (_item(item, depth + 1) for item in block.items) if item.blocks)
            last = done[-1] if done else None
            if items and isinstance(last, List) and last.ordered == block.ordered:
                done[-1] = replace(last, items=last.items + items)
            elif items:
                done.append(List(items, block.ordered, min(max(block.start, 0), 999_999) if block.ordered else 1))
        elif isinstance(block, Quote | Panel):
            inner = _blocks(block.blocks, depth + 1)
            if inner:
                done.append(replace(block, blocks=inner))
        elif isinstance(block, Table):
            table = _table(block, depth + 1)
            if table:
                done.append(table)
        else:
            done.append(block)
    return tuple(done)


def _code(text: str) -> str:
    kept = clean(text).split("\n")
    while kept and not kept[0].strip():
        kept.pop(0)
    while kept and not kept[-1].strip():
        kept.pop()
    return "\n".join(kept)


def normalise(document: Document) -> Document:
    """The one form of all documents that mean the same. Idempotent; never raises; loses no word."""
    return Document(_blocks(document.blocks, 0))


def mapped(document: Document, change: Callable[[Inline], Inline]) -> Document:
    """The document with each inline node changed. It must be in normal form, so that its depth is bounded."""

    def blocks(given: Sequence[Block]) -> tuple[Block, ...]:
        return tuple(one(block) for block in given)

    def one(block: Block) -> Block:
        if isinstance(block, Paragraph | Heading):
            return replace(block, content=tuple(map(change, block.content)))
        if isinstance(block, Quote | Panel):
            return replace(block, blocks=blocks(block.blocks))
        if isinstance(block, List):
            return replace(block, items=tuple(replace(item, blocks=blocks(item.blocks)) for item in block.items))
        if isinstance(block, Table):
            return Table(tuple(tuple(replace(cell, blocks=blocks(cell.blocks)) for cell in row) for row in block.rows))
        return block

    return normalise(Document(blocks(document.blocks)))
