"""HTML as ServiceNow, Zendesk and Azure DevOps store it: read through a sanitiser, written as a small safe subset."""

import re
from collections.abc import Sequence
from html import escape, unescape
from html.parser import HTMLParser

import nh3

from rallypoint.richtext.fitting import Abilities, fit
from rallypoint.richtext.tree import (
    DEEPEST,
    PLAIN,
    TASK,
    Block,
    Break,
    Cell,
    CodeBlock,
    Document,
    Heading,
    Image,
    Inline,
    Item,
    List,
    Mark,
    Marks,
    Mention,
    Opaque,
    Panel,
    Paragraph,
    Quote,
    Rule,
    Table,
    Text,
    clean,
    normalise,
)

LONGEST = 1_000_000
"""Characters beyond which tags are dropped and only the text is kept."""
TAGS = 10_000
"""Tags beyond which they are: the sanitiser's time grows faster than their number."""

ABLE = Abilities(
    opaque="html",
    inside=dict.fromkeys(
        (Document, Item, Cell, Quote), (Paragraph, Heading, CodeBlock, Rule, List, Quote, Table, Opaque)
    ),
)

_MARKS = {
    "b": Mark.STRONG,
    "strong": Mark.STRONG,
    "i": Mark.EMPHASIS,
    "em": Mark.EMPHASIS,
    "s": Mark.STRIKE,
    "del": Mark.STRIKE,
    "strike": Mark.STRIKE,
    "u": Mark.UNDERLINE,
    "ins": Mark.UNDERLINE,
    "code": Mark.CODE,
    "tt": Mark.CODE,
    "kbd": Mark.CODE,
    "samp": Mark.CODE,
}
_HEADINGS = {f"h{level}": level for level in range(1, 7)}
_BREAKING = {"p", "div", "section", "article", "header", "footer", "details", "summary", "dl", "dt", "dd", "figure"}
_ALLOWED = {
    *_MARKS, *_HEADINGS, *_BREAKING, "a", "br", "hr", "img", "ul", "ol", "li", "pre", "blockquote",
    "table", "thead", "tbody", "tfoot", "tr", "th", "td", "caption", "span",
}  # fmt: skip
_SANITISER = nh3.Cleaner(
    tags=_ALLOWED,
    clean_content_tags={"script", "style"},
    attributes={
        "a": {"href", "data-vss-mention"},
        "img": {"src", "alt"},
        "ol": {"start"},
        "pre": {"class"},
        "code": {"class"},
    },
    url_schemes={"http", "https", "mailto", "tel", "ftp", "ftps"},
    link_rel=None,
)
_VSS = re.compile(r"version:2\.0,\s*(?:guid:)?\{?([\w-]{1,80})\}?\Z")


# ---- reading -------------------------------------------------------------------------------------------------


def read(raw: str) -> Document:
    """The document; scripts, styles and comments are gone, unknown elements leave their text."""
    text = clean(raw)
    if len(text) > LONGEST or text.count("<") > TAGS:
        said = clean(unescape(re.sub(r"<(?=[A-Za-z/!?])[^<>]*>", " ", text))).strip()
        return Document((Opaque("html", said, said),) if said else ())
    reader = _Reader()
    reader.feed(_SANITISER.clean(text))
    reader.close()
    return normalise(Document(tuple(reader.finish())))


class _Box:
    """An open container: its finished blocks, and the line being written."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.blocks: list[Block] = []
        self.line: list[Inline] = []
        self.level = 0
        self.start = 1
        self.items: list[Item] = []
        self.rows: list[list[Cell]] = []

    def flush(self) -> None:
        if self.line:
            content = tuple(self.line)
            self.blocks.append(Heading(self.level, content) if self.level else Paragraph(content))
            self.line = []

    def gather(self) -> None:
        """What stands right inside a list, often another list, belongs to the entry before it."""
        if self.blocks:
            before = self.items.pop().blocks if self.items else ()
            self.items.append(Item((*before, *self.blocks)))
            self.blocks = []


_CONTAINERS = {"ul", "ol", "li", "blockquote", "table", "td", "th"}


class _Reader(HTMLParser):
    """Reads what the sanitiser wrote: balanced tags, quoted attributes, nothing else."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.boxes = [_Box("")]
        self.ignored: list[str] = []
        self.marks = dict.fromkeys(Mark, 0)
        self.links: list[tuple[str, str, int]] = []
        self.pre: list[str] | None = None
        self.language = ""
        self.pre_depth = 0

    @property
    def box(self) -> _Box:
        return self.boxes[-1]

    def finish(self) -> list[Block]:
        while len(self.boxes) > 1:
            self._shut()
        self.box.flush()
        return self.box.blocks

    def handle_data(self, data: str) -> None:
        if self.pre is not None:
            self.pre.append(data)
        elif data:
            self._add(data)

    def _add(self, data: str) -> None:
        marks: Marks = frozenset(mark for mark, count in self.marks.items() if count) if self.marks else PLAIN
        self.box.line.append(Text(data.replace("\n", " "), marks, self.links[-1][0] if self.links else ""))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if self.pre is not None:
            if tag == "br":
                self.pre.append("\n")
            elif tag == "pre":
                self.pre_depth += 1
            self._name(given)
        elif tag in _MARKS:
            self.marks[_MARKS[tag]] += 1
        elif tag == "a":
            mention = _VSS.match(given.get("data-vss-mention") or "")
            self.links.append((given.get("href") or "", mention[1] if mention else "", len(self.box.line)))
        elif tag == "br":
            self.box.line.append(Break())
        elif tag == "img":
            self.box.line.append(Image(given.get("alt") or "", given.get("src") or ""))
        elif tag == "hr":
            self.box.flush()
            self.box.blocks.append(Rule())
        elif tag == "pre":
            self.box.flush()
            self.pre, self.language, self.pre_depth = [], "", 1
            self._name(given)
        elif tag in _HEADINGS:
            self.box.flush()
            self.box.level = _HEADINGS[tag]
        elif tag in _BREAKING or tag == "caption":
            self.box.flush()
        elif tag == "tr" and self.box.tag == "table":
            self.box.rows.append([])
        elif tag in _CONTAINERS:
            self._open(tag, given)

    def _name(self, given: dict[str, str | None]) -> None:
        named = re.search(r"(?:language|lang|brush)-(\S+)", given.get("class") or "")
        self.language = self.language or (named[1] if named else "")

    def _open(self, tag: str, given: dict[str, str | None]) -> None:
        parent = self.box.tag
        self.box.flush()
        stray = (tag == "li" and parent not in ("ul", "ol")) or (tag in ("td", "th") and parent != "table")
        if stray or len(self.boxes) > 2 * DEEPEST + 4:
            self.ignored.append(tag)
            return
        box = _Box(tag)
        start = given.get("start") or ""
        box.start = int(start) if tag == "ol" and re.fullmatch(r"[0-9]{1,6}", start) else 1
        self.boxes.append(box)

    def handle_endtag(self, tag: str) -> None:
        if self.pre is not None:
            if tag == "pre":
                self.pre_depth -= 1
                if not self.pre_depth:
                    self.box.blocks.append(CodeBlock("".join(self.pre), self.language))
                    self.pre = None
        elif tag in _MARKS:
            self.marks[_MARKS[tag]] = max(self.marks[_MARKS[tag]] - 1, 0)
        elif tag == "a" and self.links:
            _, account, at = self.links.pop()
            said = "".join(node.value for node in self.box.line[at:] if isinstance(node, Text))
            if account and said.strip():
                self.box.line[at:] = [Mention("azure:" + account, said)]
        elif tag in _HEADINGS:
            self.box.flush()
            self.box.level = 0
        elif tag in _BREAKING or tag == "caption":
            self.box.flush()
        elif tag in _CONTAINERS:
            if self.ignored and self.ignored[-1] == tag:
                self.ignored.pop()
                self.box.flush()
            elif any(box.tag == tag for box in self.boxes):
                while self._shut() != tag:
                    pass

    def _shut(self) -> str:
        box = self.boxes.pop()
        box.flush()
        parent, blocks = self.box, tuple(box.blocks)
        parent.flush()
        if box.tag in ("ul", "ol"):
            box.gather()
            parent.blocks.append(List(tuple(box.items), box.tag == "ol", box.start))
        elif box.tag == "li":
            parent.gather()
            parent.items.append(Item(blocks))
        elif box.tag == "blockquote":
            parent.blocks.append(Quote(blocks))
        elif box.tag == "table":
            parent.blocks += [*blocks, Table(tuple(map(tuple, box.rows)))]
        else:
            if not parent.rows:
                parent.rows.append([])
            parent.rows[-1].append(Cell(blocks, box.tag == "th"))
        return box.tag


# ---- writing -------------------------------------------------------------------------------------------------


def write(document: Document, *, azure: bool = False) -> str:
    """HTML of the document. Only Azure DevOps is given mentions; elsewhere a person is text."""
    able = ABLE if azure else Abilities(opaque=ABLE.opaque, inside=ABLE.inside, mentions=False)
    return "".join(_write_block(block) for block in fit(document, able).blocks)


def _write_all(blocks: Sequence[Block]) -> str:
    return "".join(_write_block(block) for block in blocks)


def _write_block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return f"<p>{_write_inlines(block.content)}</p>"
    if isinstance(block, Heading):
        return f"<h{block.level}>{_write_inlines(block.content)}</h{block.level}>"
    if isinstance(block, CodeBlock):
        named = f' class="language-{escape(block.language)}"' if block.language else ""
        return f"<pre><code{named}>{escape(block.text, quote=False)}</code></pre>"
    if isinstance(block, Rule):
        return "<hr>"
    if isinstance(block, Quote):
        return f"<blockquote>{_write_all(block.blocks)}</blockquote>"
    if isinstance(block, List):
        tag = "ol" if block.ordered else "ul"
        start = f' start="{block.start}"' if block.start != 1 else ""
        return f"<{tag}{start}>{''.join(map(_write_item, block.items))}</{tag}>"
    if isinstance(block, Table):
        rows = "".join(f"<tr>{''.join(map(_write_cell, row))}</tr>" for row in block.rows)
        return f"<table><tbody>{rows}</tbody></table>"
    assert not isinstance(block, Panel)
    return f"<pre>{escape(block.text, quote=False)}</pre>"


def _write_cell(cell: Cell) -> str:
    tag = "th" if cell.header else "td"
    return f"<{tag}>{_write_close(cell.blocks)}</{tag}>"


def _write_close(blocks: Sequence[Block], lead: str = "") -> str:
    """The blocks; a first paragraph without its own tags, as tools and people write entries."""
    first = blocks[0] if blocks else None
    if isinstance(first, Paragraph) and not any(isinstance(block, Paragraph) for block in blocks[1:2]):
        return lead + _write_inlines(first.content) + _write_all(blocks[1:])
    if isinstance(first, Paragraph):
        return f"<p>{lead}{_write_inlines(first.content)}</p>{_write_all(blocks[1:])}"
    return _write_all(blocks)


def _write_item(item: Item) -> str:
    lead = "" if item.checked is None else next(word for word, done in TASK.items() if done is item.checked)
    return f"<li>{_write_close(item.blocks, lead)}</li>"


_ORDER = (
    (Mark.STRONG, "strong"),
    (Mark.EMPHASIS, "em"),
    (Mark.UNDERLINE, "u"),
    (Mark.STRIKE, "s"),
    (Mark.CODE, "code"),
)


def _write_inlines(content: Sequence[Inline]) -> str:
    said: list[str] = []
    opened: list[str] = []

    def turn(wanted: list[str]) -> None:
        keep = 0
        while keep < min(len(opened), len(wanted)) and opened[keep] == wanted[keep]:
            keep += 1
        while len(opened) > keep:
            said.append(f"</{opened.pop().split(' ')[0]}>")
        for tag in wanted[keep:]:
            said.append(f"<{tag}>")
            opened.append(tag)

    for node in content:
        if isinstance(node, Text):
            link = [f'a href="{escape(node.link)}"'] if node.link else []
            turn(link + [tag for mark, tag in _ORDER if mark in node.marks])
            said.append(escape(node.value, quote=False))
            continue
        turn([])
        if isinstance(node, Break):
            said.append("<br>")
        elif isinstance(node, Mention):
            account = escape(node.person.removeprefix("azure:"))
            said.append(f'<a href="#" data-vss-mention="version:2.0,{account}">@{escape(node.name, quote=False)}</a>')
        elif isinstance(node, Image):
            said.append(f'<img src="{escape(node.url)}" alt="{escape(node.alt)}">')
    turn([])
    return "".join(said)
