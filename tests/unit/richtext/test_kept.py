"""What we cannot express goes back as it came, wherever nobody changed anything."""

import json

from rallypoint.richtext import Document, Markup, emit, from_markdown, keep, normalise, read, same, to_markdown, write
from rallypoint.richtext.tree import Paragraph, Text

EXPAND = {"type": "expand", "attrs": {"title": "Log"}, "content": [
    {"type": "paragraph", "content": [{"type": "text", "text": "stack trace"}]}]}  # fmt: skip
LAYOUT = {"type": "mediaGroup", "content": [{"type": "media", "attrs": {"type": "file", "id": "7", "collection": "c"}}]}


def adf(*blocks: object) -> dict[str, object]:
    return {"version": 1, "type": "doc", "content": list(blocks)}


def text(said: str, *marks: str) -> dict[str, object]:
    return {"type": "paragraph", "content": [{"type": "text", "text": said, "marks": [{"type": m} for m in marks]}]}


COLOURED = {"type": "paragraph", "content": [
    {"type": "text", "text": "red", "marks": [{"type": "textColor", "attrs": {"color": "#f00"}}]}]}  # fmt: skip


def test_unchanged_is_the_original_itself() -> None:
    original = adf(text("hello", "underline"), COLOURED, EXPAND, LAYOUT)
    kept = keep(Markup.ADF, original)
    assert emit(kept, kept.document) is original
    through_the_hub = from_markdown(to_markdown(kept.document))
    assert through_the_hub != kept.document
    assert emit(kept, through_the_hub) is original


def test_a_change_leaves_the_other_blocks_as_they_were() -> None:
    kept = keep(Markup.ADF, adf(text("first"), text("under", "underline"), EXPAND, LAYOUT, text("last")))
    edited = to_markdown(kept.document).replace("first", "first, edited").replace("last", "the end")
    said = emit(kept, from_markdown(edited))
    assert said["content"] == [
        {"type": "paragraph", "content": [{"type": "text", "text": "first, edited"}]},
        text("under", "underline"),
        EXPAND,
        LAYOUT,
        {"type": "paragraph", "content": [{"type": "text", "text": "the end"}]},
    ]


def test_what_somebody_removed_stays_removed() -> None:
    kept = keep(Markup.ADF, adf(text("first"), EXPAND, text("last")))
    edited = to_markdown(kept.document).replace("stack trace", "").replace("Log", "")
    assert "expand" not in json.dumps(emit(kept, from_markdown(edited)))


def test_a_change_that_the_hub_cannot_say_is_a_change() -> None:
    kept = keep(Markup.HTML, "<p>plain</p>")
    underlined = read(Markup.HTML, "<p><u>plain</u></p>")
    assert emit(kept, underlined) == "<p><u>plain</u></p>"


def test_a_wiki_macro_survives_an_edit_elsewhere() -> None:
    kept = keep(Markup.WIKI, "{color:red}Down{color} since nine\n\n* a\n* b\n\ntail")
    said = emit(kept, from_markdown(to_markdown(kept.document).replace("tail", "tail, edited")))
    assert said == "{color:red}Down{color} since nine\n\n* a\n* b\n\ntail, edited"


def test_odd_html_goes_back_byte_for_byte() -> None:
    original = '<div style="font-family:Arial">a&nbsp;b<br><br><font color=red>c</font></div>\r\n'
    kept = keep(Markup.AZURE_HTML, original)
    assert to_markdown(kept.document) == "a b\n\nc"
    assert emit(kept, from_markdown("a b\n\nc")) == original
    assert emit(kept, from_markdown("a b\n\nd")) == "<p>a b</p><p>d</p>"


def test_same() -> None:
    assert same(read(Markup.HTML, "<div><b>a</b>&nbsp; b</div>"), from_markdown("**a** b"))
    assert not same(read(Markup.HTML, "<u>a</u>"), from_markdown("a"))
    assert same(read(Markup.HTML, "<u>a</u>"), from_markdown("a"), Markup.MARKDOWN)


def test_people_and_attachments_are_mapped() -> None:
    raw = adf({"type": "paragraph", "content": [{"type": "mention", "attrs": {"id": "557058:1", "text": "@Ann"}}]})
    document = read(Markup.ADF, raw, people={"557058:1": "u1"})
    assert to_markdown(document) == "[@Ann](mention:u1)"
    assert write(Markup.WIKI, document, people={"u1": "ann.b"}) == "[Ann|~ann.b]"
    assert write(Markup.WIKI, document) == "@Ann"
    assert write(Markup.GITHUB, document, people={"u1": "ann-b"}) == "@ann-b"
    assert write(Markup.AZURE_HTML, document, people={"u1": "12-34"}) == (
        '<p><a href="#" data-vss-mention="version:2.0,12-34">@Ann</a></p>'
    )
    shot = read(Markup.HTML, "<img src='https://x.example/7'>", attachments={"https://x.example/7": "shot.png"})
    assert write(Markup.WIKI, shot) == "!shot.png!"
    assert write(Markup.MARKDOWN, shot) == "![](attachment:shot.png)"
    back = write(Markup.HTML, shot, attachments={"shot.png": "https://x.example/8"})
    assert back == '<p><img src="https://x.example/8" alt=""></p>'
    assert normalise(Document((Paragraph((Text(" "),)),))) == Document()
