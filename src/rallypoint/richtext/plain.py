"""Plain text: an empty line separates paragraphs, three back-ticks hold code. And ServiceNow's journal, which shows
HTML between `[code]` and `[/code]`."""

import re
from collections.abc import Iterator, Sequence

from rallypoint.richtext import html
from rallypoint.richtext.fitting import TITLES, flat
from rallypoint.richtext.tree import (
    TASK,
    Block,
    CodeBlock,
    Document,
    Heading,
    Inline,
    List,
    Opaque,
    Panel,
    Paragraph,
    Quote,
    Rule,
    Table,
    Text,
    clean,
    lines,
    normalise,
    plain,
    safe_url,
)

LONGEST = 1_000_000
"""Characters beyond which text is kept as it is, spaces and all."""

_FENCE = re.compile(r"^```([a-z0-9+#.-]*)\n(.*?)\n```$", re.MULTILINE | re.DOTALL)


def read(raw: str) -> Document:
    """Paragraphs, breaks and fenced code; nothing else has a meaning."""
    text = clean(raw)
    if len(text) > LONGEST:
        return Document((Opaque("plain", text, text),) if text.strip() else ())
    blocks: list[Block] = []
    at = 0
    for fence in _FENCE.finditer(text) if text.count("\n```") < 5_000 else ():
        blocks += lines(text[at : fence.start()])
        blocks.append(CodeBlock(fence[2], fence[1]))
        at = fence.end()
    return normalise(Document((*blocks, *lines(text[at:]))))


def write(document: Document) -> str:
    """The words, with signs that people read as structure: dashes for entries, a line under nothing."""
    return "\n\n".join(_said(normalise(document).blocks, ""))


def _said(blocks: Sequence[Block], signs: str) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Paragraph | Heading):
            yield _addressed(block)
        elif isinstance(block, CodeBlock):
            yield f"```{block.language}\n{block.text}\n```"
        elif isinstance(block, Rule):
            yield "----"
        elif isinstance(block, Quote):
            yield from ("> " + said if "\n" not in said else said for said in _said(block.blocks, signs))
        elif isinstance(block, Panel):
            yield TITLES[block.kind] + ":"
            yield from _said(block.blocks, signs)
        elif isinstance(block, List):
            entries = list(_entries(block, signs))
            yield ("\n\n" if any("\n\n" in entry or "```" in entry for entry in entries) else "\n").join(entries)
        elif isinstance(block, Table):
            yield "\n".join(
                " | ".join(_addressed(Paragraph(flat(cell.blocks))).replace("\n", " ") for cell in row).strip()
                for row in block.rows
            )
        else:
            yield block.text


def _entries(block: List, signs: str) -> Iterator[str]:
    for number, item in enumerate(block.items, block.start):
        tick = "" if item.checked is None else next(word for word, done in TASK.items() if done is item.checked)
        lead = f"{signs}{number}. " if block.ordered else f"{signs}- "
        said = list(_said(item.blocks, signs + "-"))
        nested = "\n" if len(item.blocks) == 2 and isinstance(item.blocks[1], List) else "\n\n"
        first = said[0] if said else ""
        own = f"{lead}{tick}{first}" if not first.startswith("```") else f"{lead}\n\n{first}"
        yield nested.join([own, *said[1:]])


def _addressed(block: Paragraph | Heading) -> str:
    """The words; a link that its words do not show follows in brackets."""
    content: list[Inline] = []
    for index, node in enumerate(block.content):
        content.append(node)
        if isinstance(node, Text) and node.link and safe_url(node.value) != node.link:
            after = block.content[index + 1] if index + 1 < len(block.content) else None
            if not (isinstance(after, Text) and after.link == node.link):
                content.append(Text(f" ({node.link})"))
    return plain(content)


# ---- ServiceNow's journal ------------------------------------------------------------------------------------

_WRAPPED = re.compile(r"\[code\](.*?)\[/code\]", re.IGNORECASE | re.DOTALL)
_UNWRAPPED = re.compile(r"\[/?code\]", re.IGNORECASE)


def read_journal(raw: str) -> Document:
    """A journal entry: HTML where it is wrapped, plain text around it."""
    text = clean(raw)
    blocks: list[Block] = []
    at = 0
    for wrapped in _WRAPPED.finditer(text) if text.count("[") < 20_000 else ():
        blocks += read(text[at : wrapped.start()]).blocks
        blocks += html.read(wrapped[1]).blocks
        at = wrapped.end()
    return normalise(Document((*blocks, *read(text[at:]).blocks)))


def write_journal(document: Document) -> str:
    """Plain text where that says everything, else HTML between `[code]` and `[/code]`."""
    said = write(document)
    if not _UNWRAPPED.search(said) and read(said) == normalise(document):
        return said
    return f"[code]{html.write(document).replace('[', '&#91;')}[/code]"
