"""Rich text of all tools as one small document tree; see docs/rich-text.md. Pure: no network, no clock, no state."""

from rallypoint.richtext.conversion import Markup, Raw, project, read, write
from rallypoint.richtext.kept import Kept, emit, keep, merged
from rallypoint.richtext.tree import Document, normalise

__all__ = [
    "Document",
    "Kept",
    "Markup",
    "Raw",
    "emit",
    "from_markdown",
    "keep",
    "merged",
    "normalise",
    "project",
    "read",
    "same",
    "to_markdown",
    "write",
]


def from_markdown(text: str) -> Document:
    """The document of our own Markdown."""
    return read(Markup.MARKDOWN, text)


def to_markdown(document: Document) -> str:
    """Our own Markdown of a document; a person is a link to `mention:`, which notifies nobody."""
    return str(write(Markup.MARKDOWN, document))


def same(one: Document, other: Document, markup: Markup | None = None) -> bool:
    """True when both mean the same; with a markup: as far as that markup can say it."""
    if normalise(one) == normalise(other):
        return True
    return markup is not None and project(markup, one) == project(markup, other)
