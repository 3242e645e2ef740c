"""Laws of the converters, tried on documents of every shape and on raw text of every kind."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rallypoint.richtext import Markup, adf, html, markdown, normalise, project, read, wiki, write
from rallypoint.richtext.fitting import Abilities, fit
from rallypoint.richtext.tree import Document, InlineOpaque, Opaque, Paragraph, Text, words
from tests.unit.richtext.documents import SPICE, documents

LAWS = settings(max_examples=60, deadline=None)
EVERY = pytest.mark.parametrize("markup", list(Markup))
EVERYBODY = {"u1": "acc-1", "azure:a-b": "acc-2"}
BACK = {account: person for person, account in EVERYBODY.items()}
raws = st.lists(
    st.sampled_from([*SPICE, "\n", "\n\n", "<p>", "<ul><li>", "<pre>", "* a\n** b\n", "{panel}"]), max_size=14
)


@pytest.mark.parametrize(
    ("able", "write_it", "read_it", "mentions"),
    [
        pytest.param(markdown.ABLE, markdown.write, markdown.read, True, id="markdown"),
        pytest.param(html.ABLE, html.write, html.read, False, id="html"),
        pytest.param(adf.ABLE, adf.write, adf.read, False, id="adf"),
        pytest.param(wiki.ABLE, wiki.write, wiki.read, False, id="wiki"),
    ],
)
def test_what_fits_is_read_back_exactly(able: Abilities, write_it, read_it, mentions: bool) -> None:
    """The bare writers, without the second reading `write` does to be safe."""

    @LAWS
    @given(documents(mentions=mentions))
    def law(document: Document) -> None:
        assert read_it(write_it(document)) == fit(document, able)

    law()


@LAWS
@given(documents())
def test_the_normal_form_is_one(document: Document) -> None:
    assert normalise(normalise(document)) == normalise(document)


@EVERY
def test_written_is_stable(markup: Markup) -> None:
    @LAWS
    @given(documents())
    def law(document: Document) -> None:
        said = write(markup, document, people=EVERYBODY)
        again = read(markup, said, people=BACK)
        assert write(markup, again, people=EVERYBODY) == said
        assert project(markup, project(markup, document)) == project(markup, document)

    law()


@EVERY
def test_any_raw_text_settles_after_one_pass(markup: Markup) -> None:
    @LAWS
    @given(raws.map("".join) | st.text(max_size=40))
    def law(raw: str) -> None:
        said = write(markup, read(markup, raw))
        assert write(markup, read(markup, said)) == said

    law()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.sampled_from(SPICE),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["type", "attrs", "content"]), inner),
    max_leaves=8,
)
nodes = st.recursive(
    st.builds(
        lambda kind, text, mark: {"type": kind, "text": text, "marks": [{"type": mark}], "attrs": {"text": text}},
        st.sampled_from(["text", "hardBreak", "mention", "emoji", "date", "status", "inlineCard", "future"]),
        st.sampled_from(SPICE),
        st.sampled_from(["strong", "code", "textColor", "link"]),
    ),
    lambda inner: st.builds(
        lambda kind, content, attrs: {"type": kind, "content": content, "attrs": attrs},
        st.sampled_from(
            ["doc", "paragraph", "heading", "bulletList", "orderedList", "listItem", "taskList", "taskItem", "panel",
             "blockquote", "codeBlock", "table", "tableRow", "tableCell", "tableHeader", "mediaSingle", "media",
             "expand", "layoutSection", "future"]
        ),
        st.lists(inner, max_size=3),
        st.sampled_from([{}, {"level": 3, "order": 4, "state": "DONE", "panelType": "info", "language": "py"}]),
    ),
    max_leaves=10,
)  # fmt: skip


@LAWS
@given(nodes | json_values)
def test_any_json_settles_after_one_pass(raw: object) -> None:
    for given_as in (raw, json.dumps(raw)):
        said = write(Markup.ADF, read(Markup.ADF, given_as))
        assert write(Markup.ADF, read(Markup.ADF, said)) == said


@pytest.mark.parametrize(
    "chain",
    [
        (Markup.MARKDOWN, Markup.ADF, Markup.HTML, Markup.WIKI),
        (Markup.WIKI, Markup.AZURE_HTML, Markup.ADF),
        (Markup.HTML, Markup.MARKDOWN, Markup.PLAIN),
        (Markup.GITHUB, Markup.JOURNAL, Markup.ADF, Markup.WIKI),
    ],
    ids=lambda chain: " ".join(chain),
)
def test_a_round_through_several_tools_settles(chain: tuple[Markup, ...]) -> None:
    def round_trip(document: Document) -> Document:
        for markup in (*chain, chain[0]):
            document = read(markup, write(markup, document))
        return document

    @LAWS
    @given(documents())
    def law(document: Document) -> None:
        once = round_trip(document)
        twice = round_trip(once)
        assert round_trip(twice) == twice

    law()


def spoken(document: Document) -> list[str]:
    """The letters and digits of a document: what must get through, whatever becomes of the form."""
    return sorted(re.findall(r"[a-zA-Z\d日本é]", " ".join(words(normalise(document).blocks))))


@EVERY
def test_no_word_is_lost(markup: Markup) -> None:
    @LAWS
    @given(documents())
    def law(document: Document) -> None:
        before = spoken(document)
        after = spoken(read(markup, write(markup, document)))
        for sign in set(before):
            assert after.count(sign) >= before.count(sign), (before, after)

    law()


@pytest.mark.parametrize(
    ("markup", "original", "text"),
    [("wiki", "{color:red}", ""), ("adf", '{"attrs": {"text": "DONE"}, "type": "status"}', "DONE")],
)
def test_opaque_parts_come_back_in_their_own_markup(markup: str, original: str, text: str) -> None:
    document = Document((Paragraph((Text("before "), InlineOpaque(markup, original, text), Text(" after"))),))
    assert read(Markup(markup), write(Markup(markup), document)) == normalise(document)
    block = Document((Opaque(markup, "{chart:x=1}" if markup == "wiki" else '{"type": "future"}', "words"),))
    assert "words" in str(write(Markup.MARKDOWN, block))
