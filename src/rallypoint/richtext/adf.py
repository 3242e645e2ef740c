"""Atlassian Document Format, the JSON of Jira Cloud (API v3). What we have no node for survives as it came."""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import cast

from rallypoint.richtext.fitting import Abilities, fit
from rallypoint.richtext.tree import (
    DEEPEST,
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
    clean,
    lines,
    normalise,
    safe_url,
)

Json = Mapping[str, object]
DEPTH = 60
"""Levels of JSON beyond which only the words are kept."""
NODES = 50_000
"""Nodes beyond which only the words are kept."""

_SIMPLE = (Paragraph, List, CodeBlock, Opaque)
ABLE = Abilities(
    opaque="adf",
    code_alone=True,
    images_alone=True,
    inside={
        Item: _SIMPLE,
        Quote: _SIMPLE,
        Panel: (*_SIMPLE, Heading, Rule),
        Cell: (*_SIMPLE, Heading, Rule, Quote, Panel),
    },
)

_MARKS = {
    "strong": Mark.STRONG,
    "em": Mark.EMPHASIS,
    "strike": Mark.STRIKE,
    "underline": Mark.UNDERLINE,
    "code": Mark.CODE,
}
_PANELS = {
    "info": PanelKind.INFO,
    "note": PanelKind.NOTE,
    "success": PanelKind.SUCCESS,
    "tip": PanelKind.SUCCESS,
    "warning": PanelKind.WARNING,
    "error": PanelKind.ERROR,
}


# ---- reading -------------------------------------------------------------------------------------------------


def read(raw: object) -> Document:
    """The document of ADF given as JSON or as its text; anything else is read as plain text."""
    node = raw
    if isinstance(raw, str):
        try:
            node = json.loads(raw)
        except (ValueError, RecursionError):
            return Document(tuple(lines(clean(raw))))
    if not isinstance(node, Mapping):
        return Document(tuple(lines(clean(node)))) if isinstance(node, str) else Document()
    if not _modest(node):
        return Document(tuple(lines("\n".join(_words(node)))))
    blocks = _read_blocks(_children(node), 0) if node.get("type") == "doc" else _read_blocks([node], 0)
    return normalise(Document(tuple(blocks)))


def _modest(node: Json) -> bool:
    """True when the JSON is of a size that can be walked with ease; itself walks without recursion."""
    count = 0
    level: list[object] = [node]
    for _ in range(DEPTH):
        below: list[object] = []
        for value in level:
            if isinstance(value, Mapping):
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        count += len(below)
        if not below or count > NODES * 8:
            break
        level = below
    else:
        return False
    return count <= NODES * 8


def _words(node: object) -> list[str]:
    """All that is to be read in a piece of ADF, in order, with a bound on the work."""
    said: list[str] = []
    ahead: list[object] = [node]
    for _ in range(NODES * 100):
        if not ahead:
            break
        value = ahead.pop()
        if isinstance(value, list):
            ahead.extend(reversed(value))
        elif isinstance(value, Mapping):
            text = value.get("text")
            if isinstance(text, str):
                said.append(clean(text))
            attrs = value.get("attrs")
            if isinstance(attrs, Mapping):
                said.extend(
                    clean(str(attrs[key])) for key in ("title", "text", "url", "alt", "shortName") if attrs.get(key)
                )
            ahead.append(value.get("content"))
    return said


def _children(node: Json) -> list[Json]:
    content = node.get("content")
    return [child for child in content if isinstance(child, Mapping)] if isinstance(content, list) else []


def _attrs(node: Json) -> Json:
    attrs = node.get("attrs")
    return attrs if isinstance(attrs, Mapping) else {}


def _said(attrs: Json, *keys: str) -> str:
    return next((value for key in keys if isinstance(value := attrs.get(key), str) and value), "")


def _number(attrs: Json, key: str, default: int) -> int:
    value = attrs.get(key)
    return int(value) if isinstance(value, int | float) and 0 <= value <= 999_999 else default


_INLINE = {"text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "inlineExtension", "placeholder"}
_INLINE |= {"mediaInline"}


def _read_blocks(nodes: Sequence[Json], depth: int) -> list[Block]:
    blocks: list[Block] = []
    line: list[Json] = []
    for node in nodes:
        if str(node.get("type")) in _INLINE:  # not allowed there by the schema, but no reason to lose it
            line.append(node)
            continue
        if line:
            blocks.append(Paragraph(tuple(_read_inlines(line))))
            line = []
        read_as = _READERS.get(str(node.get("type")), _unknown)
        if depth > DEEPEST and read_as is not _paragraph:
            blocks += lines("\n".join(_words(node)))
        else:
            blocks += read_as(node, depth + 1)
    if line:
        blocks.append(Paragraph(tuple(_read_inlines(line))))
    return blocks


def _unknown(node: Json, depth: int) -> list[Block]:
    text = "\n".join(_words(node))
    return [Opaque("adf", _original(node), text)] if node.get("type") else lines(text)


def _original(node: Json) -> str:
    """The node as it came, as text; only characters that no tool can store are replaced."""

    def storable(value: object) -> object:
        if isinstance(value, str):
            return clean(value)
        if isinstance(value, Mapping):
            return {clean(str(key)): storable(inner) for key, inner in value.items()}
        return [storable(inner) for inner in value] if isinstance(value, list) else value

    return json.dumps(storable(node), sort_keys=True, default=str)


def _paragraph(node: Json, depth: int) -> list[Block]:
    return [Paragraph(tuple(_read_inlines(_children(node))))]


def _heading(node: Json, depth: int) -> list[Block]:
    return [Heading(_number(_attrs(node), "level", 1), tuple(_read_inlines(_children(node))))]


def _list(node: Json, depth: int) -> list[Block]:
    ordered = node.get("type") == "orderedList"
    items = [Item(tuple(_read_blocks(_children(child), depth))) for child in _children(node)]
    return [List(tuple(items), ordered, _number(_attrs(node), "order", 1) if ordered else 1)]


def _task_list(node: Json, depth: int) -> list[Block]:
    items: list[Item] = []
    for child in _children(node):
        if child.get("type") == "taskList":
            inner = tuple(_task_list(child, depth + 1)) if depth <= DEEPEST else lines("\n".join(_words(child)))
            before = items.pop() if items else Item()
            items.append(Item((*before.blocks, *inner), before.checked))
        else:
            done = _attrs(child).get("state") == "DONE"
            items.append(Item(tuple(_read_blocks(_children(child), depth)), done))
    return [List(tuple(items))]


def _quote(node: Json, depth: int) -> list[Block]:
    return [Quote(tuple(_read_blocks(_children(node), depth)))]


def _panel(node: Json, depth: int) -> list[Block]:
    kind = _PANELS.get(str(_attrs(node).get("panelType")))
    inner = tuple(_read_blocks(_children(node), depth))
    return [Panel(kind, inner)] if kind else _unknown(node, depth)


def _code(node: Json, depth: int) -> list[Block]:
    return [CodeBlock("".join(_words(list(_children(node)))), _said(_attrs(node), "language"))]


def _rule(node: Json, depth: int) -> list[Block]:
    return [Rule()]


def _table(node: Json, depth: int) -> list[Block]:
    cells = [cell for row in _children(node) for cell in _children(row)]
    if any(_number(_attrs(cell), span, 1) > 1 for cell in cells for span in ("colspan", "rowspan")):
        return _unknown(node, depth)
    rows = [
        tuple(
            Cell(tuple(_read_blocks(_children(cell), depth)), cell.get("type") == "tableHeader")
            for cell in _children(row)
        )
        for row in _children(node)
    ]
    return [Table(tuple(rows))]


def _media(node: Json, depth: int) -> list[Block]:
    media = [child for child in _children(node) if child.get("type") == "media"]
    attrs = _attrs(media[0]) if media else {}
    image = Image(_said(attrs, "alt"), _said(attrs, "url"))
    if len(_children(node)) == 1 and attrs.get("type") == "external" and safe_url(image.url):
        return [Paragraph((image,))]
    return _unknown(node, depth)


_READERS: dict[str, Callable[[Json, int], list[Block]]] = {
    "paragraph": _paragraph,
    "heading": _heading,
    "bulletList": _list,
    "orderedList": _list,
    "taskList": _task_list,
    "blockquote": _quote,
    "panel": _panel,
    "codeBlock": _code,
    "rule": _rule,
    "table": _table,
    "mediaSingle": _media,
}


def _read_inlines(nodes: Sequence[Json]) -> list[Inline]:
    found: list[Inline] = []
    for node in nodes:
        kind = node.get("type")
        attrs = _attrs(node)
        if kind == "text":
            found.append(_read_text(node))
        elif kind == "hardBreak":
            found.append(Break())
        elif kind == "mention":
            account, name = _said(attrs, "id"), _said(attrs, "text")
            found.append(Mention("adf:" + account if account else "", name or account))
        elif kind == "emoji" and _said(attrs, "text", "shortName"):
            found.append(Text(_said(attrs, "text", "shortName")))
        elif kind == "inlineCard" and _said(attrs, "url"):
            found.append(InlineOpaque("adf", _original(node), _said(attrs, "url")))
        elif kind == "date":
            found.append(InlineOpaque("adf", _original(node), _day(attrs)))
        else:
            text = " ".join(_words(node))
            found.append(InlineOpaque("adf", _original(node), text) if kind else Text(text))
    return found


def _read_text(node: Json) -> Text:
    marks: set[Mark] = set()
    link = ""
    given = node.get("marks")
    for mark in given if isinstance(given, list) else ():
        if isinstance(mark, Mapping):
            if str(mark.get("type")) in _MARKS:
                marks.add(_MARKS[str(mark.get("type"))])
            elif mark.get("type") == "link":
                link = _said(_attrs(mark), "href")
    text = node.get("text")
    return Text(text.replace("\n", " ") if isinstance(text, str) else "", frozenset(marks), link)


def _day(attrs: Json) -> str:
    try:
        return datetime.fromtimestamp(int(str(attrs.get("timestamp"))) / 1000, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return ""


# ---- writing -------------------------------------------------------------------------------------------------


def write(document: Document) -> dict[str, object]:
    """ADF of the document, valid by Atlassian's schema save for opaque parts, which are as they came."""
    blocks = fit(document, ABLE).blocks
    return {"version": 1, "type": "doc", "content": _write_blocks(blocks, _Ids(), tasks=True)}


class _Ids:
    """Local ids, which tasks must have: the same each time the same document is written."""

    def __init__(self) -> None:
        self.last = 0

    def next(self) -> str:
        self.last += 1
        return str(self.last)


def _write_blocks(blocks: Sequence[Block], ids: _Ids, *, tasks: bool) -> list[dict[str, object]]:
    return [_write_block(block, ids, tasks=tasks) for block in blocks]


def _write_block(block: Block, ids: _Ids, *, tasks: bool) -> dict[str, object]:
    if isinstance(block, Paragraph):
        if len(block.content) == 1 and isinstance(image := block.content[0], Image):
            attrs = {"type": "external", "url": image.url}
            if image.alt:
                attrs["alt"] = image.alt
            media = {"type": "media", "attrs": attrs}
            return {"type": "mediaSingle", "attrs": {"layout": "center"}, "content": [media]}
        return {"type": "paragraph", "content": _write_inlines(block.content)}
    if isinstance(block, Heading):
        return {"type": "heading", "attrs": {"level": block.level}, "content": _write_inlines(block.content)}
    if isinstance(block, CodeBlock):
        named: dict[str, object] = {"attrs": {"language": block.language}} if block.language else {}
        return {"type": "codeBlock", **named, "content": [{"type": "text", "text": block.text}]}
    if isinstance(block, Rule):
        return {"type": "rule"}
    if isinstance(block, Quote):
        return {"type": "blockquote", "content": _write_blocks(block.blocks, ids, tasks=False)}
    if isinstance(block, Panel):
        inner = _write_blocks(block.blocks, ids, tasks=True)
        return {"type": "panel", "attrs": {"panelType": block.kind.value}, "content": inner}
    if isinstance(block, List):
        return _write_list(block, ids, tasks=tasks)
    if isinstance(block, Table):
        rows = [{"type": "tableRow", "content": [_write_cell(cell, ids) for cell in row]} for row in block.rows]
        return {"type": "table", "content": rows}
    return cast(dict[str, object], json.loads(block.original))


def _write_cell(cell: Cell, ids: _Ids) -> dict[str, object]:
    inner = _write_blocks(cell.blocks, ids, tasks=True) or [{"type": "paragraph", "content": []}]
    return {"type": "tableHeader" if cell.header else "tableCell", "content": inner}


def _write_list(block: List, ids: _Ids, *, tasks: bool) -> dict[str, object]:
    simple = all(
        item.checked is not None
        and len(item.blocks) == 1
        and isinstance(item.blocks[0], Paragraph)
        and not isinstance(item.blocks[0].content[0], Image)
        for item in block.items
    )
    if tasks and simple and not block.ordered:
        entries: list[dict[str, object]] = []
        listed = ids.next()
        for item in block.items:
            assert isinstance(item.blocks[0], Paragraph)
            state = {"localId": ids.next(), "state": "DONE" if item.checked else "TODO"}
            entries.append({"type": "taskItem", "attrs": state, "content": _write_inlines(item.blocks[0].content)})
        return {"type": "taskList", "attrs": {"localId": listed}, "content": entries}
    items = [{"type": "listItem", "content": _write_item(item, ids)} for item in block.items]
    if block.ordered:
        numbered: dict[str, object] = {"attrs": {"order": block.start}} if block.start != 1 else {}
        return {"type": "orderedList", **numbered, "content": items}
    return {"type": "bulletList", "content": items}


def _write_item(item: Item, ids: _Ids) -> list[dict[str, object]]:
    said = _write_blocks(item.blocks, ids, tasks=False)
    first = said[0]
    if first["type"] not in ("paragraph", "codeBlock", "mediaSingle"):
        return [{"type": "paragraph", "content": []}, *said]
    if item.checked is not None and isinstance(content := first.get("content"), list):
        first["content"] = [{"type": "text", "text": "☑ " if item.checked else "☐ "}, *content]
    return said


_ORDER = ("link", "strong", "em", "strike", "underline", "code")


def _write_inlines(content: Sequence[Inline]) -> list[dict[str, object]]:
    said: list[dict[str, object]] = []
    for node in content:
        if isinstance(node, Text):
            names = {name for name, mark in _MARKS.items() if mark in node.marks}
            marks: list[dict[str, object]] = [{"type": "link", "attrs": {"href": node.link}}] if node.link else []
            marks += [{"type": name} for name in _ORDER if name in names]
            said.append({"type": "text", "text": node.value} | ({"marks": marks} if marks else {}))
        elif isinstance(node, Break):
            said.append({"type": "hardBreak"})
        elif isinstance(node, Mention):
            account = node.person.removeprefix("adf:")
            said.append({"type": "mention", "attrs": {"id": account, "text": "@" + node.name}})
        elif isinstance(node, InlineOpaque):
            said.append(cast(dict[str, object], json.loads(node.original)))
    return said
