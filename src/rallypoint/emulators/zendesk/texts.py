"""What a desk makes of texts: HTML is cleaned and wrapped, plain text becomes HTML, line ends become one kind."""

import re
from html import escape, unescape

import nh3

TAGS = {
    "a", "b", "blockquote", "br", "code", "div", "em", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "i", "img", "li", "ol",
    "p", "pre", "s", "span", "strong", "table", "tbody", "td", "th", "thead", "tr", "u", "ul",
}  # fmt: skip
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "width", "height"}, "td": {"colspan"}, "*": {"dir"}}
BREAK = re.compile(r"<br\s*/?>|</(?:p|div|li|tr|h[1-6]|blockquote|pre)>", re.IGNORECASE)
MARK = re.compile(r"<[^>]+>")
OPEN, CLOSE = '<div class="zd-comment" dir="auto">', "</div>"


def lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def cleaned(html: str) -> str:
    """What is kept of somebody's HTML, wrapped as every comment is."""
    kept = nh3.clean(lines(html), tags=TAGS, attributes=ATTRIBUTES, link_rel="noreferrer")
    return f"{OPEN}{kept.strip()}{CLOSE}"


def as_html(text: str) -> str:
    """A comment that was written as plain text."""
    paragraphs = [part for part in re.split(r"\n{2,}", lines(text).strip("\n")) if part]
    inner = "".join(f'<p dir="auto">{escape(part, quote=False).replace(chr(10), "<br>")}</p>' for part in paragraphs)
    return f"{OPEN}{inner}{CLOSE}"


def as_plain(html: str) -> str:
    """The words of a comment."""
    text = unescape(MARK.sub("", BREAK.sub("\n", html)))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


def redacted(text: str, words: str) -> str:
    return text.replace(words, "▇" * len(words))
