"""Input that means harm, or has gone wrong: never an error, never long, never anything that runs."""

import json
import re
import time

import pytest

from rallypoint.richtext import Document, Markup, from_markdown, normalise, read, to_markdown, write
from rallypoint.richtext.tree import Paragraph, Quote, Text

TEXTS = [markup for markup in Markup if markup is not Markup.ADF]

DEEP = {
    "quotes": ">" * 20_000 + " word",
    "entries": "- " * 10_000 + "word",
    "indented entries": "\n".join("  " * depth + "- word" for depth in range(120)),
    "stars": "*" * 10_000 + " word",
    "wiki macros": "{quote}" * 20_000 + "word",
    "wiki panels": "{panel}\n" * 1_000 + "word" + "\n{panel}" * 1_000,
    "elements": "<blockquote>" * 4_000 + "word",
    "lists": "<ul><li>" * 2_000 + "word",
    "tables": "<table><tr><td>" * 1_000 + "word",
    "brackets": "[" * 20_000 + "word",
    "pictures": "![[" * 8_000 + "word",
    "braces": "{{" * 15_000 + "word",
    "signs": "*a **b _c " * 2_000 + "word",
    "comments": "<!--" * 12_000 + "--> word",
    "open tags": "<a " * 12_000 + "> word",
    "entities": "&#x" * 12_000 + " word",
    "back-ticks": " ".join("`" * size for size in range(120)) + " word",
    "fences": "```\n" * 3_000 + "word",
    "code": "[code]" * 4_000 + "word",
    "escapes": "\\" * 12_001 + " word",
    "pipes": "|a" * 1_500 + "\n" + "|-" * 1_500 + "\n" + "| word",
    "at-signs": "@a" * 12_000 + " word",
    "addresses": "http://" * 5_000 + " word",
    "five megabytes": "<p>word & more</p>\n" * 280_000,
}


@pytest.mark.parametrize("raw", DEEP.values(), ids=DEEP)
def test_size_and_depth_are_bounded(raw: str) -> None:
    for markup in (Markup.MARKDOWN, Markup.HTML, Markup.WIKI, Markup.JOURNAL):
        started = time.process_time()
        document = read(markup, raw)
        said = write(markup, document)
        assert "word" in str(said), markup
        assert time.process_time() - started < 10, markup


def test_deep_json_is_bounded() -> None:
    text = '{"type":"blockquote","content":[' * 20_000 + '{"type":"text","text":"word"}' + "]}" * 20_000
    assert "word" in str(write(Markup.ADF, read(Markup.ADF, text)))
    node: dict[str, object] = {"type": "text", "text": "word"}
    for _ in range(20_000):
        node = {"type": "blockquote", "content": [node]}
    said = write(Markup.ADF, read(Markup.ADF, {"type": "doc", "content": [node]}))
    assert "word" in json.dumps(said)


def test_a_deep_tree_becomes_a_flat_one() -> None:
    block = Quote((Paragraph((Text("word"),)),))
    for _ in range(20_000):
        block = Quote((block,))
    assert "word" in to_markdown(normalise(Document((block,))))


@pytest.mark.parametrize("raw", [None, 7, b"bytes", [], {}, {"type": None}, {"type": "doc", "content": 3}, True])
@pytest.mark.parametrize("markup", list(Markup))
def test_what_is_no_text_is_an_empty_document(markup: Markup, raw: object) -> None:
    assert read(markup, raw) == Document()


HARMFUL = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='  JaVaScRiPt:alert(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<svg><script>alert(1)</script></svg>",
    "<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<p style='background:url(javascript:alert(1))' onclick='alert(1)'>x</p>",
    "<object data='x'></object><embed src='x'><form action='x'><input></form>",
    "[x](javascript:alert(1)) ![x](data:image/svg+xml;base64,AAAA) <javascript:alert(1)>",
    "[x]: vbscript:alert(1)\n\n[x]",
    "[x|javascript:alert(1)] !javascript:alert(1)! {html}<script>alert(1)</script>{html}",
    "&lt;script&gt;alert(1)&lt;/script&gt; &#60;script&#62;",
    "[code]<script>alert(1)</script>[/code]",
    '"><script>alert(1)</script>',
    "[x](https://a.example/\"><script>alert(1)</script>)",
    "[@Ann](mention:\"onload=alert(1))",
    "```\"><script>alert(1)</script>\nx\n```",
]  # fmt: skip
RUNS = re.compile(r"<(?!/?(?:p|h\d|pre|code|hr|blockquote|ol|ul|li|table|tbody|tr|t[hd]|strong|em|u|s|a|br|img)\b)")
ATTRIBUTES = re.compile(r"<\w+((?:\s[^>]*)?)>")


@pytest.mark.parametrize("raw", HARMFUL)
@pytest.mark.parametrize("source", TEXTS)
def test_nothing_that_runs_gets_out(source: Markup, raw: str) -> None:
    document = read(source, raw)
    for target in (Markup.HTML, Markup.AZURE_HTML):
        said = str(write(target, document))
        assert not RUNS.search(said)
        for attributes in ATTRIBUTES.findall(said):
            assert re.fullmatch(r'(?: (?:class|start|href|src|alt|data-vss-mention)="[^"<>]*")*', attributes)
            for address in re.findall(r'(?:href|src)="([^"]*)"', attributes):
                assert address == "#" or address.startswith(("http://", "https://", "mailto:", "tel:", "ftp"))
    assert not re.search(r"(?<!\\)\]\(<?\s*(?:javascript|vbscript|data):", str(write(Markup.MARKDOWN, document)))
    assert not re.search(r'"(?:href|url)": "(?!https?:|mailto:|tel:|ftp)', json.dumps(write(Markup.ADF, document)))
    assert not re.search(r"(?<!\\)\|(?:javascript|vbscript|data):[^\]]*\]", str(write(Markup.WIKI, document)))


@pytest.mark.parametrize(
    "raw", ["a\0b", "a\ud800b", "a\r\nb\rc", "\ufeffa", "שלום \u202eabc", "👩‍👩‍👧 🙂", "\x1b[31mred", "\u2028a\x85b"]
)
@pytest.mark.parametrize("markup", TEXTS)
def test_every_character_can_be_stored(markup: Markup, raw: str) -> None:
    said = str(write(markup, read(markup, raw)))
    said.encode()
    json.dumps(write(Markup.ADF, read(markup, raw)), ensure_ascii=False).encode()
    assert not re.search("[\0\r\x1b\x85]", said)
    for word in re.findall(r"[a-zא-ת🙂👩]+", raw):
        assert word in said or word == "m"


def test_an_unknown_adf_part_is_cleaned_as_well() -> None:
    raw = {"type": "doc", "content": [{"type": "future", "attrs": {"text": "a\0b\ud800"}}]}
    json.dumps(write(Markup.ADF, read(Markup.ADF, raw)), ensure_ascii=False).encode()


@pytest.mark.parametrize(
    ("raw", "target", "forbidden"),
    [
        ("[@Ann](mention:u1) @here @octocat mail a@b.example", Markup.GITHUB, r"@(?:Ann|here|octocat)"),
        ("[@Ann](mention:u1) [~ann] [~accountid:1]", Markup.WIKI, r"(?<!\\)\[(?:[^\]]*\|)?~"),
        ("[@Ann](mention:u1) @all", Markup.ADF, "mention"),
        ("[@Ann](mention:u1) @all", Markup.AZURE_HTML, "mention"),
        ("[@Ann](mention:u1) @all", Markup.HTML, "mention"),
    ],
)
def test_nobody_is_notified_who_is_not_mapped(raw: str, target: Markup, forbidden: str) -> None:
    said = json.dumps(write(target, from_markdown(raw)))
    assert not re.search(forbidden, said)
    assert "Ann" in said
