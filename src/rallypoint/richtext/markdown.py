"""Markdown: CommonMark with tables, strike-through, task items and GitHub's call-outs; a new line is a new line.

Raw HTML is text, except <br>. A person is a link to `mention:`. In the GitHub flavour a person is `@login`, and any
other at-sign is followed by a zero-width space so that nobody is notified by accident.
"""

import re
from collections.abc import Sequence
from urllib.parse import quote, unquote

from markdown_it import MarkdownIt
from markdown_it.token import Token

from rallypoint.richtext.fitting import Abilities, fit
from rallypoint.richtext.runs import Do, steps
from rallypoint.richtext.tree import (
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
    Marks,
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

LONGEST = 80_000
"""Characters beyond which Markdown is not taken apart, but kept as it is; GitHub takes 65,536."""
SIGNS = {"[": 5_000, "<": 3_000, "|": 10_000}
"""How many of these it may hold: the parser's time grows with their square."""
NESTING = 60

ABLE = Abilities(
    opaque="markdown",
    marks=frozenset({Mark.STRONG, Mark.EMPHASIS, Mark.STRIKE, Mark.CODE}),
    images_by_name=True,
    header_row=True,
    one_line_cells=True,
)
PANELS = {
    PanelKind.INFO: "NOTE",
    PanelKind.NOTE: "IMPORTANT",
    PanelKind.SUCCESS: "TIP",
    PanelKind.WARNING: "WARNING",
    PanelKind.ERROR: "CAUTION",
}
_KINDS = {word: kind for kind, word in PANELS.items()}
_ATTACHMENT = "attachment:"
_MENTION = "mention:"

_PARSER = MarkdownIt("commonmark", {"html": True, "maxNesting": NESTING})
_PARSER.enable(["table", "strikethrough"]).disable("html_block")
_PARSER.normalizeLink = lambda url: url  # type: ignore[method-assign]
_PARSER.validateLink = lambda url: True  # type: ignore[method-assign]  # the tree accepts safe addresses only


# ---- reading -------------------------------------------------------------------------------------------------


def read(raw: str, *, github: bool = False) -> Document:
    """The document; of hostile size or depth it is kept in one opaque block."""
    # What was written as no mention is told from one by a sign that `clean` removes from all that is read.
    text = f"@{_QUIET}".join(map(clean, raw.split("@\u200b"))) if github else clean(raw)
    if len(text) <= LONGEST and all(text.count(sign) <= most for sign, most in SIGNS.items()):
        tokens = _PARSER.parse(text)
        if all(token.level < NESTING - 1 for token in tokens):  # at the limit the parser leaves text out
            blocks, _ = _read_blocks(tokens, 0, github)
            return normalise(Document(tuple(blocks)))
    said = text.replace(_QUIET, "")
    return Document((Opaque("markdown", text.replace(_QUIET, "\u200b"), said),)) if said.strip() else Document()


_QUIET = "\ufdd0"
_PANEL = re.compile(r"\[!(\w+)\][ \t]*(?:\n|$)")
_TASK = re.compile(r"\[([ xX])\][ \t]+(?=\S)")


def _read_blocks(tokens: Sequence[Token], at: int, github: bool) -> tuple[list[Block], int]:
    """The blocks up to the closing token of the container, and the place of that token."""
    blocks: list[Block] = []
    while at < len(tokens):
        token = tokens[at]
        if token.nesting < 0:
            break
        if token.type in ("paragraph_open", "heading_open"):
            content = tuple(_read_inlines(tokens[at + 1], github))
            blocks.append(Heading(int(token.tag[1:]), content) if token.type[0] == "h" else Paragraph(content))
            at += 2
        elif token.type in ("fence", "code_block"):
            blocks.append(CodeBlock(token.content, token.info.strip().split(" ")[0]))
        elif token.type == "hr":
            blocks.append(Rule())
        elif token.type == "blockquote_open":
            panel = _PANEL.match(tokens[at + 2].content) if tokens[at + 1].type == "paragraph_open" else None
            kind = _KINDS.get(panel[1].upper()) if panel else None
            inner, at = _read_blocks(tokens, at + 1, github)
            if kind is None:
                blocks.append(Quote(tuple(inner)))
            else:
                first = inner[0]
                assert isinstance(first, Paragraph)
                rest = next((i + 1 for i, said in enumerate(first.content) if isinstance(said, Break)), None)
                after = first.content[rest:] if rest else ()
                blocks.append(Panel(kind, (Paragraph(after), *inner[1:])))
        elif token.type in ("bullet_list_open", "ordered_list_open"):
            ordered = token.type[0] == "o"
            start = int(token.attrs.get("start", 1)) if ordered else 1
            items = []
            at += 1
            while tokens[at].nesting > 0:
                task = _TASK.match(tokens[at + 2].content) if tokens[at + 1].type == "paragraph_open" else None
                inner, at = _read_blocks(tokens, at + 1, github)
                checked = None
                if task and isinstance(first := inner[0], Paragraph) and isinstance(lead := first.content[0], Text):
                    checked = task[1] != " "
                    inner[0] = Paragraph((Text(lead.value[3:], lead.marks, lead.link), *first.content[1:]))
                items.append(Item(tuple(inner), checked))
                at += 1
            blocks.append(List(tuple(items), ordered, start))
        elif token.type == "table_open":
            rows: list[list[Cell]] = []
            while tokens[at].type != "table_close":
                if tokens[at].type == "tr_open":
                    rows.append([])
                elif tokens[at].type in ("th_open", "td_open"):
                    content = tuple(_read_inlines(tokens[at + 1], github))
                    rows[-1].append(Cell((Paragraph(content),), tokens[at].type[1] == "h"))
                at += 1
            blocks.append(Table(tuple(map(tuple, rows))))
        at += 1
    return blocks, at


_MARKS = {"strong": Mark.STRONG, "em": Mark.EMPHASIS, "s": Mark.STRIKE}
_LINE = re.compile(r"<br\s*/?>", re.IGNORECASE)
_LOGIN = re.compile(r"(?<![\w@/.`-])@([A-Za-z\d](?:[A-Za-z\d-]{0,38})(?:/[\w-]{1,60})?)(?![\w@/])")


def _read_inlines(token: Token, github: bool) -> list[Inline]:
    found: list[Inline] = []
    counts = dict.fromkeys(Mark, 0)
    links: list[str] = []
    said_at = 0
    for child in token.children or ():
        kind = child.type
        marks: Marks = frozenset(mark for mark, count in counts.items() if count)
        link = links[-1] if links else ""
        if kind in ("text", "text_special"):
            if github and not link:
                at = 0
                for login in _LOGIN.finditer(child.content):
                    found += (
                        Text(child.content[at : login.start()], marks),
                        Mention("github:" + login[1], login[1]),
                    )
                    at = login.end()
                found.append(Text(child.content[at:], marks))
            else:
                found.append(Text(child.content, marks, link))
        elif kind in ("softbreak", "hardbreak"):
            found.append(Break())
        elif kind == "code_inline":
            found.append(Text(child.content, marks | {Mark.CODE}, link))
        elif kind == "html_inline":
            found.append(Break() if _LINE.fullmatch(child.content) else Text(child.content, marks, link))
        elif kind == "image":
            source = str(child.attrs.get("src", ""))
            alt = "".join(part.content for part in child.children or ()) or child.content
            by_name = source.lower().startswith(_ATTACHMENT)
            name = unquote(source[len(_ATTACHMENT) :], errors="replace") if by_name else ""
            found.append(Image(alt, "" if by_name else source, name))
        elif kind == "link_open":
            links.append(str(child.attrs.get("href", "")))
            said_at = len(found)
        elif kind == "link_close":
            href = links.pop()
            if href.lower().startswith(_MENTION):
                name = "".join(node.value for node in found[said_at:] if isinstance(node, Text))
                found[said_at:] = [Mention(unquote(href[len(_MENTION) :], errors="replace"), name)]
        elif kind.endswith(("_open", "_close")) and (mark := _MARKS.get(kind.rsplit("_", 1)[0])):
            counts[mark] += child.nesting
        elif child.content:
            found.append(Text(child.content, marks, link))
    return found


# ---- writing -------------------------------------------------------------------------------------------------


def write(document: Document, *, github: bool = False) -> str:
    """Markdown that reads back as the document, as far as Markdown can say it."""
    return "\n\n".join(_write_blocks(fit(document, ABLE).blocks, github))


def _write_blocks(blocks: Sequence[Block], github: bool) -> list[str]:
    return [_write_block(block, github) for block in blocks]


def _indented(text: str, by: str) -> str:
    return "\n".join(by + line if line else line for line in text.split("\n"))


def _quoted(text: str) -> str:
    return "\n".join("> " + line if line else ">" for line in text.split("\n"))


def _write_block(block: Block, github: bool) -> str:
    if isinstance(block, Paragraph):
        return _write_inlines(block.content, github)
    if isinstance(block, Heading):
        said = _write_inlines(block.content, github)
        return "#" * block.level + " " + re.sub(r"(?<!\\)#$", r"\\#", said)
    if isinstance(block, CodeBlock):
        longest = max((len(run) for run in re.findall(r"`+", block.text)), default=0)
        fence = "`" * max(3, longest + 1)
        return f"{fence}{block.language}\n{block.text}\n{fence}"
    if isinstance(block, Rule):
        return "***"
    if isinstance(block, Quote):
        return _quoted("\n\n".join(_write_blocks(block.blocks, github)))
    if isinstance(block, Panel):
        # Only a paragraph may follow at once: of the others, some would be read as the rest of the line.
        gap = "\n" if isinstance(block.blocks[0], Paragraph) else "\n\n"
        return _quoted(f"[!{PANELS[block.kind]}]{gap}" + "\n\n".join(_write_blocks(block.blocks, github)))
    if isinstance(block, List):
        return _write_list(block, github)
    if isinstance(block, Table):
        return _write_table(block, github)
    return block.original


def _write_list(block: List, github: bool) -> str:
    said = []
    close = all(len(item.blocks) == 1 and isinstance(item.blocks[0], Paragraph) for item in block.items)
    for number, item in enumerate(block.items, block.start):
        lead = f"{number}. " if block.ordered else "- "
        task = {None: "", False: "[ ] ", True: "[x] "}[item.checked]
        body = "\n\n".join(_write_blocks(item.blocks, github))
        said.append(lead + _indented(task + body, " " * len(lead)).lstrip(" "))
    return ("\n" if close else "\n\n").join(said)


def _write_table(block: Table, github: bool) -> str:
    said = []
    for number, row in enumerate(block.rows):
        cells = []
        for cell in row:
            first = cell.blocks[0] if cell.blocks else None
            cells.append(_write_inlines(first.content, github, cell=True) if isinstance(first, Paragraph) else "")
        said.append("| " + " | ".join(cells) + " |")
        if number == 0:
            said.append("|" + " --- |" * len(row))
    return "\n".join(said)


_SIGN = {Mark.STRIKE: "~~", Mark.STRONG: "**", Mark.EMPHASIS: "_"}
_ASCII_PUNCTUATION = frozenset("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~")


def _write_inlines(content: Sequence[Inline], github: bool, *, cell: bool = False) -> str:
    """Pieces first: `text` is still to be escaped, `open` and `close` are signs that need fitting neighbours."""
    pieces: list[tuple[str, str]] = []
    for step in steps(content, frozenset(_SIGN)):
        if step.do is Do.OPEN or step.do is Do.CLOSE:
            assert step.mark
            pieces.append((step.do.name.lower(), _SIGN[step.mark]))
        elif step.do is Do.LINK:
            pieces.append(("raw", "["))
        elif step.do is Do.UNLINK:
            opening = len(pieces) - 2
            if pieces[opening:] == [("raw", "["), ("text", step.text)]:
                pieces[opening:] = [("raw", f"<{step.text}>")]
            else:
                pieces.append(("raw", f"]({_address(step.text)})"))
        elif step.do is Do.SAY:
            pieces.append(("text", step.text))
        elif isinstance(step.node, Break):
            pieces.append(("raw", "<br>") if cell else ("line", "\n"))
        elif step.node:
            said = _write_node(step.node, github, cell)
            pieces.append(("login" if said.startswith("@") else "raw", said))
    return _assembled(pieces, github)


def _write_node(node: Inline, github: bool, cell: bool) -> str:
    if isinstance(node, Text):
        return _span(node.value, cell)
    if isinstance(node, Mention):
        account = node.person.removeprefix("github:")
        if github and _LOGIN.fullmatch("@" + account):
            return "@" + account
        return f"[@{_escaped(node.name, '', '', github=False)}]({_MENTION}{quote(node.person, safe='')})"
    if isinstance(node, Image):
        source = _address(node.url) if node.url else _ATTACHMENT + quote(node.name, safe="")
        return f"![{_escaped(node.alt, '', '', github=False)}]({source})"
    return node.original if isinstance(node, InlineOpaque) else ""


def _assembled(pieces: list[tuple[str, str]], github: bool) -> str:
    said: list[str] = []
    at_start = True
    for index, (kind, value) in enumerate(pieces):
        before = pieces[index - 1] if index else ("line", "\n")
        after = pieces[index + 1] if index + 1 < len(pieces) else ("line", "\n")
        if kind == "login":  # needs room on both sides to be one
            left = "" if at_start or (before[0] == "text" and before[1][-1] == " ") else " "
            right = "" if after[0] == "line" or (after[0] == "text" and after[1][0] in " .,;:!?)") else " "
            said.append(left + value + right)
        elif kind != "text":
            said.append("\\\n" if kind == "line" else value)
        else:
            head = before[0] == "close" and _clings(value[0], before[1], pieces[index - 2] if index > 1 else before)
            tail = after[0] == "open" and _clings(
                value[-1], after[1], pieces[index + 2] if index + 2 < len(pieces) else after, forward=True
            )
            first = f"&#{ord(value[0])};" if head else ""
            body = value[1:] if head else value
            last = f"&#{ord(body[-1])};" if tail and body else ""
            body = body[:-1] if last else body
            escaped = _escaped(body, value[0] if head else before[1][-1:], after[1][:1], github=github)
            if at_start and not first:
                escaped = _at_line_start(escaped, alone=not last and after[0] == "line")
            said.append(first + escaped + last)
        at_start = kind == "line"
    return "".join(said)


def _clings(neighbour: str, sign: str, inner: tuple[str, str], *, forward: bool = False) -> bool:
    """True when the character outside would keep the delimiter from working, and so is written as a number."""
    if neighbour == " " or neighbour in _ASCII_PUNCTUATION:
        return False
    if sign == "_" or inner[0] != "text" or len(inner[1]) < 2:
        return True
    edge = inner[1][0 if forward else -1]
    return not (edge.isascii() and edge.isalnum())


_SPECIAL = re.compile(r"[\\`*\[\]|]|&(?=#?\w+;)|<(?=[A-Za-z/!?])|_|~")


def _escaped(text: str, before: str, after: str, *, github: bool) -> str:
    def one(found: re.Match[str]) -> str:
        sign = found[0]
        left = text[found.start() - 1] if found.start() else before
        right = text[found.end()] if found.end() < len(text) else after
        if sign == "_" and _wordish(left) and _wordish(right):
            return sign
        if sign == "~" and left not in ("~", "") and right not in ("~", ""):
            return sign
        return "\\" + sign

    said = _SPECIAL.sub(one, text)
    # A sign at the very end may join what follows: a tag, a picture.
    if said and said[-1] in "<!" and not said.endswith("\\" + said[-1]):
        said = said[:-1] + "\\" + said[-1]
    if github:
        said = re.sub(r"(?<![\w@/.`-])@(?=[A-Za-z\d])", "@\u200b", said)
    return said


def _wordish(sign: str) -> bool:
    return sign.isascii() and sign.isalnum()


_START = re.compile(r"#{1,6}(?=\s|$)|[-+](?=\s|$)|[-=:>|]|~~~|\+")
_NUMBER = re.compile(r"(\d{1,9})([.)])(?=\s|$)")


def _at_line_start(said: str, *, alone: bool) -> str:
    number = _NUMBER.match(said)
    if number:
        return f"{number[1]}\\{said[number.end(1) :]}"
    return "\\" + said if _START.match(said) else said


def _span(text: str, cell: bool) -> str:
    longest = {len(run) for run in re.findall(r"`+", text)}
    fence = "`" * next(size for size in range(1, len(longest) + 2) if size not in longest)
    edge = " " if text[0] == "`" or text[-1] == "`" else ""
    said = f"{fence}{edge}{text}{edge}{fence}"
    return said.replace("|", "\\|") if cell else said


def _address(url: str) -> str:
    said = re.sub(r"&(?=#?\w+;)", "&amp;", url)
    return f"<{said}>" if re.search(r"[()]", said) else said
