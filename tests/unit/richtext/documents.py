"""Documents to try laws on: every kind of node, with the characters that mean something to some markup."""

from hypothesis import strategies as st

from rallypoint.richtext.tree import (
    Block,
    Break,
    Cell,
    CodeBlock,
    Document,
    Heading,
    Image,
    Inline,
    Item,
    List,
    Mark,
    Mention,
    Panel,
    PanelKind,
    Paragraph,
    Quote,
    Rule,
    Table,
    Text,
)

SPICE = [
    "a", "B", "word", "two words", " ", "  ", "1", "1.", "1)", "12. x", "-", "- x", "+", "+ x", "*", "**", "* x", "_",
    "__", "~", "~~", "`", "``", "```", "#", "# x", "h1. x", "bq. x", "=", "===", "---", "----", "|", "||", "|a|", ">",
    "> x", "<", "<b>", "</p>", "<br>", "&", "&amp;", "&#42;", "&copy", "[", "]", "[x]", "[ ] x", "[x](y)", "[a|b]",
    "[~ann]", "[!NOTE]", "!", "!x!", "![", "(", ")", "{", "}", "{code}", "{quote}", "{*}", "{{x}}", "{color:red}",
    "\\", "\\\\", "@ann", "@here", "☐ ", "☑ x", "é", "日本", "🙂", "\u200b", "ש", "\u202e", "\"", "'", ":", "x:", "%20",
    "http://x.example/a_b", "https://x.example/?a=1&b=2.", "[code]", "[/code]", "a_b_c", "5 * 3", "\u00a0", "\t", "\n",
    "\u3000", "^", "?", "??", "$", ".", ",", ":---", "|---|", "\0", "\r\n", "\ud800",
]  # fmt: skip
values = st.lists(st.sampled_from(SPICE), min_size=1, max_size=4).map("".join) | st.text(max_size=6)
marks = st.frozensets(st.sampled_from(Mark), max_size=3)
urls = st.sampled_from(
    ["", "", "", "https://x.example/p(1)?a=1&copy=2", "http://[::1]/x|y", "mailto:a@x.example", "javascript:alert(1)"]
)


def inlines(*, mentions: bool = True) -> st.SearchStrategy[Inline]:
    texts = st.builds(Text, values, marks, urls)
    people = st.builds(Mention, st.sampled_from(["u1", "azure:a-b"]), st.sampled_from(["Ann", "Bo [x]"]))
    return st.one_of(
        texts,
        texts,
        texts,
        st.just(Break()),
        people if mentions else texts,
        st.builds(Image, st.sampled_from(["", "alt", "a]b|c"]), st.just("https://x.example/i.png"), st.just("")),
        st.builds(Image, st.sampled_from(["", "alt"]), st.just(""), st.just("shot 1.png")),
    )


def blocks(*, mentions: bool = True) -> st.SearchStrategy[Block]:
    lines = st.lists(inlines(mentions=mentions), max_size=5).map(tuple)
    paragraphs = st.builds(Paragraph, lines)
    code = st.lists(st.sampled_from([*SPICE, "\n", "  x", "\tx"]), max_size=5).map("".join)
    leaves = st.one_of(
        paragraphs,
        paragraphs,
        st.builds(Heading, st.integers(1, 6), lines),
        st.builds(CodeBlock, code, st.sampled_from(["", "python", "C++", "bad lang}"])),
        st.just(Rule()),
    )

    def around(inner: st.SearchStrategy[Block]) -> st.SearchStrategy[Block]:
        some = st.lists(inner, max_size=3).map(tuple)
        cells = st.builds(Cell, some, st.booleans())
        return st.one_of(
            st.builds(
                List,
                st.lists(st.builds(Item, some, st.sampled_from([None, None, True, False])), max_size=3).map(tuple),
                st.booleans(),
                st.integers(0, 12),
            ),
            st.builds(Quote, some),
            st.builds(Panel, st.sampled_from(PanelKind), some),
            st.builds(Table, st.lists(st.lists(cells, max_size=3).map(tuple), max_size=3).map(tuple)),
        )

    return st.recursive(leaves, around, max_leaves=8)


def documents(*, mentions: bool = True) -> st.SearchStrategy[Document]:
    return st.builds(Document, st.lists(blocks(mentions=mentions), max_size=4).map(tuple))
