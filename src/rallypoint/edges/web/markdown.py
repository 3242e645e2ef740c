"""What people write, as safe HTML: Markdown without raw HTML, then a sanitiser, links marked as foreign."""

import nh3
from markdown_it import MarkdownIt
from markupsafe import Markup

TAGS = {"p", "br", "em", "strong", "code", "pre", "ul", "ol", "li", "a", "blockquote", "h3", "h4", "hr", "s"}
MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False, "breaks": True})


def to_html(text: str | None) -> Markup:
    """Paragraphs, lists, code and links; anything else stays text."""
    cleaned = nh3.clean(
        MARKDOWN.render(text or ""),
        tags=TAGS,
        attributes={"a": {"href"}},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
    )
    return Markup(cleaned)
