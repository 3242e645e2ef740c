"""What tools really store, beside the Markdown we make of it; and what we write into each tool."""

# ruff: noqa: E501  # a table is read by its lines

import pytest

from rallypoint.richtext import Markup, from_markdown, read, to_markdown, write

READ = [
    (Markup.HTML, "<div>Down since <b>nine</b>.</div><div><br></div><div>Retry&nbsp;fails</div>", "Down since **nine**.\n\nRetry fails"),
    (Markup.HTML, "<p>a<br>\n<br />b<br/>c</p>", "a\n\nb\\\nc"),
    (Markup.HTML, "<ul>\n<li>one</li>\n<ul><li>inner</li></ul>\n<li>two</ul>", "- one\n\n  - inner\n\n- two"),
    (Markup.HTML, "<ol start=3><li>three<li>four</ol>", "3. three\n4. four"),
    (Markup.HTML, '<pre class="language-sql">\nselect 1\n  from t</pre>', "```sql\nselect 1\n  from t\n```"),
    (Markup.HTML, "<table><thead><tr><th>a</th><th>b</th></tr></thead><tr><td>1<td>2 | 3</table>", "| a | b |\n| --- | --- |\n| 1 | 2 \\| 3 |"),
    (Markup.HTML, "R&amp;D &amp;amp; <span style='color:red'>x</span>", "R&D \\&amp; x"),
    (Markup.HTML, "<a href='https://x.example'>https://x.example</a>", "<https://x.example>"),
    (Markup.AZURE_HTML, '<a href="#" data-vss-mention="version:2.0,1a-2b">@Bo Li</a> look', "[@Bo Li](mention:azure%3A1a-2b) look"),
    (Markup.WIKI, "h2. Cause\nThe *cache* was -cold- _empty_,\nsee [the log|https://x.example/l].", "## Cause\n\nThe **cache** was ~~cold~~ _empty_,\\\nsee [the log](https://x.example/l)."),
    (Markup.WIKI, "* one\n** inner\n* two\n# first\n# second", "- one\n\n  - inner\n\n- two\n\n1. first\n2. second"),
    (Markup.WIKI, "{code:java}\nint a_b = 1; // *x*\n{code}\nafter", "```java\nint a_b = 1; // *x*\n```\n\nafter"),
    (Markup.WIKI, "{noformat}a{noformat} {quote}q{quote}", "```\na\n```\n\n> q"),
    (Markup.WIKI, "||k||v||\n|a|{{b|c}}|", "| k | v |\n| --- | --- |\n| a | `b\\|c` |"),
    (Markup.WIKI, "a-b-c 2*3*4 snake_case_name -5 to - 6", "a-b-c 2\\*3\\*4 snake_case_name -5 to - 6"),
    (Markup.WIKI, "[~ann] see !shot.png|thumbnail! {color:red}now{color}", "[@ann](mention:wiki%3Aann) see ![](attachment:shot.png) now"),
    (Markup.WIKI, "{panel:title=Watch out}\nhot\n{panel}", "> [!NOTE]\n> **Watch out**\n>\n> hot"),
    (Markup.PLAIN, "Line one\nline *two*\n\n- a\n```\n  x = 1\n```", "Line one\\\nline \\*two\\*\n\n\\- a\n\n```\n  x = 1\n```"),
    (Markup.JOURNAL, "Hello\n[code]<b>bold</b> & <a href='https://x.example'>link</a>[/code]", "Hello\n\n**bold** & [link](https://x.example)"),
    (Markup.GITHUB, "@octocat wrote `@x` to a@b.example", "[@octocat](mention:github%3Aoctocat) wrote `@x` to a@b.example"),
]  # fmt: skip


@pytest.mark.parametrize(("markup", "raw", "ours"), READ)
def test_what_tools_store_is_read(markup: Markup, raw: str, ours: str) -> None:
    assert to_markdown(read(markup, raw)) == ours


OURS = "**Down** since `09:12`, see [log](https://x.example/l)\n\n- [x] fail over\n- [ ] mail [@Ann](mention:u1)\n\n> [!WARNING]\n> 2 < 3"
WRITTEN = [
    (Markup.HTML, '<p><strong>Down</strong> since <code>09:12</code>, see <a href="https://x.example/l">log</a></p><ul><li>☑ fail over</li><li>☐ mail @Ann</li></ul><blockquote><p><strong>Warning:</strong></p><p>2 &lt; 3</p></blockquote>'),
    (Markup.WIKI, "*Down* since {{09:12}}, see [log|https://x.example/l]\n\n* ☑ fail over\n* ☐ mail @Ann\n\n{panel:title=Warning}\n2 < 3\n{panel}"),
    (Markup.PLAIN, "Down since 09:12, see log (https://x.example/l)\n\n- ☑ fail over\n- ☐ mail @Ann\n\nWarning:\n\n2 < 3"),
    (Markup.GITHUB, "**Down** since `09:12`, see [log](https://x.example/l)\n\n- [x] fail over\n- [ ] mail @\u200bAnn\n\n> [!WARNING]\n> 2 < 3"),
    (Markup.MARKDOWN, OURS),
]  # fmt: skip


@pytest.mark.parametrize(("markup", "said"), WRITTEN)
def test_what_tools_are_given(markup: Markup, said: str) -> None:
    assert write(markup, from_markdown(OURS)) == said


def test_the_journal_is_plain_where_plain_will_do() -> None:
    assert write(Markup.JOURNAL, from_markdown("We are on it.\n\nNext update at ten.")) == (
        "We are on it.\n\nNext update at ten."
    )
    assert write(Markup.JOURNAL, from_markdown("We **are** \\[/code\\]")) == (
        "[code]<p>We <strong>are</strong> &#91;/code]</p>[/code]"
    )


def test_adf_of_a_task_list_and_a_panel() -> None:
    said = write(Markup.ADF, from_markdown(OURS), people={"u1": "557058:1"})
    assert [block["type"] for block in said["content"]] == ["paragraph", "taskList", "panel"]
    assert said["content"][1]["content"][1] == {
        "type": "taskItem",
        "attrs": {"localId": "3", "state": "TODO"},
        "content": [
            {"type": "text", "text": "mail "},
            {"type": "mention", "attrs": {"id": "557058:1", "text": "@Ann"}},
        ],
    }
