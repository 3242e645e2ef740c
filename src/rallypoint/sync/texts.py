"""Rich text between our Markdown and a tool's markup, by the document tree. What was not edited keeps its original."""

import json
from functools import lru_cache

from rallypoint import richtext
from rallypoint.sync.model import Markup

AS_IS = frozenset({Markup.PLAIN, Markup.MARKDOWN})
"""Plain text stays as it was typed: a title with an asterisk in it must not come back with a backslash."""

NAMES = {Markup.HTML: richtext.Markup.HTML, Markup.ADF: richtext.Markup.ADF, Markup.WIKI: richtext.Markup.WIKI}
"""Textile is not spoken; its text passes as it is."""


class Texts:
    """The port `RichText`, on the converters of richtext/."""

    def to_markdown(self, raw: str, markup: Markup) -> str:
        return raw if markup in AS_IS or markup not in NAMES else _read(raw, markup)

    def from_markdown(self, text: str, markup: Markup, original: str | None = None) -> str:
        if markup in AS_IS or markup not in NAMES:
            return text
        if original is not None and _read(original, markup).strip() == text.strip():
            return original  # nobody edited it: all that we cannot express stays
        return _write(text, markup)


@lru_cache(maxsize=512)
def _read(raw: str, markup: Markup) -> str:
    given: object = raw
    if markup is Markup.ADF:
        try:
            given = json.loads(raw) if raw else {}
        except ValueError:
            return raw
    return richtext.to_markdown(richtext.read(NAMES[markup], given))


@lru_cache(maxsize=512)
def _write(text: str, markup: Markup) -> str:
    raw = richtext.write(NAMES[markup], richtext.from_markdown(text))
    return raw if isinstance(raw, str) else json.dumps(raw, separators=(",", ":"), ensure_ascii=False)
