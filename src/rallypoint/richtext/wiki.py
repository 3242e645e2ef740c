"""Jira's wiki markup (Data Center, API v2). Macros we have no node for survive as they came."""

import re
from collections.abc import Iterator, Sequence
from html import unescape

from rallypoint.richtext.fitting import TITLES, Abilities, fit
from rallypoint.richtext.runs import Do, steps
from rallypoint.richtext.tree import (
    DEEPEST,
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
    clean,
    normalise,
)

LONGEST = 100_000
"""Characters beyond which wiki text is not taken apart, but kept as it is; Jira takes 32,767 if not told otherwise."""

ABLE = Abilities(
    opaque="wiki",
    code_alone=True,
    code_in_link=False,
    images_by_name=True,
    one_line_cells=True,
    plain_items=True,
    numbers=False,
    code_ends=("{code}", "{noformat}"),
    inside={
        Quote: (Paragraph, Heading, CodeBlock, Rule, List, Table, Opaque),
        Panel: (Paragraph, Heading, CodeBlock, Rule, List, Table, Opaque),
    },
)

_SIGNS = {"*": Mark.STRONG, "_": Mark.EMPHASIS, "-": Mark.STRIKE, "+": Mark.UNDERLINE}
_KINDS = {title.lower(): kind for kind, title in TITLES.items()}
_MACROS = {
    "info": PanelKind.INFO,
    "note": PanelKind.NOTE,
    "tip": PanelKind.SUCCESS,
    "success": PanelKind.SUCCESS,
    "warning": PanelKind.WARNING,
    "error": PanelKind.ERROR,
}


# ---- reading: blocks -----------------------------------------------------------------------------------------

_OPEN = re.compile(r"[ \t]*\{(code|noformat|quote|panel|info|note|tip|warning)((?::[^{}\n]*)?)\}")
_HEADING = re.compile(r"[ \t]*h([1-6])\.[ \t]+")
_QUOTED = re.compile(r"[ \t]*bq\.[ \t]+")
_RULE = re.compile(r"[ \t]*-{4,5}[ \t]*$")
_ENTRY = re.compile(r"[ \t]*([*#]+|-)[ \t]+(?=\S)")


def read(raw: str) -> Document:
    """The document; of hostile size it is kept in one opaque block."""
    text = clean(raw)
    if len(text) > LONGEST:
        return Document((Opaque("wiki", text, text),))
    return normalise(Document(tuple(_read_blocks(text.split("\n"), 0))))


def _read_blocks(rows: Sequence[str], depth: int) -> list[Block]:
    blocks: list[Block] = []
    paragraph: list[str] = []
    unclosed: set[str] = set()

    def flush() -> None:
        if paragraph:
            blocks.append(Paragraph(tuple(_read_inlines("\n".join(paragraph)))))
            paragraph.clear()

    at = 0
    while at < len(rows):
        row = rows[at]
        opened = _OPEN.match(row)
        if opened and depth < DEEPEST and opened[1] not in unclosed:
            taken = _macro(rows, at, opened, depth)
            if taken:
                flush()
                blocks += taken[0]
                at = taken[1]
                continue
            unclosed.add(opened[1])
        if not row.strip():
            flush()
        elif heading := _HEADING.match(row):
            flush()
            blocks.append(Heading(int(heading[1]), tuple(_read_inlines(row[heading.end() :]))))
        elif quoted := _QUOTED.match(row):
            flush()
            blocks.append(Quote((Paragraph(tuple(_read_inlines(row[quoted.end() :]))),)))
        elif _RULE.match(row):
            flush()
            blocks.append(Rule())
        elif _ENTRY.match(row):
            flush()
            entries: list[tuple[str, str]] = []
            while at < len(rows) and rows[at].strip():
                entry = _ENTRY.match(rows[at])
                if entry:
                    entries.append((entry[1].replace("-", "*")[:DEEPEST], rows[at][entry.end() :]))
                elif _HEADING.match(rows[at]) or rows[at].lstrip().startswith("|") or _OPEN.match(rows[at]):
                    break
                else:
                    entries[-1] = (entries[-1][0], entries[-1][1] + "\n" + rows[at])
                at += 1
            blocks += _lists(entries)
            continue
        elif row.lstrip().startswith("|") and row.strip(" \t|"):
            flush()
            table = []
            while at < len(rows) and rows[at].lstrip().startswith("|"):
                table.append(tuple(_cells(rows[at])))
                at += 1
            blocks.append(Table(tuple(table)))
            continue
        else:
            paragraph.append(row)
        at += 1
    flush()
    return blocks


def _macro(rows: Sequence[str], at: int, opened: re.Match[str], depth: int) -> tuple[list[Block], int] | None:
    """The block a macro holds, what stands behind its end on that line, and the next line; None if it never ends."""
    name, given = opened[1], opened[2][1:]
    end = "{" + name + "}"
    inner: list[str] = []
    rest = rows[at][opened.end() :]
    next_at = at + 1
    while end not in rest:
        inner.append(rest)
        if next_at >= len(rows):
            return None
        rest = rows[next_at]
        next_at += 1
    last, _, behind = rest.partition(end)
    inner.append(last)
    block: Block
    if name in ("code", "noformat"):
        first = given.split("|")[0]
        language = first if "=" not in first else ""
        block = CodeBlock("\n".join(inner), language)
    elif name == "quote":
        block = Quote(tuple(_read_blocks(inner, depth + 1)))
    else:
        said = dict(part.split("=", 1) for part in given.split("|") if "=" in part)
        title = unescape(said.get("title", "")).strip()
        kind = _MACROS.get(name) or _KINDS.get(title.lower())
        lead: list[Block] = []
        if title and title.lower() not in _KINDS:
            lead.append(Paragraph((Text(title, frozenset({Mark.STRONG})),)))
        block = Panel(kind or PanelKind.INFO, (*lead, *_read_blocks(inner, depth + 1)))
    after = _read_blocks([behind], depth + 1) if behind.strip() else []
    return [block, *after], next_at


def _lists(entries: Sequence[tuple[str, str]]) -> list[Block]:
    """Nested lists from entries with their signs (`*`, `**`, `*#`): the length is the level, the last sign the kind."""
    blocks: list[Block] = []
    at = 0
    while at < len(entries):
        signs = entries[at][0]
        level, kind = len(signs), signs[-1]
        items: list[Item] = []
        while at < len(entries) and (len(entries[at][0]) > level or entries[at][0] == signs):
            if entries[at][0] == signs:
                items.append(Item((Paragraph(tuple(_read_inlines(entries[at][1]))),)))
                at += 1
            else:
                end = at
                while end < len(entries) and len(entries[end][0]) > level:
                    end += 1
                items[-1] = Item((*items[-1].blocks, *_lists(entries[at:end])))
                at = end
        blocks.append(List(tuple(items), kind == "#"))
    return blocks


_SPLIT = re.compile(
    r"\\.|\{\{(?:[^{}\n\\]|\\.){1,4000}\}\}|\[(?:[^\[\]\n\\]|\\.){1,4000}\]"
    r"|![^\s!|\\][^!|\n\\]{0,1000}(?:\|[^!\n\\]{0,1000})?!|(\|\|?)"
)


def _cells(row: str) -> Iterator[Cell]:
    text = row.strip()
    start, header = None, False
    for found in _SPLIT.finditer(text):
        if found[1]:
            if start is not None:
                yield Cell((Paragraph(tuple(_read_inlines(text[start : found.start()]))),), header)
            start, header = found.end(), found[1] == "||"
    if start is not None and text[start:].strip():
        yield Cell((Paragraph(tuple(_read_inlines(text[start:]))),), header)


# ---- reading: lines ------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"(?P<line>\\\\[ \t]*\n?|\n)"
    r"|\\(?P<escaped>[!-/:-@\[-`{-~])"
    r"|(?P<entity>&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});)"
    r"|\{\{(?P<code>(?:[^{}\n\\]|\\.){1,4000})\}\}"
    r"|\{(?P<forced>[*_+-])\}"
    r"|(?P<macro>\{[A-Za-z][\w-]*(?::[^{}\n]{0,1000})?\})"
    r"|\[(?P<link>(?:[^\[\]\n\\]|\\[^\n]){1,4000})\]"
    r"|!(?P<image>[^\s!|\\][^!|\n\\]{0,1000}(?:\|[^!\n\\]{0,1000})?)!"
    r"|(?P<sign>[*_+-])"
)
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])|(&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z]{2,31});)")


def _literal(text: str) -> str:
    return _ESCAPED.sub(lambda found: found[1] or _entity(found[2]), text)


def _entity(name: str) -> str:
    return clean(unescape(name))


def _wordish(sign: str) -> bool:
    return sign.isalnum() or ord(sign) > 127


def _read_inlines(text: str) -> list[Inline]:
    """One pass over the tokens; a sign that opens is only a mark when its partner comes."""
    found: list[Inline | tuple[str, bool]] = []
    opened: list[tuple[str, int]] = []
    spans: list[tuple[int, int, Mark]] = []
    at = 0
    for token in _TOKEN.finditer(text):
        if token.start() > at:
            found.append(Text(text[at : token.start()]))
        at = token.end()
        sign = token["forced"] or token["sign"]
        if sign:
            before = text[token.start() - 1] if token.start() else "\n"
            after = text[at] if at < len(text) else "\n"
            may_open = bool(token["forced"]) or not (_wordish(before) or after.isspace() or after == sign)
            may_close = bool(token["forced"]) or not (before.isspace() or _wordish(after))
            partner = next((place for place, (other, _) in enumerate(opened) if other == sign), None)
            if partner is not None and may_close:
                spans.append((opened[partner][1], len(found), _SIGNS[sign]))
                del opened[partner:]
                found.append(Text(""))
            else:
                if may_open and partner is None:
                    opened.append((sign, len(found)))
                found.append((token[0], True))
        else:
            found.append(_atom(token))
    found.append(Text(text[at:]))
    marks: list[set[Mark]] = [set() for _ in found]
    openers = {start for start, _, _ in spans}
    for start, end, mark in spans:
        for place in range(start, end):
            marks[place].add(mark)
    done: list[Inline] = []
    for place, (node, marked) in enumerate(zip(found, marks, strict=True)):
        if isinstance(node, tuple):
            if place not in openers:
                done.append(Text(node[0], frozenset(marked)))
        elif isinstance(node, Text):
            done.append(Text(node.value, node.marks | frozenset(marked), node.link))
        else:
            done.append(node)
    return done


def _atom(token: re.Match[str]) -> Inline:
    if token["line"]:
        return Break()
    if token["escaped"]:
        return Text(token["escaped"])
    if token["entity"]:
        return Text(_entity(token["entity"]))
    if token["code"]:
        return Text(_literal(token["code"]), frozenset({Mark.CODE}))
    if token["macro"]:
        return InlineOpaque("wiki", token[0], "")
    if token["image"]:
        source, _, given = token["image"].partition("|")
        alt = re.search(r"(?:^|,)\s*alt=([^,]*)", given)
        by_url = re.match(r"https?://", source, re.IGNORECASE)
        words = _literal(alt[1]) if alt else ""
        return Image(words, _literal(source) if by_url else "", "" if by_url else _literal(source))
    return _link(token)


def _link(token: re.Match[str]) -> Inline:
    said, _, target = token["link"].rpartition("|")
    if target.startswith("~") and len(target) > 1:
        account = _literal(target[1:])
        return Mention("wiki:" + account, _literal(said) or account)
    if re.match(r"(?:https?|ftps?|mailto|tel):", target, re.IGNORECASE):
        return Text(_literal(said or target), link=_literal(target))
    return Text(_literal(token[0]))


# ---- writing -------------------------------------------------------------------------------------------------


def write(document: Document) -> str:
    """Wiki text that reads back as the document, as far as the markup can say it."""
    return _write_blocks(fit(document, ABLE).blocks)


def _write_blocks(blocks: Sequence[Block]) -> str:
    return "\n\n".join(_write_block(block) for block in blocks)


def _write_block(block: Block) -> str:
    if isinstance(block, Paragraph):
        return _write_inlines(block.content)
    if isinstance(block, Heading):
        return f"h{block.level}. {_write_inlines(block.content, start=False)}"
    if isinstance(block, CodeBlock):
        named = f":{block.language}" if block.language else ""
        if "{code}" not in block.text:
            return f"{{code{named}}}\n{block.text}\n{{code}}"
        return f"{{noformat}}\n{block.text}\n{{noformat}}"
    if isinstance(block, Rule):
        return "----"
    if isinstance(block, Quote):
        return f"{{quote}}\n{_write_blocks(block.blocks)}\n{{quote}}"
    if isinstance(block, Panel):
        return f"{{panel:title={TITLES[block.kind]}}}\n{_write_blocks(block.blocks)}\n{{panel}}"
    if isinstance(block, List):
        return "\n".join(_entries(block, ""))
    if isinstance(block, Table):
        return "\n".join(map(_row, block.rows))
    return block.original


def _entries(block: List, above: str) -> Iterator[str]:
    signs = above + ("#" if block.ordered else "*")
    for item in block.items:
        lead = "" if item.checked is None else next(word for word, done in TASK.items() if done is item.checked)
        for part in item.blocks:
            if isinstance(part, Paragraph):
                yield f"{signs} {lead}{_write_inlines(part.content, inside=True)}"
            elif isinstance(part, List):
                yield from _entries(part, signs)


def _row(row: Sequence[Cell]) -> str:
    said = ""
    for cell in row:
        first = cell.blocks[0] if cell.blocks else None
        text = _write_inlines(first.content, inside=True) if isinstance(first, Paragraph) else ""
        said += f"{'||' if cell.header else '|'}{text or ' '}"
    return said + ("||" if row[-1].header else "|")


_SIGN = {mark: sign for sign, mark in _SIGNS.items()}


def _write_inlines(content: Sequence[Inline], *, inside: bool = False, start: bool = True) -> str:
    """`inside` an entry or a cell a break is `\\\\`; at the `start` of a line some words would mean a block."""
    pieces: list[tuple[str, str]] = []
    link = ""
    for step in steps(content, frozenset(_SIGN)):
        if step.do is Do.OPEN or step.do is Do.CLOSE:
            assert step.mark
            pieces.append((step.do.name.lower(), _SIGN[step.mark]))
        elif step.do is Do.SAY and link and step.text != " ":
            words = "" if step.text == link else _escaped(step.text, every=True) + "|"
            pieces.append(("raw", f"[{words}{_target(link)}]"))
        elif step.do is Do.SAY:
            pieces.append(("text", step.text))
        elif step.do is not Do.NODE:
            link = step.text if step.do is Do.LINK else ""
        elif isinstance(step.node, Break):
            pieces.append(("raw", "\\\\ ") if inside else ("line", "\n"))
        elif step.node:
            pieces.append(("raw", _write_node(step.node)))
    return _assembled(pieces, start and not inside)


def _write_node(node: Inline) -> str:
    if isinstance(node, Text):
        return "{{" + _escaped(node.value, every=True) + "}}"
    if isinstance(node, Mention):
        account = node.person.removeprefix("wiki:")
        name = "" if node.name == account else _escaped(node.name, every=True) + "|"
        return f"[{name}~{_escaped(account, every=True)}]"
    if isinstance(node, Image):
        return _picture(node)
    return node.original if isinstance(node, InlineOpaque) else ""


def _target(url: str) -> str:
    return re.sub(r"[\[\]|]", r"\\\g<0>", re.sub(r"&(?=#?\w+;)", "&#38;", url))


def _picture(image: Image) -> str:
    alt, source = (
        re.sub(r"[!|,\\]|&(?=#?\w+;)", lambda found: f"&#{ord(found[0])};", said)
        for said in (image.alt, image.url or image.name)
    )
    return f"!{source}{'|alt=' + alt if alt else ''}!"


_BLOCKISH = re.compile(r"[*#-]+(?=\s|$)|-{4,5}$|\|")
_WORDISH_BLOCK = re.compile(r"(h[1-6]|bq)\.(?=\s|$)")


def _assembled(pieces: Sequence[tuple[str, str]], start: bool) -> str:
    said = ""
    at_start = start
    for index, (kind, value) in enumerate(pieces):
        before = said[-1:] or "\n"
        if kind == "text":
            after = pieces[index + 1] if index + 1 < len(pieces) else ("line", "\n")
            escaped = _escaped(value, before=before, after="\n" if after[0] == "line" else "")
            if at_start and _BLOCKISH.match(escaped):
                escaped = "\\" + escaped
            elif at_start and (word := _WORDISH_BLOCK.match(escaped)):
                escaped = f"{word[1]}\\{escaped[word.end(1) :]}"
            said += escaped
        elif kind == "open":
            said += "{" + value + "}" if _wordish(before) else value
        elif kind == "close":
            following = next((text for sort, text in pieces[index + 1 :] if sort != "close"), "\n")
            said += "{" + value + "}" if _wordish(following[0]) else value
        else:
            said += value
        at_start = kind == "line"
    return said


_SPECIAL = re.compile(r"[\\{}\[\]|!]|[*_+-]|&(?=#?\w+;)")


def _escaped(text: str, *, every: bool = False, before: str = "", after: str = "") -> str:
    def one(found: re.Match[str]) -> str:
        sign = found[0]
        if sign in "\\&":
            return f"&#{ord(sign)};"
        if every or sign not in "*_+-!":
            return "\\" + sign
        left = text[found.start() - 1] if found.start() else before
        right = text[found.end()] if found.end() < len(text) else after
        if sign == "!":
            return sign if right.isspace() else "\\" + sign
        if left and right and ((_wordish(left) and _wordish(right)) or (left.isspace() and right.isspace())):
            return sign
        return "\\" + sign

    return _SPECIAL.sub(one, text)
