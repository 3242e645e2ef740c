"""What is hidden in texts there, as HTML comments that GitHub keeps and does not show: keys, operations, our panel.

A mark counts only in what our own account wrote: anybody can copy a text with everything in it.
"""

import re
from urllib.parse import quote, unquote, urlsplit

from rallypoint.sync.ports import Panel

_ITEM = re.compile(r"(?:\r?\n){0,2}<!-- rallypoint item: (\S+) -->")
_OP = re.compile(r"(?:\r?\n){0,2}<!-- rallypoint op: (\S+) -->[ \t\r\n]*$")
_PANEL = re.compile(r"^<!-- rallypoint panel: (\S+) -->")
_MARKDOWN = re.compile(r"([\\`*_\[\]<>|~])")
_CALLS = re.compile(r"([@#])(?=\w)")


def item(key: str) -> str:
    """The mark that says of which incident an issue is."""
    return f"<!-- rallypoint item: {quote(key, safe='')} -->"


def key_of(body: str) -> str:
    found = _ITEM.search(body)
    return unquote(found[1]) if found else ""


def without_item(body: str) -> str:
    return _ITEM.sub("", body)


def with_item_of(body: str, before: str) -> str:
    """A new text with the mark that the old one had."""
    found = _ITEM.search(before)
    return joined(body, found[0].strip()) if found else body


def joined(body: str, mark: str) -> str:
    return f"{body}\n\n{mark}" if body else mark


def with_op(body: str, op: str) -> str:
    return joined(body, f"<!-- rallypoint op: {quote(op, safe='')} -->")


def op_of(body: str) -> tuple[str, str]:
    """(the text without the mark, the operation) of a comment that our account wrote."""
    found = _OP.search(body)
    return (body[: found.start()], unquote(found[1])) if found else (body, "")


def panel_of(body: str) -> str:
    """The path of the incident whose panel this is; empty for any other text."""
    found = _PANEL.match(body)
    return unquote(found[1]) if found else ""


def panel(given: Panel) -> str:
    """What the issue shows about us. Nobody is called by it, and no other issue is mentioned."""
    head = f"<!-- rallypoint panel: {quote(urlsplit(given.url).path, safe='/')} -->"
    title = _plain(given.title)
    lines = [f"**Rallypoint:** [{title}]({given.url})"]
    lines += [f"Status: {_plain(given.status)}"] if given.status else []
    lines += [_plain(one) for one in given.lines]
    return f"{head}\n" + "  \n".join(lines)


def _plain(text: str) -> str:
    return _CALLS.sub("\\1\u200b", _MARKDOWN.sub(r"\\\1", " ".join(text.split())))
