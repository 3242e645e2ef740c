"""Against somebody else's word: another renderer of Markdown, and the rules of Atlassian's format by hand."""

import re

from hypothesis import given, settings
from markdown_it import MarkdownIt

from rallypoint.richtext import Document, Markup, from_markdown, read, to_markdown, write
from rallypoint.richtext.tree import words
from tests.unit.richtext.documents import documents

RENDERER = MarkdownIt("commonmark", {"html": False, "breaks": True}).enable(["table", "strikethrough"])
COMMON = """\
# Checkout *slow*

Since **09:12** the `cart` answers ~~fast~~ [late](https://x.example/a?b=1&c=2) and snake_case stays.
A second line, ![graph](https://x.example/i.png).

1. one
2. two
   - inner
3. three

> quoted

```python
if a < b:
    print("&")
```

| a | b |
|---|---|
| `x` | y |

---
"""


def test_our_html_of_markdown_is_the_renderers() -> None:
    theirs = read(Markup.HTML, RENDERER.render(COMMON))
    assert theirs == from_markdown(COMMON)
    assert read(Markup.HTML, write(Markup.HTML, from_markdown(COMMON))) == theirs


@settings(max_examples=60, deadline=None)
@given(documents(mentions=False))
def test_a_renderer_shows_the_words_we_wrote(document: Document) -> None:
    """Character for character, so that no escape of ours is ever seen by a reader."""
    said = to_markdown(document)
    shown = words(read(Markup.HTML, RENDERER.render(said)).blocks)
    meant = words(from_markdown(said).blocks)

    def letters(lines: list[str]) -> str:
        # Pictures by name and task boxes are ours; a cell's <br> is text to a renderer without raw HTML.
        return re.sub(r"\[image:[^\]]*\]|\[[ x]\] |\[!\w+\]|<br>|\s", "", "".join(lines))

    if "attachment:" not in said and "![" not in said:
        assert letters(shown) == letters(meant)


INLINE = {"text", "hardBreak", "mention"}
PLAIN = {"paragraph", "bulletList", "orderedList", "codeBlock", "mediaSingle"}
CHILDREN = {
    "doc": PLAIN | {"heading", "blockquote", "panel", "rule", "table", "taskList"},
    "paragraph": INLINE,
    "heading": INLINE,
    "taskItem": INLINE,
    "codeBlock": {"text"},
    "bulletList": {"listItem"},
    "orderedList": {"listItem"},
    "listItem": PLAIN,
    "taskList": {"taskItem"},
    "blockquote": PLAIN,
    "panel": PLAIN | {"heading", "rule", "taskList"},
    "table": {"tableRow"},
    "tableRow": {"tableCell", "tableHeader"},
    "tableCell": PLAIN | {"heading", "rule", "blockquote", "panel", "taskList"},
    "tableHeader": PLAIN | {"heading", "rule", "blockquote", "panel", "taskList"},
    "mediaSingle": {"media"},
}
MAY_BE_EMPTY = {"paragraph"}
REQUIRED = {"heading": {"level"}, "panel": {"panelType"}, "taskList": {"localId"}, "taskItem": {"localId", "state"},
            "media": {"type", "url"}, "mention": {"id"}, "mediaSingle": {"layout"}}  # fmt: skip


def check(node: dict, above: str) -> None:
    kind = node["type"]
    assert kind in CHILDREN[above], (kind, above)
    assert set(node.get("attrs", {})) >= REQUIRED.get(kind, set())
    marks = [mark["type"] for mark in node.get("marks", [])]
    assert len(marks) == len(set(marks))
    if "code" in marks:
        assert set(marks) <= {"code", "link"}
    if kind == "text":
        assert node["text"]
    if above == "codeBlock":
        assert not marks
    if kind in CHILDREN:
        assert node["content"] or kind in MAY_BE_EMPTY, kind
        if kind == "listItem":
            assert node["content"][0]["type"] in ("paragraph", "codeBlock", "mediaSingle")
        for child in node["content"]:
            check(child, kind)


@settings(max_examples=120, deadline=None)
@given(documents())
def test_our_adf_keeps_the_rules_of_the_format(document: Document) -> None:
    """The rules as the vendor publishes them: which node may stand in which, marks that exclude others, attributes."""
    said = write(Markup.ADF, document, people={"u1": "557058:1"})
    assert said["version"] == 1
    for block in said["content"]:
        check(block, "doc")
