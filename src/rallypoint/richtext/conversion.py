"""Reading and writing by the name of a markup; what each name stands for."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum

from rallypoint.richtext import adf, html, markdown, plain, wiki
from rallypoint.richtext.tree import Document, Image, Inline, Mention, Text, lines, mapped, normalise, words

Raw = str | dict[str, object]
"""What a tool stores: text, or JSON for ADF."""


class Markup(StrEnum):
    """How a tool stores rich text. The flavours differ in how a person is mentioned."""

    MARKDOWN = "markdown"
    GITHUB = "github"
    HTML = "html"
    AZURE_HTML = "azure-html"
    ADF = "adf"
    WIKI = "wiki"
    PLAIN = "plain"
    JOURNAL = "journal"


NOBODY: Mapping[str, str] = {}


def read(
    markup: Markup,
    raw: object,
    *,
    people: Mapping[str, str] = NOBODY,
    attachments: Mapping[str, str] = NOBODY,
) -> Document:
    """The document a tool's text stands for, in normal form. Never raises, whatever `raw` is.

    `people` maps the tool's account to our person; an account that is not in it is kept as `tool:account`.
    `attachments` maps the address of a picture to the name of the attachment that it shows.
    """
    if markup is not Markup.ADF and not isinstance(raw, str):
        return Document()
    document = _read(markup, raw)

    def inward(node: Inline) -> Inline:
        if isinstance(node, Mention):
            return replace(node, person=people.get(node.person.partition(":")[2], node.person))
        if isinstance(node, Image) and node.url in attachments:
            return replace(node, url="", name=attachments[node.url])
        return node

    return mapped(document, inward) if people or attachments else document


def _read(markup: Markup, raw: object) -> Document:
    if markup is Markup.ADF:
        return adf.read(raw)
    text = str(raw)
    if markup in (Markup.HTML, Markup.AZURE_HTML):
        return html.read(text)
    if markup in (Markup.MARKDOWN, Markup.GITHUB):
        return markdown.read(text, github=markup is Markup.GITHUB)
    readers = {Markup.WIKI: wiki.read, Markup.PLAIN: plain.read, Markup.JOURNAL: plain.read_journal}
    return readers[markup](text)


_NOTIFYING = {Markup.GITHUB, Markup.AZURE_HTML, Markup.ADF, Markup.WIKI}


def write(
    markup: Markup,
    document: Document,
    *,
    people: Mapping[str, str] = NOBODY,
    attachments: Mapping[str, str] = NOBODY,
) -> Raw:
    """What to store in a tool so that it shows the document. Stable: reading and writing it again changes nothing.

    `people` maps our person (or `tool:account`) to the account in that tool. A mention of anybody else is written as
    text, and so notifies nobody. `attachments` maps the name of an attachment to the address where the tool shows it.
    """

    def outward(node: Inline) -> Inline:
        if isinstance(node, Mention) and markup in _NOTIFYING:
            account = people.get(node.person)
            return replace(node, person=account) if account else Text("@" + node.name)
        if isinstance(node, Image) and node.name in attachments:
            return replace(node, url=attachments[node.name], name="")
        return node

    said = _write(markup, mapped(normalise(document), outward))
    for _ in range(4):
        again = _write(markup, _read(markup, said))
        if again == said:
            return said
        said = again
    return _write(markup, Document(tuple(lines("\n".join(words(document.blocks))))))


def _write(markup: Markup, document: Document) -> Raw:
    writers: dict[Markup, Callable[[Document], Raw]] = {
        Markup.MARKDOWN: markdown.write,
        Markup.GITHUB: lambda given: markdown.write(given, github=True),
        Markup.HTML: html.write,
        Markup.AZURE_HTML: lambda given: html.write(given, azure=True),
        Markup.ADF: adf.write,
        Markup.WIKI: wiki.write,
        Markup.PLAIN: plain.write,
        Markup.JOURNAL: plain.write_journal,
    }
    return writers[markup](document)


class _Everybody(dict[str, str]):
    """Maps each person to the same account, so that projecting keeps mentions."""

    def get(self, key: str, default: object = None) -> str:
        return key


_EVERYBODY = _Everybody()


def project(markup: Markup, document: Document) -> Document:
    """What is left of a document that went through a markup. Idempotent."""
    return _read(markup, write(markup, document, people=_EVERYBODY))
